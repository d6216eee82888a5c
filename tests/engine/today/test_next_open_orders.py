"""The orders of the next open are those that the engine sends when the same run goes on.

A run that ends at an instant is compared with a run that goes on: every order decided at the last
row, and every order that works across it, is the same to the last digit.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, HOUR_NS
from engine.config_files import read_config
from engine.records import UNSET, OrderRow, SimulationOutcome
from engine.today.orders_now import working_orders
from engine.today.playbook_day import playbook_day
from engine.today.to_last_bar import RunToLastBar, run_to_last_bar
from tests.data_feeds.factory import ns
from tests.engine.today.market_of_days import LAST, made_catalog, made_run

END = ns(LAST)
# The checklist's reading, at which rules over sessions decide, lies between bars; weekends and a
# holiday are among the days.
DAYS = [ns("2026-01-02T23:30") + i * DAY_NS for i in range(20)]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return made_catalog(tmp_path_factory.mktemp("made") / "catalog")


@pytest.fixture(scope="module", params=["dip", "book"])
def days(
    request: pytest.FixtureRequest, stored: Catalog, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, SimulationOutcome, list[RunToLastBar]]:
    """Return the name of a run, its outcome when it goes on, and a run to each of the days."""
    config = made_run(request.param, tmp_path_factory.mktemp("runs"), stored)
    longer, *cut = (run_to_last_bar(config, stored, at) for at in (END, *DAYS))
    return request.param, longer.result.outcome, cut


def as_sent(order: OrderRow) -> OrderRow:
    """Return an order as it was sent: without its number and what became of it."""
    return replace(order, order_id=0, status="", filled=0.0, ended_at=UNSET, end_reason="")


def decided_at(outcome: SimulationOutcome, at: int) -> list[OrderRow]:
    return [as_sent(order) for order in outcome.orders if order.decided_at == at]


def works_across(outcome: SimulationOutcome, at: int) -> list[OrderRow]:
    """Return the orders decided by an instant that end after it, or never."""
    return [
        as_sent(order)
        for order in outcome.orders
        if order.decided_at <= at and (order.ended_at == UNSET or order.ended_at > at)
    ]


def last_decision(run: RunToLastBar) -> int:
    return int(run.result.signals.decided_at[run.last_row])


def assert_same_orders(cut: RunToLastBar, longer: SimulationOutcome) -> int:
    """Compare orders and risk decisions of the last row; return how many orders there were."""
    at = last_decision(cut)
    outcome = cut.result.outcome
    own = decided_at(outcome, at)
    # NaN stands for "no level": texts compare it, and every digit.
    assert repr(own) == repr(decided_at(longer, at))
    decided = [
        repr([decision for decision in found.decisions if decision.decided_at == at])
        for found in (outcome, longer)
    ]
    assert decided[0] == decided[1]
    return len(own)


def test_orders_of_a_session_are_those_of_the_run_that_goes_on(
    days: tuple[str, SimulationOutcome, list[RunToLastBar]],
) -> None:
    name, longer, cut = days
    compared = sum(assert_same_orders(run, longer) for run in cut)
    # The dip trades or moves something on most sessions, the book once a week.
    assert compared >= {"dip": 15, "book": 5}[name]


def test_orders_that_work_are_those_that_work_in_the_run_that_goes_on(
    days: tuple[str, SimulationOutcome, list[RunToLastBar]],
) -> None:
    name, longer, cut = days
    compared = 0
    for at, run in zip(DAYS, cut, strict=True):
        own = list(map(as_sent, working_orders(run.result.outcome)))
        assert repr(own) == repr(works_across(longer, at))
        compared += len(own)
    assert compared >= {"dip": 20, "book": 2}[name]


def test_hourly_orders_are_those_of_the_run_that_goes_on(stored: Catalog, tmp_path: Path) -> None:
    config = made_run("break", tmp_path, stored)
    longer = run_to_last_bar(config, stored, END).result.outcome
    acted = np.unique([order.decided_at for order in longer.orders])
    # Hours with orders and hours without, in the middle of days and at their ends.
    instants = [*acted[-60::6].tolist(), *(acted[-60::12] + HOUR_NS).tolist()]
    runs = [run_to_last_bar(config, stored, int(at)) for at in instants]
    assert sum(assert_same_orders(run, longer) for run in runs) >= 10


def test_an_instant_inside_a_bar_decides_at_the_bar_before(stored: Catalog, tmp_path: Path) -> None:
    config = made_run("break", tmp_path, stored)
    half_past = run_to_last_bar(config, stored, ns("2026-01-20T14:30"))
    sharp = run_to_last_bar(config, stored, ns("2026-01-20T14:00"))
    assert last_decision(half_past) == last_decision(sharp) == ns("2026-01-20T14:00")
    assert half_past.result.outcome.orders == sharp.result.outcome.orders


@pytest.mark.parametrize("name", ["dip", "break", "book"])
def test_rows_stored_after_the_instant_change_nothing(
    name: str, stored: Catalog, tmp_path: Path
) -> None:
    for day in ("2026-01-14T23:30", "2026-01-18T15:00", "2026-01-20T13:00"):
        at = ns(day)
        then = made_catalog(tmp_path / f"{name}{at}", known_at=at)
        config = made_run(name, tmp_path, stored)
        told = playbook_day(config, stored, at)
        assert not told.problem
        assert told == playbook_day(config, then, at)


def test_the_end_of_the_bars_closes_no_position(stored: Catalog, tmp_path: Path) -> None:
    config = made_run("dip", tmp_path, stored)
    found = [playbook_day(config, stored, at) for at in DAYS[:8]]
    held = [day for day in found if day.instruments[0].quantity]
    assert held
    for day in held:
        roles = {order.role for order in (*day.to_send, *day.working)}
        assert "stop" in roles
        assert day.instruments[0].state == "in a position"


REAL_DAYS = [f"2026-{day}" for day in ("01-12", "01-30", "02-02", "02-05", "02-06", "02-08")]


@pytest.mark.parametrize("name", ["reclaim_2026_1h", "swing_2026", "hedged_2026", "rsi_two"])
def test_on_real_data_too(name: str, real_catalog: Catalog) -> None:
    config = read_config(name, None, None, real_catalog.path)
    longer = run_to_last_bar(config, real_catalog, ns("2026-02-13T23:30")).result.outcome
    acted = np.unique([order.decided_at for order in longer.orders])
    instants = [ns(f"{day}T23:30") for day in REAL_DAYS] + acted[-4:].tolist()
    for at in instants:
        assert_same_orders(run_to_last_bar(config, real_catalog, int(at)), longer)
