"""Tell whose rows an expression counts, and which of its numbers no unit was checked for."""

from collections.abc import Iterator

from strategies.rules.bindings import BoundRules
from strategies.rules.calls import is_elementwise
from strategies.rules.functions.registry import FUNCTIONS
from strategies.rules.meaning import understand
from strategies.rules.phrases import listed
from strategies.rules.sources import CLOCK, ONE_DAY, SESSION, Rows, RowSource
from strategies.rules.syntax import ExpressionError
from strategies.rules.terms import Term
from strategies.rules.units import UNDECLARED

# Operations that count rows of their operand.
_COUNTING = ("for", "within", "lookback")
_COMPARED = ("compare", "crosses", "arithmetic")
_POINTS = {
    "series": "values of {}",
    "funding": "funding rates of {}",
    "open_interest": "values of {}'s open interest",
    "liquidations": "intervals of {}'s liquidations",
    "mark": "{} marks of {}",
}


def counted_rows(text: str, rules: BoundRules) -> str:
    """Return whose rows the windows of an expression count, "" where it has none.

    For example ``counts 1h bars of BTCUSDT-PERP``.
    """
    term = _term(text, rules)
    if term is None:
        return ""
    found = dict.fromkeys(words for words in _counted(term, rules))
    return f"counts {listed(list(found), 'and')}" if found else ""


def unchecked_units(texts: list[str], rules: BoundRules) -> list[str]:
    """Return the parts of expressions that meet a number of another unit, or none, unchecked."""
    found: dict[str, None] = {}
    for text in texts:
        term = _term(text, rules)
        for part in () if term is None else term.parts():
            if part.operation in _COMPARED and len(part.arguments) == 2:
                found |= dict.fromkeys(
                    item.text
                    for item in part.arguments
                    if item.kind == "number" and item.unit == UNDECLARED and item.text
                )
    return sorted(found)


def midnight_pairs(texts: list[str], rules: BoundRules) -> list[str]:
    """Return a sentence for each first part of expressions that pairs dated and shorter rows.

    A dated value stands at midnight, so it meets the bar that closes then, and no other.
    """
    found: dict[Rows, str] = {}
    for text in texts:
        term = _term(text, rules)
        for part in () if term is None else reversed(list(_in_order(term))):
            dated = [source for source in part.rows if source.is_dated]
            short = [source for source in part.rows if not source.is_daily]
            if dated and short:
                told = (
                    f"{part.text} pairs {_words(tuple(dated), rules)}, which stand at midnight "
                    f"UTC, with {_words(tuple(short), rules)} at that instant alone; to pair days, "
                    f"write {_daily(short, rules)}."
                )
                found.setdefault(part.rows, told)
    return list(found.values())


def _daily(sources: list[RowSource], rules: BoundRules) -> str:
    """Return the name of daily rows to write in place of shorter ones."""
    words: dict[str, None] = {}
    for source in sources:
        bound = "" if source.key is None else source.key.instrument
        name = next(
            (n for n in rules.params.instruments if rules.params.instrument_id(n) == bound), ""
        )
        if name and source.is_bars:
            held = SESSION if rules.names.is_around_the_clock(source) is False else ONE_DAY
            words[f"{name}@{held}"] = None
    return listed(list(words), "and") if words else "daily values"


def _term(text: str, rules: BoundRules) -> Term | None:
    try:
        return understand(text, rules.names, plan_values=True)
    except ExpressionError:
        return None


def _counted(term: Term, rules: BoundRules) -> Iterator[str]:
    for part in _in_order(term):
        if part.operation in _COUNTING:
            yield _words(part.arguments[0].rows, rules)
        elif part.operation == "crosses":
            yield _words(part.rows, rules)
        elif part.operation == "call":
            function = FUNCTIONS[str(part.detail[0])]
            if not is_elementwise(function) and not function.reads_clock:
                yield _words(part.rows, rules)


def _in_order(term: Term) -> Iterator[Term]:
    """Yield a term and its parts as they are written, from outside to inside."""
    yield term
    for part in term.arguments:
        yield from _in_order(part)


def _words(rows: Rows, rules: BoundRules) -> str:
    if rows == CLOCK:
        return "decisions"
    told = [_source_words(source, rules) for source in rows]
    if len(told) == 1:
        return told[0]
    return f"instants common to {listed(told, 'and')}"


def _source_words(source: RowSource, rules: BoundRules) -> str:
    if source.kind == "clock":
        return "decisions"
    if source.key is None:
        return "days of the market state"
    name, kind = source.key.instrument, source.key.kind.value
    if source.month_ends:
        return f"month ends of {name}"
    if source.by_session:
        return f"sessions of {name}"
    if kind in _POINTS:
        words = _POINTS[kind]
        return words.format(source.key.timeframe, name) if kind == "mark" else words.format(name)
    return f"{source.key.timeframe} bars of {name}"
