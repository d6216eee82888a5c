"""Rows that come late: no decision is made without them, and age never reads as nothing to do."""

from pathlib import Path

import numpy as np
import pytest

from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS
from data_feeds.schema import ChannelKind
from engine.config.market import MarketStateConfig
from engine.config_files import read_config
from engine.testing import candles
from engine.today import Verdict, today_page, today_report, today_text
from engine.today.playbook_day import playbook_day
from tests.data_feeds.factory import ns
from tests.engine.today.market_of_days import ORIGIN, channels, made_catalog, made_run

RULES = MarketStateConfig()


def known_until(folder: Path, **ends: str) -> Catalog:
    """Return the made market; the rows of a named instrument end at an instant."""
    catalog = Catalog(folder)
    for owner, rows in channels():
        end = ends.get(owner.id.partition("-")[0])
        kept = rows if end is None else rows.take(rows["available_at"] <= ns(end))
        catalog.write(owner, [kept], ORIGIN)
    return catalog


@pytest.mark.parametrize(
    ("late", "end"),
    [({"SPY": "2026-02-04T21:00"}, "20:00"), ({"BTCUSDT": "2026-02-05T20:00"}, "20:00")],
)
def test_a_bar_inside_its_hour_of_grace_ends_the_decisions_before_it(
    late: dict[str, str], end: str, tmp_path: Path
) -> None:
    whole, lacks = made_catalog(tmp_path / "whole"), known_until(tmp_path / "late", **late)
    at = ns("2026-02-05T21:30")
    told = playbook_day(made_run("lead", tmp_path, lacks), lacks, at)
    assert (told.decided_at, told.problem) == (f"2026-02-05T{end}Z", "")
    # The answer is that of the last instant at which every row was there.
    then = playbook_day(made_run("lead", tmp_path, whole), whole, ns(f"2026-02-05T{end}"))
    assert told.conditions == then.conditions
    assert told.instruments == then.instruments
    # At the close itself the bar is lacking too.
    sharp = playbook_day(made_run("lead", tmp_path, lacks), lacks, ns("2026-02-05T21:00"))
    assert sharp.decided_at == f"2026-02-05T{end}Z"


def test_marks_that_come_late_end_the_decisions_too(tmp_path: Path) -> None:
    at, catalog = ns("2026-02-05T22:30"), made_catalog(tmp_path / "catalog")
    owner, bars = channels()[3]
    columns = ("open", "high", "low", "close")
    kept = bars.take(bars["closed_at"] <= ns("2026-02-05T21:00"))
    table = np.column_stack([kept[name] for name in columns])
    marks = candles(
        table, kind=ChannelKind.MARK, instrument=owner.id, opened_at=kept["opened_at"].tolist()
    )
    catalog.write(owner, [marks], ORIGIN)
    config = made_run("break", tmp_path, catalog)
    assert playbook_day(config, catalog, at).decided_at == "2026-02-05T22:00Z"
    file = tmp_path / "marked.yaml"
    text = (tmp_path / "break.yaml").read_text()
    file.write_text(text.replace("above: btc.close", "above: btc.mark"))
    marked = read_config(str(file), None, None)
    assert playbook_day(marked, catalog, at).decided_at == "2026-02-05T21:00Z"


def test_a_day_around_the_clock_is_due_an_hour_after_its_close(tmp_path: Path) -> None:
    catalog = made_catalog(tmp_path / "catalog")
    owner = channels()[3][0]
    days = np.arange(ns("2025-09-01"), ns("2026-02-04"), DAY_NS)
    table = np.column_stack([np.full(len(days), 90_000.0)] * 4)
    other = owner.model_copy(update={"id": "BTCUSD-DAILY"})
    catalog.write(
        other,
        [candles(table, instrument=other.id, timeframe="1d", opened_at=days.tolist())],
        ORIGIN,
    )
    file = tmp_path / "daily.yaml"
    made_run("break", tmp_path, catalog)
    text = (tmp_path / "break.yaml").read_text().replace("BTCUSDT-PERP@1h", "BTCUSD-DAILY@1d")
    file.write_text(text.replace("btc@1h", "btc@1d"))
    config = read_config(str(file), None, None)
    assert not playbook_day(config, catalog, ns("2026-02-04T23:30")).problem
    assert playbook_day(config, catalog, ns("2026-02-05T23:30")).problem == (
        "BTCUSD-DAILY/bars/1d ends at 2026-02-04T00:00Z, a later bar is due"
    )


def test_a_required_condition_whose_series_ended_is_no_reason_to_wait(tmp_path: Path) -> None:
    catalog = known_until(tmp_path / "catalog", VIX="2026-01-16T23:00")
    config = made_run("fear", tmp_path, catalog)
    report = today_report(catalog, RULES, [config], ns("2026-02-04T23:30"))
    assert report.playbooks[0].problem == (
        "fear is unknown because VIX/series ends at 2026-01-16T22:00Z"
    )
    assert report.verdict is Verdict.TOO_OLD
    # The run of sessions has its bars, and needs no VIX.
    dip = playbook_day(made_run("dip", tmp_path, catalog), catalog, ns("2026-02-04T23:30"))
    assert not dip.problem


def test_the_answer_names_the_steps_that_are_known(tmp_path: Path) -> None:
    catalog = made_catalog(tmp_path / "catalog")
    text = today_text(today_report(catalog, RULES, [], ns("2026-02-10T23:30")))
    assert "WAIT: the checklist asks for nothing; 3 of 4 steps are known." in text


def test_a_run_that_begins_later_leaves_the_other_answers(tmp_path: Path) -> None:
    catalog = made_catalog(tmp_path / "catalog")
    runs = [made_run(name, tmp_path, catalog) for name in ("break", "dip")]
    report = today_report(catalog, RULES, runs, ns("2025-11-07T23:30"))
    later, dip = report.playbooks
    assert (later.is_begun, later.problem, later.decided_at) == (False, "", "")
    assert dip.decided_at == "2025-11-07T23:30Z"
    said = "not begun; the run begins at 2025-11-10T00:00Z, see data.start"
    assert f"break: {said}" in today_text(report)
    assert said in today_page(report)


def test_a_session_that_the_rules_read_and_that_is_missing_is_no_reason_to_wait(
    tmp_path: Path,
) -> None:
    catalog = known_until(tmp_path / "catalog", SPY="2026-02-04T21:00")
    config = made_run("lead", tmp_path, catalog)
    told = playbook_day(config, catalog, ns("2026-02-05T22:00"))
    assert told.problem == "SPY/bars/1d ends at 2026-02-04T21:00Z, a later bar is due"
    assert told.decided_at == "2026-02-05T20:00Z"
    # Beyond the rules' own limit of age the run goes on, and its condition is unknown.
    told = playbook_day(config, catalog, ns("2026-02-12T12:00"))
    assert told.problem == "above is unknown because SPY/bars/1d ends at 2026-02-04T21:00Z"
    assert told.decided_at == "2026-02-12T12:00Z"
