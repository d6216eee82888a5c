"""One heat map of all phases: a line a phase of every episode, a column a playbook."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from engine.compare.breakdown import PhaseResult, by_phase
from engine.compare.cells import row_title
from engine.compare.matrix import Matrix
from engine.formatting import NOT_AVAILABLE, number, percent, signed_percent
from engine.metrics import Better


@dataclass(frozen=True)
class PhaseNumber:
    """One number of a playbook in a phase, as the map can show it."""

    name: str
    title: str
    says: str
    better: Better
    value: Callable[[PhaseResult], float]
    text: Callable[[float], str]


def _exposure(value: float) -> str:
    return percent(value, 1)


PHASE_NUMBERS = (
    PhaseNumber(
        "return", "Return", "of the account in the phase", Better.MORE,
        lambda found: found.total_return, signed_percent,
    ),
    PhaseNumber(
        "drawdown", "Deepest drawdown", "inside the phase, at bar closes", Better.MORE,
        lambda found: found.drawdown, signed_percent,
    ),
    PhaseNumber(
        "exposure", "Gross exposure", "mean gross notional / equity at bar closes", Better.NEITHER,
        lambda found: found.exposure, _exposure,
    ),
    PhaseNumber(
        "trades", "Trades entered", "with the first fill in the phase", Better.NEITHER,
        lambda found: float(found.trades), number,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class PhaseCell:
    """One playbook in one phase: values and texts by the name of the number."""

    values: dict[str, float | None]
    texts: dict[str, str]


@dataclass(frozen=True)
class PhaseLine:
    """One phase with a cell a column; None where the cell did not run."""

    name: str
    start: date
    end: date
    cells: tuple[PhaseCell | None, ...]


@dataclass(frozen=True)
class PhaseMap:
    """The map: titles of the columns, and the phases of each episode in order."""

    columns: tuple[str, ...]
    episodes: tuple[tuple[str, tuple[PhaseLine, ...]], ...]

    def values(self) -> list[dict[str, Any] | None]:
        """Return the cells for the page's script, line by line."""
        return [
            None if cell is None else {"values": cell.values, "texts": cell.texts}
            for _, lines in self.episodes
            for line in lines
            for cell in line.cells
        ]


def phase_map(matrix: Matrix) -> PhaseMap:
    """Return the map of all playbooks, with the reference as the last column."""
    config = matrix.config
    rows = [name for name, item in config.rows.items() if not item.baseline]
    rows += [config.reference] if config.reference not in rows else []
    episodes = []
    for episode in matrix.episodes:
        found = [
            by_phase(matrix.records[row, episode.name])
            if (row, episode.name) in matrix.records
            else None
            for row in rows
        ]
        lines = tuple(
            PhaseLine(
                phase.name.value,
                phase.start,
                phase.end,
                tuple(None if cells is None else _cell(cells[place]) for cells in found),
            )
            for place, phase in enumerate(episode.spans())
        )
        episodes.append((episode.name, lines))
    return PhaseMap(tuple(row_title(config.rows[row]) for row in rows), tuple(episodes))


def _cell(found: PhaseResult) -> PhaseCell:
    numbers = {item.name: item.value(found) for item in PHASE_NUMBERS}
    return PhaseCell(
        {name: value if math.isfinite(value) else None for name, value in numbers.items()},
        {
            item.name: item.text(numbers[item.name])
            if math.isfinite(numbers[item.name])
            else NOT_AVAILABLE
            for item in PHASE_NUMBERS
        },
    )


def shown_numbers() -> Sequence[dict[str, Any]]:
    """Return the numbers that the map can show, for the page's script."""
    return [
        {"name": item.name, "title": item.title, "says": item.says, "better": item.better}
        for item in PHASE_NUMBERS
    ]
