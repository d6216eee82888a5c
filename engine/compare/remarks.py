"""What a reader must know before believing the matrix, worst first."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from engine.compare.cell_runs import CellOutcome
from engine.compare.cells import row_title
from engine.compare.record import CellRecord
from engine.formatting import percent
from engine.records import OrderRole
from engine.statistics import MIN_TRADES

# A required condition that is unknown on more than this share of the rows is told.
MUCH_UNKNOWN = 0.1
# Orders to buy that lacked cash, as a share of all: a book that is not what its weights say.
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
        f"{len(cell.audit['findings'])} differences; do not use its numbers."
        for cell in finished
        if cell.audit["findings"]
    ]
    if any(cell.is_synthetic for cell in finished):
        lines.append(
            "The data are synthetic reconstructions: they pass through known facts, everything "
            "between is a model's. They teach the tool; they are no evidence for a playbook."
        )
    lines += _few_trades(finished)
    lines += _shared(finished, lambda cell: cell.files.manifest["lacking"])
    lines += _shared(finished, _doubtful)
    lines += _shared(finished, _unknown)
    lines += _shared(finished, _starved)
    lines += _shared(finished, _models)
    return lines


def _few_trades(cells: Sequence[CellRecord]) -> list[str]:
    few = [c for c in cells if not c.item.baseline and c.entries < MIN_TRADES]
    if not few:
        return []
    where = _places([(cell, f"{cell.episode.name}: {cell.entries}") for cell in few])
    return [f"Fewer than {MIN_TRADES} trades or rebalancings, too few for a ratio ({where})."]


def _starved(cell: CellRecord) -> list[str]:
    """Return how many orders to buy the cash of their wallet did not carry, where they are many."""
    bought = [row for row in cell.files.rows("orders") if row["role"] == OrderRole.ENTRY.value]
    cut = sum("free cash" in row["end_reason"] for row in bought)
    if not bought or cut / len(bought) <= MUCH_CUT:
        return []
    return [f"The cash of their wallet did not carry {cut} of {len(bought)} orders to buy in full."]


def _doubtful(cell: CellRecord) -> list[str]:
    """Return how many fills only a doubtful high or low explains, see docs/data.md."""
    count = len(cell.files.manifest.get("doubtful_fills", []))
    if not count:
        return []
    fills = "1 fill rests" if count == 1 else f"{count} fills rest"
    return [f"{fills} on a doubtful daily high or low alone: about the close before a gap."]


def _unknown(cell: CellRecord) -> list[str]:
    """Return the required conditions that often lacked an input, or had one that was too old."""
    lines = []
    rates = {item["name"]: item["all_bars"] for item in cell.files.conditions}
    for item in cell.files.conditions:
        # Where the rules let an unknown pass, what was known stands beside what was decided.
        rate = rates.get(f"{item['name']}_known", item["all_bars"])
        share = rate["unknown"] / rate["rows"] if rate["rows"] else 0.0
        if item["required"] and share > MUCH_UNKNOWN:
            lines.append(
                f"{item['name']} was unknown on {percent(share, 0)} of the bars: an input is "
                "missing or stale."
            )
    return lines


def _models(cell: CellRecord) -> list[str]:
    """Return which prices of a run with observed data are a model's."""
    manifest, lines = cell.files.manifest, []
    done = manifest["simulation"]
    if not cell.is_synthetic and done["inferred_mark_bars"]:
        share = done["inferred_mark_bars"] / done["mark_bars"]
        lines.append(
            f"The mark is inferred from the last price in {percent(share, 0)} of the bars."
        )
    if any(item["kind"] == "option" for item in manifest["instruments"].values()):
        lines.append("Option prices are a model's, fitted to the volatility index.")
    return lines


def _shared(
    cells: Sequence[CellRecord], sentences: Callable[[CellRecord], Iterable[str]]
) -> list[str]:
    """Return each sentence once, with the cells that it is about."""
    told: dict[str, list[tuple[CellRecord, str]]] = defaultdict(list)
    for cell in cells:
        for sentence in sentences(cell):
            told[sentence].append((cell, cell.episode.name))
    return [f"{sentence} ({_places(where)})" for sentence, where in told.items()]


def _places(cells: Sequence[tuple[CellRecord, str]]) -> str:
    """Return rows with what is said of each of their cells: ``A 2020, 2022; B 2020``."""
    by_row: dict[str, list[str]] = defaultdict(list)
    for cell, said in cells:
        by_row[row_title(cell.item)].append(said)
    return "; ".join(f"{title} {', '.join(said)}" for title, said in by_row.items())
