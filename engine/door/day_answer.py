"""Give the answer of one day from Python."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_feeds.clock import MINUTE_NS
from data_feeds.default_data import DEFAULT_CATALOG
from data_feeds.load import open_source
from engine.config.load import load_state_config
from engine.config.locations import find_config
from engine.door.functions import overrides
from engine.today import (
    TodayReport,
    asked_instant,
    asked_runs,
    today_page,
    today_report,
    today_text,
)


class DayAnswer:
    """Hold what ``riskoff today`` says: the answer, each playbook, the orders of the next open.

    Attributes
    ----------
    report : the whole answer as data; ``report.document()`` is the JSON of the command
    text : the answer as the command prints it
    """

    def __init__(self, report: TodayReport) -> None:
        self.report = report
        self.text = today_text(report)

    @property
    def verdict(self) -> str:
        """Return ``wait``, ``reduce``, ``hedge`` or ``data too old``."""
        return self.report.verdict.value

    def page(self) -> str:
        """Return the answer as one HTML page."""
        return today_page(self.report)

    def __repr__(self) -> str:
        return self.text.rstrip("\n")


def today(
    names: str | Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    *,
    asof: str | None = None,
    data: str | Path = DEFAULT_CATALOG,
    out: str | Path = "runs",
    plugin_path: str | Path | None = None,
) -> DayAnswer:
    """Return the answer of a day from the stored rows; nothing is fetched, no order is placed.

    Parameters
    ----------
    names : runs and rule files by name or path, playbooks, finished runs; one name or several
    settings : values by dotted key that replace those of every file
    asof : an earlier date (the checklist's reading on it) or instant; None: now
    data : a catalog's folder
    out : the folder of all runs, in which finished runs are found
    plugin_path : a folder of local playbooks

    Raises
    ------
    RiskoffError : a name, config, playbook or the catalog cannot be used. Data that are too old are
        no error: they are the verdict.
    """
    rules = load_state_config(find_config("default", "checklist"), ())
    plugins = None if plugin_path is None else Path(plugin_path)
    asked = asked_runs(
        [names] if isinstance(names, str) else names,
        overrides(settings),
        plugin_path=plugins,
        data=Path(data),
        runs=Path(out),
    )
    now = time.time_ns() // MINUTE_NS * MINUTE_NS
    at = now if asof is None else asked_instant(asof, rules.decide_at)
    return DayAnswer(today_report(open_source(data), rules, asked, at, plugin_path=plugins))
