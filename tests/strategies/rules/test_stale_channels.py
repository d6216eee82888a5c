"""A channel that ends or comes late is unknown when it is older than its age allows, not before."""

import numpy as np
import pytest

from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.dataset import Dataset
from data_feeds.schema import Channel
from strategies.rules.evaluate import Evaluator
from strategies.rules.meaning import understand
from tests.strategies.rules.expression_cases import decided_at, market, names
from tests.strategies.rules.small_market import START

CLOCK = "btc@4h"
ENDS = START + 40 * DAY_NS
# The oldest that a value may be: the defaults, and the two of the cases' file.
AGES = {
    "btc@4h.close": 8 * HOUR_NS,
    "eth.close": 2 * HOUR_NS,
    "btc.mark": 2 * HOUR_NS,
    "btc.funding": DAY_NS,
    "btc.open_interest": 2 * HOUR_NS,
    "btc.long_liquidations": DAY_NS,
    "spy.close": 6 * DAY_NS,
    "vix": 6 * DAY_NS,
    "yield10": 3 * DAY_NS,
    "cpi": 6 * DAY_NS,
    "dvol": 6 * DAY_NS,
}
# What a file reads of a channel: its value, a window over it, and the window of a truth.
FORMS = ("{}", "sma({}, 3 bars)", "count({} > 0, 2 bars)", "{}[1]")


def fact_at(channel: Channel) -> np.ndarray:
    """Return the instant of each row's fact."""
    return channel["closed_at" if "closed_at" in channel.columns else "event_at"]


def with_channel(name: str, change) -> Dataset:
    """Return the market with the channel of a name changed; the clock's bars stay."""
    data = market()
    (key,) = understand(name, names(CLOCK), "number").channels
    return data.having({**data.channels, key: change(data.channels[key])})


def values(text: str, data: Dataset) -> np.ndarray:
    """Return the values of an expression at every row of the clock."""
    evaluator = Evaluator(data, names(CLOCK), decided_at(market(), CLOCK))
    return evaluator.numbers(understand(text, names(CLOCK), "number")).values


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [name for name in AGES if name != "btc@4h.close"])
def test_a_channel_that_ends_is_unknown_from_its_age_on(name: str, form: str) -> None:
    text = form.format(name)
    ended = with_channel(name, lambda channel: channel.take(fact_at(channel) <= ENDS))
    (key,) = understand(name, names(CLOCK), "number").channels
    decided, last = decided_at(market(), CLOCK), int(fact_at(ended.channels[key])[-1])
    before, after = values(text, market()), values(text, ended)
    old = decided - last > AGES[name]
    assert old.sum() > 30
    assert np.isnan(after[old]).all()
    # Rows that knew nothing of the removed facts are the same to the bit.
    early = decided <= ENDS
    assert before[early].tobytes() == after[early].tobytes()
    assert np.isfinite(after[early]).sum() > 20
    # A value that is not too old yet still counts.
    late = (decided >= ended.channels[key]["available_at"].max()) & ~old
    assert np.isfinite(after[late]).all()
    # The last facts of these two become known, or are revised, when they are old already.
    assert late.any() or AGES[name] < 4 * HOUR_NS or name in {"yield10", "cpi"}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [name for name in AGES if "@" not in name])
def test_a_channel_that_is_always_late_by_more_than_its_age_is_never_known(
    name: str, form: str
) -> None:
    def late(channel: Channel) -> Channel:
        known = fact_at(channel) + AGES[name] + 1
        columns = {**channel.columns, "available_at": np.maximum(known, channel["available_at"])}
        return Channel(channel.key, columns)

    assert np.isfinite(values(form.format(name), market())).sum() > 20
    assert np.isnan(values(form.format(name), with_channel(name, late))).all()


def test_two_days_of_bars_are_unknown_where_more_than_a_twentieth_is_missing() -> None:
    # 48 hourly bars: 46 are 95.8%, 45 are 93.75%.
    decided = decided_at(market(), CLOCK)
    closed = market().bars("ETHUSDT-PERP", "1h")["closed_at"]
    known = market().bars("ETHUSDT-PERP", "1h")["available_at"]
    found = values("sma(eth.close, 2d)", market())
    thin = 0
    for row, now in enumerate(decided.tolist()):
        held = closed[known <= now]
        if not len(held) or now - held[-1] > AGES["eth.close"]:
            assert np.isnan(found[row])
            continue
        inside = held[held > held[-1] - 2 * DAY_NS]
        full = held[0] - HOUR_NS <= held[-1] - 2 * DAY_NS and len(inside) >= 46
        thin += not full and len(held) > 48
        assert np.isfinite(found[row]) == full, row
    assert thin >= 3


def test_three_bars_are_the_last_three_whatever_lies_between_them() -> None:
    found = values("sma(eth.close, 3 bars)", market())
    bars, decided = market().bars("ETHUSDT-PERP", "1h"), decided_at(market(), CLOCK)
    torn = 0
    for row, now in enumerate(decided.tolist()):
        known = np.flatnonzero(bars["available_at"] <= now)
        if len(known) < 3 or now - bars["closed_at"][known[-1]] > AGES["eth.close"]:
            continue
        last = known[-3:]
        torn += bool(np.diff(bars["closed_at"][last]).max() > HOUR_NS)
        assert found[row] == pytest.approx(bars["close"][last].mean(), rel=1e-12)
    assert torn >= 3
