"""Each condition is declared once; state, checklist, settings and pages follow the declaration."""

from dataclasses import asdict

import numpy as np
import pytest

from data_feeds.dataset import Dataset
from data_feeds.strict_model import SortedModel
from doc_tables.blocks import differences
from doc_tables.checklist import sample
from engine.checklist import day_report, format_day
from engine.config.market import ChecklistStep, MarketStateConfig
from engine.config.market.declaration import CHOSEN, Computed, ThresholdRule, names_in, source_of
from engine.config.market.market_inputs import MarketInputsConfig, ReadChannels
from engine.config.market.step_conditions import STEP_CONDITIONS
from engine.market_state import MarketState
from engine.signals.market.build import market_state, state_channels

DAY = np.datetime64("2026-02-05")
# Other volatility targets declare other conditions.
OTHER = MarketStateConfig.model_validate({"volatility": {"targets": (0.08, 0.2)}})
CONFIGS = pytest.mark.parametrize("config", [MarketStateConfig(), OTHER])
STEPS = {step.value for step in ChecklistStep}


def unknown_state(config: MarketStateConfig) -> MarketState:
    return market_state(Dataset({}, {}), config, DAY, DAY)


@CONFIGS
def test_the_state_holds_the_declared_conditions_in_their_order_and_no_other(config) -> None:
    declared = [item.name for item in config.conditions()]
    steps = [item.name for item in STEP_CONDITIONS]
    assert list(unknown_state(config).conditions) == [*declared, *steps]
    assert set(steps) == STEPS


@CONFIGS
def test_the_checklist_shows_every_declared_condition_once(config) -> None:
    report = day_report(unknown_state(config), 0, config.conditions())
    shown = [line.name for _, lines in report.steps for line in lines]
    assert sorted(shown) == sorted(item.name for item in config.conditions())
    text = format_day(report, clock=config.decide_at, data="none").splitlines()
    assert all(any(line.split()[:1] == [name] for line in text) for name in shown)


def test_a_condition_is_shown_under_its_step_by_place_then_by_declaration() -> None:
    config = MarketStateConfig()
    report = day_report(unknown_state(config), 0, config.conditions())
    macro = [line.name for line in report.steps[0][1]]
    # Places 10, 20 and 60; then those without a place, in the order of declaration.
    names = ("yields_jump", "dollar_jump", "credit_widens", "yields_hold", "dollar_strong")
    assert sorted(names, key=macro.index) == list(names)


def test_every_condition_names_its_source_and_its_words() -> None:
    for item in (*MarketStateConfig().conditions(), *STEP_CONDITIONS):
        assert item.source
        assert item.words


def test_every_threshold_and_window_names_the_source_of_its_default() -> None:
    config = MarketStateConfig()
    sections = [getattr(config, name) for name in type(config).model_fields if name != "inputs"]
    rules = [type(section) for section in sections if isinstance(section, SortedModel)]
    assert len(rules) == 8
    sources = {f"{r.__name__}.{name}": source_of(r, name) for r in rules for name in r.model_fields}
    assert len(sources) > 60
    assert sources["RatesRules.yield_jump"] == CHOSEN
    assert "section 8.1" in sources["CorrelationRules.level"]
    # The editor's hint is the field's description.
    schema = config.model_json_schema()["$defs"]["RatesRules"]["properties"]["yield_jump"]
    assert schema["description"].endswith("Source: chosen")


def test_a_setting_without_a_source_is_refused() -> None:
    with pytest.raises(KeyError, match=r"MarketInputsConfig\.bitcoin names no source"):
        source_of(MarketInputsConfig, "bitcoin")


@CONFIGS
def test_a_declared_threshold_is_the_number_compared(config) -> None:
    state = unknown_state(config)
    for item in config.conditions():
        if isinstance(item.rule, ThresholdRule):
            condition = state.conditions[item.name]
            assert condition.threshold.tolist() == [item.rule.threshold.value]
            assert condition.unit == item.rule.unit


def test_a_threshold_follows_its_setting() -> None:
    config = MarketStateConfig.model_validate({"rates": {"yield_jump": 0.3}})
    limits = {i.name: i.rule.threshold for i in config.conditions() if i.name.startswith("yields_")}
    assert asdict(limits["yields_jump"]) == {
        "value": 0.3,
        "source": CHOSEN,
        "setting": "rates.yield_jump",
    }
    assert limits["yields_hold"].value == -0.15


def test_a_combination_reads_conditions_that_are_declared() -> None:
    names = {item.name for item in MarketStateConfig().conditions()}
    for item in (*MarketStateConfig().conditions(), *STEP_CONDITIONS):
        if not isinstance(item.rule, ThresholdRule | Computed):
            assert set(names_in(item.rule)) <= names, item.name


def test_every_input_declares_its_channels() -> None:
    for name, field in MarketInputsConfig.model_fields.items():
        assert sum(isinstance(item, ReadChannels) for item in field.metadata) == 1, name
    read = {str(key) for key in state_channels(MarketStateConfig())}
    assert {"SPY/bars/1d", "SPY/bars/1h", "BTCUSDT-PERP/mark/1h", "DGS10/series"} < read


def test_the_page_lists_every_condition_as_declared() -> None:
    found = [line for block in sample() for line in differences(block)]
    assert found == [], "run: make pages PAGES=checklist"
