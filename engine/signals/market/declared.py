"""Conditions made from their declarations: measured, compared, combined."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from engine.conditions import Condition, all_of, any_of, condition, reason
from engine.config.market.declaration import (
    AllOf,
    AnyOf,
    Combination,
    Computed,
    Declaration,
    NamedReading,
    Relation,
    SeriesSinceHigh,
    ThresholdRule,
    names_in,
)
from engine.signals.market.point_in_time import MarketInputs
from engine.signals.market.readings import Flags, Reading, combined
from engine.signals.market.series_measures import SeriesMeasures

Named = Mapping[str, Condition]
# Makes a condition from its declaration and the conditions declared before it.
Maker = Callable[[Declaration, Named], Condition]

_HOLDS: Mapping[Relation, Callable[[NDArray[np.float64], float], Flags]] = {
    Relation.AT_LEAST: np.greater_equal,
    Relation.AT_MOST: np.less_equal,
    Relation.BELOW: np.less,
}


def conditions_of(
    inputs: MarketInputs,
    declarations: Iterable[Declaration],
    readings: Mapping[str, Reading],
    makers: Mapping[str, Maker] | None = None,
) -> dict[str, Condition]:
    """Return the declared conditions by name, in the order of declaration.

    ``readings`` has every reading that they name, ``makers`` a function for each that is computed.
    """
    series = SeriesMeasures(inputs)
    named: dict[str, Condition] = {}
    for item in declarations:
        match item.rule:
            case ThresholdRule(measure=SeriesSinceHigh() as measure):
                named[item.name] = _stopped(item, item.rule, measure, series)
            case ThresholdRule(measure=NamedReading(reading=name)):
                named[item.name] = _compared(item, item.rule, readings[name])
            case ThresholdRule(measure=measure):
                named[item.name] = _compared(item, item.rule, series.reading(measure))
            case Computed():
                named[item.name] = (makers or {})[item.name](item, named)
            case AllOf() | AnyOf():
                named |= combinations_of((item,), named)
    return named


def combinations_of(declarations: Iterable[Declaration], named: Named) -> dict[str, Condition]:
    """Return the declared combinations of conditions by name."""
    made: dict[str, Condition] = {}
    for item in declarations:
        assert isinstance(item.rule, AllOf | AnyOf)
        parts = [named[name] for name in names_in(item.rule)]
        made[item.name] = combined(item.name, _truth(item.rule, named), item.words, *parts)
    return made


def _truth(rule: Combination, named: Named) -> NDArray[np.int8]:
    truths = [
        named[part].truth if isinstance(part, str) else _truth(part, named) for part in rule.parts
    ]
    return all_of(truths) if isinstance(rule, AllOf) else any_of(truths)


def _compared(item: Declaration, rule: ThresholdRule, reading: Reading) -> Condition:
    return condition(
        item.name,
        _HOLDS[rule.relation](reading.value, rule.threshold.value),
        known=reading.known,
        measured=reading.value,
        threshold=rule.threshold.value,
        unit=rule.unit,
        description=item.words,
        inputs=reading.inputs,
        age_ns=reading.age_ns,
    )


def _stopped(
    item: Declaration, rule: ThresholdRule, measure: SeriesSinceHigh, series: SeriesMeasures
) -> Condition:
    """Return the condition that a series makes no new high and its slope is not up."""
    sessions = rule.threshold.value
    since = series.reading(measure)
    holds = series.is_quiet(measure, sessions).value > 0
    with np.errstate(invalid="ignore"):
        rising = (since.value >= sessions) & ~holds
    return condition(
        item.name,
        holds,
        known=since.known,
        # Where the slope alone decides, the sessions would contradict the condition.
        measured=np.where(rising, np.nan, since.value),
        threshold=sessions,
        unit=rule.unit,
        description=item.words,
        inputs=since.inputs,
        age_ns=since.age_ns,
        reasons=(reason(f"the slope of {measure.slope} sessions is up", rising),),
    )
