"""Check in every run that a playbook's signals do not read the future."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_feeds.clock import utc_text
from data_feeds.dataset import Dataset
from data_feeds.errors import RiskoffError
from data_feeds.schema import Channel
from engine.conditions import Condition, is_one_value, name_problem
from engine.decision_terms import RISK_ADDING
from engine.errors import (
    ConfigError,
    PlaybookContractError,
    PlaybookError,
    SimulationError,
)
from engine.market_state import MarketState
from engine.playbook import Playbook, Requirements, Signals
from engine.records import SimulationOutcome
from engine.results.finished import CUTS_OF_SHORT_RUNS, LookAheadCheck

# A cut repeats up to all rows of ``prepare``. Above 250,000 rows the cuts become fewer, so that the
# check repeats at most five million rows; a cut in a long run covers more rows, too.
REPEATED_ROWS = 5_000_000
LEAST_DECISIONS = 4
# Dozens of channels may begin inside the window; a hash chooses among them.
CHECKED_BEGINNINGS = 20
# The state is computed again for the days before a cut only.
CHECKED_STATES = 6
STATE_DAYS = 10
# Rows compared at once: both arrays' rows stay in the processor's cache.
_COMPARED_ROWS = 16_384


def prepare(playbook: Playbook[Any], dataset: Dataset, requirements: Requirements) -> Signals:
    """Return the playbook's signals over its declared channels, with checked shapes.

    Raises
    ------
    PlaybookError : ``prepare`` raised.
    PlaybookContractError : an array has not one entry per bar of the clock, or a condition to be
        left out was not.
    ConfigError : the playbook requires no condition of a name in ``playbook.ignore``.
    """
    declared = dataset.only(requirements.channels | requirements.optional)
    try:
        signals = playbook.prepare(declared.for_playbooks())
    except RiskoffError:
        raise
    except (Exception, SystemExit) as error:
        clock = requirements.clock
        raise PlaybookError(
            f"playbook {playbook.name}: prepare raised {type(error).__name__}: {error} "
            f"({clock.instrument}, whole window)"
        ) from error
    expected = len(dataset.channels[requirements.clock])
    for name, values in named_arrays(signals).items():
        if not isinstance(values, np.ndarray):
            raise PlaybookContractError(
                f"playbook {playbook.name}: {name} is a {type(values).__name__}; "
                "prepare returns numpy arrays"
            )
        if len(values) != expected:
            raise PlaybookContractError(
                f"playbook {playbook.name}: {name} has {len(values)} entries, the clock "
                f"{requirements.clock} has {expected} bars"
            )
    known_at = np.maximum.accumulate(dataset.channels[requirements.clock]["available_at"])
    if bool((signals.decided_at < known_at).any() or (np.diff(signals.decided_at) < 0).any()):
        row = int(np.flatnonzero(signals.decided_at < known_at)[:1].sum())
        raise PlaybookContractError(
            f"playbook {playbook.name}: decided_at must rise and not lie before the bar is known; "
            f"row {row} says {utc_text(int(signals.decided_at[row]))}, known from "
            f"{utc_text(int(known_at[row]))}; it looks ahead"
        )
    _check_names(playbook, signals.conditions)
    _check_left_out(playbook, signals.conditions)
    _check_drawn(playbook, signals, requirements)
    return signals


def _check_names(playbook: Playbook[Any], conditions: Sequence[Condition]) -> None:
    """Refuse two conditions of one name, and a name that the journal cannot hold."""
    seen = set()
    for item in conditions:
        problem = "two conditions have it" if item.name in seen else name_problem(item.name)
        if problem:
            raise PlaybookContractError(
                f"playbook {playbook.name}: the condition name {item.name!r} is refused: {problem}"
            )
        seen.add(item.name)


def _check_left_out(playbook: Playbook[Any], conditions: Sequence[Condition]) -> None:
    """Refuse an ignored name that is no required condition, or that the playbook does not use."""
    required = {item.name: item for item in conditions if item.required}
    for name in sorted(playbook.ignored):
        if name not in required:
            # "calm" of a rule file with two trades is quiet_breakout.calm.
            close = [known for known in required if known.rpartition(".")[2] == name]
            close = close or get_close_matches(name, required, n=1)
            known = f"it requires: {', '.join(required) or 'none'}"
            raise ConfigError(
                f"playbook.ignore: {playbook.name} requires no condition {name!r}; "
                + (f"did you mean {' or '.join(close)}? {known}" if close else known)
            )
        if not required[name].left_out:
            raise PlaybookContractError(
                f"playbook {playbook.name}: {name} is to be left out but was not; prepare must "
                "pass its conditions through api.leave_out(conditions, self.ignored)"
            )


def _check_drawn(playbook: Playbook[Any], signals: Signals, requirements: Requirements) -> None:
    """Refuse a drawn value that does not exist, is no number or belongs to another instrument."""
    known = {requirements.clock.instrument, *requirements.traded}
    seen: set[str] = set()
    for item in signals.drawn:
        where = f"playbook {playbook.name}: the drawn value {item.name!r}"
        if item.name in seen:
            raise PlaybookContractError(f"{where} is declared twice; declare each value once")
        seen.add(item.name)
        if item.name not in signals.values:
            close = get_close_matches(item.name, signals.values, n=1)
            hint = f"; did you mean {close[0]!r}" if close else ""
            raise PlaybookContractError(f"{where} is none of Signals.values{hint}")
        if signals.values[item.name].dtype.kind not in "biuf":
            kind = signals.values[item.name].dtype
            raise PlaybookContractError(f"{where} has the type {kind}; draw numbers")
        shape, rows = signals.values[item.name].shape, len(signals.decided_at)
        if shape != (rows,):
            raise PlaybookContractError(
                f"{where} has the shape {shape}; draw one number for each of {rows} rows"
            )
        if item.instrument and item.instrument not in known:
            raise PlaybookContractError(
                f"{where} belongs to {item.instrument!r}; name the clock's or a traded "
                f"instrument: {', '.join(sorted(known))}"
            )


def named_arrays(signals: Signals) -> dict[str, NDArray[Any]]:
    """Return every array of the signals by the name that its author uses."""
    arrays: dict[str, NDArray[Any]] = {"decided_at": signals.decided_at}
    arrays |= {f"signal {name}": values for name, values in signals.values.items()}
    for item in signals.conditions:
        arrays[f"condition {item.name}"] = item.truth
        arrays[f"condition {item.name} (measured)"] = item.measured
        arrays[f"condition {item.name} (threshold)"] = item.threshold
        if item.age_ns is not None:
            arrays[f"condition {item.name} (age_ns)"] = item.age_ns
    for name in ("wake_flat", "wake_in_position", "notable", "setup", "contract"):
        values = getattr(signals, name)
        if values is not None:
            arrays[name] = values
    return arrays


def first_difference(whole: Signals, cut: Signals, rows: int) -> tuple[str, int] | None:
    """Return (array name, row) of the first of ``rows`` rows that differ, None when equal."""
    shorter = named_arrays(cut)
    # Playbooks name one array more than once, for example as a value and as a threshold.
    equal: set[tuple[int, int]] = set()
    for name, values in named_arrays(whole).items():
        if name not in shorter:
            return name, 0
        other = shorter[name]
        if len(other) < rows:
            return name, len(other)
        if (id(values), id(other)) in equal:
            continue
        row = _first_unequal(values[:rows], other[:rows])
        if row is not None:
            return name, row
        equal.add((id(values), id(other)))
    return None


def _first_unequal(one: NDArray[Any], other: NDArray[Any]) -> int | None:
    """Return the first row at which two arrays differ, None when equal; NaN equals NaN."""
    if is_one_value(one) and is_one_value(other):
        one, other = one[:1], other[:1]
    for begin in range(0, len(one), _COMPARED_ROWS):
        a, b = one[begin : begin + _COMPARED_ROWS], other[begin : begin + _COMPARED_ROWS]
        if a.dtype == b.dtype == np.float64 and (a.view(np.int64) == b.view(np.int64)).all():
            continue
        same = a == b
        if np.issubdtype(a.dtype, np.floating):
            same |= np.isnan(a) & np.isnan(b)
        if not bool(np.all(same)):
            return begin + int(np.flatnonzero(~same)[0])
    return None


def check_causality(
    playbook: Playbook[Any],
    dataset: Dataset,
    requirements: Requirements,
    signals: Signals,
    outcome: SimulationOutcome,
) -> LookAheadCheck:
    """Recompute the signals on data cut at entry decisions and compare every earlier row.

    Up to 20 instants are taken, fewer in runs of more than 250,000 rows: half of them decisions
    that add risk (entries, rebalancings), half others (exits, moved stops). If there are fewer,
    rows at which the playbook could act or that it marked notable are added. A hash chooses them,
    so that no author can predict them. The last rows before each channel's first row are added: a
    choice made with the whole data in view shows there.

    Raises
    ------
    PlaybookContractError : a row differs; the text names the signal, the row's time and the cut.
    """
    most = most_cuts(len(signals.decided_at))
    begin = _shuffled(set(beginnings(dataset, requirements, signals.decided_at)))
    cuts = (*_chosen(signals, outcome, most), *begin[:most])
    read = dataset.only(requirements.channels | requirements.optional | {requirements.clock})
    for at in cuts:
        shorter = prepare(playbook, read.cut(at), requirements)
        rows = int(np.searchsorted(signals.decided_at, at, side="right"))
        found = first_difference(signals, shorter, rows)
        if found is not None:
            name, row = found
            raise PlaybookContractError(
                f"playbook {playbook.name}: {name} at {utc_text(int(signals.decided_at[row]))} "
                f"changes when the data after {utc_text(at)} are removed; it looks ahead"
            )
        # Two sets of signals at once are enough.
        del shorter
    return LookAheadCheck(len(cuts), most, len(signals.decided_at))


def most_cuts(rows: int) -> int:
    """Return the most cuts at decisions, and at beginnings of channels, for so many rows.

    >>> most_cuts(250_000), most_cuts(525_600), most_cuts(3_000_000)
    (20, 9, 4)
    """
    return min(CUTS_OF_SHORT_RUNS, max(LEAST_DECISIONS, REPEATED_ROWS // max(rows, 1)))


def beginnings(
    dataset: Dataset, requirements: Requirements, decided_at: NDArray[np.int64]
) -> list[int]:
    """Return the last decision before the first row of each channel that begins among the rows.

    Channels that must be there from the start have their first rows before.
    """
    known_from = {
        key: int(channel["available_at"].min()) if len(channel) else None
        for key, channel in dataset.channels.items()
        if key in requirements.channels | requirements.optional | {requirements.clock}
    }
    needed = requirements.channels - requirements.late | {requirements.clock}
    since = max(at for key, at in known_from.items() if key in needed and at is not None)
    found = set()
    for key, at in known_from.items():
        row = -1 if at is None else int(np.searchsorted(decided_at, at)) - 1
        if key not in needed and row >= 0 and decided_at[row] >= since:
            found.add(int(decided_at[row]))
    return sorted(found)


def check_state_causality(
    state: MarketState,
    outcome: SimulationOutcome,
    channels: Iterable[Channel],
    again: Callable[[np.datetime64, int], MarketState],
) -> None:
    """Compute the market state that risk reads again on cut data, and compare earlier days.

    Cuts are taken at entry decisions, at days before the tier changes, and before the first row of
    each channel; a hash chooses.

    Parameters
    ----------
    channels : inputs of the state
    again : returns the state from a date on, on data cut at an instant

    Raises
    ------
    SimulationError : a day differs; the text names the measure, the day and the cut.
    """
    decided = state.decided_at
    entries = {d.decided_at for d in outcome.decisions if d.intent in RISK_ADDING}
    changes = {int(at) for at in decided[:-1][state.tier[1:] != state.tier[:-1]]}
    firsts = np.array([c["available_at"].min() for c in channels if len(c)], np.int64)
    before = np.searchsorted(decided, firsts) - 1
    begin = {int(decided[row]) for row in before if 0 <= row < len(decided) - 1}
    half = CHECKED_STATES // 2
    taken = (*_shuffled(entries)[:half], *_shuffled(changes)[:half])
    for at in (*taken, *_shuffled(begin)[:CHECKED_BEGINNINGS]):
        last = state.row_at(at)
        if last < 0:
            continue
        first = max(last - STATE_DAYS, 0)
        part = again(state.dates[first], at)
        rows = np.arange(first, last + 1)
        found = _state_difference(state.take(rows), part.take(rows - first))
        if found is not None:
            name, row = found
            raise SimulationError(
                f"the market state that risk reads: {name} on {state.dates[first + row]} changes "
                f"when the data after {utc_text(at)} are removed; it looks ahead"
            )


def _state_difference(whole: MarketState, part: MarketState) -> tuple[str, int] | None:
    """Return (measure, row) of the first difference, None when equal."""
    twins = named_measures(part)
    for name, values in named_measures(whole).items():
        row = _first_unequal(values, twins[name])
        if row is not None:
            return name, row
    return None


def named_measures(state: MarketState) -> dict[str, NDArray[Any]]:
    """Return every array of a market state by name, the labels first."""
    labels = ("tier", "action", "regime", "driver")
    arrays: dict[str, NDArray[Any]] = {name: getattr(state, name) for name in labels}
    for name, item in state.conditions.items():
        arrays[f"condition {name}"] = item.truth
        arrays[f"condition {name} (measured)"] = item.measured
        if item.age_ns is not None:
            arrays[f"condition {name} (age_ns)"] = item.age_ns
    return arrays | {f"value {name}": values for name, values in state.values.items()}


def _chosen(signals: Signals, outcome: SimulationOutcome, most: int) -> list[int]:
    """Return the instants of one check: entries, other decisions, then rows of interest."""
    entries = {d.decided_at for d in outcome.decisions if d.intent in RISK_ADDING}
    changes = {d.decided_at for d in outcome.decisions} - entries
    rows = _instants_worth_a_look(signals, outcome) - entries - changes
    half = most // 2
    first, second = _shuffled(entries), _shuffled(changes)
    taken = [*first[:half], *second[:half], *first[half:], *second[half:], *_shuffled(rows)]
    return taken[:most]


def _instants_worth_a_look(signals: Signals, outcome: SimulationOutcome) -> set[int]:
    """Return the window's decision instants whose row can act or is marked notable."""
    decided, window = signals.decided_at, outcome.curve.at
    if len(window) == 0:
        return set()
    looked_at = np.zeros(len(decided), np.bool_)
    for wake in (signals.wake_flat, signals.wake_in_position):
        looked_at |= True if wake is None else wake
    if signals.notable is not None:
        looked_at |= signals.notable
    inside = (decided >= window[0]) & (decided <= window[-1])
    return {int(at) for at in decided[looked_at & inside]}


def _shuffled(instants: set[int]) -> list[int]:
    return sorted(instants, key=lambda at: hashlib.sha256(f"{at}".encode()).digest())
