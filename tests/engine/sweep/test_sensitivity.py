"""Costs of the chosen set times a factor: the terms in force, written for every instrument."""

import pytest

from data_feeds.embedded import embedded_catalog
from engine.config_files import read_config
from engine.sweep.sensitivity import StressedRun, run_changes, scaled_costs, scaled_spreads
from tests.engine.sweep.conftest import SWEEP


def test_the_costs_in_force_are_scaled_not_those_of_the_venue():
    config = read_config("demo", ["venue.taker_fee_bps=4.0"], None)
    perp = embedded_catalog().instruments()["BTCUSDT-PERP"]
    costs = config.venue.costs_of(perp)
    found = {path: value for path, value, _ in scaled_costs(config, [perp], 2.0)}
    assert found["venue", "taker_fee_bps"] == pytest.approx(8.0)
    assert found["venue", "maker_fee_bps"] == pytest.approx(2 * costs.maker_rate * 10_000)
    slippage = {path[-1] for path in found if path[1] == "slippage"}
    assert "base_bps" in slippage
    assert ("venue", "commission_bps") not in found


def test_a_factor_of_zero_removes_every_cost_of_an_etf():
    config = read_config("demo", None, None)
    etf = embedded_catalog().instruments()["QQQ"]
    found = {path: value for path, value, _ in scaled_costs(config, [etf], 0.0)}
    assert found["venue", "commission_bps"] == 0.0
    assert set(found.values()) == {0.0}


@pytest.mark.parametrize(("factor", "fee_bps"), [(0.0, 0.0), (3.0, 375.0), (20.0, 1_000.0)])
def test_the_fee_of_a_liquidation_is_scaled_up_to_the_largest_a_run_may_state(factor, fee_bps):
    # 125 basis points times the factor; 20 x 125 lies above 1,000.
    config = read_config("demo", ["venue.liquidation_fee_bps=125"], None)
    perp = embedded_catalog().instruments()["BTCUSDT-PERP"]
    found = {path: value for path, value, _ in scaled_costs(config, [perp], factor)}
    assert found["venue", "liquidation_fee_bps"] == pytest.approx(fee_bps)


def test_the_fee_of_a_borrowed_fund_is_scaled_for_each_fund():
    fees = "account.short_sales.borrow_fee_bps={QQQ: 40}"
    config = read_config("demo", [fees, "venue.borrow_fee_bps=25"], None)
    held = embedded_catalog().instruments()
    traded = [held[name] for name in ("QQQ", "SPY", "BTCUSDT-PERP")]
    found = {path: value for path, value, _ in scaled_costs(config, traded, 2.0)}
    # Of the run's own 40 and of the venue's 25, unless the fund's own terms state a fee.
    spy = config.venue.costs_of(held["SPY"]).borrow_fee_rate * 10_000
    borrowed = {path[-1]: value for path, value in found.items() if "short_sales" in path}
    assert borrowed == {"QQQ": pytest.approx(80.0), "SPY": pytest.approx(2 * spy)}


def test_without_short_sales_nothing_is_written_about_them():
    config = read_config("demo", None, None)
    etf = embedded_catalog().instruments()["QQQ"]
    assert not any("short_sales" in path for path, _, _ in scaled_costs(config, [etf], 2.0))


def test_the_spreads_of_options_are_scaled():
    config = read_config("demo", None, None)
    found = {path[-1]: value for path, value, _ in scaled_spreads(config, 2.0)}
    options = config.options
    assert found == {"haircut": 2 * options.haircut, "least_haircut": 2 * options.least_haircut}
    # Half of the price is the largest half spread that a run may state.
    capped = {path[-1]: value for path, value, _ in scaled_spreads(config, 1_000.0)}
    assert capped["haircut"] == 0.5


def test_scaled_costs_are_values_that_a_run_accepts(toy):
    job = toy.job("settings.account.short_sales={borrow_fee_bps: {QQQ: 40}}")
    cell, funds = job.cells[0], [embedded_catalog().instruments()["QQQ"]]
    config = job.run_config(job.first_set, cell)
    for factor in (0.0, 3.0, 20.0):
        written = [*scaled_costs(config, funds, factor), *scaled_spreads(config, factor)]
        dearer = job.run_config(job.first_set, cell, written)
        assert dearer.account.short_sales.borrow_fee_bps["QQQ"] == pytest.approx(40 * factor)
        assert dearer.venue.costs_of(funds[0]).taker_rate == pytest.approx(
            min(config.venue.costs_of(funds[0]).taker_rate * factor, 0.02)
        )


def test_a_lag_is_added_to_that_of_the_run(toy):
    text = SWEEP.replace("over:", "settings: {data.extra_lag: 1d}\nover:")
    job = toy.job(text=text)
    changes = run_changes(job, StressedRun(job.first_set, extra_lag="12h"), job.cells[0])
    # 24 hours and 12 more.
    assert job.run_config(job.first_set, job.cells[0], changes).data.extra_lag == "36h"
