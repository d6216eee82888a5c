"""List the functions and the values of the language, for ``riskoff rules`` and the reference."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from engine.api import (
    ALWAYS_OPEN,
    ChannelKey,
    ChannelKind,
    Dataset,
    FunctionEntry,
    Instrument,
    MarketStateConfig,
    Timeframe,
    ValueEntry,
    market_state,
)
from strategies.rules.functions.registry import FUNCTIONS
from strategies.rules.phrases import FLUSH_WORDS, PLAN_WORDS
from strategies.rules.sources import SESSION
from strategies.rules.units import UNDECLARED, unit_of
from strategies.rules.vocabulary import (
    BAR_COLUMNS,
    FLUSH_UNITS,
    INSTRUMENT_FIELDS,
    LABELS,
    PLAN_UNITS,
    POINT_FIELDS,
)

STATE, FLUSH, PLAN = "Market state, a row a day", "Flush detector", "Values of an open plan"
SERIES = "Series, bound for example as vix: VIX"
NOT_CHECKED, TRUTH = "not checked", "truth"
BARS = ChannelKind.BARS

FIELD_WORDS = {
    "open": "opening price",
    "high": "highest price",
    "low": "lowest price",
    "close": "closing price",
    "volume": "traded in the bar",
    "total_return": "close with dividends reinvested; the first bar's is its close",
    "mark": "close of the mark price",
    "basis": "close / close of its spot market - 1, at common closes",
    "funding": "rate of one interval; positive: longs pay shorts",
    "open_interest": "contracts outstanding",
    "long_liquidations": "longs closed by force in the interval",
    "short_liquidations": "shorts closed by force in the interval",
}
FIELD_UNITS = {
    **dict.fromkeys((*BAR_COLUMNS, "total_return", "mark"), "price"),
    "volume": "base",
    "basis": "fraction",
    "funding": "fraction",
    "open_interest": "base",
    "long_liquidations": "quote",
    "short_liquidations": "quote",
}
_LABEL_WORDS = {
    "action": "what the checklist says",
    "tier": "the tier that limits risk",
    "regime": "the kind of market",
    "driver": "the strongest cause of the moves",
    "stage": "where the sequence stands",
}


def function_entries() -> list[FunctionEntry]:
    """Return every function, in the order of the registry."""
    return [
        FunctionEntry(
            item.name,
            item.written,
            item.summary,
            item.formula,
            item.unit_words,
            item.memory_words,
            item.source,
        )
        for item in FUNCTIONS.values()
    ]


def values_of_data(
    instruments: Mapping[str, Instrument], held: Sequence[ChannelKey]
) -> Iterator[ValueEntry]:
    """Yield the values of every stored channel, instruments before series."""
    for name in sorted({key.instrument for key in held if key.kind is ChannelKind.BARS}):
        around = instruments[name].calendar == ALWAYS_OPEN
        bars = [key.timeframe for key in held if (key.instrument, key.kind) == (name, BARS)]
        written = max(bars, key=Timeframe) if around else SESSION
        group = f"{name}, bound for example as x: {name}@{written}"
        yield from values_of_instrument(group, "", name, instruments, held)
    for key in held:
        if key.kind is ChannelKind.SERIES:
            unit = told_unit(unit_of(instruments, key, "value"))
            yield ValueEntry(SERIES, key.instrument, unit, "", (key,))


def values_of_instrument(
    group: str,
    short: str,
    name: str,
    records: Mapping[str, Instrument],
    held: Sequence[ChannelKey],
) -> Iterator[ValueEntry]:
    """Yield the values of one instrument that the held channels give."""
    for field in INSTRUMENT_FIELDS:
        channels = _channels_of(field, name, records, held)
        if channels:
            unit = _unit_of_field(field, channels[0], records)
            yield ValueEntry(group, f"{short}.{field}", unit, FIELD_WORDS[field], channels)


def _channels_of(
    field: str, name: str, records: Mapping[str, Instrument], held: Sequence[ChannelKey]
) -> tuple[ChannelKey, ...]:
    """Return the stored channels that a field is read from; none where it cannot be read."""

    def of(kind: ChannelKind, owner: str = name) -> tuple[ChannelKey, ...]:
        found = (key for key in held if (key.instrument, key.kind) == (owner, kind))
        return tuple(sorted(found, key=lambda key: Timeframe(key.timeframe or "1m")))

    bars = of(ChannelKind.BARS)
    if field in POINT_FIELDS:
        return of(POINT_FIELDS[field][0])
    if field == "mark":
        return of(ChannelKind.MARK)
    if field == "total_return":
        return (*bars, *of(ChannelKind.DIVIDENDS)) if of(ChannelKind.DIVIDENDS) else ()
    if field == "basis":
        record = records.get(name)
        spot = None if record is None else record.companions.spot
        beside = of(ChannelKind.BARS, spot) if spot is not None else ()
        same = {key.timeframe for key in beside}
        return tuple(key for key in bars if key.timeframe in same)
    return bars


def _unit_of_field(field: str, key: ChannelKey, records: Mapping[str, Instrument]) -> str:
    column = "close" if field in ("total_return", "mark") else field
    return unit_of(records, key, column) if column in BAR_COLUMNS else FIELD_UNITS[field]


def told_unit(unit: str) -> str:
    return NOT_CHECKED if unit == UNDECLARED else unit


def made_values(state: MarketStateConfig) -> Iterator[ValueEntry]:
    """Yield the values that are made from the data: state, flush, plan."""
    yield from state_values(state)
    yield ValueEntry(FLUSH, "flush.stage", "label", _label_words("stage"))
    for name, unit in FLUSH_UNITS.items():
        yield ValueEntry(FLUSH, f"flush.{name}", unit or TRUTH, FLUSH_WORDS[name])
    for name, unit in PLAN_UNITS.items():
        yield ValueEntry(PLAN, name, unit, PLAN_WORDS[name])


def state_values(config: MarketStateConfig) -> Iterator[ValueEntry]:
    """Yield labels, conditions and readings of the market state."""
    for name in LABELS:
        if name != "stage":
            yield ValueEntry(STATE, f"state.{name}", "label", _label_words(name))
    day = np.datetime64("2024-01-05")
    found = market_state(Dataset({}, {}), config, day, day)
    for name, item in found.conditions.items():
        yield ValueEntry(STATE, f"state.{name.lower()}", TRUTH, item.description)
    for name in found.values:
        yield ValueEntry(STATE, f"state.{name.lower()}", NOT_CHECKED, "")


def _label_words(name: str) -> str:
    return f"{_LABEL_WORDS[name]}: {', '.join(LABELS[name])}"


# Table of docs/reference/language.md --------------------------------------------------------------


def value_table() -> str:
    """Return the values that every file may name as a table in Markdown.

    Of the market state only the labels are listed; docs/checklist.md has its conditions.
    """
    rows = [(f"`X.{name}`", FIELD_UNITS[name], words) for name, words in FIELD_WORDS.items()]
    rows.append(("the name of a series", "that of its record", "the newest value"))
    rows.append(("`state.` and a condition", "truth", "a condition of the market state"))
    rows.append(("`state.` and a reading", NOT_CHECKED, "a number of the market state"))
    made = made_values(MarketStateConfig())
    rows += [
        (f"`{item.name}`", item.unit, item.meaning)
        for item in made
        if item.group != STATE or item.unit == "label"
    ]
    return _table(("value", "unit", "meaning"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown; a bar inside a cell would end it."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(c.replace('|', '/') for c in line)} |" for line in lines)
