"""Runs made by hand for pairs that differ by one cause.

Every run has hourly decision rows and one instrument. Prices are 100 throughout, so that each
amount can be worked out in the head: a trade of 20 units that enters at 100 and leaves at 103
earns 60 before costs, and 20 x 100 x 0.0005 = 1 is the fee of its entry.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from engine.conditions import condition
from engine.config.venue import LimitFill
from engine.decision_terms import DecisionOutcome, GuardEventKind, GuardName
from engine.playbook import Signals
from engine.records import GuardEvent
from engine.results.contents import write_run
from tests.engine.conftest import HOUR, START

HOURS = 100
Truths = Mapping[int, tuple[float, float]]  # hour: the measured values of calm and deep


def _unchanged(config: Any) -> Any:
    return config


def moved_window(start_hour: int = 0, end_hour: int = HOURS) -> Callable[[Any], Any]:
    """Return settings that move the window of a run; its tables stay as they are."""

    def settings(config: Any) -> Any:
        start, end = (
            datetime.fromtimestamp((START + hour * HOUR) / 1e9, tz=UTC)
            for hour in (start_hour, end_hour)
        )
        data = config.data.model_copy(update={"start": start, "end": end})
        return config.model_copy(update={"data": data})

    return settings


def rule_of_touch(config: Any) -> Any:
    """Return settings in which a touch fills a limit."""
    venue = config.venue.model_copy(update={"limit_fill": LimitFill.TOUCH})
    return config.model_copy(update={"venue": venue})


@dataclass
class HandTrade:
    """One round trip: the hours and prices of its fills, and what its decision held."""

    hour: int = 40
    out_hour: int = 50
    size: float = 20.0
    stop: float = 97.0
    entry: float = 100.0
    exit: float = 103.0
    out: str = "target"
    slip: float = 0.0
    fee_rate: float = 0.0005
    funding_rate: float = 0.0
    fill_hour: int | None = None
    setup: str = ""
    entry_stage: str = "open"
    exit_stage: str = "open"
    entry_order: Mapping[str, Any] = field(default_factory=dict)
    exit_order: Mapping[str, Any] = field(default_factory=dict)
    decision: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class HandRun:
    """A run made by hand.

    ``refused`` and ``unfilled`` hold, by hour, fields of a refused decision and of an entry order
    that fills nothing; ``added`` by hour the units that the open plan buys at 100 and sells five
    hours later; ``guards`` the hour and the name of guards that tripped. The conditions calm
    (>= 10) and deep (>= 5) are required; ``truths`` changes them at an hour.
    """

    trades: tuple[HandTrade, ...] = (HandTrade(),)
    refused: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    unfilled: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    guards: tuple[tuple[int, GuardName], ...] = ()
    truths: Truths = field(default_factory=dict)
    absent_rows: tuple[int, ...] = ()
    unmarked: tuple[int, ...] = ()
    added: Mapping[int, float] = field(default_factory=dict)
    left_out: bool = False
    calm_required: bool = True
    settings: Callable[[Any], Any] = _unchanged
    interest: float = 0.0
    cash: float = 10_000.0


def write_hand_run(make_run: Any, new_book: Any, run: HandRun, root: Path, name: str) -> Path:
    """Write the folder of a run made by hand and return it."""
    made = make_run(hours=HOURS, name=name)
    book = new_book(run.cash)
    for hour in range(HOURS):
        _events_at(book, run, hour)
        book.mark(100.0)
    config = run.settings(made.config)
    outcome = book.outcome()
    kept = replace(made, outcome=outcome, signals=_signals(run, made), config=config)
    return write_run(kept, root)


def _events_at(book: Any, run: HandRun, hour: int) -> None:
    for at, guard in run.guards:
        if at == hour:
            until = book.now + 24 * HOUR
            kind = GuardEventKind.TRIPPED
            book.guards.append(GuardEvent(book.now, guard, kind, 9_900.0, 0.0, until, "lost 1%"))
    if hour in run.refused:
        plan = book.plan_id
        fields = {"outcome": DecisionOutcome.REJECTED, "plan_id": 0} | dict(run.refused[hour])
        book.decide(20.0, 97.0)
        book.decisions[-1] = replace(book.decisions[-1], **fields)
        book.plan_id = plan
    if hour in run.unfilled:
        book.decide(20.0, 97.0)
        ends = {"filled": 0.0, "ended_at": book.now + 5 * HOUR, "status": "cancelled"}
        book.order("entry", 1, 20.0, **(ends | dict(run.unfilled[hour])))
    if hour in run.added:
        plan = book.plan_id
        book.decide(run.added[hour], 97.0)
        book.plan_id = plan
        book.decisions[-1] = replace(book.decisions[-1], plan_id=plan)
        book.fill("entry", run.added[hour], 100.0)
    if hour - 5 in run.added:
        book.fill("exit", -run.added[hour - 5], 100.0)
    if hour == HOURS - 1 and run.interest:
        book._fact("interest", run.interest, plan_id=0)
        book.cash += run.interest
    for trade in run.trades:
        _trade_at(book, trade, hour)


def _trade_at(book: Any, trade: HandTrade, hour: int) -> None:
    if hour == trade.hour:
        book.decide(trade.size, trade.stop, price=trade.entry, setup=trade.setup or f"hour {hour}")
        book.decisions[-1] = replace(book.decisions[-1], **dict(trade.decision))
    if hour == (trade.hour if trade.fill_hour is None else trade.fill_hour):
        price = trade.entry + trade.slip
        costs = {"raw_price": trade.entry, "fee_rate": trade.fee_rate}
        book.fill("entry", trade.size, price, stage=trade.entry_stage, **costs)
        decided = book.decisions[-1].decided_at
        book.orders[-1] = replace(
            book.orders[-1], **({"decided_at": decided} | dict(trade.entry_order))
        )
    if trade.funding_rate and hour == trade.hour + 5:
        book.fund(trade.funding_rate, mark=100.0)
    if hour == trade.out_hour:
        book.fill(
            trade.out, -trade.size, trade.exit, fee_rate=trade.fee_rate, stage=trade.exit_stage
        )
        book.orders[-1] = replace(book.orders[-1], **dict(trade.exit_order))


def _signals(run: HandRun, made: Any) -> Signals:
    at = made.signals.decided_at
    # Decision row n closes at hour n + 1.
    values = np.tile([12.0, 6.0], (len(at), 1))
    for hour, pair in run.truths.items():
        values[hour - 1] = pair
    marked = np.ones(len(at), bool)
    marked[[hour - 1 for hour in run.unmarked]] = False
    kept = np.ones(len(at), bool)
    kept[[hour - 1 for hour in run.absent_rows]] = False
    calm, deep = (
        condition(
            name,
            column >= threshold,
            known=np.isfinite(column),
            measured=column,
            threshold=threshold,
            unit="x",
            description=f"{name} is at least {threshold:g}",
            required=required,
        )
        for name, column, threshold, required in (
            ("calm", values[kept, 0], 10.0, run.calm_required),
            ("deep", values[kept, 1], 5.0, True),
        )
    )
    if run.left_out:
        calm = replace(calm, truth=np.ones_like(calm.truth), left_out=True)
    return Signals(at[kept], {}, (calm, deep), notable=marked[kept])
