"""Tell a file's rules in plain English, trade by trade or state by state."""

from collections.abc import Callable, Iterator, Mapping

from engine.api import StopMoves
from strategies.rules.params import RulesParams
from strategies.rules.parse import parse
from strategies.rules.phrases import Vocabulary, listed, say
from strategies.rules.reference import TRUTH, state_values
from strategies.rules.rule_models import (
    ConditionRule,
    StateRule,
    TargetRule,
    TradeRule,
    TrailingStopRule,
    TrancheRule,
)
from strategies.rules.syntax import Name, Node
from strategies.rules.written import written_expressions

# What is told behind an expression: whose rows it counts, that it reads the plan.
Remark = Callable[[str], str]

_PLAN_BASES = ("position", "entry", "stop", "equity")
_DATES = {
    "weekly": "each week",
    "monthly": "each month",
    "quarterly": "each quarter",
    "yearly": "each year",
}


def no_remark(text: str) -> str:
    """Return no remark on an expression."""
    return ""


def vocabulary(params: RulesParams) -> Vocabulary:
    """Return the words for the names that a file binds."""
    clock, at = params.clock_name, params.clock_timeframe
    instruments = {}
    for name, bound in params.instruments.items():
        known, _, timeframe = bound.partition("@")
        instruments[name] = (known, timeframe or (at if name == clock else ""))
    lets = {name: parse(str(value)) for name, value in params.let.items()}
    zone = "America/New_York" if params.has_session_clock else "UTC"
    state = {
        item.name.removeprefix("state."): item.meaning
        for item in state_values(params.state)
        if item.unit == TRUTH
    }
    return Vocabulary(instruments, params.series, lets, state, zone)


def rule_sentences(params: RulesParams, remark: Remark = no_remark) -> Iterator[str]:
    """Yield the rules, a line each, indented under what they belong to.

    ``remark`` returns what is told behind an expression, "" for nothing.
    """
    teller = _Teller(params, remark)
    yield teller.clock()
    yield from teller.watched()
    yield from teller.named_values()
    for name, trade in params.trades.items():
        yield ""
        yield from teller.trade(name, trade)
    if params.weights:
        yield ""
        yield from teller.weights()
    yield from teller.notes()


class _Teller:
    """Tells the parts of one file."""

    def __init__(self, params: RulesParams, remark: Remark) -> None:
        self.params, self.remark = params, remark
        self.words = vocabulary(params)

    def told(self, text: str) -> str:
        """Return an expression in words."""
        return say(parse(text), self.words)

    def remarked(self, text: str) -> str:
        """Return an expression in words with its remark behind."""
        remark = self.remark(text)
        return f"{self.told(text)}{f' [{remark}]' if remark else ''}"

    def clock(self) -> str:
        bars = self.words.bars(self.params.clock_name, self.params.clock_timeframe)
        if self.params.has_session_clock:
            name = self.words.instruments[self.params.clock_name][0]
            return (
                f"Decisions: at {self.params.decide_at} New York on every session of {name}; "
                "orders fill at the next open."
            )
        return f"Decisions: at every close of {bars}; orders fill at the next open."

    def watched(self) -> Iterator[str]:
        """Yield what the market state and the flush detector read, where the file names them."""
        texts = [item.text for item in written_expressions(self.params)]
        named = [name for text in texts for name in names_in(parse(text))]
        if any(name.base == "state" for name in named):
            at = self.params.state.decide_at
            yield f"Market state: one row a calendar day, taken at {at} New York."
        if any(name.base == "flush" for name in named):
            flush = self.params.flush
            short, _, timeframe = (flush.bars or self.params.clock).partition("@")
            moves = "sell-offs" if flush.side == "long" else "rallies"
            yield f"Flush detector: watches {moves} of {self.words.bars(short, timeframe)}."

    def named_values(self) -> Iterator[str]:
        if self.params.let:
            yield "Named values:"
        for name, value in self.params.let.items():
            yield f"  {name}: {self.remarked(str(value))}"

    # Trades ------------------------------------------------------------------------------------

    def trade(self, name: str, trade: TradeRule) -> Iterator[str]:
        buys = trade.side == "long"
        instrument = self.instrument(trade.instrument)
        size = "the whole size that risk allows"
        if trade.risk != 1:
            size = f"{_percent(trade.risk)} of the size that risk allows"
        yield f"Trade {name}"
        yield (
            f"  {'Buy' if buys else 'Sell short'} {instrument} at the next open, with {size}, when "
            f"{_all_of(len(trade.enter))}:"
        )
        yield from self.conditions(trade.enter)
        yield from self._no_entry(trade)
        side = "below" if buys else "above"
        yield (
            f"  The stop is {self.told(trade.stop)}, taken at the decision; it must be known and "
            f"lie {side} the close (stop_{side}_price), or nothing is entered."
        )
        yield from self._targets(trade)
        if trade.trail is not None:
            better = "higher" if buys else "lower"
            yield (
                f"  At each decision the stop moves to {self.told(trade.trail)}, if that is "
                f"{better} than the stop and {side} the close."
            )
        if trade.trailing_stop is not None:
            yield self._trailing_stop(trade, trade.trailing_stop)
        yield from self._tranches(trade)
        if trade.exit:
            act = "Sell" if buys else "Buy back"
            yield f"  {act} all at the next open when {_any_of(len(trade.exit))}:"
            yield from self.conditions(trade.exit)
        elif not trade.targets and trade.trail is None and trade.trailing_stop is None:
            yield "  No exit is written: the plan ends at its stop."

    def _no_entry(self, trade: TradeRule) -> Iterator[str]:
        held = [name for name, rule in trade.exit.items() if not self.reads_plan(rule.when)]
        if held:
            told = listed(held, "or")
            yield f"  Nothing is entered while {told} below is true (no_exit)."

    def _targets(self, trade: TradeRule) -> Iterator[str]:
        if not trade.targets:
            yield "  There are no targets."
            return
        parts = [self._target(item) for item in trade.targets]
        side = "above" if trade.side == "long" else "below"
        priced = any(item.price is not None for item in trade.targets)
        must = f"; a price must lie {side} the close (target_{side}_price)" if priced else ""
        yield f"  Targets, of the plan's quantity: {listed(parts, 'and')}{must}."

    def _target(self, item: TargetRule) -> str:
        share = _percent(item.fraction)
        if item.price is not None:
            return f"{share} at {self.told(item.price)}"
        return f"{share} at {item.r:g} R"

    def _trailing_stop(self, trade: TradeRule, rule: TrailingStopRule) -> str:
        best, behind = ("highest", "below") if trade.side == "long" else ("lowest", "above")
        price = "close" if rule.moved is StopMoves.AT_CLOSES else "price"
        away = (
            f"{_percent(rule.percent)} {behind}"
            if rule.percent is not None
            else f"{self.told(str(rule.distance))}, read at each decision, {behind}"
        )
        begins = ""
        if rule.beyond is not None:
            begins = f" once that has reached {self.told(rule.beyond)}, taken at the decision"
        elif rule.beyond_r is not None:
            begins = f" once that has reached {rule.beyond_r:g} R"
        when = "at each close" if rule.moved is StopMoves.AT_CLOSES else "inside the bars"
        return (
            f"  The stop trails {away} the {best} {price} since the entry{begins}; it is moved "
            f"{when} and never back."
        )

    def _tranches(self, trade: TradeRule) -> Iterator[str]:
        if not trade.tranches:
            return
        first, *later = trade.tranches
        act = "bought" if trade.side == "long" else "sold"
        yield (
            f"  The plan has {len(trade.tranches)} tranches. The first one, "
            f"{_percent(first.fraction)}, is {act} with the entry."
        )
        for place, item in enumerate(later, start=2):
            yield f"  Tranche {place}, {_percent(item.fraction)}, {self._when(item)}"
            yield from self.conditions(item.when)

    def _when(self, item: TrancheRule) -> str:
        wait = "" if item.after is None else f"at least {item.after} after the tranche before"
        if item.when:
            return f"follows {f'{wait}, ' if wait else ''}when {_all_of(len(item.when))}:"
        return f"follows {wait or 'at the next decision'}."

    # Weights -----------------------------------------------------------------------------------

    def weights(self) -> Iterator[str]:
        states = self.params.weights
        if len(states) == 1:
            yield f"Weights, read {self._judged()}"
        else:
            yield f"Weights: {self._judged()} the first of these states that is true is held."
        for name, state in states.items():
            yield from self._state(name, state, alone=len(states) == 1)
        yield from self._unnamed()
        if len(states) > 1:
            yield (
                "  An unknown state above the first true one keeps the weights held, and never "
                "falls to a state below."
            )
        if any(isinstance(share, str) for state in states.values() for _, _, share in state.shares):
            yield (
                "  An unknown weight keeps the weights held; a weight below 0 counts as 0; a sum "
                "above 1 is scaled to 1."
            )
        yield f"  {self._rebalance()}"

    def _judged(self) -> str:
        switch = self.params.switch
        if switch == "at_once":
            return "at every decision"
        if switch == "month_end":
            return "at the last decision of each month"
        return f"at the first decision of {_DATES[switch]}"

    def _state(self, name: str, state: StateRule, *, alone: bool) -> Iterator[str]:
        shares = [self._held(*item) for item in state.hold.items() if item[1] != 0]
        lent = [self._held(*item) for item in state.short.items() if item[1] != 0]
        held = listed(shares, "and") or "cash alone"
        held += f", sell short {listed(lent, 'and')}" if lent else ""
        if state.otherwise:
            yield f"  {name}: hold {held}{'' if alone else ' when no state above is true'}."
            return
        told = [
            self._told_condition(name, condition, rule, state.unknown)
            for condition, rule in state.when.items()
        ]
        if list(state.when) == [name]:
            yield f"  {name}: hold {held} when {told[0].partition(': ')[2]}"
        else:
            yield f"  {name}: hold {held} when {_all_of(len(told))}:"
            yield from (f"    - {line}" for line in told)
        if state.leave_after is not None:
            yield (
                f"    Once held, it is left only after {state.leave_after} in a row at which this "
                "is false."
            )

    def _told_condition(self, state: str, condition: str, rule: ConditionRule, unknown: str) -> str:
        passes = "pass" if "pass" in (unknown, rule.unknown) else "block"
        return self._condition(self.params.state_condition(state, condition), rule.when, passes)

    def _unnamed(self) -> Iterator[str]:
        states = self.params.weights.values()
        named = [{name for _, name, _ in state.shares} for state in states]
        if any(set().union(*named) - own for own in named):
            yield "  A state sells what it does not name; the rest of the equity is cash."
        else:
            yield "  The rest of the equity is cash."

    def _held(self, name: str, share: float | str) -> str:
        instrument = self.instrument(name)
        if isinstance(share, str):
            return f"{instrument} with a weight of {self.remarked(share)}"
        return f"{_percent(share)} {instrument}"

    def _rebalance(self) -> str:
        rule = self.params.rebalance
        dates = ["at a change of state"] if len(self.params.weights) > 1 else []
        if rule.when == "month_end":
            dates.append("at the last decision of each month")
        elif rule.when != "never":
            dates.append(f"at the first decision of {_DATES[rule.when]}")
        if rule.band is not None:
            dates.append(f"when a weight is off by more than {_percent(rule.band)} of the equity")
        when = listed(dates, "and") or "once, at the start"
        only = " only" if len(dates) == 1 else ""
        return (
            f"Rebalance {when}{only}; changes below {rule.min_ticket:,g} in the account's currency "
            "are left out."
        )

    # Parts -------------------------------------------------------------------------------------

    def conditions(self, rules: Mapping[str, ConditionRule]) -> Iterator[str]:
        for name, rule in rules.items():
            yield f"    - {self._condition(name, rule.when, rule.unknown)}"

    def _condition(self, name: str, text: str, unknown: str) -> str:
        passes = "; an unknown counts as true" if unknown == "pass" else ""
        return f"{name}: {self.remarked(text)}{passes}"

    def instrument(self, name: str) -> str:
        return self.words.instruments[name][0]

    def reads_plan(self, text: str) -> bool:
        """Return whether an expression reads values of the open plan, also by a named value."""
        return any(self._is_plan_value(name) for name in names_in(parse(text)))

    def _is_plan_value(self, name: Name) -> bool:
        if name.base in self.words.lets:
            return any(map(self._is_plan_value, names_in(self.words.lets[name.base])))
        return name.base in _PLAN_BASES

    def notes(self) -> Iterator[str]:
        """Yield what a reader could not see in one trade alone."""
        notes = [*self._shared_instruments(), *self._plan_values()]
        if notes:
            yield ""
            yield "Notes"
        for note in notes:
            yield f"  - {note}"

    def _shared_instruments(self) -> Iterator[str]:
        by_instrument: dict[str, list[str]] = {}
        for name, trade in self.params.trades.items():
            by_instrument.setdefault(self.instrument(trade.instrument), []).append(name)
        for instrument, names in by_instrument.items():
            if len(names) > 1:
                yield (
                    f"{listed(names, 'and')} trade {instrument}. One plan holds it at a time; "
                    "where several may enter at once, the first in this order does: "
                    f"{', '.join(names)}. The plan is managed by its own trade's rules."
                )

    def _plan_values(self) -> Iterator[str]:
        for name, trade in self.params.trades.items():
            later = [item for part in trade.tranches for item in part.when.items()]
            reading = [n for n, rule in (*trade.exit.items(), *later) if self.reads_plan(rule.when)]
            if trade.trail is not None and self.reads_plan(trade.trail):
                reading.append("the trail")
            if reading:
                verb = "reads" if len(reading) == 1 else "read"
                yield (
                    f"{listed(reading, 'and')} of {name} {verb} the open plan. While such a plan "
                    "is open every decision row is visited. What is read there is no part of the "
                    "causality proof, and is not counted below."
                )


def names_in(node: Node) -> Iterator[Name]:
    """Yield every name in an expression, from left to right."""
    if isinstance(node, Name):
        yield node
        return
    for field in ("operand", "left", "right", "length"):
        part = getattr(node, field, None)
        if part is not None:
            yield from names_in(part)
    for field in ("arguments", "parts"):
        for part in getattr(node, field, ()):
            yield from names_in(part)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.6g}%"


def _all_of(count: int) -> str:
    return "this holds" if count == 1 else "all of these hold"


def _any_of(count: int) -> str:
    return "this holds" if count == 1 else "any of these holds"
