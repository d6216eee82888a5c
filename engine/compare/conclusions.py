"""Say in a few sentences how a comparison came out, and where it cannot tell."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from engine.compare.cells import row_title
from engine.compare.matrix import Matrix
from engine.formatting import counted_noun, number, percent, percent_share, signed_percent


@dataclass(frozen=True)
class CellFacts:
    """The numbers of one playbook in one episode that conclusions rest on, fractions.

    ``row`` is the playbook's name in the config; two rows may share a title. ``lead`` is the return
    less the reference's; ``interval`` that of the difference on the reference's days, None where it
    cannot be computed.
    """

    row: str
    title: str
    episode: str
    total_return: float
    lead: float
    interval: tuple[float, float] | None
    interest: float
    exposure: float


def facts_of(matrix: Matrix, cell: Callable[[Any], Mapping[str, Any]]) -> list[CellFacts]:
    """Return the facts of the playbooks' cells whose reference ran; ``cell`` gives the answers."""
    found = []
    for (row, episode), record in matrix.records.items():
        reference = matrix.records.get((matrix.config.reference, episode))
        if record.item.baseline or row == matrix.config.reference or reference is None:
            continue
        own, numbers = record.metrics["total_return"], cell(record)["return_difference"]
        found.append(
            CellFacts(
                row=row,
                title=row_title(record.item),
                episode=episode,
                total_return=own,
                lead=own - reference.metrics["total_return"],
                interval=None if numbers is None else (numbers[0], numbers[1]),
                interest=record.metrics["interest_return"],
                exposure=record.metrics["exposure"],
            )
        )
    return found


def not_compared(matrix: Matrix, facts: Sequence[CellFacts]) -> dict[str, list[str]]:
    """Return the episodes of each playbook whose cell or whose reference did not run, by title."""
    compared = {(cell.row, cell.episode) for cell in facts}
    found = {
        row_title(item): [
            episode.name for episode in matrix.episodes if (row, episode.name) not in compared
        ]
        for row, item in matrix.config.rows.items()
        if not item.baseline and row != matrix.config.reference
    }
    return {title: episodes for title, episodes in found.items() if episodes}


def conclusions(
    facts: Sequence[CellFacts],
    *,
    reference: str,
    level: float,
    absent: Mapping[str, Sequence[str]],
) -> list[str]:
    """Return the conclusions, five sentences, and one before them on the cells left out.

    ``absent`` holds the episodes of each playbook that cannot be compared, by its title.
    """
    left_out = "; ".join(f"{title} in {', '.join(names)}" for title, names in absent.items())
    told = f"Not compared, because the cell or that of {reference} did not run: {left_out}."
    if not facts:
        return [told] if absent else []
    return [
        *([told] if absent else []),
        _leads(facts, reference),
        _intervals(facts, level),
        _interest(facts),
        _exposure(facts),
        _limits(facts),
    ]


def _leads(facts: Sequence[CellFacts], reference: str) -> str:
    won = [
        f"{title} in {sum(cell.lead > 0 for cell in cells)} of {len(cells)} "
        f"({_span([cell.lead for cell in cells])})"
        for title, cells in _by_row(facts)
    ]
    return (
        f"Episodes in which a playbook returned more than {reference}, with the difference: "
        f"{'; '.join(won)}."
    )


def _span(values: Sequence[float]) -> str:
    """Return the least and the largest of some fractions.

    >>> _span([0.1, -0.02]), _span([0.1])
    ('-2.00% to +10.00%', '+10.00%')
    """
    ends = [signed_percent(value) for value in (min(values), max(values))]
    return " to ".join(dict.fromkeys(ends))


def _intervals(facts: Sequence[CellFacts], level: float) -> str:
    words = f"The {percent(level, 0)} interval of the difference in return"
    known = [(cell, cell.interval) for cell in facts if cell.interval is not None]
    if not known:
        return f"{words} cannot be computed in any cell: no difference is shown."
    clear = [
        f"{cell.title} in {cell.episode} ({signed_percent(low)} to {signed_percent(high)})"
        for cell, (low, high) in known
        if low > 0 or high < 0
    ]
    missing = len(facts) - len(known)
    rest = f"; {missing} cannot be computed" if missing else ""
    if not clear:
        cells = "the only cell" if len(known) == 1 else f"all {len(known)} cells"
        return f"{words} holds zero in {cells}{rest}: none is shown to be more than chance."
    count = f"{len(clear)} of {counted_noun(len(known), 'cell')}"
    return (
        f"{words} leaves out zero in {count}: {'; '.join(clear)}{rest}. By chance alone "
        f"{number((1 - level) * len(known), 2)} would be expected to."
    )


def _interest(facts: Sequence[CellFacts]) -> str:
    parts = [
        f"{title} {signed_percent(math.fsum(cell.interest for cell in cells))} of "
        f"{signed_percent(math.fsum(cell.total_return for cell in cells))}"
        for title, cells in _by_row(facts)
    ]
    return f"Of the returns, added over the episodes, interest on cash is: {'; '.join(parts)}."


def _exposure(facts: Sequence[CellFacts]) -> str:
    parts = [
        f"{title} {percent_share(fmean(cell.exposure for cell in cells), 1)}"
        for title, cells in _by_row(facts)
    ]
    return (
        f"Time in position: {'; '.join(parts)}. The episodes were chosen because markets fell, and "
        "whatever holds cash loses less in a fall without any skill."
    )


def _limits(facts: Sequence[CellFacts]) -> str:
    episodes = len({cell.episode for cell in facts})
    told = (
        f"{episodes} episodes are {episodes} observations, however many days they have"
        if episodes > 1
        else "One episode is one observation, however many days it has"
    )
    return f"{told}; no statistic makes up for that."


def _by_row(facts: Sequence[CellFacts]) -> list[tuple[str, list[CellFacts]]]:
    rows: dict[str, list[CellFacts]] = {}
    for cell in facts:
        rows.setdefault(cell.row, []).append(cell)
    return [(cells[0].title, cells) for cells in rows.values()]
