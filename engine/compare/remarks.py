"""Warnings on the page of a comparison, the worst first."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from engine.compare.cell_runs import CellOutcome
from engine.compare.cells import row_title
from engine.compare.record import CellRecord
from engine.decision_terms import EndReason
from engine.formatting import counted_noun, percent_share
from engine.records import OrderRole
from engine.statistics import MIN_TRADES

# Share of the rows on which a required condition may be unknown without a warning.
MUCH_UNKNOWN = 0.1
# Share of the orders to buy that may lack cash without a warning; beyond it, the holdings are far
# from the weights.
MUCH_CUT = 0.25


def warnings_of(records: Iterable[CellRecord], outcomes: Sequence[CellOutcome]) -> list[str]:
    """Return the warnings of a comparison, one sentence each."""
    finished = list(records)
    lines = [
        f"{outcome.row}, {outcome.episode}: did not run: {outcome.problem}"
        for outcome in outcomes
        if outcome.problem
    ]
    lines += [
        f"{outcome.row}, {outcome.episode}: {outcome.set_aside}."
        for outcome in outcomes
        if outcome.set_aside
    ]
    lines += [
        f"{row_title(cell.item)}, {cell.episode.name}: the audit found "
        f"{counted_noun(len(cell.audit['findings']), 'difference')}; do not use its numbers."
        for cell in finished
        if cell.audit["findings"]
    ]
    if any(cell.is_synthetic for cell in finished):
        lines.append(
            "The data are synthetic reconstructions: known facts, with prices from a model between "
            "them. They show how the tool works; they are no evidence for a playbook."
        )
    lines += _few_trades(finished)
    lines += _shared(finished, lambda cell: cell.files.manifest["lacking"])
    lines += _shared(finished, _doubtful)
    lines += _shared(finished, _unknown)
    lines += _starved(finished)
    lines += _shared(finished, _models)
    return lines


def _few_trades(cells: Sequence[CellRecord]) -> list[str]:
    few = [c for c in cells if not c.item.baseline and c.entries < MIN_TRADES]
    if not few:
        return []
    where = _places([(cell, f"{cell.episode.name}: {cell.entries}") for cell in few])
    return [
        f"Fewer than {MIN_TRADES} trades or rebalancings, too few to judge a playbook ({where})."
    ]


def _starved(cells: Iterable[CellRecord]) -> list[str]:
    """Return the cells in which many orders to buy were cut for lack of cash in their wallet."""
    found = []
    for cell in cells:
        bought = [row for row in cell.files.rows("orders") if row["role"] == OrderRole.ENTRY.value]
        cut = sum(row["end_reason"] == EndReason.FREE_CASH for row in bought)
        if bought and cut / len(bought) > MUCH_CUT:
            found.append((cell, f"{cell.episode.name}: {cut} of {len(bought)}"))
    if not found:
        return []
    return [f"Orders to buy that were cut for lack of cash in their wallet ({_places(found)})."]


def _doubtful(cell: CellRecord) -> list[str]:
    """Return a warning about fills that only a doubtful high or low explains, see docs/data.md."""
    count = len(cell.files.manifest.get("doubtful_fills", []))
    if not count:
        return []
    fills = "1 fill rests" if count == 1 else f"{count} fills rest"
    return [f"{fills} on a doubtful daily high or low alone: about the close before a gap."]


def _unknown(cell: CellRecord) -> list[str]:
    """Return a warning for each required condition with an input often missing or too old."""
    lines = []
    rates = {item["name"]: item["all_bars"] for item in cell.files.conditions}
    for item in cell.files.conditions:
        # Rules that let an unknown pass list the known part as a condition of its own.
        rate = rates.get(f"{item['name']}_known", item["all_bars"])
        share = rate["unknown"] / rate["rows"] if rate["rows"] else 0.0
        if item["required"] and share > MUCH_UNKNOWN:
            lines.append(
                f"{item['name']} was unknown on {percent_share(share)} of the bars: an input is "
                "missing or stale."
            )
    return lines


def _models(cell: CellRecord) -> list[str]:
    """Return a warning about the prices in a run that come from a model."""
    manifest, lines = cell.files.manifest, []
    done = manifest["simulation"]
    if not cell.is_synthetic and done["inferred_mark_bars"]:
        share = done["inferred_mark_bars"] / done["mark_bars"]
        lines.append(
            f"The mark is inferred from the last price in {percent_share(share)} of the bars."
        )
    if any(item["kind"] == "option" for item in manifest["instruments"].values()):
        lines.append("Option prices come from a model that is fitted to the volatility index.")
    return lines


def _shared(
    cells: Sequence[CellRecord], sentences: Callable[[CellRecord], Iterable[str]]
) -> list[str]:
    """Return each sentence once, with the cells that it applies to."""
    told: dict[str, list[tuple[CellRecord, str]]] = defaultdict(list)
    for cell in cells:
        for sentence in sentences(cell):
            told[sentence].append((cell, cell.episode.name))
    return [f"{sentence} ({_places(where)})" for sentence, where in told.items()]


def _places(cells: Sequence[tuple[CellRecord, str]]) -> str:
    """Return the rows with the texts of their cells: ``A 2020, 2022; B 2020``."""
    by_row: dict[str, list[str]] = defaultdict(list)
    for cell, said in cells:
        by_row[row_title(cell.item)].append(said)
    return "; ".join(f"{title} {', '.join(said)}" for title, said in by_row.items())
