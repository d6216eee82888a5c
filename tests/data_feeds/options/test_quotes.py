"""Channels of a contract: the index of each quote, a crash, refusals."""

import math

import numpy as np
import pytest

from data_feeds.calendar import session_bounds, sessions_between
from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.options.contract import PutSpread
from data_feeds.options.model import OptionModel
from data_feeds.options.quotes import contract_channels, haircut, pricing_channels, with_contracts
from data_feeds.options.smile import implied_volatility
from data_feeds.schema import Channel, ChannelKey, ChannelKind, Provenance
from engine.testing import candles, series, table
from tests.data_feeds.options.test_pricing import oracle

MODEL = OptionModel(dividend_yield={"SPY": 0.0})
SPY = Instrument(id="SPY", kind=InstrumentKind.ETF, quote="USD", calendar="XNYS")
DAYS = sessions_between("XNYS", np.datetime64("2026-02-02"), np.datetime64("2026-03-31"))
OPENED, CLOSED = session_bounds("XNYS", DAYS)
CONTRACT = PutSpread("SPY", np.datetime64("2026-03-20"), 95.0, 80.0)
# The largest settlement of a contract: 100 shares x the width of the strikes.
WIDTH = 100 * (95.0 - 80.0)
EXPIRY = int(np.searchsorted(DAYS, CONTRACT.expiry))


def bars(name: str, opens: list[float], closes: list[float]) -> Channel:
    rows = [(o, max(o, c), min(o, c), c) for o, c in zip(opens, closes, strict=True)]
    return candles(
        rows,
        instrument=name,
        timeframe="1d",
        opened_at=OPENED[: len(rows)].tolist(),
        closed_at=CLOSED[: len(rows)].tolist(),
    )


def index(values: list[float], name: str = "VIX") -> Channel:
    """Return a series known at 16:15 New York; its first value is of the previous session."""
    dates = [DAYS[0] - np.timedelta64(3, "D"), *DAYS[: len(values)]]
    closed = session_bounds("XNYS", np.array(dates))[1]
    at = np.array(dates).astype("datetime64[ns]").astype(np.int64).tolist()
    found = series(list(zip(at, [values[0], *values], strict=True)), name)
    columns = {**found.columns, "available_at": closed + 15 * 60 * 10**9}
    return Channel(found.key, columns)


def market(spots: list[float], vix: list[float], *more: Channel):
    return table(bars("SPY", [spots[0], *spots[:-1]], spots), index(vix), *more, instruments=(SPY,))


def value(spot: float, points: float, days: float) -> float:
    """Return the contract's price by Black-Scholes written out, 100 shares."""
    legs = []
    for strike in (95.0, 80.0):
        volatility = implied_volatility(MODEL, points / 100, strike, spot, days / 365)
        legs.append(oracle(spot, strike, days / 365, volatility, 0.0, 0.0)[1])
    return 100 * (legs[0] - legs[1])


def days_left(at: int) -> float:
    return (CONTRACT.expires_at - at) / (86_400 * 1e9)


def test_a_close_is_priced_with_that_sessions_index_and_an_open_with_the_one_before() -> None:
    data = market([100.0, 100.0, 100.0], [20.0, 30.0, 40.0])
    quotes, _ = contract_channels(data, CONTRACT, int(CLOSED[0]), MODEL)
    for row, points in enumerate([20.0, 30.0, 40.0]):
        expected = value(100.0, points, days_left(int(CLOSED[row])))
        assert quotes["close"][row] == pytest.approx(expected, rel=1e-9)
    expected = value(100.0, 20.0, days_left(int(OPENED[1])))
    assert quotes["open"][1] == pytest.approx(expected, rel=1e-9)


def test_an_open_takes_the_index_own_open_where_the_data_have_it() -> None:
    own = bars("VIX-INDEX", [20.0, 26.0], [21.0, 27.0])
    data = market([100.0, 100.0], [21.0, 27.0], own)
    quotes, _ = contract_channels(data, CONTRACT, int(CLOSED[0]), MODEL)
    expected = value(100.0, 26.0, days_left(int(OPENED[1])))
    assert quotes["open"][1] == pytest.approx(expected, rel=1e-9)


def test_a_crash_pays_by_the_fall_and_once_more_by_the_index() -> None:
    # 44 days out, 100 to 93 and VIX 18 to 45 in one session.
    data = market([100.0, 100.0, 93.0], [18.0, 18.0, 45.0])
    quotes, _ = contract_channels(data, CONTRACT, int(CLOSED[0]), MODEL)
    before, after = float(quotes["close"][1]), float(quotes["close"][2])
    left = days_left(int(CLOSED[2]))
    assert before == pytest.approx(value(100.0, 18.0, left + 1), rel=1e-9)
    assert after == pytest.approx(value(93.0, 45.0, left), rel=1e-9)
    assert 70 < before < 90
    assert 460 < after < 520
    # The first half of the fall alone gains less than half of the whole gain: convexity.
    half = value(96.5, 18.0, left)
    whole = value(93.0, 18.0, left)
    assert half - before < 0.5 * (whole - before)
    assert whole < after


def test_prices_lie_between_nothing_and_the_width_and_end_at_the_settlement() -> None:
    rng = np.random.default_rng(7)
    spots = (100 * np.exp(np.cumsum(rng.normal(-0.004, 0.03, EXPIRY + 3)))).tolist()
    vix = rng.uniform(12, 80, EXPIRY + 3).tolist()
    quotes, spreads = contract_channels(market(spots, vix), CONTRACT, int(CLOSED[0]), MODEL)
    assert len(quotes) == EXPIRY + 1
    assert quotes["closed_at"][-1] == CONTRACT.expires_at
    assert quotes["close"][-1] == CONTRACT.settlement(spots[EXPIRY])
    for name in ("open", "close"):
        assert np.all((quotes[name] >= 0) & (quotes[name] <= WIDTH))
    assert np.all(spreads["value"] >= 0)
    assert np.all(quotes["label"] == Provenance.SYNTHETIC)


def test_a_spread_is_worth_more_the_lower_the_fund() -> None:
    values = [value(spot, 25.0, 40.0) for spot in np.arange(70.0, 120.0, 2.0)]
    assert np.all(np.diff(values) < 0)


def test_the_first_bar_is_the_last_one_known_when_listed() -> None:
    data = market([100.0] * 5, [20.0] * 5)
    quotes, _ = contract_channels(data, CONTRACT, int(CLOSED[2]) + 1, MODEL)
    assert quotes["closed_at"].tolist() == CLOSED[2:5].tolist()
    between, _ = contract_channels(data, CONTRACT, int(CLOSED[2]) - 1, MODEL)
    assert between["closed_at"].tolist() == CLOSED[1:5].tolist()


@pytest.mark.parametrize("row", [3, 7, 20])
def test_quotes_do_not_change_when_later_data_are_removed(row: int) -> None:
    rng = np.random.default_rng(row)
    spots, vix = rng.uniform(85, 110, 30).tolist(), rng.uniform(12, 60, 30).tolist()
    whole, costs = contract_channels(market(spots, vix), CONTRACT, int(CLOSED[0]), MODEL)
    # The close uses the session's index, which is published after the close.
    cut = market(spots, vix).cut(int(CLOSED[row]) + 3_600 * 10**9)
    short, short_costs = contract_channels(cut, CONTRACT, int(CLOSED[0]), MODEL)
    assert len(short) == row + 1
    for name in ("open", "close"):
        assert whole[name][: row + 1].tolist() == short[name].tolist()
    assert costs["value"][: row + 1].tolist() == short_costs["value"].tolist()


def test_a_haircut_is_a_share_of_the_leg_with_a_floor_and_widens_with_the_index() -> None:
    model = OptionModel(haircut=0.02, least_haircut=0.05, haircut_per_point=0.05, calm_index=20.0)
    assert haircut(10.0, 15.0, model) == pytest.approx(0.20)
    assert haircut(1.0, 15.0, model) == pytest.approx(0.05)
    # 60 points above calm: x (1 + 0.05 x 60) = x 4.
    assert haircut(10.0, 80.0, model) == pytest.approx(0.80)


def test_the_half_spread_is_both_legs_over_the_price_of_the_spread() -> None:
    data = market([100.0] * 3, [30.0] * 3)
    quotes, spreads = contract_channels(data, CONTRACT, int(CLOSED[0]), MODEL)
    years = days_left(int(OPENED[1])) / 365
    cost = 0.0
    for strike in (95.0, 80.0):
        volatility = implied_volatility(MODEL, 0.30, strike, 100.0, years)
        cost += haircut(oracle(100.0, strike, years, volatility, 0.0, 0.0)[1], 30.0, MODEL)
    assert spreads["value"][1] == pytest.approx(100 * cost / quotes["open"][1], rel=1e-9)


def test_a_cheap_spread_costs_more_than_its_price_to_cross() -> None:
    # 95 over 80 with the fund at 130: almost worthless, two legs of three cents a share.
    data = market([130.0] * 3, [15.0] * 3)
    quotes, spreads = contract_channels(data, CONTRACT, int(CLOSED[0]), MODEL)
    ask = quotes["open"][1] * (1 + spreads["value"][1])
    assert quotes["open"][1] < 1.0
    assert ask == pytest.approx(quotes["open"][1] + 100 * 2 * 0.03)


def test_the_bill_discounts() -> None:
    bill = series([(int(OPENED[0]) - 86_400 * 10**9, 5.0)], "DGS3MO")
    plain, _ = contract_channels(market([100.0] * 2, [20.0] * 2), CONTRACT, int(CLOSED[0]), MODEL)
    paid, _ = contract_channels(
        market([100.0] * 2, [20.0] * 2, bill), CONTRACT, int(CLOSED[0]), MODEL
    )
    # A higher forward makes a put spread cheaper.
    assert paid["close"][1] < plain["close"][1]


def test_channels_join_the_dataset_under_the_contracts_name() -> None:
    data = with_contracts(market([100.0] * 2, [20.0] * 2), {CONTRACT.id: int(CLOSED[0])}, MODEL)
    assert data.instruments[CONTRACT.id].quote == "USD"
    assert data.has(CONTRACT.id, ChannelKind.BARS, "1d")
    assert data.has(CONTRACT.id, ChannelKind.SERIES)


def test_a_contract_without_data_for_its_price_names_the_missing_data() -> None:
    data = market([100.0] * 2, [20.0] * 2)
    at = int(CLOSED[0])
    with pytest.raises(CoverageError, match="names no put spread"):
        with_contracts(data, {"SPY-PUT": at}, MODEL)
    with pytest.raises(CoverageError, match=r"GLD: no volatility index.*known: QQQ, SPY"):
        pricing_channels("GLD", MODEL)
    with pytest.raises(CoverageError, match="no series VXN"):
        contract_channels(
            table(bars("QQQ", [100.0], [100.0])),
            PutSpread("QQQ", CONTRACT.expiry, 95.0, 80.0),
            at,
            MODEL,
        )
    columns = {name: values[1:] for name, values in index([20.0, 20.0]).columns.items()}
    with pytest.raises(CoverageError, match="VIX is not known at 2026-02-02"):
        contract_channels(
            table(
                bars("SPY", [100.0] * 2, [100.0] * 2),
                Channel(ChannelKey("VIX", ChannelKind.SERIES), columns),
                instruments=(SPY,),
            ),
            CONTRACT,
            at,
            MODEL,
        )


def test_knowing_later_does_not_move_the_market() -> None:
    rng = np.random.default_rng(1)
    bill = series([(int(OPENED[0]) - 4 * 86_400 * 10**9, 5.0)], "DGS3MO")
    data = market(rng.uniform(85, 110, 20).tolist(), rng.uniform(12, 60, 20).tolist(), bill)
    at = int(CLOSED[0])
    for now, later in zip(
        contract_channels(data, CONTRACT, at, MODEL),
        contract_channels(data.delayed(3 * 86_400 * 10**9), CONTRACT, at, MODEL),
        strict=True,
    ):
        for name in now.columns:
            assert now[name].tolist() == later[name].tolist()


def test_bars_that_lack_the_expiry_are_refused() -> None:
    data = market([100.0] * (EXPIRY + 3), [20.0] * (EXPIRY + 3))
    whole = data.bars("SPY", "1d")
    kept = np.arange(len(whole)) != EXPIRY
    channels = {**data.channels, whole.key: whole.take(kept)}
    with pytest.raises(CoverageError, match=r"no bar of its expiry, 2026-03-20"):
        contract_channels(Dataset(data.instruments, channels), CONTRACT, int(CLOSED[0]), MODEL)
    # Data that end before it are fine.
    short = market([100.0] * 5, [20.0] * 5)
    assert len(contract_channels(short, CONTRACT, int(CLOSED[0]), MODEL)[0]) == 5


def test_an_index_that_ended_weeks_ago_prices_nothing() -> None:
    stale = table(bars("SPY", [100.0] * 20, [100.0] * 20), index([20.0] * 5), instruments=(SPY,))
    with pytest.raises(CoverageError, match="VIX is not known at 2026-02-1"):
        contract_channels(stale, CONTRACT, int(CLOSED[0]), MODEL)


def test_a_contract_is_listed_before_its_expiry() -> None:
    data = market([100.0] * (EXPIRY + 3), [20.0] * (EXPIRY + 3))
    with pytest.raises(CoverageError, match="listed after its expiry"):
        contract_channels(data, CONTRACT, CONTRACT.expires_at + 1, MODEL)


def test_prices_that_hold_the_dividends_pay_none_again() -> None:
    model = OptionModel(dividend_yield={"SPY": 0.05})
    data = market([100.0] * 2, [20.0] * 2)
    adjusted = Dataset(
        {**data.instruments, "SPY": SPY.model_copy(update={"dividend_adjusted": True})},
        data.channels,
    )
    plain, _ = contract_channels(data, CONTRACT, int(CLOSED[0]), model)
    whole, _ = contract_channels(adjusted, CONTRACT, int(CLOSED[0]), model)
    # A fund with a dividend yield of 5% has more expensive puts.
    assert whole["close"][1] < plain["close"][1]


def test_zero_volume_never_means_no_quote() -> None:
    quotes, _ = contract_channels(market([100.0] * 2, [20.0] * 2), CONTRACT, int(CLOSED[0]), MODEL)
    assert np.all(quotes["volume"] == 1.0)
    assert math.isfinite(float(quotes["close"].sum()))
