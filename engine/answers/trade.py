"""Explain one trade of a run: why it was opened, its size, orders, fills, funding and result."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from engine.answers.row_sentences import (
    condition_lines,
    decision_lines,
    funding_lines,
    order_lines,
    result_lines,
)
from engine.errors import ReportError
from engine.run_folder.read import Row, RunFolder, moment, run_title


def explain_trade(run_folder: Path, trade_id: int) -> str:
    """Return the story of one trade: why, how much, orders, fills, funding, exits, result in R.

    Raises
    ------
    ReportError : not a run folder, or no trade of that number.
    """
    files = RunFolder(run_folder)
    trades = files.rows("trades")
    trade = next((row for row in trades if row["trade_id"] == trade_id), None)
    if trade is None:
        held = f"it has trades 1 to {len(trades)}" if trades else "it has no trades"
        raise ReportError(f"{files.folder}: no trade {trade_id}; {held}")
    plan_id = trade["plan_id"]
    decision = _of_id(files.rows("journal_decisions"), "decision_id", trade["decision_id"])
    lines = [run_title(files, f"trade {trade_id} of {len(trades)}"), *result_lines(trade)]
    if decision is not None:
        lines += ["", f"Decided {moment(decision['decided_at'])}: {decision['reason']}."]
        lines += _conditions_at(files, decision["decided_at"])
        lines += ["", *decision_lines(decision, files.drawdown_ladder)]
    lines += ["", "Orders and fills", *order_lines(files, plan_id)]
    lines += ["", *funding_lines(files, plan_id)]
    later = [
        row
        for row in files.rows("journal_decisions")
        if row["plan_id"] == plan_id and row["decision_id"] != trade["decision_id"]
    ]
    if later:
        lines += ["", "Later decisions"]
        lines += [
            f"  {moment(row['decided_at'])}  {row['intent']} {row['outcome']}: {row['reason']}"
            for row in later
        ]
    return "\n".join(lines) + "\n"


def _of_id(rows: Sequence[Row], column: str, wanted: int) -> Row | None:
    return next((row for row in rows if row[column] == wanted), None)


def _conditions_at(files: RunFolder, at: pd.Timestamp) -> list[str]:
    row = next((line for line in files.rows("journal_conditions") if line["at"] == at), None)
    return [] if row is None else condition_lines(files.conditions, row)
