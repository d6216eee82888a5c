"""Numbers that conditions compare, with their age; the basis, and the bound of a plausible one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from engine.api import Channel, ChannelKey, signals
from strategies.liquidation_reclaim.frame import Flags, Floats, Frame, Rows


@dataclass(frozen=True)
class BarReading:
    """Values at each row, with the rows that are known and fresh, their age and their inputs.

    ``age_ns`` None: the values are of the bar that just closed.
    """

    values: Floats
    known: Flags
    age_ns: Rows | None = None
    inputs: tuple[str, ...] = ()


def references(frame: Frame) -> tuple[tuple[str, ChannelKey | None], ...]:
    """Return the channels that the last price is compared with; None where no record names one."""
    return (("mark", frame.channels.mark), ("spot", frame.channels.spot))


def perp_bases(frame: Frame) -> dict[str, BarReading]:
    """Return the last price over each other market's price less one, fractions, as known then."""
    found = {}
    for name, key in references(frame):
        channel = frame.channel(key)
        found[name] = unknown_reading(frame, key)
        if channel is not None:
            premium = signals.premium(frame.bars, channel)
            found[name] = known_reading(frame, channel, premium, frame.params.discount_max_age)
    return found


def plausible(frame: Frame, basis: BarReading) -> BarReading:
    """Return the basis, unknown where it lies beyond the bound of one market."""
    return replace(basis, known=basis.known & ~is_far(frame, basis))


def is_far(frame: Frame, basis: BarReading) -> Flags:
    """Return whether a basis lies beyond the bound."""
    with np.errstate(invalid="ignore"):
        far: Flags = np.abs(basis.values) > frame.params.basis_bound
    return far


def remarks(frame: Frame, bases: Mapping[str, BarReading]) -> tuple[str, ...]:
    """Return a sentence for each comparison that is unknown: not named, not held, not plausible."""
    found: list[str] = []
    for name, key in references(frame):
        if key is None:
            found.append(f"{_silent(frame)} names no {name} market: the gap to {name} is unknown.")
        elif frame.channel(key) is None:
            found.append(f"{key} is not in the data: the gap to {name} is unknown.")
        else:
            found += _implausible(frame, name, key, bases[name])
    return tuple(found)


def _silent(frame: Frame) -> str:
    """Return the subject of the remark that no spot market is named: the record or the run."""
    record = frame.data.instruments.get(frame.params.instrument)
    if record is None or record.companions.spot is None:
        return f"The record of {frame.params.instrument}"
    return f"The run (its record names {record.companions.spot})"


def _implausible(frame: Frame, name: str, key: ChannelKey, basis: BarReading) -> list[str]:
    far = basis.known & is_far(frame, basis)
    if not far.any():
        return []
    worst = float(basis.values[far][np.argmax(np.abs(basis.values[far]))])
    return [
        f"{frame.params.instrument} lies up to {worst:+.1%} from {key.instrument} ({name}): beyond "
        f"{frame.params.basis_bound:.0%} it is another market or a wrong price, and the gap is "
        f"unknown (in {int(far.sum())} of {int(basis.known.sum())} rows, warm-up included)."
    ]


def known_reading(frame: Frame, channel: Channel, derived: Floats, max_age: str) -> BarReading:
    """Return values made from a channel's rows as known at each row, unknown beyond an age."""
    age_ns = frame.params.nanoseconds(max_age)
    found = signals.derived_as_of(channel, derived, frame.decided_at, age_ns)
    return BarReading(found.values, found.is_fresh, found.age_ns, (str(channel.key),))


def unknown_reading(frame: Frame, key: ChannelKey | None) -> BarReading:
    """Return the reading of a channel that the data do not hold: unknown at every row."""
    rows = len(frame.bars)
    inputs = () if key is None else (str(key),)
    nowhere = np.broadcast_to(np.False_, rows)
    return BarReading(signals.unknown_values(rows), nowhere, signals.unknown_ages(rows), inputs)
