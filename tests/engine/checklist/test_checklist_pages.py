"""Check the pages of the checklist against the state that they show."""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from data_feeds.embedded import embedded_catalog
from engine.checklist import day_page, day_report, history_page, read_state
from engine.checklist.checklist_pages import change_rows, day_conclusions, history_conclusions
from engine.checklist.history_chart import strip_rows, strip_runs
from engine.config.market import MarketStateConfig
from engine.market_state import Action

RULES = MarketStateConfig()


@pytest.fixture(scope="module")
def state():
    first, last = np.datetime64("2026-01-20"), np.datetime64("2026-02-10")
    return read_state(embedded_catalog(), RULES, first, last)[0]


@pytest.fixture(scope="module")
def report(state):
    row = int(np.flatnonzero(state.dates == np.datetime64("2026-02-05"))[0])
    return day_report(state, row, RULES.conditions())


def test_the_day_begins_with_the_action_and_the_steps_that_hold(report):
    action, tier, driver = day_conclusions(report)
    held = sum(step.truth == "yes" for step, _ in report.steps)
    assert action.startswith(f"Action: hedge. {held} of 4 known steps hold: ")
    assert tier == f"Risk tier: {report.tier}. Regime: {report.regime}."
    assert driver.startswith(f"Driver: {report.driver} (strength of each: rates shock")


def test_unknown_steps_are_named_and_counted_apart(report):
    (step, read), *others = report.steps
    unknown = ((replace(step, truth="unknown"), read), *others)
    told = day_conclusions(replace(report, steps=unknown, known_steps=3))[0]
    assert " of 3 known steps hold: " in told
    assert told.endswith("; unknown: macro: rates and the dollar.")


def test_every_condition_has_a_row_and_is_tinted_by_its_truth_alone(report):
    page = day_page(report, clock="18:30", data="embedded", is_synthetic=True, links=(("x", "/y"),))
    read = [line for _, lines in report.steps for line in lines]
    cells = re.findall(r'<th scope="row">(\w+)</th><td class="(\w*)">(\w+)</td>', page)
    assert [(name, truth) for name, _, truth in cells] == [(r.name, r.truth) for r in read]
    shades = {"yes": "holds", "no": "", "unknown": "unknown"}
    assert all(shade == shades[truth] for _, shade, truth in cells)
    assert 'href="/y">x</a>' in page
    assert "SYNTHETIC DATA" in page


def test_fractions_are_shown_in_percent_and_a_missing_number_as_a_dash(report):
    lines = {line.name: line for _, read in report.steps for line in read}
    page = day_page(report, clock="18:30", data="embedded", is_synthetic=True)
    rows = dict(re.findall(r'<th scope="row">(\w+)</th>(.*?)</tr>', page))
    cells = {name: re.findall(r"<td[^>]*>(.*?)</td>", row) for name, row in rows.items()}
    falls = lines["bitcoin_falls"]
    assert falls.unit == "fraction"
    assert cells["bitcoin_falls"][1:4] == [f"{100 * falls.measured:.4g}", "-3", "%"]
    assert lines["extreme_fear"].measured is None
    assert cells["extreme_fear"][1] == "-"


def test_a_history_counts_its_days_and_changes(state):
    days, last, changed, unknown = history_conclusions(state)
    actions = [Action(code) for code in state.action.tolist()]
    assert f"Of {len(state)} days: {actions.count(Action.HEDGE)} hedge" in days
    since = next(n for n in range(len(actions), 0, -1) if set(actions[n - 1 :]) != {actions[-1]})
    assert last.endswith(f"{actions[-1].words}, since {state.dates[since]}.")
    changes = sum(one is not other for one, other in pairwise(actions))
    assert changed.startswith(f"The action changed {changes} times")
    assert len(change_rows(state)) == 1 + changes
    assert f"of {len(state)} days at least one of the four steps was unknown" in unknown


def test_an_action_that_changed_once_changed_one_time(state):
    (row,) = np.flatnonzero(np.diff(state.action))[:1]
    told = history_conclusions(state.take(np.array([row, row + 1])))
    assert told[2] == "The action changed 1 time, on average every 2 days."


def test_an_action_that_never_changes_began_on_the_first_day(state):
    (row,) = np.flatnonzero(state.dates == np.datetime64("2026-02-05"))
    one = state.take(np.array([row]))
    told = history_conclusions(one)
    assert told[1].endswith("since 2026-02-05.")
    assert told[2] == "The action never changed."
    assert told[0].startswith("Of 1 day: ")
    assert "It never changed." in history_page(one, data="embedded", is_synthetic=True)


def test_strips_are_drawn_where_the_day_is_known(state):
    for name, levels in strip_rows(state):
        drawn = np.full(len(levels), -1)
        for first, days, level in strip_runs(levels):
            drawn[first : first + days] = level
        assert np.array_equal(drawn, levels), name
    hedged = dict(strip_rows(state))["action"] == 3
    assert np.array_equal(hedged, state.action == Action.HEDGE)


def test_equal_histories_give_equal_pages(state):
    one, other = (history_page(state, data="embedded", is_synthetic=True) for _ in range(2))
    assert one == other
    assert "<svg" in one
