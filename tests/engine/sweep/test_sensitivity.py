"""Costs of the chosen set times a factor: the terms in force, written for every instrument."""

import pytest

from data_feeds.embedded import embedded_catalog
from engine.config_files import read_config
from engine.sweep.sensitivity import scaled_costs


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
