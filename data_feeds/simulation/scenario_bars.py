"""Convert an asset's path in a scenario into the channels of the data: bars and points."""

import numpy as np

from data_feeds.clock import HOUR_NS, Instants
from data_feeds.dataset import Dataset
from data_feeds.schema import Array, Channel, ChannelKey, ChannelKind
from data_feeds.simulation.paths import Floats
from data_feeds.simulation.perp import BAR_NS, FUNDING_NS
from data_feeds.simulation.scenario_perps import PerpPath, PerpStart, finest
from data_feeds.simulation.scenario_start import lag_ns, made, on_tick, points_after, step_ns
from data_feeds.timeframe import Timeframe


def bars_after(
    dataset: Dataset, key: ChannelKey, made_path: PerpPath, end: int, rng: np.random.Generator
) -> Channel:
    """Return bars or marks of one timeframe after the last row of the data, until ``end``."""
    channel, instrument = dataset.channels[key], dataset.instruments[key.instrument]
    frame, last = Timeframe(key.timeframe).ns, int(channel["closed_at"][-1])
    rows = _path_rows(made_path, key, _ratio(dataset, key.instrument, made_path.start))
    if frame < BAR_NS:
        rows = _split(rows, BAR_NS // frame, rng)
    else:
        rows = _merged(_joined(_unfinished(dataset, key, made_path, last), rows), frame)
    kept = (rows["opened_at"] >= last) & (rows["opened_at"] + frame <= end)
    rows = {name: values[kept] for name, values in rows.items()}
    opened = rows.pop("opened_at")
    volume = rows.pop("volume")
    values = on_tick(rows, float(channel["close"][-1]), instrument.tick_size)
    if key.kind is ChannelKind.BARS:
        values["volume"] = np.round(volume, 3)
    closed = opened + frame
    return made(key, (opened, closed, closed + lag_ns(channel)), values)


def _ratio(dataset: Dataset, name: str, start: PerpStart) -> float:
    """Return an instrument's price / the leading instrument's price at the last common close.

    Without a common close, return the ratio of the last closes, at different instants.
    """
    mine, lead = finest(dataset, name), finest(dataset, start.lead)
    _, left, right = np.intersect1d(mine["closed_at"], lead["closed_at"], return_indices=True)
    if len(left) == 0:
        return float(mine["close"][-1]) / start.price
    return float(mine["close"][left[-1]] / lead["close"][right[-1]])


def _path_rows(made_path: PerpPath, key: ChannelKey, ratio: float) -> dict[str, Array]:
    path, prefix = made_path.path, "mark_" if key.kind is ChannelKind.MARK else ""
    rows: dict[str, Array] = {
        name: getattr(path, prefix + name) * ratio for name in ("open", "high", "low", "close")
    }
    return {"opened_at": made_path.opened_at, **rows, "volume": path.volume}


def _unfinished(
    dataset: Dataset, key: ChannelKey, made_path: PerpPath, last: int
) -> dict[str, Array]:
    """Return the data's finer bars inside the unfinished first bar of a longer timeframe."""
    shorter = [k for k in dataset.channels if (k.instrument, k.kind) == (key.instrument, key.kind)]
    channel = dataset.channels[min(shorter, key=lambda k: Timeframe(k.timeframe))]
    inside = (channel["opened_at"] >= last) & (channel["opened_at"] < made_path.opened_at[0])
    rows = {name: channel[name][inside] for name in ("opened_at", "open", "high", "low", "close")}
    volume = channel["volume"][inside] if key.kind is ChannelKind.BARS else np.zeros(inside.sum())
    return {**rows, "volume": volume}


def _joined(first: dict[str, Array], then: dict[str, Array]) -> dict[str, Array]:
    return {name: np.concatenate((first[name], then[name])) for name in then}


def _merged(rows: dict[str, Array], frame: int) -> dict[str, Array]:
    """Return bars of a longer timeframe."""
    bucket = rows["opened_at"] // frame
    first = np.flatnonzero(np.diff(bucket, prepend=bucket[0] - 1))
    last = np.append(first[1:], len(bucket)) - 1
    return {
        "opened_at": bucket[first] * frame,
        "open": rows["open"][first],
        "high": np.maximum.reduceat(rows["high"], first),
        "low": np.minimum.reduceat(rows["low"], first),
        "close": rows["close"][last],
        "volume": np.add.reduceat(rows["volume"], first),
    }


def _split(rows: dict[str, Array], parts: int, rng: np.random.Generator) -> dict[str, Array]:
    """Return bars of a shorter timeframe that add up to the given bars.

    Prices walk from open to close; the high and the low fall into random bars.
    """
    count = len(rows["open"])
    width = np.arange(1, parts + 1) / parts
    span = rows["high"] - rows["low"]
    bridge = np.cumsum(rng.normal(0.0, 0.5 / np.sqrt(parts), (count, parts)), axis=1)
    bridge -= bridge[:, -1:] * width
    close = rows["open"][:, None] + (rows["close"] - rows["open"])[:, None] * width
    close = np.clip(close + bridge * span[:, None], rows["low"][:, None], rows["high"][:, None])
    close[:, -1] = rows["close"]
    opens = np.concatenate((rows["open"][:, None], close[:, :-1]), axis=1)
    high, low = np.maximum(opens, close), np.minimum(opens, close)
    every = np.arange(count)
    high[every, rng.integers(0, parts, count)] = rows["high"]
    low[every, rng.integers(0, parts, count)] = rows["low"]
    frame = BAR_NS // parts
    opened = rows["opened_at"][:, None] + frame * np.arange(parts)
    volume = rows["volume"][:, None] * rng.dirichlet(np.full(parts, 3.0), count)
    names = ("opened_at", "open", "high", "low", "close", "volume")
    values = (opened, opens, high, low, close, volume)
    return {name: x.reshape(-1) for name, x in zip(names, values, strict=True)}


def points_of(channel: Channel, made_path: PerpPath, end: int) -> Channel:
    """Return funding, open interest or liquidations after the last row of the data.

    The rows end at ``end``. A channel that ended before the path repeats its last value until the
    path has one.
    """
    kind = channel.key.kind
    events = points_after(channel, end, FUNDING_NS if kind is ChannelKind.FUNDING else HOUR_NS)
    path, opened = made_path.path, made_path.opened_at
    if kind is ChannelKind.FUNDING:
        # The model's rate covers eight hours; a channel settled off its grid takes the last rate.
        settled = np.flatnonzero(np.isfinite(path.funding))
        row = np.searchsorted(opened[settled], events, side="right") - 1
        rate = path.funding[settled] * (step_ns(channel, FUNDING_NS) / FUNDING_NS)
        values: dict[str, Array] = {"rate": _or_last(np.round(rate, 8), row, channel["rate"])}
    elif kind is ChannelKind.OPEN_INTEREST:
        row = np.searchsorted(opened + BAR_NS, events, side="right") - 1
        held: Floats = np.round(path.open_interest, 3)
        made_values = {
            "open_interest_base": held,
            "open_interest_quote": np.round(held * path.close, 2),
        }
        values = {name: _or_last(x, row, channel[name]) for name, x in made_values.items()}
    else:
        values = {
            name: _sums(opened, getattr(path, name), int(channel["event_at"][-1]), events)
            for name in ("long_quote", "short_quote")
        }
    return made(channel.key, (events, events + lag_ns(channel)), values)


def _or_last(path: Floats, row: Array, history: Floats) -> Floats:
    """Return the path's values at rows; before its first row, the history's last value."""
    values: Floats = np.append(path, history[-1])[np.maximum(row, -1)]
    return values


def _sums(opened: Instants, amounts: Floats, last: int, events: Instants) -> Floats:
    """Return the sum of the bars' amounts between consecutive events, pro rata."""
    edges = np.append(opened, opened[-1] + BAR_NS).astype(np.float64)
    total = np.concatenate(([0.0], np.cumsum(amounts)))
    at = np.interp(np.concatenate(([last], events)).astype(np.float64), edges, total)
    sums: Floats = np.diff(at).clip(0.0).round(2)
    return sums
