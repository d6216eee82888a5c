"""Sets of a run are screened as the engine runs them; what cannot be screened is named."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from data_feeds.load import open_source
from engine.bt import simulate
from engine.causality import prepare
from engine.config.load import load_run_config
from engine.errors import ConfigError
from engine.results.finished import RunRecord
from engine.run import PreparedRun, prepare_run
from engine.screening import Screening, UnscreenedError, agreement, supports
from engine.screening.set_values import with_values

RUNS = Path(__file__).resolve().parents[3] / "configs" / "runs"
SETS = (
    {},
    {"playbook.params.stop_atr": 1.2, "playbook.params.time_stop": "8h"},
    {"playbook.params.targets": [{"r": 0.5, "fraction": 1.0}], "playbook.params.breakeven": False},
    {"playbook.params.flush_atr": 0.4, "playbook.params.volume_multiple": 1.5},
    {"risk.risk_fraction": 0.05, "risk.drawdown.halt_at": 0.16, "risk.cool_down": None},
    {"account.margin_mode": "cross", "account.leverage_setting": 3, "account.venue_cash": 5_000.0},
    {"venue.slippage": {"model": "range", "impact": 0.3}, "venue.taker_fee_bps": 9.0},
)

SHARED = (
    {"stop_atr": 1.7},
    {"breakeven": False, "targets": [{"r": 0.7, "fraction": 0.2}, {"r": 3.0, "fraction": 0.8}]},
)


@pytest.fixture(scope="module")
def prepared() -> PreparedRun:
    config = load_run_config(RUNS / "demo.yaml")
    return prepare_run(config, open_source(config.data.source))


@pytest.fixture(scope="module")
def screening(prepared: PreparedRun) -> Screening:
    return Screening.of(prepared, open_source(prepared.inputs.config.data.source))


@pytest.mark.parametrize("values", SETS, ids=lambda values: " ".join(values) or "as written")
def test_a_set_is_screened_as_the_engine_runs_it(screening: Screening, values: dict) -> None:
    config = screening.config(values)
    run = prepare_run(config, open_source(config.data.source))
    outcome = simulate(run.inputs)
    assert outcome.fills
    assert agreement(screening, values, outcome) is None


@pytest.mark.parametrize("values", SHARED, ids=" ".join)
def test_a_plan_over_shared_signals_is_that_of_prepare(prepared: PreparedRun, values: dict) -> None:
    playbook = type(prepared.playbook)
    assert set(values) <= playbook.plan_params
    given = with_values(prepared.playbook.params.model_dump(mode="json"), values)
    params = playbook.Params(**given)
    made = playbook.plan_of(params, prepared.inputs.signals)
    own = prepare(playbook(params), prepared.dataset, prepared.requirements).plan
    assert made is not None
    assert own is not None
    for field in fields(own):
        np.testing.assert_array_equal(getattr(made, field.name), getattr(own, field.name))


def test_results_are_those_of_the_run(prepared: PreparedRun, screening: Screening) -> None:
    run = prepared.without_proof(simulate(prepared.inputs))
    record, found = RunRecord(run), screening.screen([{}])
    metrics = record.metrics
    assert found.end_equity[0] == pytest.approx(metrics["end_equity"], rel=1e-12)
    assert found.trades[0] == metrics["trades"]
    assert found.fees[0] == pytest.approx(metrics["fees"], rel=1e-9)
    assert found.funding[0] == pytest.approx(metrics["funding"], rel=1e-9)
    assert found.max_drawdown_bars[0] == pytest.approx(metrics["max_drawdown_bars"], abs=1e-12)
    np.testing.assert_allclose(found.daily_returns()[0], record.daily_returns, atol=1e-12)
    np.testing.assert_allclose(found.excess_returns()[0], record.excess_returns, atol=1e-12)


def test_sets_do_not_change_each_other(screening: Screening) -> None:
    together = screening.screen(SETS)
    for place, values in enumerate(SETS):
        alone = screening.screen([values])
        assert alone.daily_equity.tobytes() == together.daily_equity[place : place + 1].tobytes()
        assert alone.fees[0] == together.fees[place]


def test_a_difference_is_told_with_its_fill(screening: Screening, prepared: PreparedRun) -> None:
    outcome = simulate(prepared.inputs)
    first = replace(outcome.fills[0], price=outcome.fills[0].price + 0.1)
    told = agreement(screening, {}, replace(outcome, fills=(first, *outcome.fills[1:])))
    assert told is not None
    assert told.startswith("fill 1: engine")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"playbook.params.trailing_atr": 2.0}, "no bracket plan"),
        ({"account.venue_interest_series": "DGS3MO"}, "interest on the venue wallet"),
    ],
)
def test_a_run_beyond_the_kernel_is_refused_by_name(changes: dict, reason: str) -> None:
    lines = [f"{path}={value}" for path, value in changes.items()]
    config = load_run_config(RUNS / "demo.yaml", lines)
    run = prepare_run(config, open_source(config.data.source))
    assert any(reason in text for text in supports(run))
    with pytest.raises(UnscreenedError, match=reason):
        Screening.of(run)


def test_a_swept_value_of_the_data_is_refused(screening: Screening) -> None:
    (told,) = screening.refuses(["data.start", "risk.risk_fraction"])
    assert told.startswith("data.start")
    with pytest.raises(UnscreenedError, match=r"venue\.maintenance"):
        screening.screen([{"venue.maintenance": []}])


def test_a_wrong_value_is_an_error_of_the_set(screening: Screening) -> None:
    with pytest.raises(ConfigError, match="risk_fraction"):
        screening.screen([{"risk.risk_fraction": 2.0}])
    with pytest.raises(ConfigError, match="stop_atr"):
        screening.screen([{"playbook.params.stop_atr": -1.0}])


def test_a_value_that_removes_the_plan_is_refused(screening: Screening) -> None:
    with pytest.raises(UnscreenedError, match="no bracket plan"):
        screening.screen([{"playbook.params.trailing_atr": 2.0}])


def test_a_part_of_a_list_is_named_by_its_number() -> None:
    given = {"targets": [{"r": 1.0}, {"r": 2.0}]}
    assert with_values(given, {"targets.1.r": 3.0}) == {"targets": [{"r": 1.0}, {"r": 3.0}]}
