"""The functions of the Python door beside ``run``, and the doctests of all."""

import doctest
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

import riskoff
from engine.config.account import AccountConfig
from engine.config.compare import CompareConfig
from engine.config.models import RunConfig
from engine.door import column_units, functions, shown


@pytest.mark.parametrize("module", [shown, column_units, functions])
def test_doctests(module, scratch: Path) -> None:
    finder = doctest.DocTestFinder()
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for case in finder.find(module, extraglobs={"scratch": scratch}):
        runner.run(case)
    assert runner.summarize(verbose=False).failed == 0
    assert runner.tries > 0


def test_load_reads_all_three_kinds_of_config() -> None:
    assert isinstance(riskoff.load("demo"), RunConfig)
    assert isinstance(riskoff.load("three_playbooks"), AccountConfig)
    assert isinstance(riskoff.load("playbooks_by_episode"), CompareConfig)
    with pytest.raises(riskoff.RiskoffError, match="risk_fractoin"):
        riskoff.load("demo", {"risk.risk_fractoin": 0.01})


def test_a_day_of_the_checklist_and_a_history_agree() -> None:
    one = riskoff.checklist(date(2026, 2, 5))
    history = riskoff.checklist("2026-02-04", "2026-02-06")
    assert one.is_synthetic
    assert history.attrs["synthetic"]
    assert "SYNTHETIC" in repr(one)
    assert list(history.index) == list(pd.date_range("2026-02-04", "2026-02-06", tz="UTC"))
    assert history.loc["2026-02-05", "action"] == one.action
    with pytest.raises(riskoff.RiskoffError, match="lies before"):
        riskoff.checklist("2026-02-06", "2026-02-05")
    with pytest.raises(riskoff.RiskoffError, match="no date"):
        riskoff.checklist("yesterday")


def test_an_account_holds_its_sleeves_as_runs(scratch: Path) -> None:
    window = {"data.start": "2026-01-26", "data.end": "2026-02-12"}
    done = riskoff.account("three_playbooks", window, out=scratch)
    assert isinstance(done, riskoff.Account)
    assert set(done.sleeves) == set(done.config.sleeves)
    total = sum(sleeve.equity.iloc[-1] for sleeve in done.sleeves.values())
    assert done.equity.iloc[-1] == pytest.approx(total, rel=1e-12)
    assert done.audit().ok
    assert isinstance(riskoff.open("three_playbooks", root=scratch), riskoff.Account)
    name = next(iter(done.sleeves))
    assert isinstance(riskoff.open(f"three_playbooks/{name}", root=scratch), riskoff.Run)
