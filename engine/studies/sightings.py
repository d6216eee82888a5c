"""When each kind of event was seen in an episode, from the code that trades and reads the day.

An event's instant is when it was known: a bar's close, an evening's decision. Everything after it
is for the report; nothing before it depends on what came later.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError
from engine.conditions import Condition, Truth
from engine.config.load import load_run_config, load_state_config
from engine.config.locations import find_config
from engine.episodes import ONE_DAY, Episode
from engine.playbook import Signals
from engine.run import prepare_run
from engine.signals.market.build import market_state
from engine.state import Action, MarketState, Regime
from engine.window import state_data

Instants = NDArray[np.int64]
Flags = NDArray[np.bool_]

# The shipped runs whose rules say what a flush and a stabilization are; hourly bars, sessions.
RECLAIM_RUN = "reclaim_2020"
SWING_RUN = "swing_2020"
CHECKLIST = "default"
# Days before the window in which a state may already hold.
BEFORE = timedelta(days=7)


class EventKind(StrEnum):
    """What can be studied."""

    FLUSH = "flush"
    RECLAIM = "reclaim"
    STABILIZATION = "stabilization"
    HEDGE = "hedge"
    REDUCE = "reduce"
    LIQUIDITY_SHOCK = "liquidity_shock"
    SINGLE_RISK_BOOK = "single_risk_book"

    @property
    def meaning(self) -> str:
        """What was seen, for readers."""
        return _MEANINGS[self]


_MEANINGS = {
    EventKind.FLUSH: "the first flush of a sequence of playbook A (hourly bars)",
    EventKind.RECLAIM: "the reclaim of a sequence of playbook A (hourly bars)",
    EventKind.STABILIZATION: "all required conditions of playbook B begin to hold (a session)",
    EventKind.HEDGE: "the checklist's action rises to hedge (a day)",
    EventKind.REDUCE: "the checklist's action rises from wait to reduce (a day)",
    EventKind.LIQUIDITY_SHOCK: "the regime turns to liquidity shock (a day)",
    EventKind.SINGLE_RISK_BOOK: "the early warning single_risk_book turns true (a day)",
}
_RECLAIM_KINDS = (EventKind.FLUSH, EventKind.RECLAIM)
CHECKLIST_KINDS = (
    EventKind.HEDGE,
    EventKind.REDUCE,
    EventKind.LIQUIDITY_SHOCK,
    EventKind.SINGLE_RISK_BOOK,
)


@dataclass(frozen=True)
class Sightings:
    """The events of a kind in one episode.

    Attributes
    ----------
    clock : every instant of the window at which the event could have been seen, ns UTC, rising
    rows : rows of ``clock`` at which it was
    """

    kind: EventKind
    episode: str
    clock: Instants
    rows: NDArray[np.int64]

    @property
    def at(self) -> Instants:
        """When the events were known, ns UTC."""
        return self.clock[self.rows]


@dataclass(frozen=True)
class Unseen:
    """Why the events of some kinds cannot be looked for in an episode."""

    kinds: tuple[EventKind, ...]
    episode: str
    reason: str


def find_sightings(
    source: Catalog | Dataset, episode: Episode, kinds: frozenset[EventKind]
) -> Iterator[Sightings | Unseen]:
    """Yield the events of each kind in an episode, and what the data do not reach for."""
    finders = (
        (_RECLAIM_KINDS, _of_reclaim),
        ((EventKind.STABILIZATION,), _of_swing),
        (CHECKLIST_KINDS, _of_checklist),
    )
    for own, find in finders:
        wanted = tuple(kind for kind in own if kind in kinds)
        if not wanted:
            continue
        try:
            yield from (item for item in find(source, episode) if item.kind in wanted)
        except CoverageError as error:
            yield Unseen(wanted, episode.name, str(error))


def firsts(holds: Flags, setup: NDArray[np.str_]) -> Flags:
    """Return the first row of each setup at which something holds.

    >>> firsts(np.array([True, True, False, True]), np.array(["a", "a", "b", "b"])).tolist()
    [True, False, False, True]
    """
    rows = np.flatnonzero(holds & (setup != ""))
    first = np.zeros(len(holds), dtype=np.bool_)
    first[rows[np.unique(setup[rows], return_index=True)[1]]] = True
    return first


def turns(truth: NDArray[np.int8]) -> Flags:
    """Return the rows at which something begins to hold: true now, false when last known.

    What holds from the first known row on began at no known row.

    >>> turns(np.array([-1, 1, 0, -1, 1, -1, 1], dtype=np.int8)).tolist()
    [False, False, False, False, True, False, False]
    """
    known = np.flatnonzero(truth != Truth.UNKNOWN)
    began = np.zeros(len(truth), dtype=np.bool_)
    began[known[1:]] = (truth[known[1:]] == Truth.TRUE) & (truth[known[:-1]] == Truth.FALSE)
    return began


def rises(labels: NDArray[np.int8], to: int) -> Flags:
    """Return the rows at which a label comes to ``to`` from a lower one.

    >>> rises(np.array([0, 1, 2, 1], dtype=np.int8), 1).tolist()
    [False, True, False, False]
    """
    risen = np.zeros(len(labels), dtype=np.bool_)
    risen[1:] = (labels[1:] == to) & (labels[:-1] < to)
    return risen


def _of_reclaim(source: Catalog | Dataset, episode: Episode) -> Iterator[Sightings]:
    signals = _signals(RECLAIM_RUN, source, episode)
    assert signals.setup is not None
    for kind in _RECLAIM_KINDS:
        held = _condition(signals, kind.value).truth == Truth.TRUE
        yield _inside(kind, episode, signals.decided_at, firsts(held, signals.setup))


def _of_swing(source: Catalog | Dataset, episode: Episode) -> Iterator[Sightings]:
    signals = _signals(SWING_RUN, source, episode)
    required = [item.truth == Truth.TRUE for item in signals.conditions if item.required]
    # An unknown condition blocks the playbook, so here it does not hold.
    held = np.logical_and.reduce(required).astype(np.int8)
    yield _inside(EventKind.STABILIZATION, episode, signals.decided_at, turns(held))


def _of_checklist(source: Catalog | Dataset, episode: Episode) -> Iterator[Sightings]:
    state = _state(source, episode)
    regime = np.where(
        state.regime == Regime.UNKNOWN,
        Truth.UNKNOWN,
        state.regime == Regime.LIQUIDITY_SHOCK,
    ).astype(np.int8)
    book = state.conditions[EventKind.SINGLE_RISK_BOOK.value].truth
    for kind, seen in (
        (EventKind.HEDGE, rises(state.action, Action.HEDGE)),
        (EventKind.REDUCE, rises(state.action, Action.REDUCE)),
        (EventKind.LIQUIDITY_SHOCK, turns(regime)),
        (EventKind.SINGLE_RISK_BOOK, turns(book)),
    ):
        yield _inside(kind, episode, state.decided_at, seen)


def _state(source: Catalog | Dataset, episode: Episode) -> MarketState:
    rules = load_state_config(find_config(CHECKLIST, "checklist"))
    first, last = (np.datetime64(day, "D") for day in (episode.start - BEFORE, episode.end))
    data = state_data(source, rules, first, last)
    if not any(len(channel) for channel in data.channels.values()):
        raise CoverageError(f"none of the checklist's channels has rows before {last}")
    return market_state(data, rules, first, last)


def _signals(run: str, source: Catalog | Dataset, episode: Episode) -> Signals:
    """Return what a shipped run's playbook saw over the episode's window."""
    window = (f"data.start={episode.start}", f"data.end={episode.end + ONE_DAY}")
    # Signals read neither tiers nor interest: their data need not be there.
    unused = ("risk.market_tiers=null", "account.interest_series=null")
    config = load_run_config(find_config(run, "runs"), (*window, *unused))
    return prepare_run(config, source).part.signals


def _condition(signals: Signals, name: str) -> Condition:
    return next(item for item in signals.conditions if item.name == name)


def _inside(kind: EventKind, episode: Episode, decided_at: Instants, seen: Flags) -> Sightings:
    inside = (decided_at >= episode.start_at) & (decided_at <= episode.end_at)
    return Sightings(kind, episode.name, decided_at[inside], np.flatnonzero(seen[inside]))
