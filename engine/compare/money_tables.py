"""The parts of each return as small tables: one a row, its parts down, its episodes across."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.compare.across_table import AcrossLine, AcrossTable
from engine.compare.breakdown import HEDGES, attribution, hedges
from engine.compare.cells import row_title
from engine.compare.matrix import Matrix
from engine.compare.record import CellRecord
from engine.formatting import adding_up, signed_percent

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
RETURN = "return"
NAMES = (*PARTS, RETURN, *HEDGE_WORDS.values())
# The text of a number that is shown as zero.
ZERO = signed_percent(0.0)


@dataclass(frozen=True)
class MoneyTables:
    """The tables of all rows, and the parts that are zero in every cell."""

    tables: tuple[AcrossTable, ...]
    left_out: tuple[str, ...]


def money_tables(matrix: Matrix) -> MoneyTables:
    """Return the tables; a part that is zero in all episodes of a row has no line in its table."""
    texts = {key: _texts(record) for key, record in matrix.records.items()}
    used = {name for cell in texts.values() for name, text in cell.items() if text != ZERO}
    tables = []
    for row, item in matrix.config.rows.items():
        episodes = [e.name for e in matrix.episodes if (row, e.name) in texts]
        lines = []
        for name in NAMES:
            told = tuple(texts[row, episode][name] for episode in episodes)
            if name == RETURN or any(text != ZERO for text in told):
                lines.append(AcrossLine(name, told, is_sum=name == RETURN))
        if episodes:
            tables.append(
                AcrossTable(row_title(item), item.baseline, tuple(episodes), tuple(lines))
            )
    return MoneyTables(tuple(tables), tuple(name for name in NAMES if name not in used))


def _texts(record: CellRecord) -> dict[str, str]:
    parts, hedged = attribution(record), hedges(record)
    # As shown, the parts add up to the return.
    whole, *shown = adding_up(record.metrics["total_return"], *(parts[name] for name in PARTS))
    return {
        **dict(zip(PARTS, map(signed_percent, shown), strict=True)),
        RETURN: signed_percent(whole),
        **{HEDGE_WORDS[name]: signed_percent(hedged[name]) for name in HEDGES},
    }


def left_out_note(left_out: Sequence[str]) -> str:
    """Return the sentence about parts without a line."""
    everywhere = f"; zero in every cell: {', '.join(left_out)}" if left_out else ""
    return f"A part without a line is zero{everywhere}."
