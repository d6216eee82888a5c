"""Values that are computed from a whole channel: state, flush, month ends, total return."""

import numpy as np
import pytest

from data_feeds.clock import DAY_NS, HOUR_NS, utc_days
from data_feeds.dataset import Dataset
from data_feeds.schema import Channel, ChannelKind
from engine.api import MarketStateConfig, market_state, signals
from strategies.rules.columns import flush_of, total_return
from strategies.rules.evaluate import Evaluator
from strategies.rules.meaning import understand
from strategies.rules.names import FlushWatch, Names
from tests.strategies.rules.written_market import (
    NAN,
    START,
    bars,
    dataset,
    evaluator,
    names,
    numbers,
    points,
    series,
    sessions,
    truths,
)

RULES = signals.FlushRules(
    lookback_bars=6,
    flush_atr=0.2,
    volume_multiple=1.1,
    bounce_atr=0.3,
    second_flush_atr=0.2,
    needs_second_flush=False,
    level_is_support=False,
    bounce_bars=12,
    second_flush_bars=12,
    reclaim_bars=12,
    sequence_bars=24,
    reclaimed_bars=6,
)
WATCH = FlushWatch("btc@1h", 1, 4, 8, RULES)


def wild_bars(count: int = 400) -> Channel:
    rng = np.random.default_rng(11)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, count)))
    spread = rng.uniform(0, 0.02, count)
    return bars(
        close.tolist(),
        open=close.tolist(),
        high=(close * (1 + spread)).tolist(),
        low=(close * (1 - spread)).tolist(),
        volume=rng.uniform(1, 9, count).tolist(),
    )


def test_flush_stages_and_levels_are_those_of_the_detector() -> None:
    channel = wild_bars()
    known, data = names(flush=WATCH), dataset(channel)
    found = flush_of(channel, np.arange(len(channel)), WATCH)
    assert len(np.unique(found.state)) >= 5
    for stage in ("first_flush", "bounce", "second_flush", "reclaimed"):
        code = signals.FlushState[stage.upper()]
        assert truths(f"flush.{stage}", data, known) == (found.state == code).astype(int).tolist()
        text = f'flush.stage == "{stage}"'
        assert truths(text, data, known) == (found.state == code).astype(int).tolist()
    np.testing.assert_allclose(
        numbers("flush.first_low", data, known), found.first_flush_low, atol=1e-6
    )
    np.testing.assert_allclose(numbers("flush.depth", data, known), found.depth_atr, atol=1e-6)


def test_the_month_ends_on_the_calendar_s_last_trading_day() -> None:
    # Sessions 28 and 29 January, 30 January the last one of the month, then 2 February.
    data = dataset(sessions([1.0, 2.0, 3.0, 4.0], first="2026-01-28"))
    known = names(clock="spy@session")
    assert str(numbers("month_end(spy.close)", data, known)) == str([NAN, NAN, 3.0, 3.0])


def test_a_month_end_is_known_at_its_close_without_a_later_row() -> None:
    data = dataset(sessions([1.0, 2.0, 3.0], first="2026-01-28"))
    assert numbers("month_end(spy.close)", data, names(clock="spy@session"))[-1] == 3.0


def test_a_month_of_points_ends_at_its_closing_midnight() -> None:
    # Funding every 8 hours from START, 2 February; February ends 27 days later.
    hours = [8.0 * place for place in range(100)]
    data = dataset(
        bars([1.0] * 700), points(ChannelKind.FUNDING, hours, rate=[float(h) for h in hours])
    )
    found = numbers("month_end(btc.funding)", data)
    assert np.isnan(found[: 27 * 24 - 1]).all()
    assert set(found[27 * 24 - 1 :]) == {27 * 24.0}


def test_a_month_of_an_hourly_series_ends_with_the_session() -> None:
    # The last session of February is Friday the 27th, hour 600; it closes at 21:00 UTC.
    at = START + np.arange(700) * HOUR_NS
    times = {"event_at": at, "available_at": at, "label": np.zeros(700, dtype=np.int8)}
    vix = Channel(series([]).key, {**times, "value": np.arange(700.0)})
    found = numbers("month_end(vix)", dataset(bars([1.0] * 700), vix))
    assert np.isnan(found[:620]).all()
    assert set(found[620:]) == {621.0}


def test_total_return_is_the_close_until_a_dividend() -> None:
    spy = sessions([100.0, 98.0, 99.0], first="2026-02-02")
    everything = np.arange(3)
    assert total_return(spy, None, everything).tolist() == pytest.approx([100, 98, 99])
    # 14:30 UTC on the second session, but known only on the third: (99 + 2) / 98.
    paid = points(ChannelKind.DIVIDENDS, [24 + 14.5], instrument="SPY", amount=[2.0])
    late = Channel(paid.key, {**paid.columns, "available_at": spy["available_at"][[2]]})
    found = total_return(spy, late, everything)
    assert found.tolist() == pytest.approx([100, 98, 98 * 101 / 98])


def state_market() -> Dataset:
    rng = np.random.default_rng(4)
    days = [np.datetime64("2026-01-05") + day for day in range(40)]
    vix = [
        (str(day), f"{day}T21:30", float(value))
        for day, value in zip(days, rng.uniform(12, 40, 40), strict=True)
    ]
    return dataset(bars(rng.uniform(50, 150, 300).tolist()), series(vix))


def test_the_state_is_joined_by_its_evening() -> None:
    data = state_market()
    known = names()
    decided = data.bars("BTC", "1h")["available_at"]
    first, last = utc_days(decided[[0, -1]])
    state = market_state(data, MarketStateConfig(), first - 3, last)
    rows = np.searchsorted(state.decided_at, decided, side="right") - 1
    np.testing.assert_allclose(numbers("state.vix", data), state.values["vix"][rows], atol=1e-6)
    wanted = state.conditions["vix_elevated"].truth[rows]
    assert truths("state.vix_elevated", data) == wanted.tolist()
    codes = state.tier[rows]
    assert truths('state.tier >= "cautious"', data) == (codes >= 1).astype(int).tolist()
    found = evaluator(data, known)
    ages = found.age_ns(understand("state.vix > 20", known))
    assert ages.max() < DAY_NS


@pytest.mark.parametrize(
    "text",
    [
        "state.vix > 20",
        "state.vix > 20 for 3d",
        "state.vix > 35 within 2d",
        "sma(state.vix, 3d) > vix",
        "(vix + state.vix)[1] > 50",
        "flush.reclaimed",
        "flush.first_low > btc.low",
        "(not flush.bounce) for 3 bars",
    ],
)
def test_state_and_flush_look_at_no_later_row(text: str) -> None:
    known = names(flush=WATCH)
    data = state_market()
    data = data.having({**data.channels, wild_bars(300).key: wild_bars(300)})
    whole = truths(text, data, known)
    assert len(set(whole)) > 1
    decided = data.bars("BTC", "1h")["available_at"]
    for row in (0, 20, 22, 23, 24, 47, 130, 298):
        assert truths(text, data.cut(int(decided[row])), known) == whole[: row + 1]


def test_an_evening_clock_sees_the_state_of_its_own_evening() -> None:
    spy = sessions([1.0, 2.0, 3.0], first="2026-02-02")
    vix = [(f"2026-02-0{day}", f"2026-02-0{day}T21:30", 10.0 * day) for day in (1, 2, 3, 4)]
    known, data = names(clock="spy@session"), dataset(spy, series(vix))
    decided = signals.evenings(spy["closed_at"], "18:30")
    found = Evaluator(data, known, decided)
    assert found.numbers(understand("state.vix", known)).values.tolist() == [20, 30, 40]
    # Close at 16:00, decision at 18:30 New York.
    age = found.age_ns(understand("spy.close", known))
    assert age.tolist() == [9_000 * 10**9] * 3


def test_one_decision_belongs_to_each_bar_of_the_clock() -> None:
    known = names()
    with pytest.raises(ValueError, match="6 bars and 2 decisions"):
        Evaluator(dataset(bars([1.0] * 6)), known, np.array([1, 2]))


def test_channels_that_never_meet_are_remarked() -> None:
    spy = sessions([1.0, 2.0], first="2026-03-02")
    data = dataset(bars([1.0] * 6), spy)
    known: Names = names()
    term = understand("sma(spy.close / btc.close, 2 sessions) > 1", known)
    (told,) = evaluator(data, known).remarks((term,))
    assert told.startswith("BTC/bars/1h and SPY/bars/1d have no instant in common")
    # An absent channel is told elsewhere.
    assert evaluator(dataset(bars([1.0] * 6)), known).remarks((term,)) == ()
