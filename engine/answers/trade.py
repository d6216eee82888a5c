"""Explain one trade of a run: why it was opened, its size, orders, fills, funding and result."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.answers.account_money import account_currency
from engine.answers.row_sentences import (
    condition_lines,
    decision_lines,
    funding_lines,
    later_line,
    order_lines,
    reason_line,
    result_lines,
)
from engine.errors import ReportError
from engine.run_folder.read import Row, RunFolder, run_title


@dataclass(frozen=True)
class TradeStory:
    """One trade as lines of text, by topic; :meth:`text` joins them for a terminal.

    Attributes
    ----------
    result : entry, exit and result
    reason : the playbook's reason and the conditions at the decision; empty without a decision
    size : the risk decision with every cap; empty without a decision
    orders, funding : orders with their fills; funding payments
    later : decisions about the same plan after the first one
    """

    title: str
    result: tuple[str, ...]
    reason: tuple[str, ...]
    size: tuple[str, ...]
    orders: tuple[str, ...]
    funding: tuple[str, ...]
    later: tuple[str, ...]

    def text(self) -> str:
        """Return the story with an empty line between two topics."""
        paragraphs = [
            (self.title, *self.result),
            self.reason,
            self.size,
            ("Orders and fills", *self.orders),
            self.funding,
            ("Later decisions", *self.later) if self.later else (),
        ]
        return "\n\n".join("\n".join(lines) for lines in paragraphs if lines) + "\n"


def explain_trade(run_folder: Path, trade_id: int) -> str:
    """Return one trade in plain words; see :func:`trade_story`."""
    return trade_story(run_folder, trade_id).text()


def trade_story(run_folder: Path, trade_id: int) -> TradeStory:
    """Return why a trade was made, how large, its orders, fills, funding and result in R.

    Raises
    ------
    ReportError : not a run folder, or no trade of that number.
    """
    run = RunFolder(run_folder)
    trades = run.rows("trades")
    trade = _row_of(trades, "trade_id", trade_id)
    if trade is None:
        known = f"it has trades 1 to {len(trades)}" if trades else "it has no trades"
        raise ReportError(f"{run.folder}: no trade {trade_id}; {known}")
    plan_id = trade["plan_id"]
    decision = _row_of(run.rows("journal_decisions"), "decision_id", trade["decision_id"])
    return TradeStory(
        title=run_title(run, f"trade {trade_id} of {len(trades)}"),
        result=tuple(result_lines(trade, account_currency(run))),
        reason=() if decision is None else tuple(_reason_lines(run, decision)),
        size=() if decision is None else tuple(decision_lines(decision, run.drawdown_ladder)),
        orders=tuple(order_lines(run, plan_id)),
        funding=tuple(funding_lines(run, plan_id)),
        later=tuple(
            later_line(row)
            for row in run.rows("journal_decisions")
            if row["plan_id"] == plan_id and row["decision_id"] != trade["decision_id"]
        ),
    )


def _row_of(rows: Sequence[Row], column: str, wanted: int) -> Row | None:
    return next((row for row in rows if row[column] == wanted), None)


def _reason_lines(run: RunFolder, decision: Row) -> list[str]:
    at: datetime = decision["decided_at"]
    lines = [reason_line(decision)]
    row = next((line for line in run.rows("journal_conditions") if line["at"] == at), None)
    return lines if row is None else lines + condition_lines(run.conditions, row)
