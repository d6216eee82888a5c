"""A channel needs the history of the windows around it, not that of its neighbours."""

from dataclasses import replace

import pytest

from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.schema import ChannelKey, ChannelKind
from strategies.rules.meaning import understand
from strategies.rules.memory import channel_memory_ns, memory_of
from tests.strategies.rules.expression_cases import names

BTC = ChannelKey("BTCUSDT-PERP", ChannelKind.BARS, "1h")
SPY = ChannelKey("SPY", ChannelKind.BARS, "1d")


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("btc.close > lowest(btc.low, 24 bars)", 23),
        ("btc.close > lowest(btc.low, 24 bars)[2]", 25),
        ("spy.close > sma(spy.close, 200 sessions)", 0),
        # A year of stocks beside it does not lengthen a day of bitcoin.
        ("spy.close > sma(spy.close, 200 sessions) and btc.close > lowest(btc.low, 24 bars)", 23),
    ],
)
def test_bitcoin_needs_the_hours_of_its_own_windows(text: str, hours: int) -> None:
    term = understand(text, names("spy@session"), "truth")
    # Two bars are the age that a value may have.
    age = 2 * HOUR_NS if hours else 0
    assert channel_memory_ns(term, names("spy@session"), BTC) == hours * HOUR_NS + age


def test_windows_inside_windows_add_up() -> None:
    term = understand(
        "sma(highest(spy.high, 20 sessions), 10 sessions) > 0", names("btc@1h"), "truth"
    )
    # 28 sessions before the present one are at least 38 days.
    assert channel_memory_ns(term, names("btc@1h"), SPY) > 38 * DAY_NS


def test_a_shared_part_is_measured_once() -> None:
    # Each value names the one before it twice: 2^25 paths lead to the first.
    chain = {f"a{i}": f"a{i - 1} + sma(a{i - 1}, 2 bars)" for i in range(1, 26)}
    known = names("btc@1h")
    settings = replace(known.settings, lets={"a0": "spy.close", **chain})
    term = understand("a25", replace(known, settings=settings), "number")
    alone = channel_memory_ns(understand("spy.close", known), known, SPY)
    # 25 means of two sessions reach 25 sessions of 1.46 days back, each rounded up.
    wanted = alone + 25 * 126_144 * 10**9
    assert channel_memory_ns(term, known, SPY) == wanted


@pytest.mark.parametrize(("text", "days"), [("sma(vix, 60 bars)", 1_829), ("vix[120]", 3_720)])
def test_a_value_of_a_series_may_be_a_month(text: str, days: int) -> None:
    # 59 months before the present one, 31 days each; no record says how often a series comes.
    known = names("btc@1h")
    assert memory_of(understand(text, known), known).memory_ns >= days * DAY_NS


def test_the_longest_window_stays_inside_the_range_of_instants() -> None:
    known = names("btc@1h")
    text = "sma(sma(vix, 100000 bars), 100000 bars)"
    assert memory_of(understand(text, known), known).memory_ns == 100 * 366 * DAY_NS
