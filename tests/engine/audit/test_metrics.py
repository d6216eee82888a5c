"""The audit's own headline numbers against arithmetic by hand."""

import ast
import json
import math
from pathlib import Path
from statistics import stdev

import numpy as np
import pytest

from engine.audit import audit_run, metrics
from engine.audit.daily import DayParts
from engine.audit.metrics import FORMULAS, MeasuredRun
from engine.equity_curve import EquityCurve
from engine.errors import ReportError
from engine.metrics import sharpe, sortino, volatility
from engine.results.finished import RunRecord

DAY = 86_400 * 10**9
START = 20_488 * DAY


def findings(folder, run):
    return [(f.table, f.row) for f in audit_run(folder, run.data).findings]


def test_the_numbers_of_the_run_by_hand(new_run):
    of = new_run().measured()
    # See by_hand: 10,072.0725 after plan 1, then -1.062 + 0.424 - 102 - 4.2.
    end = 10_072.0725 - 106.838
    loss = end / 10_000 - 1
    traded = 10 * 100.1 + 5 * 110 + 5 * 104.8 + 20 * 106.2 + 20 * 101.1
    path = [10_000, 10_000 - 0.5005 + 29, 10_048.8895 + 49.5, 10_048.8345 + 44.5]
    path += [10_072.0725, 10_072.0725, 10_071.0105 - 4, end, end, end]
    expected = {
        "start_equity": 10_000,
        "end_equity": end,
        "total_return": loss,
        # Ten hours are too short for a yearly number, and one day has no deviation.
        **dict.fromkeys(("cagr", "volatility", "sharpe", "sortino", "calmar"), math.nan),
        # No interest was paid, and the data hold no bill.
        **dict.fromkeys(("excess_return", "trading_return"), loss),
        **dict.fromkeys(
            ("interest_less_bill", "revaluation_return", "interest_return", "bill_return"), 0
        ),
        "excess_volatility": math.nan,
        "max_drawdown_bars": end / path[2] - 1,
        "max_drawdown_days": loss,
        "drawdown_days": 1,
        "best_day": loss,
        "worst_day": loss,
        "days": 1,
        "exposure": 4 / 10,
        "turnover": traded / (sum(path) / 10) * 365 * 24 / 10,
        "trades": 2,
        "liquidations": 1,
        "hit_rate": 0.5,
        "profit_factor": 72.0725 / 106.838,
        "average_r": (72.0725 / 51 - 106.838 / 324) / 2,
        "expectancy": (72.0725 - 106.838) / 2,
        "net_pnl": 72.0725 - 106.838,
        "fees": 0.8725 + 5.262,
        "funding": -0.055 + 0.424,
        "slippage": 2.0 + 20 * (0.2 + 2017.8 / 19.92 - 101.1),
    }
    found = {name: formula(of) for name, formula in FORMULAS.items()}
    assert found == pytest.approx(expected, rel=1e-12, nan_ok=True)


def test_days_by_hand():
    # 100 -> 110 -> 99 -> 99 -> (no close) -> 120, of which 0.9 interest on the first day and 1.5 on
    # the last; the bill is 0.1, 0.2 and 0.3 on the first three. The window has 73 days.
    equity = np.array([110.0, 99.0, 99.0, 120.0])
    at = START + np.array([1, 2, 3, 5]) * DAY
    zeros = np.zeros(4)
    curve = EquityCurve(at, equity, equity, zeros, zeros, zeros, zeros, zeros)
    parts = {
        20_488: DayParts([9.0, 0.1], [0.9], [0.1]),
        20_489: DayParts([-11.0], [], [0.2]),
        20_490: DayParts([], [], [0.3]),
        20_492: DayParts([19.5], [1.5], []),
    }
    of = MeasuredRun(100.0, START, START + 73 * DAY, curve, (), (), 252, parts)
    gains = [0.1, -0.1, 0.0, 120 / 99 - 1]
    excess = [9.9 / 100, -11.2 / 110, -0.3 / 99, 21 / 99]
    mean, growth = sum(excess) / 4, 1.099 * (1 - 11.2 / 110) * (1 - 0.3 / 99) * (1 + 21 / 99)
    deepest = (1 - 11.2 / 110) * (1 - 0.3 / 99) - 1
    downside = (((11.2 / 110) ** 2 + (0.3 / 99) ** 2) / 4) ** 0.5
    expected = {
        "total_return": 0.2,
        "cagr": 1.2**5 - 1,
        "volatility": stdev(gains) * 252**0.5,
        "excess_return": 0.194,
        "trading_return": 0.176,
        "interest_less_bill": 0.018,
        "interest_return": 0.024,
        "revaluation_return": 0.0,
        "bill_return": 0.006,
        "excess_volatility": stdev(excess) * 252**0.5,
        "sharpe": mean / stdev(excess) * 252**0.5,
        "sortino": mean / downside * 252**0.5,
        "max_drawdown_days": -0.1,
        # From the close of day 1 to the recovery on day 5.
        "drawdown_days": 4,
        "calmar": (growth**5 - 1) / -deepest,
        "days": 4,
        "best_day": 120 / 99 - 1,
        "worst_day": -0.1,
        "exposure": 0,
        "trades": 0,
        "net_pnl": 0,
        "hit_rate": math.nan,
    }
    found = {name: FORMULAS[name](of) for name in expected}
    assert found == pytest.approx(expected, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_ratios_agree_with_the_engine_at_the_ends_of_what_a_number_can_be(scale):
    gained = (np.array([1.0, -1.0, 3.0, -2.0, 0.5]) * scale).tolist()
    equity, zeros = np.full(5, 100.0), np.zeros(5)
    at = START + np.arange(1, 6) * DAY
    curve = EquityCurve(at, equity, equity, zeros, zeros, zeros, zeros, zeros)
    days = (20_488 + day for day in range(5))
    parts = {day: DayParts([gain], [], []) for day, gain in zip(days, gained, strict=True)}
    of = MeasuredRun(100.0, START, START + 5 * DAY, curve, (), (), 365, parts)
    excess = np.array(gained) / 100
    names = ("excess_volatility", "sharpe", "sortino")
    found = {name: FORMULAS[name](of) for name in names}
    # Deviations of 0.7, -1.3, 2.7, -2.3, 0.2 from the mean: a sum of squares of 14.8.
    deviation, downside = (14.8 / 4) ** 0.5, (5 / 5) ** 0.5
    by_hand = (scale / 100 * deviation, 0.3 / deviation, 0.3 / downside)
    told = volatility(excess, 365), sharpe(excess, 365), sortino(excess, 365)
    assert told == pytest.approx(tuple(value * 365**0.5 for value in by_hand), rel=1e-12)
    # A return that moves less than 0.10% a year has no ratio, whatever its size.
    gated = told if scale >= 1 else (told[0], math.nan, math.nan)
    assert tuple(found.values()) == pytest.approx(gated, rel=1e-12, nan_ok=True)


def altered(folder, **values):
    path = folder / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize("name", FORMULAS)
def test_a_headline_number_that_the_tables_do_not_give_is_found(new_run, tmp_path, name):
    run = new_run()
    folder = run.write(tmp_path / "run")
    assert findings(folder, run) == []
    altered(folder, **{name: 9.99})
    assert findings(folder, run) == [("metrics", name)]
    altered(folder, **{name: None})
    missing = math.isnan(FORMULAS[name](run.measured()))
    assert findings(folder, run) == ([] if missing else [("metrics", name)])


def test_a_number_without_a_formula_and_a_formula_without_a_number_are_found(new_run, tmp_path):
    run = new_run()
    folder = run.write(tmp_path / "run")
    document = json.loads((folder / "metrics.json").read_text())
    del document["sharpe"]
    (folder / "metrics.json").write_text(json.dumps(document | {"luck": 1.0}))
    assert sorted(findings(folder, run)) == [("metrics", "luck"), ("metrics", "sharpe")]


@pytest.mark.parametrize("text", ['{"sharpe": "good"}', '{"sharpe": true}', "[]", "{", "NaN"])
def test_metrics_that_are_none_are_one_clear_error(new_run, tmp_path, text):
    run = new_run()
    folder = run.write(tmp_path / "run")
    (folder / "metrics.json").write_text(text)
    with pytest.raises(ReportError, match=r"metrics\.json"):
        audit_run(folder, run.data)


def test_every_headline_number_of_a_run_has_a_formula(make_run):
    assert set(RunRecord(make_run(hours=60)).metrics) == set(FORMULAS)


def test_the_formulas_import_none_of_the_engines():
    tree = ast.parse(Path(metrics.__file__).read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name for name in imported if name.startswith(("engine.metrics", "engine.results"))}
