"""Names of a file: bindings, timeframes, largest ages, the words of state and flush."""

import numpy as np
import pytest

from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.dataset import Dataset
from engine.api import MarketStateConfig, market_state
from engine.market_state import TIERS, Action, Driver, Regime
from strategies.rules.meaning import understand
from strategies.rules.names import Names, NameSettings
from strategies.rules.sources import CLOCK, STATE, channel_rows
from strategies.rules.syntax import ExpressionError
from strategies.rules.terms import NoMeaning
from strategies.rules.vocabulary import LABELS
from tests.strategies.rules.written_market import INSTRUMENTS, names


def bound(**instruments: str) -> Names:
    settings = NameSettings(instruments, {"vix": "VIX"}, "btc@1h")
    return Names.of(settings).with_records(INSTRUMENTS)


def error_of(text: str, known: Names) -> str:
    with pytest.raises(ExpressionError) as told:
        understand(text, known)
    return told.value.message


def test_an_instrument_without_bars_takes_those_of_the_clock() -> None:
    known = bound(btc="BTC", spot="SPOT")
    assert str(known.bars_source("btc")) == "BTC/bars/1h"
    told = error_of("spot.close > 1", known)
    assert "write spot: SPOT@1h in instruments, or name them here, for example spot@1h" in told


def test_a_timeframe_in_the_name_wins_over_the_binding() -> None:
    assert str(bound(btc="BTC@1h").bars_source("btc", "4h")) == "BTC/bars/4h"


def test_a_session_and_a_day_are_not_the_same() -> None:
    known = bound(btc="BTC@1h", spy="SPY@session")
    assert str(known.bars_source("spy")) == "SPY/bars/1d"
    assert "write btc@1d for bars of 24 hours" in error_of("btc@session.close > 1", known)
    assert "write spy@session" in error_of("spy@1d.close > 1", known)
    assert "such as 5m, 1h, 1d" in error_of("spy@day.close > 1", known)


def test_calendars_are_checked_only_when_the_records_are_known() -> None:
    known = Names.of(bound(btc="BTC@1h", spy="SPY@1d").settings)
    assert str(known.bars_source("spy")) == "SPY/bars/1d"
    with pytest.raises(NoMeaning):
        known.with_records(INSTRUMENTS).bars_source("spy")


def test_a_clock_that_is_not_bound_is_refused() -> None:
    settings = NameSettings({"btc": "BTC@1h"}, {}, "btd@1h")
    with pytest.raises(NoMeaning, match="btd is no bound instrument; did you mean btc"):
        _ = Names.of(settings).clock_source


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("btc.close", 2 * HOUR_NS),
        ("btc@4h.close", 8 * HOUR_NS),
        ("btc.mark", 2 * HOUR_NS),
        ("spy.close", 6 * DAY_NS),
        ("vix", 6 * DAY_NS),
        ("btc.funding", DAY_NS),
        ("btc.open_interest", DAY_NS),
        ("state.vix", 2 * DAY_NS),
        ("month_end(spy.close)", 40 * DAY_NS),
    ],
)
def test_each_kind_of_value_has_a_largest_age(text: str, age: int) -> None:
    known = names()
    (source,) = understand(text, known).rows
    assert known.max_age_ns(source) == age


def test_a_largest_age_is_set_by_the_name_of_the_value() -> None:
    known = names(max_age={"vix": 1, "btc.open_interest": 2, "spy": 3, "state": 4})
    ages = {
        text: known.max_age_ns(understand(text, known).rows[0])
        for text in ("vix", "btc.open_interest", "spy.close", "state.vix", "btc.funding")
    }
    assert ages == {
        "vix": 1,
        "btc.open_interest": 2,
        "spy.close": 3,
        "state.vix": 4,
        "btc.funding": DAY_NS,
    }


def test_a_largest_age_of_nothing_is_a_problem() -> None:
    known = names()
    assert known.problem_of_age("vix") == ""
    assert known.problem_of_age("btc.open_interest") == ""
    assert "did you mean vix?" in known.problem_of_age("vixx")
    assert "did you mean open_interest?" in known.problem_of_age("btc.open_interes")


def test_the_words_of_the_state_are_those_that_it_returns() -> None:
    day = np.datetime64("2025-06-02")
    found = market_state(Dataset({}, {}), MarketStateConfig(), day, day)
    known = names()
    made = {name.lower() for name in (*found.values, *found.conditions)}
    assert made < set(known.state_names)
    for word in sorted(made):
        term = understand(f"state.{word}", known)
        assert (term.rows, term.kind) == (
            STATE,
            "number" if term.detail[0] == "reading" else "truth",
        )


def test_labels_have_the_order_of_their_codes() -> None:
    assert LABELS["tier"] == tuple(tier.value for tier in TIERS)
    for word, codes in (("action", Action), ("regime", Regime), ("driver", Driver)):
        # Code -1 is unknown and has no word.
        assert LABELS[word] == tuple(item.name.lower() for item in codes if item >= 0)


def test_an_instrument_has_no_value_that_its_kind_lacks() -> None:
    known = names()
    assert "SPY is no perp and has no funding" in error_of("spy.funding > 0", known)
    assert "names no spot market" in error_of("spy.basis > 0", known)
    assert "needs the flush section" in error_of("flush.reclaimed", known)


def test_the_clock_is_around_the_clock_as_its_instrument_is() -> None:
    assert names().is_around_the_clock(CLOCK[0]) is True
    assert names(clock="spy@session").is_around_the_clock(CLOCK[0]) is False
    key = names().clock_source.key
    assert key is not None
    assert Names.of(names().settings).is_around_the_clock(channel_rows(key)[0]) is None


def test_an_age_of_sessions_is_not_that_of_shorter_bars() -> None:
    known = names(max_age={"spy@session": 9 * DAY_NS})
    assert known.max_age_ns(known.bars_source("spy", "session")) == 9 * DAY_NS
    assert known.max_age_ns(known.bars_source("spy", "5m")) == 6 * DAY_NS
