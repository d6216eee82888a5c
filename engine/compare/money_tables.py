"""The parts of each cell's return as small tables: one a row, its parts down, its episodes across."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.compare.breakdown import HEDGES, attribution, hedges
from engine.compare.cells import row_title
from engine.compare.matrix import Matrix
from engine.compare.record import CellRecord
from engine.formatting import signed_percent

PARTS = (
    "price", "slippage", "fees", "funding", "dividends", "borrow", "interest", "revaluation",
    "other",
)  # fmt: skip
HEDGE_WORDS = {
    "bought_cost": "hedges bought: cost",
    "bought_benefit": "hedges bought: benefit",
    "held_back_cost": "held back: cost",
    "held_back_benefit": "held back: benefit",
}
# The texts of the numbers that are shown as zero in every cell.
ZERO = signed_percent(0.0)


@dataclass(frozen=True)
class MoneyLine:
    """One part in all episodes; ``is_sum`` marks the return, to which the lines above add up."""

    name: str
    texts: tuple[str, ...]
    is_sum: bool


@dataclass(frozen=True)
class MoneyTable:
    """The parts of one row's returns."""

    title: str
    is_baseline: bool
    episodes: tuple[str, ...]
    lines: tuple[MoneyLine, ...]


@dataclass(frozen=True)
class MoneyTables:
    """The tables of all rows, and the parts that are zero everywhere and left out."""

    tables: tuple[MoneyTable, ...]
    left_out: tuple[str, ...]


def money_tables(matrix: Matrix) -> MoneyTables:
    """Return the tables; all have the same lines, so that rows can be compared."""
    texts = {key: _texts(record) for key, record in matrix.records.items()}
    names = (*PARTS, "return", *HEDGE_WORDS.values())
    used = [
        name
        for name in names
        if name == "return" or any(cell[name] != ZERO for cell in texts.values())
    ]
    tables = []
    for row, item in matrix.config.rows.items():
        episodes = [e.name for e in matrix.episodes if (row, e.name) in texts]
        if episodes:
            lines = tuple(
                MoneyLine(name, tuple(texts[row, e][name] for e in episodes), name == "return")
                for name in used
            )
            tables.append(MoneyTable(row_title(item), item.baseline, tuple(episodes), lines))
    return MoneyTables(tuple(tables), tuple(name for name in names if name not in used))


def _texts(record: CellRecord) -> dict[str, str]:
    parts, hedged = attribution(record), hedges(record)
    return {
        **{name: signed_percent(parts[name]) for name in PARTS},
        "return": signed_percent(record.metrics["total_return"]),
        **{HEDGE_WORDS[name]: signed_percent(hedged[name]) for name in HEDGES},
    }


def left_out_note(left_out: Sequence[str]) -> str:
    """Return the sentence that names the parts without a line, "" for none."""
    return f"Zero in every cell and left out: {', '.join(left_out)}." if left_out else ""
