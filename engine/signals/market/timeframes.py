"""Trends of bitcoin and the index on several timeframes, and whether they agree.

A market is up on a timeframe when its price lies above the mean of that many of its bars. A mean of
4-hour bars is read as the mean of the hours in them, so that exchange hours, which fill no clock
buckets, are read the same way.
"""

import numpy as np

from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe
from engine.conditions import Condition, Truth, all_of
from engine.signals.asof import derived_as_of
from engine.signals.market.grid import Floats
from engine.signals.market.inputs import DAY, HOUR, SHORTEST, MarketInputs
from engine.signals.market.readings import Reading, at_most, combined
from engine.signals.market.rolling import mean
from engine.signals.volatility import rolling_sum

_HOURS = {HOUR: 1, "4h": 4, DAY: 24}


def timeframes(inputs: MarketInputs) -> tuple[dict[str, Floats], dict[str, Condition]]:
    """Return distances from the mean by market and timeframe, on days, and what agrees.

    ``both_down`` compares the index with bitcoin on 1h and 4h bars where the data hold hours of
    the index, and on days otherwise; its ``inputs`` say which.
    """
    names, rules = inputs.config.inputs, inputs.config.regime
    short = inputs.held(ChannelKey(names.bitcoin, ChannelKind.BARS, SHORTEST))
    distances = {f"bitcoin_{SHORTEST}": _distance(inputs, short, rules.trend_bars, names.bitcoin)}
    for label, hours in _HOURS.items():
        channel, bars = inputs.bitcoin_hours, hours * rules.trend_bars
        distances[f"bitcoin_{label}"] = _distance(inputs, channel, bars, names.bitcoin)
    index_hours = inputs.held(ChannelKey(names.index, ChannelKind.BARS, HOUR))
    for label in (HOUR, "4h"):
        bars = _HOURS[label] * rules.trend_bars
        distances[f"index_{label}"] = _distance(inputs, index_hours, bars, names.index)
    close = inputs.session_close(names.index)
    daily = inputs.of_sessions(close / mean(close, rules.trend_bars) - 1, names.index)
    distances[f"index_{DAY}"] = daily
    bitcoin_daily = inputs.bitcoin.of(
        inputs.bitcoin.value / mean(inputs.bitcoin.value, rules.trend_bars) - 1
    )
    # Without hours the days of the signal-only market tell the longest trend.
    if not distances[f"bitcoin_{DAY}"].known.any():
        distances[f"bitcoin_{DAY}"] = bitcoin_daily
    below = {
        name: at_most(f"{name}_down", item, 0.0, "fraction", f"{name.replace('_', ' ')} trend down")
        for name, item in distances.items()
    }
    # Whether the data name them, not whether there are rows yet: that would be known only later.
    has_hours = ChannelKey(names.index, ChannelKind.BARS, HOUR) in inputs.data.channels
    labels = (HOUR, "4h") if has_hours else (DAY,)
    parts = [below[f"{market}_{label}"] for label in labels for market in ("index", "bitcoin")]
    read_on = "1h and 4h bars" if has_hours else "days, for want of the index's hours"
    text = f"the index and bitcoin are both below their means, on {read_on}"
    both = combined("both_down", all_of([part.truth for part in parts]), text, *parts)
    agree = _agreement([below[f"bitcoin_{label}"] for label in (SHORTEST, *_HOURS)])
    values = {f"trend_{name}": item.value for name, item in distances.items()}
    conditions = {item.name: item for item in (*below.values(), both, agree)}
    return values, conditions


def _distance(inputs: MarketInputs, channel: Channel | None, bars: int, name: str) -> Reading:
    """Return a price over the mean of its last bars - 1, as known each day."""
    if channel is None:
        return inputs.missing(name)
    label = f"{name} {channel.key.timeframe}"
    measure = channel["close"] / (rolling_sum(channel["close"], bars) / bars) - 1
    measure = inputs.without_holes(channel, measure, bars)
    is_bitcoin = name == inputs.config.inputs.bitcoin
    limit = inputs.crypto_max_age_ns if is_bitcoin else inputs.max_age_ns
    limit = max(limit, 2 * Timeframe(channel.key.timeframe).ns)
    found = derived_as_of(channel, measure, inputs.grid.decided_at, limit)
    return Reading(np.where(found.is_fresh, found.values, np.nan), found.age_ns, (label,))


def _agreement(parts: list[Condition]) -> Condition:
    """Return whether all timeframes that are known point down; unknown below two of them."""
    table = np.stack([part.truth for part in parts])
    known = (table != Truth.UNKNOWN).sum(axis=0)
    down = (table == Truth.TRUE).sum(axis=0)
    truth = np.where(known >= 2, (down == known).astype(np.int8), np.int8(Truth.UNKNOWN))
    text = "bitcoin is down on every timeframe that is known"
    return combined("timeframes_agree_down", truth.astype(np.int8), text, *parts)
