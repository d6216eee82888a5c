"""Look up the names of an expression: bound instruments and series, state, flush, plan values."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from engine.api import (
    ALWAYS_OPEN,
    DAY_NS,
    ChannelKey,
    ChannelKind,
    Instrument,
    MarketStateConfig,
    Timeframe,
    signals,
)
from strategies.rules.sources import (
    ONE_DAY,
    SESSION,
    STATE,
    Rows,
    RowSource,
    channel_rows,
    together,
)
from strategies.rules.syntax import Name, Node
from strategies.rules.terms import NoMeaning, Term, constant
from strategies.rules.units import unit_of
from strategies.rules.vocabulary import (
    EXAMPLES,
    FLUSH_STAGES,
    FLUSH_UNITS,
    INSTRUMENT_FIELDS,
    LABELS,
    POINT_FIELDS,
    RESERVED,
    nearest,
    plan_term,
    state_words,
)

_LONG_NS, _POINT_NS, _STATE_NS, _MONTH_NS = 6 * DAY_NS, DAY_NS, 2 * DAY_NS, 40 * DAY_NS
_BARS_OLD = 2


@dataclass(frozen=True)
class FlushWatch:
    """The bars that the flush detector watches, and its thresholds in bars."""

    bars: str
    side: int
    atr_bars: int
    volume_bars: int
    rules: signals.FlushRules

    @property
    def memory_bars(self) -> int:
        """Return the bars before a bar that its stage and levels depend on."""
        measured = max(self.rules.lookback_bars, self.volume_bars, 20 * self.atr_bars) + 1
        return measured + self.rules.sequence_bars + self.rules.reclaimed_bars


# Four digits, so that a bar's nanoseconds fit into 64 bits.
TIMEFRAME = re.compile(r"[1-9][0-9]{0,3}[smhdw]")


@dataclass(frozen=True)
class NameSettings:
    """Hold the names that a file binds, and its settings.

    Attributes
    ----------
    instruments : short name -> ``BTCUSDT-PERP@1h``, ``SPY@session`` or an id alone
    series : short name -> id of the series
    clock : ``btc@1h``, or the short name of an instrument that is bound with its bars
    lets : name -> a number, or the text of a length or an expression
    max_age : name -> ns; the name is that of a value (``vix``, ``btc.funding``) or of an instrument
    companions : id of an instrument -> id of its spot market, see ``settle``
    """

    instruments: Mapping[str, str]
    series: Mapping[str, str]
    clock: str
    lets: Mapping[str, float | str] = field(default_factory=dict)
    max_age: Mapping[str, int] = field(default_factory=dict)
    flush: FlushWatch | None = None
    state: MarketStateConfig = field(default_factory=MarketStateConfig)
    companions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Names:
    """Every name that an expression of one file may use.

    ``records`` holds the instruments of the data once they are known; calendars and units are
    checked only then.
    """

    settings: NameSettings
    records: Mapping[str, Instrument] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: NameSettings) -> "Names":
        """Return the names of a file, before its data are known."""
        return cls(settings)

    def with_records(self, instruments: Mapping[str, Instrument]) -> "Names":
        """Return the names with the instruments' records, by id."""
        return replace(self, records=instruments)

    # Bindings ----------------------------------------------------------------------------------

    @cached_property
    def clock_source(self) -> RowSource:
        """Return the source of the clock's bars."""
        base, _, timeframe = self.settings.clock.partition("@")
        if base not in self.settings.instruments:
            raise NoMeaning(
                f"clock: {base} is no bound instrument{nearest(base, self.settings.instruments)}"
            )
        return self.bars_source(base, timeframe)

    def bars_source(self, base: str, timeframe: str = "") -> RowSource:
        """Return the source of an instrument's bars; by default those it is bound to."""
        bound, _, own = self.settings.instruments[base].partition("@")
        clock_base, _, clock_timeframe = self.settings.clock.partition("@")
        taken = timeframe or own or (clock_timeframe if clock_base == base else "")
        if not taken:
            raise NoMeaning(
                f"{base} is bound to {bound} without bars; write {base}: {bound}@1h in "
                f"instruments, or name them here, for example {base}@1h"
            )
        self._check_timeframe(base, bound, taken)
        by_session = taken == SESSION
        key = ChannelKey(bound, ChannelKind.BARS, ONE_DAY if by_session else taken)
        return RowSource("channel", key, by_session)

    def _check_timeframe(self, base: str, bound: str, timeframe: str) -> None:
        if timeframe != SESSION and not TIMEFRAME.fullmatch(timeframe):
            raise NoMeaning(f"{base}@{timeframe}: bars are session, or a length such as 5m, 1h, 1d")
        calendar = self.calendar_of(bound)
        if calendar is None:
            return
        if timeframe == SESSION and calendar == ALWAYS_OPEN:
            raise NoMeaning(
                f"{bound} trades around the clock and has no sessions; write {base}@1d for bars of "
                "24 hours"
            )
        if timeframe != SESSION and Timeframe(timeframe).ns == DAY_NS and calendar != ALWAYS_OPEN:
            raise NoMeaning(f"a day of {bound} is a session of {calendar}; write {base}@session")

    def calendar_of(self, instrument: str) -> str | None:
        """Return the calendar of an instrument's record; None while its record is not known."""
        record = self.records.get(instrument)
        return None if record is None else record.calendar

    def is_around_the_clock(self, source: RowSource) -> bool | None:
        """Return whether rows come around the clock; None while the record is not known."""
        if source.kind == "clock":
            return self.is_around_the_clock(self.clock_source)
        if source.by_session or source.kind != "channel":
            return False
        assert source.key is not None
        calendar = self.calendar_of(source.key.instrument)
        return None if calendar is None else calendar == ALWAYS_OPEN

    # Ages --------------------------------------------------------------------------------------

    def max_age_ns(self, source: RowSource) -> int:
        """Return the age beyond which a value of a source is unknown, ns."""
        told = [name for name in self.settings.max_age if self._ages(name, source)]
        # The longest name says most: ``btc.mark`` more than ``btc``.
        age = self.settings.max_age[max(told, key=len)] if told else self._usual_age_ns(source)
        return max(age, _MONTH_NS) if source.month_ends else age

    def _usual_age_ns(self, source: RowSource) -> int:
        if source.kind == "state":
            return _STATE_NS
        if source.key is not None and source.is_bars and self.is_around_the_clock(source):
            return _BARS_OLD * source.step_ns
        points = {kind for kind, _ in POINT_FIELDS.values()}
        return _POINT_NS if source.key is not None and source.key.kind in points else _LONG_NS

    def _ages(self, name: str, source: RowSource) -> bool:
        """Return whether a name of ``max_age`` means a source."""
        written, _, column = name.partition(".")
        base, _, timeframe = written.partition("@")
        if source.key is None:
            return name == source.kind
        if base in self.settings.series:
            return source.key == ChannelKey(self.settings.series[base], ChannelKind.SERIES)
        bound = self.settings.instruments.get(base, "").partition("@")[0]
        if bound != source.key.instrument:
            return False
        if column in POINT_FIELDS:
            return source.key.kind is POINT_FIELDS[column][0]
        kinds = (ChannelKind.MARK,) if column == "mark" else (ChannelKind.BARS, ChannelKind.MARK)
        own = SESSION if source.by_session else source.key.timeframe
        return source.key.kind in kinds and timeframe in ("", own)

    def problem_of_age(self, name: str) -> str:
        """Return the problem of a name of ``max_age``; "" if it names a value."""
        written, _, column = name.partition(".")
        base = written.partition("@")[0]
        if name == "state" or (base in self.settings.series and not column):
            return ""
        if base not in self.settings.instruments:
            known = (*self.settings.instruments, *self.settings.series, "state")
            return f"{base} is no bound instrument or series{nearest(base, known)}"
        if column and column not in INSTRUMENT_FIELDS:
            return f"{base} has no {column}{nearest(column, INSTRUMENT_FIELDS)}"
        return ""

    # Values ------------------------------------------------------------------------------------

    @cached_property
    def bases(self) -> tuple[str, ...]:
        """Return every first word that a name may have."""
        bound = (*self.settings.instruments, *self.settings.series, *self.settings.lets)
        return (*bound, *RESERVED)

    def term_of(self, name: Name, *, plan_values: bool) -> Term:
        """Return the term of a name that is no named value of ``let``.

        Raises
        ------
        NoMeaning : nothing has this name; the text names the nearest one.
        """
        if name.base in self.settings.instruments:
            return self._of_instrument(name)
        if name.timeframe:
            raise NoMeaning(
                f"{name.written}: only an instrument has bars; drop @{name.timeframe}"
                + nearest(name.base, self.settings.instruments)
            )
        if name.base in self.settings.series:
            return self._of_series(name)
        if name.base in ("state", "flush") and len(name.fields) == 1:
            known = self._of_state if name.base == "state" else self._of_flush
            return known(name.fields[0], name.written)
        if name.base in ("position", "entry", "stop", "equity"):
            return plan_term(name.written, plan_values=plan_values)
        if name.base in RESERVED:
            raise NoMeaning(
                f"{name.base} needs a value, for example {name.base}.{EXAMPLES[name.base]}"
            )
        raise NoMeaning(
            f"nothing is named {name.base}{nearest(name.base, self.bases)}; names stand under "
            "instruments, series or let, and a text to compare a label with in quotes"
        )

    def refuse_bare_word(self, word: Node, other: Node) -> None:
        """Refuse a word without quotes that is compared with a label.

        Raises
        ------
        NoMeaning : nothing has the word's name and ``other`` is a label.
        """
        if not (isinstance(word, Name) and isinstance(other, Name)) or word.base in self.bases:
            return
        if other.fields and other.fields[-1] in LABELS and word.base not in self.settings.lets:
            raise NoMeaning(f'nothing is named {word.base}; write "{word.written}" in quotes')

    def _of_series(self, name: Name) -> Term:
        if name.fields:
            raise NoMeaning(f"{name.base} is a series, a value of its own; write {name.base}")
        key = ChannelKey(self.settings.series[name.base], ChannelKind.SERIES)
        unit = unit_of(self.records, key, "value")
        return Term("column", ("value",), (), channel_rows(key), "number", unit, name.written)

    def _of_instrument(self, name: Name) -> Term:
        if not name.fields:
            source = self.bars_source(name.base, name.timeframe)
            return Term("bars", (), (), (source,), "bars", "price", name.written)
        column = name.fields[0]
        if len(name.fields) > 1 or column not in INSTRUMENT_FIELDS:
            raise NoMeaning(
                f"{name.base} has no {'.'.join(name.fields)}{nearest(column, INSTRUMENT_FIELDS)}"
                f"; it has {', '.join(INSTRUMENT_FIELDS)}"
            )
        if column in POINT_FIELDS:
            return self._of_points(name, column)
        source = self.bars_source(name.base, name.timeframe)
        return self._of_bars(name, source, column)

    def _of_points(self, name: Name, column: str) -> Term:
        if name.timeframe:
            raise NoMeaning(f"{column} has no bars; write {name.base}.{column}")
        kind, stored = POINT_FIELDS[column]
        bound = self.settings.instruments[name.base].partition("@")[0]
        self._check_perp(bound, column)
        key = ChannelKey(bound, kind)
        unit = "base" if column == "open_interest" else unit_of(self.records, key, stored)
        helpers: frozenset[ChannelKey] = frozenset()
        if column == "open_interest":
            helpers = self._prices_beside(name.base)
        return Term(
            "column", (stored,), (), channel_rows(key), "number", unit, name.written, helpers
        )

    def _prices_beside(self, base: str) -> frozenset[ChannelKey]:
        """Return bars and marks that convert quote values; none where no bars are named."""
        try:
            bars = self.bars_source(base).key
        except NoMeaning:
            return frozenset()
        assert bars is not None
        return frozenset({bars, ChannelKey(bars.instrument, ChannelKind.MARK, bars.timeframe)})

    def _of_bars(self, name: Name, source: RowSource, column: str) -> Term:
        key = source.key
        assert key is not None
        rows: Rows = (source,)
        if column == "mark":
            self._check_perp(key.instrument, column)
            mark = ChannelKey(key.instrument, ChannelKind.MARK, key.timeframe)
            unit = unit_of(self.records, mark, "close")
            return Term("column", ("close",), (), channel_rows(mark), "number", unit, name.written)
        if column == "basis":
            return self._basis(name, source)
        if column == "total_return":
            paid = frozenset({ChannelKey(key.instrument, ChannelKind.DIVIDENDS)})
            unit = unit_of(self.records, key, "close")
            return Term("column", (column,), (), rows, "number", unit, name.written, paid)
        unit = unit_of(self.records, key, column)
        return Term("column", (column,), (), rows, "number", unit, name.written)

    def _check_perp(self, bound: str, column: str) -> None:
        record = self.records.get(bound)
        if record is not None and not record.is_margined:
            raise NoMeaning(f"{bound} is no perp and has no {column}")

    def _basis(self, name: Name, source: RowSource) -> Term:
        """Return close / close of the companion spot - 1 at their common closes, a fraction."""
        key = source.key
        assert key is not None
        record = self.records.get(key.instrument)
        spot = self.settings.companions.get(key.instrument) or (
            record.companions.spot if record is not None else f"spot of {key.instrument}"
        )
        if spot is None:
            raise NoMeaning(
                f"{key.instrument}'s record names no spot market, so it has no basis; bind a spot "
                f"instrument and write {name.base}.close / spot.close - 1"
            )
        other = channel_rows(ChannelKey(spot, ChannelKind.BARS, key.timeframe))
        closes = [
            Term("column", ("close",), (), rows, "number", "price", f"{text}.close")
            for rows, text in (((source,), name.base), (other, spot))
        ]
        both = together(*(item.rows for item in closes))
        ratio = Term("arithmetic", ("/",), tuple(closes), both, "number", "x", "")
        less = (ratio, constant(1.0))
        return Term("arithmetic", ("-",), less, both, "number", "fraction", name.written)

    @property
    def state_names(self) -> tuple[str, ...]:
        """Return every name that may follow ``state.``."""
        readings, conditions = state_words(self.settings.state.model_dump_json())
        return (*readings, *conditions, *(name for name in LABELS if name != "stage"))

    def _of_state(self, word: str, written: str) -> Term:
        readings, conditions = state_words(self.settings.state.model_dump_json())
        if word in LABELS and word != "stage":
            return Term("column", ("label", word), (), STATE, "label", word, written)
        if word in conditions:
            detail = ("condition", conditions[word])
            return Term("column", detail, (), STATE, "truth", "", written)
        if word in readings:
            detail = ("reading", readings[word])
            return Term("column", detail, (), STATE, "number", "undeclared", written)
        near = nearest(word, self.state_names).replace("mean ", "mean state.")
        raise NoMeaning(f"no state.{word}{near}")

    def _of_flush(self, word: str, written: str) -> Term:
        watch = self.settings.flush
        if word != "stage" and word not in FLUSH_UNITS:
            known = ("stage", *FLUSH_UNITS)
            raise NoMeaning(f"no flush.{word}{nearest(word, known)}; it has {', '.join(known)}")
        if watch is None:
            raise NoMeaning(f"{written} needs the flush section: flush: {{bars: btc@1h}}")
        base, _, timeframe = watch.bars.partition("@")
        if base not in self.settings.instruments:
            raise NoMeaning(f"flush.bars: {base} is no bound instrument")
        rows: Rows = (self.bars_source(base, timeframe),)
        detail = ("flush", word)
        if word == "stage":
            return Term("column", detail, (), rows, "label", word, written)
        if word in FLUSH_STAGES:
            return Term("column", detail, (), rows, "truth", "", written)
        return Term("column", detail, (), rows, "number", FLUSH_UNITS[word], written)
