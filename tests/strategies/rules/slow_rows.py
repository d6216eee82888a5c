"""Find the observations known at a decision row, of channels and of their common instants."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from data_feeds.calendar import session_bounds, sessions_between
from data_feeds.clock import DAY_NS
from data_feeds.dataset import Dataset
from data_feeds.schema import ChannelKey, ChannelKind

BARS = (ChannelKind.BARS, ChannelKind.MARK)
# The row of each channel that an observation is made of.
Observation = Mapping[ChannelKey, int]


@dataclass(frozen=True)
class Rows:
    """The observations that an expression is read at; ``monthly``: the last of each month."""

    keys: frozenset[ChannelKey] = frozenset()
    clock: bool = False
    monthly: bool = False

    @property
    def constant(self) -> bool:
        return not (self.keys or self.clock)


CONSTANT, CLOCK = Rows(), Rows(clock=True)


class KnownRows:
    """Finds the observations that were known at each decision row."""

    def __init__(self, data: Dataset, clock: ChannelKey, decided_at: Sequence[int]) -> None:
        self.data, self.clock = data, clock
        self.decided_at = [int(at) for at in decided_at]
        self._columns: dict[ChannelKey, dict[str, list]] = {}
        self._known: dict[tuple[ChannelKey, int], list[int]] = {}
        self._settled: dict[ChannelKey, bool] = {}
        self._whole_rows: dict[Rows, tuple[list[Observation], list[int]]] = {}
        self._facts: dict[tuple[Rows, int], list[Observation]] = {}
        self._positions: dict[tuple[Rows, int], dict] = {}

    def _stored(self, key: ChannelKey) -> dict[str, list]:
        if key not in self._columns:
            channel = self.data.channels.get(key)
            names = () if channel is None else channel.columns
            self._columns[key] = {name: channel[name].tolist() for name in names}
        return self._columns[key]

    def _fact(self, key: ChannelKey, index: int) -> int:
        return self._stored(key)["closed_at" if key.kind in BARS else "event_at"][index]

    def _known_rows(self, key: ChannelKey, row: int) -> list[int]:
        """Return the rows of a channel known at a decision: one a fact, its newest vintage."""
        if (key, row) not in self._known:
            columns, now = self._stored(key), self.decided_at[row]
            if self._is_settled(key):
                known = bisect_right(columns.get("available_at", []), now)
                return list(range(known))
            newest: dict[int, int] = {}
            for index, known_at in enumerate(columns.get("available_at", ())):
                if known_at <= now:
                    newest[self._fact(key, index)] = index
            self._known[key, row] = [newest[fact] for fact in sorted(newest)]
        return self._known[key, row]

    def _is_settled(self, key: ChannelKey) -> bool:
        """Return whether facts become known once and in their order.

        What is known at a row is then the beginning of what is known later, and the value of an
        observation is the same at every row that knows it: it need not be computed again.
        """
        if key not in self._settled:
            known_at = self._stored(key).get("available_at", [])
            facts = [self._fact(key, index) for index in range(len(known_at))]
            self._settled[key] = facts == sorted(set(facts)) and known_at == sorted(known_at)
        return self._settled[key]

    def facts(self, rows: Rows, row: int) -> list[Observation]:
        """Return the observations known at a decision row: the row of each channel, in order."""
        if (rows, row) not in self._facts:
            self._facts[rows, row] = self._observations(rows, row)
        return self._facts[rows, row]

    def _observations(self, rows: Rows, row: int) -> list[Observation]:
        if self._stays(rows):
            # Each observation is the same at every row that knows it.
            whole, known_at = self._ever(rows)
            return whole[: bisect_right(known_at, self.decided_at[row])]
        return self._matched(rows, row)

    def _ever(self, rows: Rows) -> tuple[list[Observation], list[int]]:
        if rows not in self._whole_rows:
            whole = self._matched(rows, len(self.decided_at) - 1)
            stored = self._stored
            known_at = [
                max(stored(key)["available_at"][index] for key, index in found.items())
                for found in whole
            ]
            self._whole_rows[rows] = whole, known_at
        return self._whole_rows[rows]

    def _matched(self, rows: Rows, row: int) -> list[Observation]:
        if rows.monthly:
            return self._month_ends(rows, row)
        matched: dict[object, dict[ChannelKey, int]] = {}
        for key in rows.keys:
            for index in self._known_rows(key, row):
                matched.setdefault(self._instant_or_date(rows, key, index), {})[key] = index
        whole = [found for found in matched.values() if len(found) == len(rows.keys)]
        return sorted(whole, key=self._fact_of)

    def _instant_or_date(self, rows: Rows, key: ChannelKey, index: int) -> object:
        """Return the value that all channels share: the date of daily rows, else the instant."""
        at = self._fact(key, index)
        if len(rows.keys) == 1 or not all(_may_be_daily(each) for each in rows.keys):
            return at
        if key.kind is ChannelKind.SERIES and at % DAY_NS:
            return key, at  # Dated inside a day: it has no partner.
        return self._date(key, index)

    def _date(self, key: ChannelKey, index: int) -> np.datetime64:
        at = self._fact(key, index) - (0 if key.kind is ChannelKind.SERIES else 1)
        return np.datetime64(at, "ns").astype("datetime64[D]")

    def _month_ends(self, rows: Rows, row: int) -> list[Observation]:
        (key,) = rows.keys
        # Records of published series name no exchange: they follow New York.
        own = self.data.instruments[key.instrument].calendar
        calendar = "XNYS" if key.kind is ChannelKind.SERIES else own
        chosen: dict[np.datetime64, int] = {}
        before = None
        for index in self._known_rows(key, row):
            day, at = self._date(key, index), self._fact(key, index)
            if trading_days_left(calendar, day) == 0 and (
                not self._shares_its_date(key, before, at) or at >= session_close(calendar, day)
            ):
                chosen.setdefault(day, index)
            before = at
        return [{key: index} for index in chosen.values()]

    def _shares_its_date(self, key: ChannelKey, before: int | None, at: int) -> bool:
        if key.kind is ChannelKind.SERIES:
            return before is not None and at - before < DAY_NS // 2
        return key.timeframe != "1d"

    def _fact_of(self, observation: Observation) -> int:
        return max(self._fact(key, index) for key, index in observation.items())

    def _count(self, rows: Rows, row: int) -> int:
        return row + 1 if rows.clock else len(self.facts(rows, row))

    def _at(self, rows: Rows, row: int, i: int) -> int:
        """Return the instant of an observation's fact."""
        if rows.clock:
            return self._fact(self.clock, i)
        return self._fact_of(self.facts(rows, row)[i])

    def _stays(self, rows: Rows) -> bool:
        return not rows.clock and all(self._is_settled(key) for key in rows.keys)

    def _position(self, rows: Rows, row: int) -> dict:
        if (rows, row) not in self._positions:
            found = enumerate(self.facts(rows, row))
            self._positions[rows, row] = {frozenset(each.items()): i for i, each in found}
        return self._positions[rows, row]


def _may_be_daily(key: ChannelKey) -> bool:
    return key.kind is ChannelKind.SERIES or key.timeframe == "1d"


@lru_cache(maxsize=10_000)
def trading_days_left(calendar: str, day: np.datetime64) -> int:
    """Return the trading days after a day until the end of its month."""
    following = (day.astype("datetime64[M]") + 1).astype("datetime64[D]")
    return len(sessions_between(calendar, day + 1, following - 1))


@lru_cache(maxsize=10_000)
def session_close(calendar: str, day: np.datetime64) -> int:
    """Return the close of a session, ns UTC."""
    return int(session_bounds(calendar, np.array([day]))[1][0])
