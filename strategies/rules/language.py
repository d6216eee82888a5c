"""Answer what ``riskoff rules`` asks about the language: functions, values, sentences, ages."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.api import (
    ChannelKey,
    ChannelKind,
    FunctionEntry,
    Instrument,
    MarketStateConfig,
    ValueEntry,
)
from strategies.rules.bindings import BoundRules
from strategies.rules.meaning import understand
from strategies.rules.names import Names
from strategies.rules.params import RulesParams
from strategies.rules.reference import (
    BARS,
    function_entries,
    made_values,
    told_unit,
    values_of_data,
    values_of_instrument,
)
from strategies.rules.remarks import counted_rows, midnight_pairs, unchecked_units
from strategies.rules.sentences import rule_sentences
from strategies.rules.sources import ONE_DAY, SESSION
from strategies.rules.syntax import ExpressionError
from strategies.rules.units import unit_of
from strategies.rules.written import written_expressions

_BAR_KINDS = (BARS, ChannelKind.MARK)
_SERIES, _LETS = "Series of this file", "Named values of this file"


class RulesLanguage:
    """The functions and values of rules in a config file."""

    def functions(self) -> Sequence[FunctionEntry]:
        """Return every function, in the order of the registry."""
        return function_entries()

    def values(
        self,
        instruments: Mapping[str, Instrument],
        held: Sequence[ChannelKey],
        params: Any | None = None,
    ) -> Sequence[ValueEntry]:
        """Return every value that may be named: of all data, or what a file binds."""
        if not isinstance(params, RulesParams):
            return [*values_of_data(instruments, held), *made_values(MarketStateConfig())]
        rules = BoundRules.of(params, instruments)
        return [*_bound_values(rules, held), *made_values(params.state)]


def told_rules(params: RulesParams, instruments: Mapping[str, Instrument]) -> tuple[str, ...]:
    """Return the rules of a file in plain English, a line each."""
    rules = BoundRules.of(params, instruments)
    lines = list(rule_sentences(params, lambda text: counted_rows(text, rules)))
    texts = [item.text for item in written_expressions(params)]
    notes = midnight_pairs(texts, rules)
    loose = unchecked_units(texts, rules)
    if loose:
        notes.append(
            f"No unit is declared, so the numbers beside are not checked: {', '.join(loose)}."
        )
    if notes and "Notes" not in lines:
        lines += ["", "Notes"]
    return (*lines, *(f"  - {note}" for note in notes))


def longest_ages(
    params: RulesParams, instruments: Mapping[str, Instrument]
) -> dict[ChannelKey, int]:
    """Return the age beyond which each channel that an expression names is unknown, ns.

    The channels of the market state have ages of their own, in its settings.
    """
    rules = BoundRules.of(params, instruments)
    sources = {source for term in rules.terms.values() for source in term.sources()}
    found: dict[ChannelKey, int] = {}
    # The month's last rows last longer; a channel that is also read daily has the shorter age.
    for source in sorted(sources, key=str):
        if source.key is not None:
            age = rules.names.max_age_ns(source)
            found[source.key] = min(age, found.get(source.key, age))
    return found


def _bound_values(rules: BoundRules, held: Sequence[ChannelKey]) -> Iterator[ValueEntry]:
    """Yield the values of what a file binds, by its short names."""
    params, names = rules.params, rules.names
    for short, bound in params.instruments.items():
        name, _, written = bound.partition("@")
        timeframe = ONE_DAY if written == SESSION else written
        own = [key for key in held if key.kind not in _BAR_KINDS or key.timeframe == timeframe]
        # Bars that are not stored are made from shorter ones.
        chosen = own if ChannelKey(name, BARS, timeframe) in own else held
        yield from values_of_instrument(f"{short}: {bound}", short, name, names.records, chosen)
    for short, name in params.series.items():
        key = ChannelKey(name, ChannelKind.SERIES)
        unit = told_unit(unit_of(names.records, key, "value"))
        yield ValueEntry(_SERIES, f"{short}: {name}", unit, "", (key,))
    for short, value in params.let.items():
        yield ValueEntry(_LETS, short, _unit_of_let(short, names), f"{value}")


def _unit_of_let(name: str, names: Names) -> str:
    """Return the unit of a named value, its kind where it is no number, "" for a plain number."""
    try:
        term = understand(name, names, plan_values=True)
    except ExpressionError:
        return ""
    if term.kind == "number":
        return "" if term.is_constant else told_unit(term.unit)
    return term.kind
