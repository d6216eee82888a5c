"""Cut a dataset or replace its later rows, and compare the results of ``prepare``."""

import numpy as np

from data_feeds.dataset import Dataset
from data_feeds.schema import VALUE_COLUMNS, Channel, ChannelKind
from engine.causality import first_difference

PRICES = ("open", "high", "low", "close")


def replaced_after(data, at, seed):
    """Return the dataset with every value that becomes known after ``at`` drawn anew."""
    rng = np.random.default_rng(seed)
    return Dataset(
        data.instruments,
        {key: _redrawn(channel, at, rng) for key, channel in data.channels.items()},
    )


def _redrawn(channel: Channel, at: int, rng: np.random.Generator) -> Channel:
    later = channel["available_at"] > at
    columns = dict(channel.columns)
    count = int(later.sum())
    # Prices move together, so that every bar stays a bar.
    shared = rng.uniform(0.5, 1.5, count)
    for name in VALUE_COLUMNS[channel.key.kind]:
        factor = shared if name in PRICES else rng.uniform(0.0, 10.0, count)
        if channel.key.kind in (ChannelKind.FUNDING, ChannelKind.SERIES):
            factor = factor - 5.0
        values = channel[name].copy()
        values[later] *= factor
        columns[name] = values
    return Channel(channel.key, columns)


def first_leak(playbook, data, cuts, *, whole=None):
    """Return the first array that changes when data after a cut are removed or redrawn, or None."""
    whole = playbook.prepare(data) if whole is None else whole
    for at in cuts:
        rows = int(np.searchsorted(whole.decided_at, at, side="right"))
        for other in (data.cut(at), replaced_after(data, at, seed=at % 1_000)):
            found = first_difference(whole, playbook.prepare(other), rows)
            if found is not None:
                return found[0]
    return None


def event_cuts(signals, names=(1, 2, 3, 4, 5, 6)):
    """Return the instants at which the state changes into one of ``names``, and one bar around."""
    state = signals.values["state"]
    entered = np.flatnonzero((state[1:] != state[:-1]) & np.isin(state[1:], names)) + 1
    rows = np.unique(np.concatenate([entered - 1, entered, entered + 1]))
    return signals.decided_at[rows[rows < len(state)]]
