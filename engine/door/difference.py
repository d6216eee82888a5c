"""Give the difference of two finished runs as pandas tables."""

from functools import cached_property
from pathlib import Path

import pandas as pd

from engine.answers.run_diff import diff_runs, diff_text, trade_text
from engine.answers.run_diff.net_parts import PARTS
from engine.door.column_units import ACCOUNT
from engine.door.shown import Answer


class Difference:
    """Hold the difference of run B from run A; :meth:`explain` shows one trade in full.

    Parameters
    ----------
    folder_a, folder_b : the folders of two runs

    Raises
    ------
    ReportError : a folder is not a run's, or a file of it is missing or altered.
    """

    def __init__(self, folder_a: Path, folder_b: Path) -> None:
        self._diff = diff_runs(folder_a, folder_b)
        self._names = str(folder_a), str(folder_b)

    @property
    def is_same(self) -> bool:
        """Return whether no trade and no headline number differs."""
        return self._diff.is_same

    @cached_property
    def inputs(self) -> pd.DataFrame:
        """Return the inputs that differ as text: configuration, data, code, versions."""
        rows = [(line.part, line.name, line.a, line.b) for line in self._diff.inputs]
        return pd.DataFrame(rows, columns=["part", "name", "a", "b"])

    @cached_property
    def headline(self) -> pd.DataFrame:
        """Return every headline number of both runs and their difference, indexed by name."""
        rows = [(line.name, line.a, line.b, line.b - line.a) for line in self._diff.headline]
        return pd.DataFrame(rows, columns=["name", "a", "b", "change"]).set_index("name")

    @cached_property
    def trades(self) -> pd.DataFrame:
        """Return every trade of both runs by the instant of its decision, with its first cause.

        ``net_change`` and the columns ``of_<part>``, which add up to it, are B less A in account
        currency. Only changed trades have parts. ``trade_a`` and ``trade_b`` are the numbers in
        each run.
        """
        rows = []
        for trade in self._diff.trades:
            a, b, cause = trade.a, trade.b, trade.cause
            rows.append(
                {
                    "decided_at": trade.at,
                    "number": trade.number,
                    "verdict": str(trade.verdict),
                    "instrument": trade.instrument,
                    "direction": trade.direction,
                    "trade_a": None if a is None else a["trade_id"],
                    "trade_b": None if b is None else b["trade_id"],
                    "net_a": None if a is None else a["net_pnl"],
                    "net_b": None if b is None else b["net_pnl"],
                    "net_change": trade.net,
                    **{f"of_{part}": trade.parts.get(part) for part in PARTS},
                    "changes": "; ".join(change.text() for change in trade.changes),
                    "cause_kind": "" if cause is None else str(cause.kind),
                    "cause": "" if cause is None else cause.name,
                    "because": "" if cause is None else cause.text,
                }
            )
        names = [*_TRADE_COLUMNS[:9], *(f"of_{part}" for part in PARTS), *_TRADE_COLUMNS[9:]]
        frame = pd.DataFrame(rows, columns=["decided_at", *names])
        numbers = dict.fromkeys(("trade_a", "trade_b"), "Int64")
        amounts = [name for name in names if name.startswith(("net_", "of_"))]
        frame = frame.astype(numbers | dict.fromkeys(amounts, "float64"))
        at = pd.DatetimeIndex(pd.to_datetime(frame.pop("decided_at"), utc=True), name="decided_at")
        frame = frame.set_index(at.as_unit("ns"))
        frame.attrs["units"] = dict.fromkeys(amounts, ACCOUNT)
        return frame

    @cached_property
    def money(self) -> "pd.Series[float]":
        """Return the parts of the change of the equity at the end; they add up to it."""
        return pd.Series(dict(self._diff.money), name="change", dtype=float)

    def explain(self, trade: int | None = None) -> Answer:
        """Return the whole difference in words, or one trade by its number in :attr:`trades`.

        Raises
        ------
        ReportError : there is no trade of that number.
        """
        if trade is not None:
            return Answer(trade_text(self._diff, trade))
        return Answer(diff_text(self._diff, self._names, every=True))

    def __repr__(self) -> str:
        return diff_text(self._diff, self._names).rstrip("\n")


_TRADE_COLUMNS = (
    "number", "verdict", "instrument", "direction", "trade_a", "trade_b", "net_a", "net_b",
    "net_change", "changes", "cause_kind", "cause", "because",
)  # fmt: skip
