"""The events of an episode, found by the playbooks' and the checklist's own code.

An event's instant is the one at which it became known: a bar's close, or an evening's decision. Its
detection depends on no later data.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError
from engine.conditions import Condition, Truth, all_of, entry_truth
from engine.config.load import load_run_config, load_state_config
from engine.config.locations import find_config
from engine.config.market import ChecklistRules, MarketStateConfig
from engine.episodes import ONE_DAY, Episode
from engine.market_state import Action, MarketState, Regime
from engine.playbook import Signals
from engine.run import prepare_run
from engine.run_data import state_data
from engine.signals.market import steps
from engine.signals.market.build import market_state

Instants = NDArray[np.int64]
Flags = NDArray[np.bool_]
Truths = NDArray[np.int8]

# The shipped runs whose rules define a flush (hourly bars) and a stabilization (sessions).
RECLAIM_RUN = "reclaim_2020"
SWING_RUN = "swing_2020"
CHECKLIST = "default"
# Days before the window, read to see whether a condition holds when the window begins.
BEFORE = timedelta(days=7)


class EventKind(StrEnum):
    """The kinds of event that can be studied."""

    FLUSH = "flush"
    RECLAIM = "reclaim"
    STABILIZATION = "stabilization"
    HEDGE = "hedge"
    REDUCE = "reduce"
    LIQUIDITY_SHOCK = "liquidity_shock"
    SINGLE_RISK_BOOK = "single_risk_book"

    @property
    def meaning(self) -> str:
        """Return the event in plain words."""
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
    clock : every instant of the window at which the event could occur, ns UTC, rising
    rows : rows of ``clock`` at which it occurred
    unknown : share of the rows at which the data cannot tell whether it held, a fraction
    """

    kind: EventKind
    episode: str
    clock: Instants
    rows: NDArray[np.int64]
    unknown: float

    @property
    def kinds(self) -> tuple[EventKind, ...]:
        """Return the kind as a tuple of one, like ``Unseen.kinds``."""
        return (self.kind,)

    @property
    def at(self) -> Instants:
        """Return the instants at which the events became known, ns UTC."""
        return self.clock[self.rows]


@dataclass(frozen=True)
class Unseen:
    """The reason why some kinds of event cannot be searched for in an episode."""

    kinds: tuple[EventKind, ...]
    episode: str
    reason: str


def find_sightings(
    source: Catalog | Dataset, episode: Episode, kinds: frozenset[EventKind]
) -> Iterator[Sightings | Unseen]:
    """Yield the events of each kind in an episode, and the kinds that the data do not allow.

    A kind is ``Unseen`` where a channel that it needs does not cover the window, or a condition
    that it needs is unknown in the whole window.
    """
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
            yield from (item for item in find(source, episode) if kinds.issuperset(item.kinds))
        except CoverageError as error:
            yield Unseen(wanted, episode.name, str(error))


def firsts(holds: Flags, setup: NDArray[np.str_] | NDArray[np.object_]) -> Flags:
    """Return, for each setup, the first row at which a condition holds.

    >>> firsts(np.array([True, True, False, True]), np.array(["a", "a", "b", "b"])).tolist()
    [True, False, False, True]
    """
    rows = np.flatnonzero(holds & (setup != ""))
    first = np.zeros(len(holds), dtype=np.bool_)
    first[rows[np.unique(setup[rows], return_index=True)[1]]] = True
    return first


def turns(truth: Truths) -> Flags:
    """Return the rows at which a condition begins to hold: true now, false when last known.

    A condition that holds at the first known row has no known beginning.

    >>> turns(np.array([-1, 1, 0, -1, 1, -1, 1], dtype=np.int8)).tolist()
    [False, False, False, False, True, False, False]
    """
    known = np.flatnonzero(truth != Truth.UNKNOWN)
    began = np.zeros(len(truth), dtype=np.bool_)
    began[known[1:]] = (truth[known[1:]] == Truth.TRUE) & (truth[known[:-1]] == Truth.FALSE)
    return began


def rises(labels: NDArray[np.int8], to: int) -> Flags:
    """Return the rows at which a label is ``to`` and the last known label before was lower.

    A negative label is unknown.

    >>> rises(np.array([0, -1, 1, 2, 1], dtype=np.int8), 1).tolist()
    [False, False, True, False, False]
    """
    known = np.flatnonzero(labels >= 0)
    risen = np.zeros(len(labels), dtype=np.bool_)
    risen[known[1:]] = (labels[known[1:]] == to) & (labels[known[:-1]] < to)
    return risen


def _of_reclaim(source: Catalog | Dataset, episode: Episode) -> Iterator[Sightings | Unseen]:
    signals = _signals(RECLAIM_RUN, source, episode)
    assert signals.setup is not None
    for kind in _RECLAIM_KINDS:
        truth = _condition(signals, kind.value).truth
        seen = firsts(truth == Truth.TRUE, signals.setup)
        yield _looked(kind, episode, signals.decided_at, seen, {kind.value: truth})


def _of_swing(source: Catalog | Dataset, episode: Episode) -> Iterator[Sightings | Unseen]:
    signals = _signals(SWING_RUN, source, episode)
    required = {item.name: item.truth for item in signals.conditions if item.required}
    # An unknown condition blocks the playbook, so it counts as false here.
    held = (entry_truth(signals.conditions) == Truth.TRUE).astype(np.int8)
    yield _looked(EventKind.STABILIZATION, episode, signals.decided_at, turns(held), required)


def _of_checklist(source: Catalog | Dataset, episode: Episode) -> Iterator[Sightings | Unseen]:
    rules = load_state_config(find_config(CHECKLIST, "checklist"))
    state = _state(source, rules, episode)
    hedge = action_truth(state, rules.checklist, Action.HEDGE)
    reduce = action_truth(state, rules.checklist, Action.REDUCE)
    shocked = state.regime == Regime.LIQUIDITY_SHOCK
    regime = np.where(_may_be_worse(state), Truth.UNKNOWN, shocked).astype(np.int8)
    book = state.conditions[EventKind.SINGLE_RISK_BOOK.value].truth
    for kind, seen, name, truth in (
        (EventKind.HEDGE, rises(state.action, Action.HEDGE), "the action", hedge),
        (EventKind.REDUCE, rises(state.action, Action.REDUCE), "the action", reduce),
        (EventKind.LIQUIDITY_SHOCK, turns(regime), "the regime", regime),
        (EventKind.SINGLE_RISK_BOOK, turns(book), EventKind.SINGLE_RISK_BOOK.value, book),
    ):
        yield _looked(kind, episode, state.decided_at, seen, {name: truth})


def _may_be_worse(state: MarketState) -> Flags:
    """Return the rows at which a liquidity shock cannot be ruled out, since VIX is unknown."""
    shocked = state.regime == Regime.LIQUIDITY_SHOCK
    unseen: Flags = ~shocked & ~np.isfinite(state.values["vix"])
    unseen |= state.regime == Regime.UNKNOWN
    return unseen


def action_truth(state: MarketState, rules: ChecklistRules, to: Action) -> Truths:
    """Return whether the action is ``to``; unknown where unknown conditions could change that.

    The lowest action takes every unknown condition as false, the highest as true.
    """
    shocked = np.where(_may_be_worse(state), Regime.LIQUIDITY_SHOCK, state.regime).astype(np.int8)
    lowest = steps.actions(_taken_as(state, Truth.FALSE), state.regime, rules)
    highest = steps.actions(_taken_as(state, Truth.TRUE), shocked, rules)
    same = (lowest == highest) | ((lowest < to) & (highest < to))
    return np.where(same, lowest == to, Truth.UNKNOWN).astype(np.int8)


def _taken_as(state: MarketState, truth: Truth) -> dict[str, Condition]:
    """Return the conditions with every unknown truth replaced by ``truth``."""
    return {
        name: replace(item, truth=np.where(item.truth == Truth.UNKNOWN, truth, item.truth))
        for name, item in state.conditions.items()
    }


def _state(source: Catalog | Dataset, rules: MarketStateConfig, episode: Episode) -> MarketState:
    first, last = (np.datetime64(day, "D") for day in (episode.start - BEFORE, episode.end))
    data = state_data(source, rules, first, last)
    if not any(len(channel) for channel in data.channels.values()):
        raise CoverageError(f"none of the checklist's channels has rows before {last}")
    return market_state(data, rules, first, last)


def _signals(run: str, source: Catalog | Dataset, episode: Episode) -> Signals:
    """Return the signals of a shipped run's playbook over the episode's window."""
    window = (f"data.start={episode.start}", f"data.end={episode.end + ONE_DAY}")
    # Signals depend on neither tiers nor interest, so their data may be missing.
    unused = ("risk.market_tiers=null", "account.interest_series=null")
    config = load_run_config(find_config(run, "runs"), (*window, *unused))
    return prepare_run(config, source).inputs.signals


def _condition(signals: Signals, name: str) -> Condition:
    return next(item for item in signals.conditions if item.name == name)


def _looked(
    kind: EventKind,
    episode: Episode,
    decided_at: Instants,
    seen: Flags,
    needed: Mapping[str, Truths],
) -> Sightings | Unseen:
    """Return the events inside the window, or ``Unseen`` if a condition is never known there."""
    inside = (decided_at >= episode.start_at) & (decided_at <= episode.end_at)
    for name, truth in needed.items():
        if (truth[inside] == Truth.UNKNOWN).all():
            why = f"{name} is unknown in the whole window: its data are missing"
            return Unseen((kind,), episode.name, why)
    unknown = float((all_of([*needed.values()])[inside] == Truth.UNKNOWN).mean())
    rows = np.flatnonzero(seen[inside])
    return Sightings(kind, episode.name, decided_at[inside], rows, unknown)
