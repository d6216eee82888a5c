"""Records of instruments: dated terms, companions."""

from datetime import date

import pytest
from pydantic import ValidationError

from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.sources.mapping import InstrumentFile
from data_feeds.trading_terms import MaintenanceBracket, SlippageTerms, TradingTerms
from data_feeds.yaml_text import load_yaml
from tests.conftest import REPOSITORY

LOW = (MaintenanceBracket(floor=0, rate=0.004),)
HIGH = (MaintenanceBracket(floor=0, rate=0.02), MaintenanceBracket(floor=1_000, rate=0.05))


def perp(*terms: TradingTerms, **fields: object) -> Instrument:
    return Instrument(id="X-PERP", kind=InstrumentKind.PERP, terms=terms, **fields)


def shipped(name: str) -> dict[str, Instrument]:
    path = REPOSITORY / "configs" / "instruments" / f"{name}.yaml"
    found = InstrumentFile.model_validate(load_yaml(path).data)
    return {item.id: item for item in found.instruments}


TERMS = (
    TradingTerms(since="2021-01-01", source="a", lot_size=1, taker_fee_bps=4),
    TradingTerms(since="2022-01-01", source="b", maintenance=HIGH),
    TradingTerms(since="2023-01-01", source="c", maintenance=LOW, lot_size=0.01),
)


@pytest.mark.parametrize(
    ("day", "table", "lot", "source", "until"),
    [
        # Before the first table the first one stands; the lot is known.
        ("2021-06-01", HIGH, 1, "b", "2022-01-01"),
        ("2022-01-01", HIGH, 1, "b", "2023-01-01"),
        ("2022-12-31", HIGH, 1, "b", "2023-01-01"),
        ("2023-01-01", LOW, 0.01, "c", None),
        # Before every record the first that states a number stands for it.
        ("2019-01-01", HIGH, 1, "b", "2021-01-01"),
    ],
)
def test_a_number_holds_from_its_day_and_the_first_one_before(day, table, lot, source, until):
    held = perp(*TERMS, lot_size=0.5, tick_size=0.1).in_force(date.fromisoformat(day))
    (record,) = held.terms
    assert (record.maintenance, held.lot_size, record.source) == (table, lot, source)
    assert record.until == (None if until is None else date.fromisoformat(until))
    # No record states a tick: the instrument's own stays. The fee was never stated again.
    assert (held.tick_size, record.taker_fee_bps, record.maker_fee_bps) == (0.1, 4, None)


def test_parts_of_slippage_are_dated_one_by_one():
    terms = (
        TradingTerms(since="2021-01-01", source="a", slippage=SlippageTerms(base_bps=3, impact=0)),
        TradingTerms(since="2022-01-01", source="b", slippage=SlippageTerms(base_bps=1)),
    )
    (record,) = perp(*terms).in_force(date(2022, 5, 1)).terms
    assert record.slippage == SlippageTerms(base_bps=1, impact=0)


def words(item: Instrument, day: str) -> list[str]:
    """Return the texts of the changes after a day."""
    (record,) = item.in_force(date.fromisoformat(day)).terms
    return [change.words for change in record.changes]


def test_changes_by_newer_records_are_named_with_their_day():
    table, lot = "maintenance on 2023-01-01", "lot_size from 1 to 0.01 on 2023-01-01"
    # The first table stands for the days before it: no change on its own day.
    assert words(perp(*TERMS), "2021-06-01") == [lot, table]
    assert words(perp(*TERMS), "2022-12-31") == [lot, table]
    assert words(perp(*TERMS), "2023-01-01") == []


def test_a_number_that_changes_twice_or_is_repeated_is_reported_correctly():
    def terms(day: str, **stated: object) -> TradingTerms:
        return TradingTerms(since=day, source="a", **stated)

    item = perp(
        terms("2021-01-01", min_notional=5, slippage=SlippageTerms(base_bps=3)),
        terms("2021-02-01", min_notional=5),
        terms("2021-03-01", min_notional=20, slippage=SlippageTerms(base_bps=1)),
        terms("2021-04-01", min_notional=50),
    )
    fifty = "min_notional from 20 to 50 on 2021-04-01"
    assert words(item, "2021-01-15") == [
        "min_notional from 5 to 20 on 2021-03-01",
        "slippage.base_bps from 3 to 1 on 2021-03-01",
        fifty,
    ]
    assert words(item, "2021-03-15") == [fifty]
    with pytest.raises(ValidationError, match="changes follow from newer records"):
        perp(item.in_force(date(2021, 3, 15)).terms[0].model_copy(update={"until": None}))


def test_the_shipped_lot_of_sol_changes_in_2025():
    sol = shipped("sol")["SOLUSDT-PERP"]
    assert "lot_size from 1 to 0.01 on 2025-04-09" in words(sol, "2025-01-02")
    assert not [text for text in words(sol, "2025-04-09") if "lot_size" in text]


def test_an_instrument_without_records_stays_as_it_is():
    plain = perp()
    assert plain.in_force(date(2020, 1, 1)) is plain


def test_records_out_of_order_and_tables_that_fall_are_refused():
    with pytest.raises(ValidationError, match="terms must rise by since"):
        perp(TERMS[1], TERMS[0])
    with pytest.raises(ValidationError, match="until follows from the next record"):
        perp(TradingTerms(since="2021-01-01", source="a", until="2022-01-01"))
    with pytest.raises(ValidationError, match="floors must start at 0"):
        TradingTerms(since="2021-01-01", source="a", maintenance=HIGH[1:])


@pytest.mark.parametrize(
    ("name", "day", "floor", "rate"),
    [
        # Rows of the tables as republished on those days.
        ("ETHUSDT-PERP", "2020-03-12", 1_000_000, 0.02),
        ("ETHUSDT-PERP", "2025-01-01", 600_000, 0.0065),
        ("ETHUSDT-PERP", "2026-01-01", 300_000, 0.005),
        ("SOLUSDT-PERP", "2022-11-08", 0, 0.02),
        ("SOLUSDT-PERP", "2026-01-01", 50_000, 0.0065),
    ],
)
def test_shipped_perps_have_brackets_of_their_own(name, day, floor, rate):
    found = {**shipped("eth"), **shipped("sol")}[name].in_force(date.fromisoformat(day))
    assert MaintenanceBracket(floor=floor, rate=rate) in found.terms[0].maintenance


def test_shipped_lots_and_smallest_orders_are_dated():
    sol, eth = shipped("sol")["SOLUSDT-PERP"], shipped("eth")["ETHUSDT-PERP"]
    assert [sol.in_force(date(2025, 4, day)).lot_size for day in (8, 9)] == [1, 0.01]
    assert [eth.in_force(date(2023, 11, day)).min_notional for day in (1, 2)] == [5, 20]


def test_shipped_records_name_their_companions():
    for name in ("btc", "eth", "sol"):
        record = shipped(name)[f"{name.upper()}USDT-PERP"]
        assert record.companions.spot == f"{name.upper()}USDT-SPOT"
        assert record.asset == name.upper()
    funds = shipped("us_etfs")
    assert (funds["SPY"].companions.volatility, funds["SPY"].companions.inverse) == ("VIX", "SH")
    assert (funds["QQQ"].companions.volatility, funds["QQQ"].companions.inverse) == ("VXN", "PSQ")
