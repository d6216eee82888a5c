"""Check the page of a stress against a recount of its table of paths."""

import html
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data_feeds.errors import CoverageError
from data_feeds.load import open_source
from data_feeds.scenario_path import ScenarioPath
from engine.audit import audit_run
from engine.cli.app import execute
from engine.config.load import load_run_config
from engine.errors import ConfigError
from engine.pages.publish import publish
from engine.stress import PathRow, path_run, publish_stress, run_stress, summarize
from engine.stress.measure import StressSummary
from engine.stress.path_groups import PathGroups, stress_conclusions
from engine.stress.stress_page import result_rows, stress_page, worst_rows
from engine.workers import Workers


def row(path, total_return, *, drawdown=0.0, liquidations=0, trades=1, halts=0) -> PathRow:
    return PathRow(path, 7, total_return, drawdown, liquidations, trades, 2.0, 1.0, 1.0, halts)


MIXED = PathGroups(
    (
        row(0, 0.002, trades=0),
        row(1, -0.2, drawdown=-0.3, liquidations=1, halts=1),
        row(2, 0.004, trades=0),
        row(3, 0.1, drawdown=-0.15),
        row(4, -0.2, drawdown=-0.25, halts=2),
    )
)


def summary_of(groups: PathGroups) -> StressSummary:
    return summarize(groups.rows, tolerance=0.15, seed=7)


def told(groups: PathGroups) -> list[str]:
    return stress_conclusions(groups, summary_of(groups), "B")


def test_the_conclusions_count_the_paths_and_name_the_lowest():
    spread, idle, ruined, worst, limits = told(MIXED)
    # Sorted -0.2, -0.2, 0.002, 0.004, 0.1: 95% lies 0.8 of the way from the fourth to the fifth.
    assert spread == (
        "Under scenario B the median path returned +0.20%; 4 of 5 paths (80%) ended between "
        "-20.00% and +8.08%, the quantiles of 5% and 95%. 2 of 5 paths (40%) lost money."
    )
    assert idle == (
        "2 of 5 paths (40%) never traded and earned +0.30% in the median; the median of the 3 "
        "paths with a trade is -20.00%."
    )
    assert ruined == (
        "1 of 5 paths (20%) had a liquidation, 2 a drawdown halt, and 3 a drawdown of 15% or more."
    )
    # 1 - 0.05 ^ (1 / 5) = 45.07%
    assert worst == (
        "The lowest return is -20.00% (path 1), the deepest drawdown -30.00% (path 1); at 95% "
        "confidence at most 45.1% of the scenario's paths lie below each of them."
    )
    assert "No forecast follows" in limits


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((row(0, 0.1),), "The only path had a trade."),
        ((row(0, 0.1), row(1, 0.2)), "Each of the 2 paths had a trade."),
        ((row(0, 0.0, trades=0),), "1 of 1 path (100%) never traded: the result says nothing"),
    ],
)
def test_all_paths_or_none_with_a_trade(rows, words):
    assert told(PathGroups(rows))[1].startswith(words)


def test_results_are_shown_with_and_without_the_paths_that_never_traded():
    rows = {line[0]: line[1:] for line in result_rows(MIXED, summary_of(MIXED).total_return)}
    assert rows["paths"] == ("5", "", "3", "2")
    assert rows["50% of paths at or below"][::2] == ("+0.20%", "-20.00%")
    # (0.2 - 20 + 0.4 + 10 - 20) / 5, (-20 + 10 - 20) / 3, (0.2 + 0.4) / 2 in percent
    assert (rows["mean"][0], *rows["mean"][2:]) == ("-5.88%", "-10.00%", "+0.30%")
    assert (rows["lowest"][0], *rows["lowest"][2:]) == ("-20.00%", "-20.00%", "+0.20%")
    assert [line[0] for line in worst_rows(MIXED, "USD")[1:]] == ["1", "4", "0", "2", "3"]
    heading, lowest = worst_rows(MIXED, "USD")[:2]
    # Paid 2, received 1.
    assert (heading[6:], lowest[6:]) == (
        ("fees paid, USD", "funding received, USD"), ("2.00", "+1.00"),
    )  # fmt: skip


def test_the_page_draws_and_counts_the_paths_without_a_trade(toy_job, tmp_path):
    result = run_stress(toy_job(paths=5), workers=Workers(1))
    assert "5 paths, 0 without a trade" in stress_page(result, tmp_path)
    rows = tuple(replace(row, trades=row.trades * (row.path > 1)) for row in result.rows)
    summary = summarize(rows, tolerance=0.15, seed=0)
    folder = publish_stress(replace(result, rows=rows, summary=summary), tmp_path)
    page = (folder / "index.html").read_text()
    # Two fans: all paths, and those with a trade.
    assert "5 paths, 2 without a trade: quantiles day by day" in page
    assert "3 paths with a trade: quantiles day by day" in page
    assert "2 of 5 paths (40%) never traded" in page
    table = pq.read_table(folder / "paths.parquet").to_pylist()
    assert sum(line["trades"] == 0 for line in table) == 2
    assert "SYNTHETIC DATA" in page


def test_the_command_of_the_page_runs_from_the_working_folder(toy_job, tmp_path, capsys):
    # A folder with a space, other than the default, and playbooks of one's own.
    result = run_stress(toy_job(paths=3), workers=Workers(1))
    folder = publish_stress(result, Path("my stresses"))
    page = html.unescape((folder / "index.html").read_text())
    program, *arguments = shlex.split(re.search(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL)[1])
    lowest = min(result.rows, key=lambda row: row.total_return)
    assert program == "riskoff"
    assert execute([*arguments, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert f"path-{lowest.path}-" in made["run"]
    assert json.loads((Path(made["run"]) / "metrics.json").read_text())["total_return"] == (
        pytest.approx(lowest.total_return)
    )


def test_a_share_of_paths_is_never_rounded_to_none_or_all():
    rows = (row(0, -0.1, trades=0), *(row(place, 0.1) for place in range(1, 1_000)))
    spread, idle, *_ = told(PathGroups(rows))
    assert spread.endswith("1 of 1,000 paths (<1%) lost money.")
    assert idle.startswith("1 of 1,000 paths (<1%) never traded")
    # The quantiles are 0.1 both, and one path lies below.
    assert "999 of 1,000 paths (>99%) ended between" in spread


def test_a_stress_of_one_path_speaks_of_one():
    (spread, *_) = told(PathGroups((row(0, 0.1),)))
    assert spread == "Under scenario B the only path returned +10.00%."
    (spread, *_) = told(PathGroups(tuple(row(place, 0.0, trades=0) for place in range(6))))
    assert spread == "Under scenario B each of the 6 paths returned 0.00%."


def test_the_run_of_a_path_says_that_it_is_invented_and_is_not_audited_on_other_data(
    toy_job, tmp_path
):
    folder = publish(path_run(toy_job(paths=3), 2), tmp_path / "runs")
    sentence = "INVENTED: all data from 2026-02-27T21:00Z on are path 2 of scenario B, seed 0."
    page = html.unescape((folder / "tearsheet.html").read_text())
    assert sentence in page
    assert "path 2 of scenario B, seed 0, invented after embedded" in page
    assert any(
        line.startswith(sentence)
        for line in json.loads((folder / "manifest.json").read_text())["assumptions"]
    )
    again = "--scenario B --days 30 --seed 0 --path 2' makes the path and its run again"
    with pytest.raises(CoverageError, match=again):
        audit_run(folder)
    config = load_run_config(folder / "config.resolved.yaml")
    with pytest.raises(CoverageError, match=again):
        open_source(config.data.source)


def test_one_path_alone_is_the_path_of_the_stress(toy_job):
    job = toy_job(paths=3)
    row = run_stress(job, workers=Workers(1)).rows[2]
    alone = path_run(job, 2)
    assert float(alone.outcome.curve.equity[-1]) == row.end_equity
    assert alone.config.name == f"{job.config.name}-b-seed-0-path-2"
    with pytest.raises(ConfigError, match="--path -1: paths are numbered from 0"):
        path_run(job, -1)


def test_a_path_is_named_by_its_source_and_no_catalog_is():
    path = ScenarioPath("C", 7, 12, 60, "/data/my catalog")
    assert ScenarioPath.named(path.source) == path
    assert ScenarioPath.named("embedded") is None
    assert ScenarioPath.named("/data/scenario B, seed 1, path 2") is None
