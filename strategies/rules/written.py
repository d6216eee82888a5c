"""Every expression of a rules file with its place, its kind and its name, in the file's order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from strategies.rules.params import RulesParams
from strategies.rules.rule_models import ConditionRule, TradeRule

Place = tuple[str | int, ...]
Wants = Literal["truth", "number", "price", "any"]


@dataclass(frozen=True)
class WrittenExpression:
    """One expression of a file.

    Attributes
    ----------
    place : key path below the playbook's parameters, as in the file
    text : the expression
    wants : the kind of term that its place takes
    plan_values : whether values of the open plan may stand in it
    """

    place: Place
    text: str
    wants: Wants
    plan_values: bool = False


def written_expressions(params: RulesParams) -> Iterator[WrittenExpression]:
    """Yield every expression of a file; numbers in ``let`` and ``hold`` are left out."""
    for name, value in params.let.items():
        if isinstance(value, str):
            yield WrittenExpression(("let", name), value, "any", plan_values=True)
    for name, trade in params.trades.items():
        yield from _of_trade(trade, ("trades", name))
    for name, state in params.weights.items():
        yield from _of_conditions(state.when, ("weights", name, "when"))
        for block, held, share in state.shares:
            if isinstance(share, str):
                yield WrittenExpression(("weights", name, block, held), share, "number")


def _of_trade(trade: TradeRule, place: Place) -> Iterator[WrittenExpression]:
    yield from _of_conditions(trade.enter, (*place, "enter"))
    yield WrittenExpression((*place, "stop"), trade.stop, "price")
    for i, target in enumerate(trade.targets):
        if target.price is not None:
            yield WrittenExpression((*place, "targets", i, "price"), target.price, "price")
    if trade.trail is not None:
        yield WrittenExpression((*place, "trail"), trade.trail, "price", plan_values=True)
    if trade.trailing_stop is not None:
        for key in ("distance", "beyond"):
            text = getattr(trade.trailing_stop, key)
            if text is not None:
                yield WrittenExpression((*place, "trailing_stop", key), text, "price")
    for i, tranche in enumerate(trade.tranches):
        inside = (*place, "tranches", i, "when")
        yield from _of_conditions(tranche.when, inside, plan_values=True)
    yield from _of_conditions(trade.exit, (*place, "exit"), plan_values=True)


def _of_conditions(
    conditions: Mapping[str, ConditionRule], place: Place, *, plan_values: bool = False
) -> Iterator[WrittenExpression]:
    for name, rule in conditions.items():
        yield WrittenExpression((*place, name), rule.when, "truth", plan_values)
