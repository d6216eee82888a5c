"""Contracts: names, expiries, strikes, settlement values."""

import datetime

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from data_feeds.errors import SchemaError
from data_feeds.instrument import InstrumentKind, Wallet
from data_feeds.options.contract import PutSpread, SpreadRule, monthly_expiry


def day(text: str) -> np.datetime64:
    return np.datetime64(text, "D")


@pytest.mark.parametrize(
    ("month", "expiry"),
    [
        ("2020-02", "2020-02-21"),
        ("2020-05", "2020-05-15"),
        # Good Friday and Juneteenth: the session before.
        ("2022-04", "2022-04-14"),
        ("2026-06", "2026-06-18"),
    ],
)
def test_monthly_contracts_expire_on_the_third_friday_or_the_session_before(month, expiry) -> None:
    assert monthly_expiry(np.datetime64(month)) == day(expiry)


def test_the_rule_takes_the_nearest_expiry_and_strikes_on_the_grid() -> None:
    # 60 days after 2020-02-24 is 04-24; 04-17 is nearer than 05-15. 322.42 x 0.95 = 306.3.
    contract = SpreadRule("SPY", 0.95, 0.80, 60).contract(322.42, day("2020-02-24"))
    assert contract == PutSpread("SPY", day("2020-04-17"), 306.0, 258.0)
    fives = SpreadRule("SPY", 0.95, 0.80, 60, strike_step=5.0).contract(322.42, day("2020-02-24"))
    assert fives == PutSpread("SPY", day("2020-04-17"), 305.0, 260.0)


def test_an_expiry_that_is_today_is_never_chosen() -> None:
    contract = SpreadRule("SPY", 0.95, 0.80, 1).contract(300.0, day("2020-02-21"))
    assert contract is not None
    assert contract.expiry == day("2020-03-20")


def test_a_roll_never_returns_to_its_old_expiry() -> None:
    # 21 days before 2020-04-17 the wanted 30 days are nearer to it than to May's.
    date = day("2020-03-27")
    near = SpreadRule("SPY", 0.95, 0.80, 30).contract(260.0, date)
    rolled = SpreadRule("SPY", 0.95, 0.80, 30, least_days=21).contract(260.0, date)
    assert near is not None
    assert rolled is not None
    assert (near.expiry, rolled.expiry) == (day("2020-04-17"), day("2020-05-15"))


@given(
    st.dates(datetime.date(2019, 1, 1), datetime.date(2027, 12, 31)),
    st.integers(7, 400),
    st.integers(0, 399),
)
def test_the_expiry_lies_beyond_the_least_days(date, tenor, least) -> None:
    assume(least < tenor)
    rule = SpreadRule("SPY", 0.95, 0.80, tenor, least_days=least)
    contract = rule.contract(300.0, np.datetime64(date, "D"))
    assert contract is not None
    left = int((contract.expiry - np.datetime64(date, "D")).astype(int))
    assert left > least
    assert abs(left - tenor) <= 35


def test_a_grid_without_width_gives_no_contract() -> None:
    assert SpreadRule("SPY", 0.96, 0.95, 60).contract(10.0, day("2020-02-24")) is None


def test_a_rule_without_an_expiry_far_enough_is_refused() -> None:
    with pytest.raises(SchemaError, match="least_days 200 must be fewer"):
        SpreadRule("SPY", 0.95, 0.80, 30, least_days=200)


def test_the_short_strike_must_lie_below() -> None:
    with pytest.raises(SchemaError, match="must lie below"):
        SpreadRule("SPY", 0.8, 0.8, 60)


def test_a_name_is_read_back() -> None:
    contract = PutSpread("QQQ", day("2026-03-20"), 587.5, 480.0)
    assert contract.id == "QQQ-2026-03-20-P587.5-480"
    assert PutSpread.parse(contract.id) == contract
    assert PutSpread.parse("BTCUSDT-PERP") is None


@pytest.mark.parametrize("strikes", [(12_345.675, 10_000.5), (1_234_567.0, 1_000_000.0)])
def test_no_strike_loses_a_digit_in_its_name(strikes) -> None:
    contract = PutSpread("SPY", day("2026-03-20"), *strikes)
    assert PutSpread.parse(contract.id) == contract


@pytest.mark.parametrize(
    "name",
    [
        "SPY-2026-13-45-P280-250",
        "SPY-2026-03-20-P2.8.0-250",
        # The short strike lies above the long strike; an expiry on a Saturday.
        "SPY-2026-03-20-P250-280",
        "SPY-2026-03-21-P280-250",
    ],
)
def test_a_name_of_no_contract_gives_none(name: str) -> None:
    assert PutSpread.parse(name) is None


def test_the_contract_is_an_instrument_of_whole_contracts_until_its_expiry() -> None:
    instrument = PutSpread("SPY", day("2020-04-17"), 306.0, 258.0).instrument("USD")
    assert (instrument.kind, instrument.wallet) == (InstrumentKind.OPTION, Wallet.BROKERAGE)
    assert instrument.lot_size == 1.0
    assert instrument.synthetic
    # 16:00 in New York.
    assert instrument.expires_at == np.datetime64("2020-04-17T20:00", "ns").astype(np.int64)


@given(st.floats(1, 1_000))
def test_settlement_lies_between_nothing_and_the_width(spot: float) -> None:
    contract = PutSpread("SPY", day("2020-04-17"), 306.0, 258.0)
    value = contract.settlement(spot)
    assert 0 <= value <= 4_800.0
    assert value == pytest.approx(100 * min(max(306.0 - spot, 0.0), 48.0))
