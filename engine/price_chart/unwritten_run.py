"""Read a finished run as its folder will hold it, before the folder is written."""

from functools import cached_property
from pathlib import Path

import pyarrow as pa

from engine.config.models import RunConfig
from engine.equity_curve import EquityCurve
from engine.records import Fact, Fill, Trade
from engine.results.contents import tables
from engine.results.finished import RunRecord
from engine.run_folder.read import RunFolder


class UnwrittenRun(RunFolder):
    """The tables of a run in memory, so that a page and the folder's answers share sentences."""

    def __init__(self, record: RunRecord) -> None:
        super().__init__(Path(record.run.config.name), sealed=False)
        self._record = record

    @cached_property
    def config(self) -> RunConfig:
        """The configuration of the run."""
        return self._record.run.config

    @cached_property
    def curve(self) -> EquityCurve:
        """Equity at bar closes."""
        return self._record.run.outcome.curve

    # The rows that a chart reads by the thousand are in memory already.
    @cached_property
    def fills(self) -> tuple[Fill, ...]:
        """Every execution."""
        return self._record.run.outcome.fills

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        """Rows of the ledger."""
        return self._record.run.outcome.facts

    @cached_property
    def trades(self) -> tuple[Trade, ...]:
        """The trades, one a filled plan."""
        return self._record.trades

    def arrow(self, name: str) -> pa.Table:
        """Return a table as the run folder will hold it."""
        return self._tables[name]

    @cached_property
    def _tables(self) -> dict[str, pa.Table]:
        return tables(self._record)
