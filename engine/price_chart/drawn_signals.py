"""Read the values that a playbook declares as drawn: levels, lines, panels and stages."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine.drawn_values import DrawnAs, DrawnValue
from engine.playbook import Signals

Floats = NDArray[np.float64]
Instants = NDArray[np.int64]


@dataclass(frozen=True)
class DrawnLine:
    """One declared value by decision row: instants in ns UTC, NaN where it is unknown.

    A level has a row only where it changes, and holds until the next row.
    """

    declared: DrawnValue
    at: Instants
    value: Floats


@dataclass(frozen=True)
class StageSpan:
    """One stage from the row at which it was known, until the row that ended it; ns UTC.

    ``place`` is its place among the declared stages, by which a page chooses the colour.
    """

    name: str
    title: str
    place: int
    instrument: str
    from_at: int
    until_at: int


def drawn_lines(signals: Signals, start: int, end: int) -> list[DrawnLine]:
    """Return the declared levels, lines and panels inside the window, in the declared order."""
    inside = (signals.decided_at >= start) & (signals.decided_at <= end)
    at, lines = signals.decided_at[inside], []
    for declared in signals.drawn:
        if declared.drawn_as is DrawnAs.STAGES:
            continue
        values = np.asarray(signals.values[declared.name], dtype=np.float64)[inside]
        rows = _changes(values) if declared.drawn_as is DrawnAs.LEVEL else np.arange(len(values))
        lines.append(DrawnLine(declared, at[rows], values[rows]))
    return lines


def stage_spans(signals: Signals, start: int, end: int) -> list[StageSpan]:
    """Return the spans of all declared stages inside the window, by time.

    A span ends at the row that brings another stage or another setup, so that two sequences in a
    row stay two.
    """
    inside = np.flatnonzero((signals.decided_at >= start) & (signals.decided_at <= end))
    spans: list[StageSpan] = []
    if len(inside) == 0:
        return spans
    at = signals.decided_at[inside]
    for declared in signals.drawn:
        if declared.drawn_as is not DrawnAs.STAGES:
            continue
        codes = np.asarray(signals.values[declared.name], dtype=np.float64)[inside]
        changed = codes[1:] != codes[:-1]
        if signals.setup is not None:
            setups = signals.setup[inside]
            changed = changed | (setups[1:] != setups[:-1])
        spans += _spans(declared, codes, np.flatnonzero(changed) + 1, at)
    return sorted(spans, key=lambda span: (span.from_at, span.until_at))


def _spans(
    declared: DrawnValue, codes: Floats, starts: NDArray[np.intp], at: Instants
) -> Iterator[StageSpan]:
    edges = [0, *starts.tolist(), len(at) - 1]
    places = {code: place for place, code in enumerate(declared.stages)}
    for begin, until in pairwise(edges):
        # An unknown or a broken code is none: NaN, infinite, or between two codes.
        code = int(codes[begin]) if float(codes[begin]).is_integer() else None
        if code is not None and code in declared.stages:
            name, title, owner = declared.name, declared.stages[code], declared.instrument
            yield StageSpan(name, title, places[code], owner, int(at[begin]), int(at[until]))


def _changes(values: Floats) -> NDArray[np.intp]:
    """Return the rows at which a value differs from the row before; NaN equals NaN."""
    if len(values) == 0:
        return np.zeros(0, dtype=np.intp)
    before, after = values[:-1], values[1:]
    differs = (before != after) & ~(np.isnan(before) & np.isnan(after))
    return np.flatnonzero(np.concatenate(([True], differs)))
