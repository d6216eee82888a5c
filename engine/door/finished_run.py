"""Give a finished run as pandas tables, pictures and answers."""

from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from data_feeds.dataset import Dataset
from data_feeds.errors import DataError
from data_feeds.load import load_dataset, open_source
from engine.answers.day import explain_day
from engine.answers.instant import explain_at
from engine.answers.run_lists import explain_run, explain_setup
from engine.answers.trade import explain_trade
from engine.answers.why_not_text import explain_why_not
from engine.audit import AuditReport, audit_run
from engine.config.models import RunConfig
from engine.door.folder_tables import FolderTables
from engine.door.shown import Answer, Picture
from engine.pages.charts import PriceLine, standing_alone, trade_chart
from engine.pages.publish import TEARSHEET_FILE
from engine.price_chart.stored_bars import explains_fills, traded_bar_keys
from engine.run_folder.read import RunFolder
from engine.run_folder.schema import (
    CONDITION_ROWS,
    DECISIONS,
    FILLS,
    LEDGER,
    ORDERS,
    TRADES,
)


class Run(FolderTables):
    """Read a finished run from its folder; every table is a pandas frame with a UTC index.

    Parameters
    ----------
    folder : the run's folder

    Raises
    ------
    ReportError : the folder is not a run's, or a file of it is missing or altered.
    """

    _files: RunFolder

    def __init__(self, folder: str | Path) -> None:
        self._files = RunFolder(Path(folder))

    @property
    def config(self) -> RunConfig:
        """Return the configuration with every default filled in."""
        return self._files.config

    @property
    def is_synthetic(self) -> bool:
        """Return whether a model made some of the run's data."""
        return bool(self._files.manifest["data_label"] == "synthetic")

    @property
    def page(self) -> Path:
        """Return the path of the run's page, ``tearsheet.html``."""
        return self.folder / TEARSHEET_FILE

    @cached_property
    def trades(self) -> pd.DataFrame:
        """Return the filled plans, one a row, by the instant of the first fill."""
        return self._frame(TRADES.name)

    @cached_property
    def fills(self) -> pd.DataFrame:
        """Return the fills by their instant."""
        return self._frame(FILLS.name)

    @cached_property
    def orders(self) -> pd.DataFrame:
        """Return the orders by the instant of their decision."""
        return self._frame(ORDERS.name)

    @cached_property
    def decisions(self) -> pd.DataFrame:
        """Return the risk decisions with the size before and after every cap."""
        return self._frame(DECISIONS.name)

    @cached_property
    def ledger(self) -> pd.DataFrame:
        """Return the movements of cash; an amount is positive when cash comes in."""
        return self._frame(LEDGER.name)

    @cached_property
    def conditions(self) -> pd.DataFrame:
        """Return the journal, one row a bar: each condition's truth, numbers and age."""
        return self._frame(CONDITION_ROWS)

    def explain(
        self,
        *,
        trade: int | None = None,
        setup: int | None = None,
        at: str | None = None,
        day: str | None = None,
    ) -> Answer:
        """Return the answer to one question, or without one the list of trades and refused setups.

        Parameters
        ----------
        trade : number of a trade, from 1
        setup : number of a refused setup in the list
        at : an instant, ``2026-02-06T03:00Z``
        day : a UTC day, ``2026-02-05``

        Raises
        ------
        ValueError : more than one question. ReportError : there is no such trade, setup or time.
        """
        asked = [one for one in (trade, setup, at, day) if one is not None]
        if len(asked) > 1:
            raise ValueError("ask one question: trade=, setup=, at= or day=")
        if trade is not None:
            return Answer(explain_trade(self.folder, trade))
        if setup is not None:
            return Answer(explain_setup(self.folder, setup))
        if at is not None:
            return Answer(explain_at(self.folder, at))
        if day is not None:
            return Answer(explain_day(self.folder, day))
        return Answer(explain_run(self.folder, str(self.folder)))

    def why_not(self, window: str) -> Answer:
        """Return the reasons for which no entry was made in a UTC day or ``FROM..TO``.

        Raises
        ------
        ReportError : the window lies outside the run, or holds no decision row.
        """
        return Answer(explain_why_not(self.folder, window))

    def audit(self, data: str | Path | None = None) -> AuditReport:
        """Derive the run's books again from orders, config and market, and return the differences.

        Parameters
        ----------
        data : a catalog's folder; None reads the data that the run names
        """
        return audit_run(self.folder, None if data is None else open_source(data))

    def plot(self) -> Picture:
        """Return a picture of prices with every fill, equity, and drawdown.

        Prices are read again from the data that the run names. An instrument is left out, and the
        picture's ``note`` says so, if the data are gone or if a fill lies outside its bar there.
        """
        lines, missing = self._prices()
        note = f"no prices of {', '.join(missing)}: not in the data, or changed" if missing else ""
        drawn = trade_chart(
            lines,
            self._files.curve,
            self.config.account.currency or "quote",
            start=self._files.metrics["start_equity"],
        )
        return Picture(standing_alone(drawn), note)

    def _prices(self) -> tuple[list[PriceLine], list[str]]:
        """Return the closes and trades of each traded instrument, and the instruments without."""
        files = self._files
        keys = traded_bar_keys(files.manifest["channels"], files.traded)
        try:
            source = open_source(self.config.data.source)
            data = load_dataset(source, (), files.start, files.end, optional=keys.values())
        except DataError:
            data = Dataset({}, {})
        lines, missing = [], []
        for instrument, key in keys.items():
            bars = data.channels.get(key)
            trades = [trade for trade in files.trades if trade.instrument == instrument]
            fills = [fill for fill in files.fills if fill.instrument == instrument]
            if bars is None or not explains_fills(bars, fills):
                missing.append(instrument)
                continue
            known = np.isfinite(bars["close"])
            closes = bars["closed_at"][known], bars["close"][known]
            lines.append(
                PriceLine(instrument, data.instruments[instrument].quote, *closes, trades, fills)
            )
        return lines, missing

    def _count(self) -> str:
        return f"{len(self.trades)} trades"
