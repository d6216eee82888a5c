"""The parts of a declared condition: measure, threshold, unit, words, source, step and place.

A declaration is data: ``engine.signals.market`` measures it and the checklist shows it. No other
list names the condition.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pydantic import Field

from data_feeds.strict_model import SortedModel

CHOSEN = "chosen"
SOURCE = ". Source: "
NOTE = '"Why US Stocks and Cryptocurrencies Plummeted This Week" (SimianX AI, 2026)'
# A condition without a place of its own follows the others of its step.
LAST = 1_000


class ChecklistStep(StrEnum):
    """A reading step of the checklist; its conditions are shown under it."""

    MACRO = "step_macro"
    LEADERSHIP = "step_leadership"
    CRYPTO = "step_crypto"
    CORRELATION = "step_correlation"

    @property
    def heading(self) -> str:
        """Return the step's heading in tables and sentences."""
        return _HEADINGS[self]


_HEADINGS = {
    ChecklistStep.MACRO: "macro: rates and the dollar",
    ChecklistStep.LEADERSHIP: "leadership",
    ChecklistStep.CRYPTO: "crypto structure",
    ChecklistStep.CORRELATION: "correlation and volatility",
}


def sourced(default: object, says: str, source: str = CHOSEN, **bounds: Any) -> Any:
    """Return a field of a rules section, its description followed by the source of its default."""
    return Field(default, description=f"{says}{SOURCE}{source}", **bounds)


def source_of(rules: type[SortedModel], field: str) -> str:
    """Return the source of a setting's default.

    Raises
    ------
    KeyError : the field names no source.
    """
    _, mark, source = (rules.model_fields[field].description or "").partition(SOURCE)
    if not mark:
        raise KeyError(f"{rules.__name__}.{field} names no source")
    return source


@dataclass(frozen=True)
class SeriesLevel:
    """Measure the newest value of a series, named by its field of ``inputs``."""

    series: str
    sessions: int = 0
    days: int = 0


@dataclass(frozen=True)
class SeriesMove:
    """Measure the change of a series over ``sessions``: a fraction, or in the series' unit."""

    series: str
    sessions: int
    is_fraction: bool = False
    days: int = 0


@dataclass(frozen=True)
class SeriesSpeed:
    """Measure a change over ``change`` sessions as a multiple of its usual size in ``history``."""

    series: str
    change: int
    history: int
    days: int = 0

    @property
    def sessions(self) -> int:
        """Return the sessions that one value depends on."""
        return self.history + self.change


@dataclass(frozen=True)
class SeriesFromHigh:
    """Measure a series over its highest value of the last ``sessions``, a multiple."""

    series: str
    sessions: int
    days: int = 0


@dataclass(frozen=True)
class SeriesSinceHigh:
    """Measure the sessions since the high of ``extreme`` sessions.

    The condition also asks that the slope over ``slope`` sessions is not up.
    """

    series: str
    extreme: int
    slope: int
    days: int = 0

    @property
    def sessions(self) -> int:
        """Return the sessions that one value depends on."""
        return max(self.extreme, self.slope)


@dataclass(frozen=True)
class NamedReading:
    """Take a reading that a module of ``engine.signals.market`` makes under this name.

    ``sessions`` and ``days``: the longest window that one value depends on.
    """

    reading: str
    sessions: int = 0
    days: int = 0


Measure = SeriesLevel | SeriesMove | SeriesSpeed | SeriesFromHigh | SeriesSinceHigh | NamedReading


class Relation(StrEnum):
    """The comparison of a measured number with its threshold."""

    AT_LEAST = ">="
    AT_MOST = "<="
    BELOW = "<"


@dataclass(frozen=True)
class Threshold:
    """A number that a measure is compared with.

    ``setting`` is its dotted name, "" for a number that cannot be set.
    """

    value: float
    source: str
    setting: str = ""


def limit(section: str, rules: SortedModel, field: str, factor: float = 1.0) -> Threshold:
    """Return the threshold that a setting makes, times ``factor``."""
    source = source_of(type(rules), field)
    return Threshold(factor * float(getattr(rules, field)), source, f"{section}.{field}")


def fixed(value: float, source: str) -> Threshold:
    """Return a threshold that follows from the meaning of its condition."""
    return Threshold(value, source)


@dataclass(frozen=True)
class ThresholdRule:
    """A rule that is true where the measured number has the relation to its threshold."""

    measure: Measure
    relation: Relation
    threshold: Threshold
    unit: str


@dataclass(frozen=True)
class AllOf:
    """A rule that is true where every part is true."""

    parts: tuple["str | AnyOf | AllOf", ...]


@dataclass(frozen=True)
class AnyOf:
    """A rule that is true where at least one part is true."""

    parts: tuple["str | AnyOf | AllOf", ...]


@dataclass(frozen=True)
class Computed:
    """A rule that a module of ``engine.signals.market`` computes under the condition's name."""


Combination = AllOf | AnyOf
Rule = ThresholdRule | Combination | Computed


@dataclass(frozen=True)
class Declaration:
    """One condition of the market state.

    Attributes
    ----------
    name : identifier in tables, playbooks and the history's columns
    rule : comparison, combination or computation that makes it true
    words : its meaning when true
    step : the step of the checklist that shows it
    source : where its threshold, or the rule itself, comes from; or the word *chosen*
    place : order among the lines of its step; equal places keep the order of declaration
    """

    name: str
    rule: Rule
    words: str
    step: ChecklistStep
    source: str
    place: int = LAST


def compares(
    name: str,
    measure: Measure,
    relation: Relation,
    threshold: Threshold,
    unit: str,
    *,
    words: str,
    step: ChecklistStep,
    place: int = LAST,
) -> Declaration:
    """Return the declaration of a comparison; its source is the threshold's."""
    rule = ThresholdRule(measure, relation, threshold, unit)
    return Declaration(name, rule, words, step, threshold.source, place)


def names_in(rule: Combination) -> Iterator[str]:
    """Yield the names of the conditions that a combination reads, in order."""
    for part in rule.parts:
        if isinstance(part, str):
            yield part
        else:
            yield from names_in(part)
