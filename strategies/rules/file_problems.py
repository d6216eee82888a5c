"""Find what is wrong between the parts of a rules file, each with the place of its value."""

from collections.abc import Iterator, Mapping

from engine.api import ParamProblem, name_problem
from strategies.rules.params import RulesParams
from strategies.rules.rule_models import ConditionRule, RebalanceRule, StateRule, TradeRule
from strategies.rules.vocabulary import nearest
from strategies.rules.written import Place

# Words of the language, and roots of its values; a file binds none of them.
_RESERVED = frozenset(
    {"and", "or", "not", "for", "within", "crosses", "above", "below", "true", "false"}
    | {"bar", "bars", "session", "sessions", "row", "rows"}
    | {"state", "flush", "position", "entry", "stop", "equity"}
)
# Conditions that the playbook itself adds to a trade.
_OWN_CONDITIONS = frozenset(
    {"stop_below_price", "stop_above_price", "target_above_price", "target_below_price", "no_exit"}
)
_ROUNDING = 1e-9
_REST_OF_TARGETS = (
    "; give the rest a price out of reach, such as 5 * btc.close, or btc.close / 5 for a short"
)
_OF_WEIGHTS = {"switch": "at_once", "rebalance": RebalanceRule()}


def file_problems(params: RulesParams) -> list[ParamProblem]:
    """Return the problems of a file outside its expressions."""
    found = [*_doubly_bound(params), *_of_blocks(params), *_unknown_instruments(params)]
    for name, trade in params.trades.items():
        found += _of_trade(("trades", name), trade)
    for name, state in params.weights.items():
        found += _of_state(("weights", name), state)
    found += _of_state_conditions(params)
    return [*found, *_held_twice(params), *_of_otherwise(params), *_of_sessions(params)]


def _doubly_bound(params: RulesParams) -> Iterator[ParamProblem]:
    owner: dict[str, str] = {}
    blocks: dict[str, Mapping[str, object]] = {
        "instruments": params.instruments,
        "series": params.series,
        "let": params.let,
    }
    for block, names in blocks.items():
        for name in names:
            if name in _RESERVED:
                yield ParamProblem((block, name), _with_meaning(name))
            if name in owner:
                yield ParamProblem(
                    (block, name),
                    f"{name} is bound in {owner[name]} and in {block}; rename one of them",
                )
            owner.setdefault(name, block)


def _with_meaning(name: str) -> str:
    return f"{name} has a meaning of its own here; choose another name"


def _journal_problem(*columns: str) -> str:
    """Return why the journal cannot have a condition's columns, "" if it can."""
    told = next(filter(None, map(name_problem, columns)), "")
    return f"{told}; choose another name" if told else ""


def _of_blocks(params: RulesParams) -> Iterator[ParamProblem]:
    """Yield blocks that are missing or do not belong together."""
    if not params.trades and not params.weights:
        yield ParamProblem((), "write either trades or weights, and exactly one of them")
    if params.trades and params.weights:
        yield ParamProblem(
            ("weights",),
            "this file has trades, too; a file has trades or weights, drop one of them",
        )
    elif params.trades:
        for name, default in _OF_WEIGHTS.items():
            if getattr(params, name) != default:
                yield ParamProblem(
                    (name,), f"{name} belongs to weights; this file has trades: drop {name}"
                )


def _unknown_instruments(params: RulesParams) -> Iterator[ParamProblem]:
    named: list[tuple[Place, str]] = [(("clock",), params.clock_name)]
    if params.flush.bars is not None:
        named.append((("flush", "bars"), params.flush.bars.partition("@")[0]))
    named += [(("trades", n, "instrument"), t.instrument) for n, t in params.trades.items()]
    named += [
        (("weights", state, block, name), name)
        for state, rule in params.weights.items()
        for block, name, _ in rule.shares
    ]
    known = params.instruments
    for place, name in named:
        if name not in known:
            yield ParamProblem(
                place,
                f"{name} is no name of instruments{nearest(name, known)}; known: "
                f"{', '.join(known)}",
            )


def _of_trade(place: Place, trade: TradeRule) -> Iterator[ParamProblem]:
    for name, parts in (("tranches", trade.tranches), ("targets", trade.targets)):
        total = sum(part.fraction for part in parts)
        if parts and abs(total - 1) > _ROUNDING:
            rest = _REST_OF_TARGETS if name == "targets" and total < 1 else ""
            yield ParamProblem(
                (*place, name), f"fractions sum to {total:g}; they must sum to 1{rest}"
            )
    for i, target in enumerate(trade.targets):
        if (target.r is None) == (target.price is None):
            yield ParamProblem(
                (*place, "targets", i), "a target has either r or price; write exactly one of them"
            )
    first = trade.tranches[0] if trade.tranches else None
    if first is not None and (first.when or first.after is not None):
        yield ParamProblem(
            (*place, "tranches", 0, "when" if first.when else "after"),
            "the first tranche is bought with the entry; move its when into enter and drop its "
            "after",
        )
    yield from _of_condition_names(place, trade)


def _of_condition_names(place: Place, trade: TradeRule) -> Iterator[ParamProblem]:
    """Yield conditions of a trade with a name that is taken, by an earlier one or otherwise."""
    blocks: list[tuple[Place, Mapping[str, ConditionRule]]] = [(("enter",), trade.enter)]
    blocks += [(("tranches", i, "when"), part.when) for i, part in enumerate(trade.tranches)]
    blocks.append((("exit",), trade.exit))
    seen: dict[str, str] = {}
    for inside, conditions in blocks:
        block = ".".join(map(str, inside))
        for name, rule in conditions.items():
            # Of several trades a condition is named trade.condition.
            told = _journal_problem(name, f"trade.{name}")
            if told or name in _OWN_CONDITIONS:
                yield ParamProblem((*place, *inside, name), told or _with_meaning(name))
            taken = [name, f"{name}_known"] if rule.unknown == "pass" else [name]
            for word in taken:
                if word in seen:
                    yield ParamProblem(
                        (*place, *inside, name),
                        f"{word} is a condition of {seen[word]} and of {block}; each needs a name "
                        "of its own",
                    )
                seen.setdefault(word, block)


def _of_state(place: Place, state: StateRule) -> Iterator[ParamProblem]:
    for name in (str(place[-1]), *state.when):
        told = _journal_problem(name)
        if told:
            yield ParamProblem(place if name == place[-1] else (*place, "when", name), told)
            break
    if state.otherwise == bool(state.when):
        yield ParamProblem(place, "a state has either when or otherwise: true; write exactly one")
    elif state.otherwise and state.leave_after is not None:
        yield ParamProblem(
            (*place, "leave_after"),
            "otherwise is left as soon as another state holds; drop leave_after",
        )
    yield from _of_shorts(place, state)
    numbers = {name: share for name, share in state.hold.items() if not isinstance(share, str)}
    below = [name for name, share in numbers.items() if share < 0]
    for name in below:
        yield ParamProblem(
            (*place, "hold", name),
            "a weight must not be negative; to be short, write it under short, or write a trade",
        )
    total = sum(numbers.values())
    if not below and total > 1 + _ROUNDING:
        yield ParamProblem((*place, "hold"), f"weights sum to {total:g}; 1 at most")


def _of_shorts(place: Place, state: StateRule) -> Iterator[ParamProblem]:
    """Yield shares sold short that make no sense: beyond the equity, or of what is held, too."""
    for name, share in state.short.items():
        if not isinstance(share, str) and not 0 <= share <= 1:
            yield ParamProblem(
                (*place, "short", name), f"a share sold short lies in [0, 1], not {share:g}"
            )
        if name in state.hold:
            yield ParamProblem((*place, "short", name), f"the state holds {name}, too; drop one")


def _of_state_conditions(params: RulesParams) -> Iterator[ParamProblem]:
    """Yield conditions of states with the name of an earlier one."""
    owner: dict[str, str] = {}
    for state, rule in params.weights.items():
        for name, condition in rule.when.items():
            full = params.state_condition(state, name)
            passes = "pass" in (rule.unknown, condition.unknown)
            for told in (full, f"{full}_known") if passes else (full,):
                if told in owner:
                    yield ParamProblem(
                        ("weights", state, "when", name),
                        f"{told} is a condition of {owner[told]} and of {state}; rename one of "
                        "them",
                    )
                owner[told] = state


def _held_twice(params: RulesParams) -> Iterator[ParamProblem]:
    """Yield second short names of an instrument that weights hold by another name, too."""
    owner: dict[str, str] = {}
    for state, rule in params.weights.items():
        for block, name, _ in rule.shares:
            if name not in params.instruments:
                continue
            bound = params.instrument_id(name)
            if owner.setdefault(bound, name) != name:
                yield ParamProblem(
                    ("weights", state, block, name),
                    f"{owner[bound]} and {name} both hold {bound}; use one name for it",
                )


def _of_otherwise(params: RulesParams) -> Iterator[ParamProblem]:
    states = list(params.weights)
    for name in states[:-1]:
        if params.weights[name].otherwise:
            yield ParamProblem(
                ("weights", name, "otherwise"),
                f"only the last state, {states[-1]}, may say otherwise: true",
            )
    if states and not params.weights[states[-1]].otherwise:
        yield ParamProblem(
            ("weights", states[-1]),
            "the last state must say otherwise: true; it is held when no other state is true "
            "(hold: {} is cash)",
        )


def _of_sessions(params: RulesParams) -> Iterator[ParamProblem]:
    """Yield waits of sessions on a clock that has none."""
    waits: list[tuple[Place, str | None]] = [
        (("weights", name, "leave_after"), state.leave_after)
        for name, state in params.weights.items()
    ]
    waits += [
        (("trades", name, "tranches", i, "after"), part.after)
        for name, trade in params.trades.items()
        for i, part in enumerate(trade.tranches)
    ]
    for place, text in waits:
        if text is not None and "session" in text and not params.has_session_clock:
            yield ParamProblem(
                place,
                f"the rows of the clock {params.clock} are no sessions; write "
                f"{text.replace('session', 'bar')}",
            )
