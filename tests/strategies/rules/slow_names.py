"""Resolve the names of an expression, and the rows that an expression has."""

from collections.abc import Mapping, Sequence

from data_feeds.clock import DAY_NS, parse_duration
from data_feeds.dataset import Dataset
from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe
from strategies.rules.parse import parse
from strategies.rules.syntax import (
    Arithmetic,
    Call,
    Comparing,
    Crossing,
    Flag,
    Lasting,
    Length,
    Logic,
    Lookback,
    Name,
    Negation,
    Negative,
    Node,
    Number,
    Text,
)
from tests.strategies.rules.slow_functions import ELEMENTWISE
from tests.strategies.rules.slow_rows import BARS, CLOCK, CONSTANT, KnownRows, Rows

NAN = float("nan")
OF_THE_INSTANT = ("weekday", "hour", "days_to_month_end")
COLUMNS = {
    "mark": (ChannelKind.MARK, "close"),
    "funding": (ChannelKind.FUNDING, "rate"),
    "open_interest": (ChannelKind.OPEN_INTEREST, "open_interest_base"),
    "long_liquidations": (ChannelKind.LIQUIDATIONS, "long_quote"),
    "short_liquidations": (ChannelKind.LIQUIDATIONS, "short_quote"),
}


class NamedRows(KnownRows):
    """Reads names, and tells the rows of an expression."""

    def __init__(
        self,
        data: Dataset,
        bindings: Mapping[str, str],
        series: Mapping[str, str],
        clock: str,
        *,
        decided_at: Sequence[int],
        lets: Mapping[str, str | float] | None = None,
        max_age: Mapping[str, str] | None = None,
    ) -> None:
        self.bindings, self.series = bindings, series
        super().__init__(data, self._bars_key(*clock.partition("@")[::2]), decided_at)
        self.lets = {name: parse(str(item)) for name, item in (lets or {}).items()}
        self.max_age = max_age or {}
        self._rows: dict[tuple[Node, bool], Rows] = {}

    def _bars_key(self, base: str, timeframe: str) -> ChannelKey:
        instrument, _, own = self.bindings[base].partition("@")
        label = timeframe or own
        return ChannelKey(instrument, ChannelKind.BARS, "1d" if label == "session" else label)

    def _source(self, name: Name) -> list[tuple[ChannelKey, str]]:
        """Return the channels and columns that a name stands for; basis has two."""
        if name.base in self.series:
            return [(ChannelKey(self.series[name.base], ChannelKind.SERIES), "value")]
        bars = self._bars_key(name.base, name.timeframe)
        (column,) = name.fields
        if column == "basis":
            spot = self.data.instruments[bars.instrument].companions.spot
            return [
                (bars, "close"),
                (ChannelKey(str(spot), ChannelKind.BARS, bars.timeframe), "close"),
            ]
        if column in COLUMNS:
            kind, stored = COLUMNS[column]
            timeframe = bars.timeframe if kind in BARS else ""
            return [(ChannelKey(bars.instrument, kind, timeframe), stored)]
        return [(bars, column)]

    def rows_of(self, node: Node, *, common: bool) -> Rows:
        """Return the rows of an expression; ``common``: inside a window's argument."""
        if (node, common) not in self._rows:
            self._rows[node, common] = self._rows_of(node, common=common)
        return self._rows[node, common]

    def _rows_of(self, node: Node, *, common: bool) -> Rows:  # noqa: C901, PLR0911 - one case a node
        match node:
            case Number() | Length() | Text() | Flag():
                return CONSTANT
            case Name():
                if node.base in self.lets:
                    return self.rows_of(self.lets[node.base], common=common)
                if node.fields:
                    return Rows(frozenset(key for key, _ in self._source(node)))
                # A series, or the bars of an instrument.
                is_series = node.base in self.series
                key = (
                    self._source(node)[0][0]
                    if is_series
                    else self._bars_key(node.base, node.timeframe)
                )
                return Rows(frozenset([key]))
            case Call() if node.function in OF_THE_INSTANT:
                return CLOCK
            case Call() if node.function == "month_end":
                return Rows(self.rows_of(node.arguments[0], common=True).keys, monthly=True)
            case Call():
                inside = common or node.function not in ELEMENTWISE
                return self._mixed(node.arguments, common=inside)
            case Lookback():
                return self.rows_of(node.operand, common=True)
            case Negative() | Negation() | Lasting():
                return self.rows_of(node.operand, common=common)
            case Arithmetic() | Comparing() | Crossing():
                return self._mixed((node.left, node.right), common=common)
            case Logic():
                return self._mixed(node.parts, common=common)
        raise TypeError(node)

    def _mixed(self, nodes: Sequence[Node], *, common: bool) -> Rows:
        found = {self.rows_of(node, common=common) for node in nodes} - {CONSTANT}
        if not found:
            return CONSTANT
        if len(found) == 1:
            return found.pop()
        if CLOCK in found or not common:
            return CLOCK
        return Rows(frozenset().union(*(rows.keys for rows in found)))

    def _limit(self, key: ChannelKey, rows: Rows) -> int:
        """Return the largest age of a channel's row."""
        for name, age in self.max_age.items():
            base, _, field = name.partition(".")
            if self._source(Name(base, "", (field,) if field else (), None))[0][0] == key:
                return parse_duration(age)
        if rows.monthly:
            return 40 * DAY_NS
        around = self.data.instruments[key.instrument].calendar == "24/7"
        if key.kind in BARS:
            return 2 * Timeframe(key.timeframe).ns if around else 6 * DAY_NS
        return 6 * DAY_NS if key.kind is ChannelKind.SERIES else DAY_NS

    def _unknown(self, node: Node) -> float:
        return -1 if self._is_truth(node) else NAN

    def _is_truth(self, node: Node) -> bool:
        match node:
            case Flag() | Comparing() | Crossing() | Logic() | Negation() | Lasting():
                return True
            case Lookback():
                return self._is_truth(node.operand)
            case Name() if node.base in self.lets:
                return self._is_truth(self.lets[node.base])
        return False
