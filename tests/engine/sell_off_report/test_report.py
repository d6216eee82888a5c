"""Check the report over every sell-off end to end, on real data and on what it refuses."""

import json

import numpy as np
import pytest

from engine.config.load import load_run_config
from engine.config.locations import CONFIGS_FOLDER, find_config
from engine.errors import ReportError
from engine.pages.publish import publish
from engine.records import FactKind
from engine.run import run
from engine.sell_off_report import JSON, PAGE, TEXT, judge_runs, write_report
from engine.sell_off_report.run_days import run_days
from engine.sell_off_report.scaled_costs import scaled_costs
from engine.sell_offs import find_market
from tests.engine.cli.command import assert_one_clear_line, riskoff

RULES = CONFIGS_FOLDER / "rules"


@pytest.fixture(scope="module")
def finished(real_catalog, tmp_path_factory):
    """Return the folder of a rule over three years, which hold four clusters of QQQ."""
    window = ("data.start=2017-06-01", "data.end=2020-06-30")
    settings = [f"data.source={real_catalog.path}", *window]
    config = load_run_config(RULES / "faber_filter.yaml", settings)
    return publish(run(config, real_catalog), tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def report(finished, real_catalog):
    return judge_runs([finished], real_catalog, find_market("QQQ"), data="real")


def test_a_short_run_has_parted_returns_and_no_test(report):
    (row,) = report.rows
    assert row.days.clusters == [11, 12, 13, 14]
    assert str(row.inside) == "n/a: 4 clusters, 6 needed"
    own = row.own
    assert (1 + own.calm) * (1 + own.inside) == pytest.approx(1 + own.total)
    assert (1 + own.run_up) * (1 + own.confirmed) == pytest.approx(1 + own.inside)
    assert own.total == pytest.approx(row.run.folder.metrics["total_return"])
    # All of the fall of 2020 is inside, from the day after the high on.
    days = row.run.days[row.days.inside & (row.run.days > np.datetime64("2020-01-01"))]
    assert (str(days[0]), str(days[-1])) == ("2020-02-20", "2020-04-13")


def test_at_k_of_one_a_row_is_the_run_itself_when_idle_cash_earns_the_bill(report):
    row = report.rows[0].run
    assert (row.financed != 0).sum() > 300
    assert row.bill + row.financed == pytest.approx(row.total, abs=1e-12)


def test_the_collateral_of_a_short_is_not_financed_and_its_rebate_counts_once(
    real_catalog, tmp_path
):
    settings = [
        f"data.source={real_catalog.path}",
        "data.end=2022-03-31",
        "account.venue_interest_series=DGS3MO",
    ]
    config = load_run_config(find_config("short_2022", "runs"), settings)
    folder = publish(run(config, real_catalog), tmp_path)
    row = run_days(folder)
    facts = [fact.kind for fact in row.folder.facts]
    assert facts.count(FactKind.REBATE) > 20
    # The last day's carry is booked on the day after, which the run does not have.
    own, built = row.total[:-1], (row.bill + row.financed)[:-1]
    assert built == pytest.approx(own, abs=1e-6)


def test_the_cost_of_a_fill_at_its_own_size_is_the_recorded_one_and_grows_by_the_square_root(
    report, real_catalog
):
    row = report.rows[0].run
    fills = [fill for fill in row.folder.fills if fill.slippage > 0]
    costs = scaled_costs(real_catalog, row)
    assert len(costs.fills) == len(fills) >= 3
    for fill, scalable in zip(fills, costs.fills, strict=True):
        assert scalable.slippage(1.0) == pytest.approx(fill.slippage, rel=1e-9)
        # sqrt(4) - sqrt(1) = sqrt(9) - sqrt(4)
        steps = np.diff([scalable.slippage(k) for k in (1.0, 4.0, 9.0)])
        assert steps[0] == pytest.approx(steps[1], rel=1e-9)
        assert steps[0] > 0
        assert scalable.added(1.0) == 0


def test_page_text_and_document_say_the_same(report, real_catalog, tmp_path):
    page = write_report(report, real_catalog, tmp_path)
    assert page == tmp_path / PAGE
    html, text = page.read_text(encoding="utf-8"), (tmp_path / TEXT).read_text(encoding="utf-8")
    document = json.loads((tmp_path / JSON).read_text(encoding="utf-8"))
    (row,) = document["rows"]
    assert row["against_rival"]["inside"] == {"missing": "4 clusters, 6 needed"}
    shown = f"{100 * row['own']['inside']:+,.2f}%"
    assert shown in html
    assert shown in text
    assert len(document["market"]["sell_offs"]) == 28
    for words in ("Lehman Brothers files", "taper tantrum", "descriptive, hindsight"):
        assert words in html
    assert "SYNTHETIC" not in html


def test_a_run_given_twice_and_a_run_without_a_sell_off_are_refused(
    finished, real_catalog, tmp_path
):
    market = find_market("QQQ")
    with pytest.raises(ReportError, match="faber_filter: given twice"):
        judge_runs([finished, finished], real_catalog, market, data="real")
    settings = [f"data.source={real_catalog.path}", "data.start=2013-02-01", "data.end=2013-06-28"]
    config = load_run_config(RULES / "faber_filter.yaml", settings)
    calm = publish(run(config, real_catalog), tmp_path)
    with pytest.raises(ReportError, match=r"no day from 2013-02-01 to .* lies inside a sell-off"):
        judge_runs([calm], real_catalog, market, data="real")


def test_the_command_reads_finished_runs_and_writes_its_files(finished, real_catalog, tmp_path):
    done = riskoff(
        "sell-offs", finished, "--data", real_catalog.path, "--out", "page", cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "page/index.html"
    assert sorted(path.name for path in (tmp_path / "page").iterdir()) == [PAGE, JSON, TEXT]
    done = riskoff("sell-offs", finished, cwd=tmp_path)
    assert "no catalog here" in assert_one_clear_line(done, 3)
