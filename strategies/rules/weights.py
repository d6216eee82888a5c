"""The weights of a file by state: the state held at each row, and when weights are restored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.api import (
    DAY_NS,
    AccountView,
    Condition,
    Dataset,
    DrawnAs,
    DrawnValue,
    Intent,
    MarketView,
    Rebalance,
    Signals,
    Truth,
    leave_out,
    signals,
)
from strategies.rules.bindings import BoundRules
from strategies.rules.conditions import named_condition, with_unknown_passing
from strategies.rules.evaluate import Evaluator
from strategies.rules.field_types import rows_of
from strategies.rules.meaning import understand
from strategies.rules.params import RulesParams, Switch
from strategies.rules.rule_models import RebalanceDate, StateRule
from strategies.target_weights import (
    NEW_YORK,
    PUT_OFF,
    begun_signals,
    left_band,
    priced_names,
    working_order_notes,
)

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Truths = NDArray[np.int8]
Rows = NDArray[np.int64]

NO_STATE = -1
# Floating-point sums of weights such as 0.6 + 0.3 + 0.1.
_ROUNDING = 1e-9


def prepare_weights(
    rules: BoundRules, evaluator: Evaluator, data: Dataset, ignored: frozenset[str]
) -> Signals:
    """Return the state, the weights and the calendar of every row.

    Conditions in ``ignored`` count as true; a state without any other condition is never held.
    """
    params = rules.params
    conditions: list[Condition] = []
    truths: list[Truths] = []
    for name, state in params.weights.items():
        made = leave_out(_conditions(rules, evaluator, name, state), ignored)
        conditions += made
        truths.append(_state_truth(state, made, len(evaluator.decided_at)))
    held = held_states(
        truths,
        [rows_of(state.leave_after or "1 row") for state in params.weights.values()],
        calendar_rows(rules, evaluator, params.switch),
    )
    weights, sums, applied = _weights(rules, evaluator, held)
    keys = {name: rules.names.bars_source(name).key for name in held_names(params)}
    begun = begun_signals(
        data, {name: key for name, key in keys.items() if key is not None}, evaluator.decided_at
    )
    restores = calendar_rows(rules, evaluator, params.rebalance.when)
    return Signals(
        evaluator.decided_at,
        {
            "state": applied.astype(np.float64),
            "weights sum": sums,
            "rebalance": restores.astype(np.float64),
            **{f"weight {name}": values for name, values in weights.items()},
            **begun,
        },
        conditions=tuple(conditions),
        notable=np.concatenate(([False], applied[1:] != applied[:-1])),
        state_names=tuple(params.weights),
        drawn=_drawn_states(params),
    )


def _drawn_states(params: RulesParams) -> tuple[DrawnValue, ...]:
    """Return the states as stages of the page; a state that holds nothing is at rest."""
    active = {
        place: name
        for place, (name, state) in enumerate(params.weights.items())
        if any(share != 0 for _, _, share in state.shares)
    }
    if not active:
        return ()
    return (DrawnValue("state", "state held", DrawnAs.STAGES, stages=active),)


def held_names(params: RulesParams) -> tuple[str, ...]:
    """Return the short names of every instrument that a state may hold or sell short, sorted."""
    states = params.weights.values()
    return tuple(sorted({name for state in states for _, name, _ in state.shares}))


def _conditions(
    rules: BoundRules, evaluator: Evaluator, name: str, state: StateRule
) -> list[Condition]:
    found: list[Condition] = []
    for own, rule in state.when.items():
        made = named_condition(
            rules.params.state_condition(name, own),
            rules.term("weights", name, "when", own),
            evaluator,
            description=rule.when,
            required=True,
            group=name,
        )
        passes = "pass" in (rule.unknown, state.unknown)
        found += with_unknown_passing(made) if passes else (made,)
    return found


def _state_truth(state: StateRule, conditions: Sequence[Condition], rows: int) -> Truths:
    """Return whether a state's conditions all hold; false where one fails, else unknown.

    A state whose conditions are all left out is false: the run shows the rules without it.
    """
    if state.otherwise:
        return np.full(rows, Truth.TRUE, dtype=np.int8)
    required = [item for item in conditions if item.required]
    if all(item.left_out for item in required):
        return np.full(rows, Truth.FALSE, dtype=np.int8)
    table = np.stack([item.truth for item in required])
    unknown = (table == Truth.UNKNOWN).any(axis=0)
    found = np.where(unknown, Truth.UNKNOWN, Truth.TRUE)
    return np.where((table == Truth.FALSE).any(axis=0), Truth.FALSE, found).astype(np.int8)


def held_states(truths: Sequence[Truths], patience: Sequence[int], judged: Flags) -> Rows:
    """Return the place of the state that is held at each row, -1 before the first one.

    The first true state is held. An unknown state before it keeps the one that was held. A held
    state counts as true until it was false for ``patience`` rows in a row. Between judged rows
    nothing changes.

    >>> storm = np.array([1, 0, 0, -1, 0], np.int8)
    >>> usual = np.ones(5, np.int8)
    >>> held_states([storm, usual], [2, 1], np.ones(5, bool)).tolist()
    [0, 0, 1, 1, 1]
    """
    found = np.full(len(judged), NO_STATE, dtype=np.int64)
    false_run = [0] * len(truths)
    columns = [item.tolist() for item in truths]
    held = NO_STATE
    for row, is_judged in enumerate(judged.tolist()):
        for i, column in enumerate(columns):
            false_run[i] = false_run[i] + 1 if column[row] == Truth.FALSE else 0
        if is_judged:
            held = _judged([column[row] for column in columns], held, false_run, patience)
        found[row] = held
    return found


def _judged(
    truths: Sequence[int], held: int, false_run: Sequence[int], patience: Sequence[int]
) -> int:
    for i, truth in enumerate(truths):
        stays = i == held and truth == Truth.FALSE and false_run[i] < patience[i]
        if truth == Truth.TRUE or stays:
            return i
        if truth == Truth.UNKNOWN:
            return held
    return held


def _weights(
    rules: BoundRules, evaluator: Evaluator, held: Rows
) -> tuple[dict[str, Floats], Floats, Rows]:
    """Return weights by short name, their sum as written, and the state whose weights they are.

    An unknown weight keeps all weights of the row before, and with them the state.
    """
    states = rules.params.weights
    names = held_names(rules.params)
    table = np.zeros((len(names), len(held)))
    for place, (state, rule) in enumerate(states.items()):
        rows = held == place
        for block, name, share in rule.shares:
            shares = (
                evaluator.numbers(rules.term("weights", state, block, name)).values[rows]
                if isinstance(share, str)
                else np.full(int(rows.sum()), share)
            )
            sold = block == "short"
            table[names.index(name), rows] = (
                -np.clip(shares, 0.0, 1.0) if sold else np.maximum(shares, 0.0)
            )
    known = np.isfinite(table).all(axis=0) & (held != NO_STATE)
    owned = np.maximum(table, 0.0)
    sums = owned.sum(axis=0)
    # A sum above 1 scales what is held; a short is no part of it.
    table = np.where(table > 0, table / np.where(sums > 1.0 + _ROUNDING, sums, 1.0), table)
    # The newest known row at or before each row.
    last = np.maximum.accumulate(np.where(known, np.arange(len(held)), NO_STATE))
    begun = last != NO_STATE
    kept = np.where(begun, table[:, last], 0.0)
    applied = np.where(begun, held[last], NO_STATE)
    weights = {name: kept[i] for i, name in enumerate(names)}
    return weights, np.where(begun, sums[last], np.nan), applied


def calendar_rows(rules: BoundRules, evaluator: Evaluator, date: Switch | RebalanceDate) -> Flags:
    """Return the rows of a calendar: the first of each period, or the last of each month.

    On an intraday clock the last row of a month is the one that ends its last trading day; of an
    exchange, whose day may end early, it is the first row of that day.
    """
    decided_at = evaluator.decided_at
    if date == "at_once":
        return np.ones(len(decided_at), dtype=np.bool_)
    if date != "month_end":
        zone = NEW_YORK if rules.params.has_session_clock else "UTC"
        return signals.period_starts(decided_at, date, zone=zone)
    last_day = understand("days_to_month_end() == 0", rules.names, "truth")
    on_last: Flags = evaluator.truths(last_day) == Truth.TRUE
    if rules.params.has_session_clock:
        return on_last
    source = rules.names.clock_source
    if rules.names.is_around_the_clock(source):
        assert source.key is not None
        closed_at = evaluator.data.channels[source.key]["closed_at"]
        ends_day: Flags = on_last & (closed_at % DAY_NS == 0)
        return ends_day
    first: Flags = on_last & ~np.concatenate(([False], on_last[:-1]))
    return first


@dataclass
class WeightDecisions:
    """Decides when the weights of the state are bought or restored."""

    rules: BoundRules
    _state: int = NO_STATE
    _joined: frozenset[str] | None = None
    _due: bool = False
    _late: bool = False
    _turning: frozenset[str] = frozenset()
    _names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        params = self.rules.params
        self._names = held_names(params)
        self._ids = {name: params.instrument_id(name) for name in self._names}
        self._states = list(params.weights.items())

    def on_bar(self, market: MarketView, account: AccountView) -> Sequence[Intent]:
        """Return the weights of a new state, when due, and when a weight leaves its band."""
        began = priced_names(market, self._names)
        state = int(market.signal("state"))
        if state == NO_STATE:
            return ()
        date = self.rules.params.rebalance.when
        due, switched = market.signal("rebalance") > 0, state != self._state
        self._due |= due
        if account.working:
            self._late |= switched or due
            told = f"{self._states[state][0]}: {self._why(state)}" if switched else f"{date} date"
            return working_order_notes(account, told) if due or switched else ()
        weights = {name: market.signal(f"weight {name}") for name in self._names}
        reason = self._reason(account, state, weights, began, date)
        if not reason:
            # A switch that turned back while the order worked leaves nothing put off.
            self._late = False
            return ()
        self._state, self._joined, self._due = state, began, False
        late, self._late = self._late, False
        text = f"{reason}{PUT_OFF if late else ''}{_scaled(market.signal('weights sum'))}"
        held = {self._ids[name]: weight for name, weight in weights.items()}
        # A weight of the other sign closes the position first; the next row opens the other side.
        self._turning = frozenset(
            name
            for name, weight in held.items()
            if name in account.positions and account.positions[name].quantity * weight < 0
        )
        return (Rebalance(held, text, self.rules.params.rebalance.min_ticket),)

    def _reason(
        self,
        account: AccountView,
        state: int,
        weights: Mapping[str, float],
        began: frozenset[str],
        date: RebalanceDate,
    ) -> str:
        """Return why the weights are set now, in words; "" where they are not."""
        name = self._states[state][0]
        wanted = {item for item in began if weights[item] != 0}
        if not account.positions and wanted:
            return f"first purchase in {name}: {self._why(state)}"
        if state != self._state:
            return f"{name}: {self._why(state)}"
        if self._due:
            return f"{date} rebalancing in {name}"
        if self._turning and not self._turning & set(account.positions):
            return f"{', '.join(sorted(self._turning))} turns"
        joined = {item for item in began - (self._joined or frozenset()) if weights[item] != 0}
        if joined:
            return f"{', '.join(sorted(joined))} begins"
        left = left_band(
            account,
            {self._ids[item]: weights[item] for item in began},
            absolute=self.rules.params.rebalance.band,
            relative=None,
        )
        return f"band left in {name}: {left}" if left else ""

    def _why(self, state: int) -> str:
        """Return the conditions of a state in the trader's words."""
        rule = self._states[state][1]
        if rule.otherwise:
            return "no other state holds"
        return " and ".join(item.when for item in rule.when.values())


def _scaled(total: float) -> str:
    return f"; weights sum to {total:.4g}, scaled to 1" if total > 1.0 + _ROUNDING else ""
