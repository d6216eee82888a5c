"""The signals of a file of trades: entries, stops, targets, trails and exits at every row."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.api import DAY_NS, BracketPlan, Condition, Signals, Truth, condition, leave_out, reason
from strategies.rules.bindings import BoundRules
from strategies.rules.conditions import named_condition, with_unknown_passing
from strategies.rules.evaluate import Evaluator
from strategies.rules.params import RulesParams
from strategies.rules.plan import trade_plan
from strategies.rules.plan_values import PlanTerm, part_values
from strategies.rules.rule_models import ConditionRule, TradeRule
from strategies.rules.terms import Term
from strategies.rules.written import Place

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class PlanCondition:
    """An exit or a tranche's condition with plan values; ``passes``: unknown counts as true."""

    name: str
    term: PlanTerm
    passes: bool


def place_text(place: Place) -> str:
    """Return the place of an expression as one word, for the names of its signals."""
    return ".".join(map(str, place))


def plan_conditions(
    rules: BoundRules, conditions: Mapping[str, ConditionRule], place: Place
) -> list[PlanCondition]:
    """Return the conditions at a place that read plan values, in order."""
    found = []
    for name, rule in conditions.items():
        term = rules.term(*place, name)
        if term.needs_plan:
            own = PlanTerm.of(term, place_text((*place, name)))
            found.append(PlanCondition(name, own, rule.unknown == "pass"))
    return found


def prepared_conditions(
    rules: BoundRules, conditions: Mapping[str, ConditionRule], place: Place
) -> list[str]:
    """Return the names of the conditions at a place that read no plan values, in order."""
    return [name for name in conditions if not rules.term(*place, name).needs_plan]


def visits_every_row(rules: BoundRules) -> bool:
    """Return whether every decision row is visited while a plan is open.

    So it is with a trail, with tranches and with values of the plan.
    """
    trades = rules.params.trades.values()
    if any(trade.trail is not None or trade.tranches for trade in trades):
        return True
    return any(term.needs_plan for term in rules.terms.values())


@dataclass(frozen=True)
class TradeRows:
    """One trade at every decision row.

    ``required`` and ``shown`` are its conditions; ``values`` its signals; ``leaves`` the rows at
    which one of its exits without plan values is true.
    """

    required: tuple[Condition, ...]
    shown: tuple[Condition, ...]
    values: Mapping[str, Floats]
    leaves: Flags


def prepare_trades(
    rules: BoundRules, evaluator: Evaluator, ignored: frozenset[str], warmup_rows: int
) -> Signals:
    """Return the signals of all trades; conditions in ``ignored`` count as true."""
    rows = len(evaluator.decided_at)
    warm = np.arange(rows) >= warmup_rows
    values: dict[str, Floats] = {}
    conditions: list[Condition] = []
    enters, leaves, notable = (np.zeros(rows, dtype=np.bool_) for _ in range(3))
    plans: list[BracketPlan | None] = []
    for name, trade in rules.params.trades.items():
        own = _Trade(rules, evaluator, name, trade).rows()
        required = leave_out(own.required, ignored)
        enter = passing(required) & _can_be_placed(own.values, name, trade) & warm
        values |= {**own.values, f"entry {name}": enter.astype(np.float64)}
        conditions += [*required, *own.shown]
        enters |= enter
        leaves |= own.leaves
        notable |= enter | worth_telling(required, evaluator.decided_at)
        instrument = rules.params.instrument_id(trade.instrument)
        plans.append(
            trade_plan(trade, name, instrument, own.values, enter=enter, leaves=own.leaves)
        )
    every_row = visits_every_row(rules)
    return Signals(
        evaluator.decided_at,
        values,
        conditions=tuple(conditions),
        wake_flat=enters,
        wake_in_position=np.ones(rows, dtype=np.bool_) if every_row else leaves,
        notable=notable,
        plan=plans[0] if len(plans) == 1 and not every_row else None,
    )


def passing(required: tuple[Condition, ...]) -> Flags:
    """Return the rows at which every condition is true."""
    held: Flags = np.logical_and.reduce([item.truth == Truth.TRUE for item in required])
    return held


def worth_telling(required: tuple[Condition, ...], decided_at: NDArray[np.int64]) -> Flags:
    """Return the rows that belong in the journal though nothing is decided at them.

    At such a row one condition alone begins to be missing (the row before lacked more, none, or
    another one), or fewer conditions are missing than at all earlier rows of the UTC day. So every
    setup that came near has a row, and every day has one.
    """
    missing = np.stack([item.truth != Truth.TRUE for item in required])
    count = missing.sum(axis=0)
    which = np.where(count == 1, missing.argmax(axis=0), -1)
    begins = (count == 1) & (which != np.concatenate(([-1], which[:-1])))
    # A row at midnight ends its day, as in every answer by day.
    day = (decided_at - 1) // DAY_NS
    found: Flags = begins | _lowest_of_day(count, len(required), day)
    return found


def _lowest_of_day(count: NDArray[np.int64], most: int, day: NDArray[np.int64]) -> Flags:
    """Return the rows with a lower count, of ``most``, than every earlier row of their day."""
    if len(count) == 0:
        return np.zeros(0, dtype=np.bool_)
    begins = np.concatenate(([True], day[1:] != day[:-1]))
    # Each day lies below the days before it, so one running minimum serves them all.
    sunk = count - np.cumsum(begins) * (most + 1)
    lowest = np.minimum.accumulate(sunk)
    lower = np.concatenate(([True], sunk[1:] < lowest[:-1]))
    found: Flags = lower | begins
    return found


def _can_be_placed(values: Mapping[str, Floats], name: str, trade: TradeRule) -> Flags:
    """Return the rows at which stop and targets are prices on their sides of the close.

    The activation of a trailing stop must be known.

    The conditions say the same, but a run may leave those out.
    """
    close, stop = values[f"close {trade.instrument}"], values[f"stop {name}"]
    with np.errstate(invalid="ignore"):
        fits: Flags = (trade.direction * (close - stop) > 0) & (stop > 0)
        for i, target in enumerate(trade.targets):
            if target.price is not None:
                fits &= trade.direction * (values[f"target {name} {i + 1}"] - close) > 0
        if f"beyond {name}" in values:
            fits &= values[f"beyond {name}"] > 0
    return fits


class _Trade:
    """Computes one trade at every decision row."""

    def __init__(
        self, rules: BoundRules, evaluator: Evaluator, name: str, trade: TradeRule
    ) -> None:
        self._rules, self._evaluator = rules, evaluator
        self._name, self._trade = name, trade
        self._params: RulesParams = rules.params
        self._group = name if len(self._params.trades) > 1 else ""

    def rows(self) -> TradeRows:
        """Return the trade's conditions, signals and the rows at which it leaves."""
        place: Place = ("trades", self._name)
        entering = list(self._conditions(self._trade.enter, (*place, "enter"), required=True))
        exits = list(self._conditions(self._trade.exit, (*place, "exit"), required=False))
        # Beside a condition where unknown passes stands the known one, for readers.
        named = {self._named(name) for name in self._trade.exit}
        deciding = [item for item in exits if item.name in named]
        leaves = np.zeros(len(self._evaluator.decided_at), dtype=np.bool_)
        for item in deciding:
            leaves |= item.truth == Truth.TRUE
        values = dict(self._levels())
        required = [item for item in entering if item.required]
        required += self._placed(values)
        if deciding:
            required.append(self._no_exit(deciding, leaves))
        shown = [item for item in entering if not item.required] + exits
        for i, tranche in enumerate(self._trade.tranches):
            inside = (*place, "tranches", i, "when")
            shown += self._conditions(tranche.when, inside, required=False)
        return TradeRows(tuple(required), tuple(shown), values, leaves)

    def _named(self, name: str) -> str:
        return self._params.trade_condition(self._name, name)

    def _conditions(
        self, conditions: Mapping[str, ConditionRule], place: Place, *, required: bool
    ) -> Iterator[Condition]:
        """Yield the conditions at a place that need no plan."""
        for name in prepared_conditions(self._rules, conditions, place):
            rule = conditions[name]
            made = named_condition(
                self._named(name),
                self._rules.term(*place, name),
                self._evaluator,
                description=rule.when,
                required=required,
                group=self._group if required else "",
            )
            if rule.unknown == "pass":
                yield from with_unknown_passing(made)
            else:
                yield made

    def _levels(self) -> Iterator[tuple[str, Floats]]:
        """Yield close, stop, targets and trail, and the prepared parts of plan values."""
        place: Place = ("trades", self._name)
        trade, own = self._trade, self._name
        yield f"close {trade.instrument}", self._numbers(self._rules.close(trade.instrument))
        yield f"stop {own}", self._numbers(self._rules.term(*place, "stop"))
        for i, target in enumerate(trade.targets):
            if target.price is not None:
                term = self._rules.term(*place, "targets", i, "price")
                yield f"target {own} {i + 1}", self._numbers(term)
        if trade.trail is not None:
            term = self._rules.term(*place, "trail")
            if term.needs_plan:
                yield from self._parts(PlanTerm.of(term, place_text((*place, "trail"))))
            else:
                yield f"trail {own}", self._numbers(term)
        follows = trade.trailing_stop
        if follows is not None and follows.distance is not None:
            term = self._rules.term(*place, "trailing_stop", "distance")
            yield f"distance {own}", self._numbers(term)
        if follows is not None and follows.beyond is not None:
            term = self._rules.term(*place, "trailing_stop", "beyond")
            yield f"beyond {own}", self._numbers(term)
        read = plan_conditions(self._rules, trade.exit, (*place, "exit"))
        for i, tranche in enumerate(trade.tranches):
            read += plan_conditions(self._rules, tranche.when, (*place, "tranches", i, "when"))
        for item in read:
            yield from self._parts(item.term)

    def _parts(self, term: PlanTerm) -> Iterator[tuple[str, Floats]]:
        for part, name in term.parts.items():
            found: NDArray[Any] = (
                self._evaluator.truths(part) if part.kind == "truth" else self._numbers(part)
            )
            yield name, part_values(part, found)

    def _numbers(self, term: Term) -> Floats:
        return self._evaluator.numbers(term).values

    def _placed(self, values: Mapping[str, Floats]) -> Iterator[Condition]:
        """Yield the conditions that stop and target prices lie on their sides of the close."""
        trade, sign = self._trade, self._trade.direction
        close = values[f"close {trade.instrument}"]
        below, above = ("below", "above") if sign > 0 else ("above", "below")
        stop = values[f"stop {self._name}"]
        yield self._beside(f"stop_{below}_price", stop, close, -sign, f"{trade.stop} is the stop")
        prices = [
            (target.price, values[f"target {self._name} {i + 1}"])
            for i, target in enumerate(trade.targets)
            if target.price is not None
        ]
        if prices:
            # The nearest of them decides; one unknown price makes it unknown.
            pick = np.minimum if sign > 0 else np.maximum
            nearest = pick.reduce([price for _, price in prices])
            text = " and ".join(str(written) for written, _ in prices)
            told = f"{text} is the nearest target" if len(prices) > 1 else f"{text} is the target"
            yield self._beside(f"target_{above}_price", nearest, close, sign, told)

    def _beside(self, name: str, level: Floats, close: Floats, sign: int, told: str) -> Condition:
        """Return the condition that a level is above (``sign`` 1) or below the close."""
        known = np.isfinite(level) & np.isfinite(close)
        with np.errstate(invalid="ignore"):
            holds = sign * (level - close) > 0
            nothing = known & (level <= 0)
        side = "above" if sign > 0 else "below"
        return condition(
            self._named(name),
            holds & ~nothing,
            known=known,
            measured=np.where(nothing, np.nan, level),
            threshold=close,
            unit="quote",
            description=f"{told}, {side} the close of {self._trade.instrument}",
            reasons=(reason("a price is above zero", nothing),),
            group=self._group,
        )

    def _no_exit(self, exits: list[Condition], leaves: Flags) -> Condition:
        """Return the condition that no exit of the trade is true: none would close it at once."""
        blank = np.full(len(leaves), np.nan)
        return condition(
            self._named("no_exit"),
            ~leaves,
            known=np.ones(len(leaves), dtype=np.bool_),
            measured=blank,
            threshold=np.nan,
            unit="",
            description="none of its exits holds",
            parts=tuple(exits),
            group=self._group,
        )
