"""The entries and exits of a plan as the kernel reads them, with the market known at each."""

from dataclasses import dataclass

import numpy as np

from engine.bracket_plan import BracketPlan
from engine.costs.market_activity import MarketActivity
from engine.records import FAR_FUTURE
from engine.risk import MarketTiers, SizingBars
from engine.screening.layout import ENTRY, FAR, MAX_TARGETS, Bools, Floats, Ints, Records
from engine.screening.tape import ActivityTape, known_activity


@dataclass(frozen=True)
class PlannedEntries:
    """Hold the entries of one plan, their target prices, and its exits.

    ``leave_t`` is the index of the time exit of each entry, shares the part of each target.
    """

    entries: Records
    prices: Floats
    leave_t: Ints
    shares: Floats
    exit_t: Ints
    exit_keys: Floats


@dataclass(frozen=True)
class DecisionInstants:
    """Hold the decision rows inside the timeline.

    ``first`` is the first such row, ``index`` the index of each on the timeline, ``at`` its
    instant, and ``activity`` what is known of the instrument then. Of the rows of one instant,
    which follow a late bar, the engine lets the last one decide: ``decides``.
    """

    first: int
    decides: Bools
    index: Ints
    at: Ints
    activity: ActivityTape


def decision_instants(
    decided_at: Ints, at: Ints, activity: MarketActivity | None
) -> DecisionInstants:
    """Return the decision rows that lie on a timeline with the instants ``at``."""
    rows = np.flatnonzero((decided_at >= at[0]) & (decided_at <= at[-1]))
    inside = decided_at[rows]
    first = int(rows[0]) if len(rows) else len(decided_at)
    index = np.searchsorted(at, inside)
    decides = np.append(inside[1:] != inside[:-1], True)[: len(inside)]
    return DecisionInstants(first, decides, index, inside, known_activity(activity, inside))


def known_entries(
    rows: Ints, decisions: DecisionInstants, bars: SizingBars, market: MarketTiers
) -> tuple[Ints, Records]:
    """Return which entry rows decide on the timeline, and entries with the market known at each.

    Sets whose plans enter at the same rows share them.
    """
    inside, places = _deciding(rows, decisions)
    at, entries = decisions.at[places], np.zeros(len(inside), ENTRY)
    entries["t"], entries["at"] = decisions.index[places], at
    _write_market(entries, places, decisions.activity, bars)
    entries["market_factor"] = [market.at(instant)[1] for instant in at.tolist()]
    return inside, entries


def planned_entries(
    plan: BracketPlan, decisions: DecisionInstants, known: tuple[Ints, Records]
) -> PlannedEntries:
    """Return the entries of a plan that lie on the timeline, with what is known at each."""
    inside, entries = known[0], known[1].copy()
    at, count = entries["at"], len(inside)
    entries["stop"] = plan.stop[inside]
    entries["price"] = np.nan if plan.price is None else plan.price[inside]
    entries["share"] = plan.size_multiplier[inside]
    entries["slip"] = plan.slippage_multiplier[inside]
    entries["key"] = np.nan if plan.entry_keys is None else plan.entry_keys[inside]
    entries["leave_at"], leave_t = FAR_FUTURE, np.full(count, FAR, np.int64)
    if plan.leave_after_ns is not None:
        entries["leave_at"] = at + plan.leave_after_ns
        asked = np.searchsorted(decisions.at, entries["leave_at"])
        leave_t = np.where(asked < len(decisions.at), decisions.index.take(asked, mode="clip"), FAR)
    prices = np.zeros((count, MAX_TARGETS))
    prices[:, : len(plan.fractions)] = plan.targets[inside]
    shares = np.zeros(MAX_TARGETS)
    shares[: len(plan.fractions)] = plan.fractions
    return PlannedEntries(entries, prices, leave_t, shares, *_exits(plan, decisions))


def _write_market(entries: Records, places: Ints, known: ActivityTape, bars: SizingBars) -> None:
    """Write the last bar and the activity known at each entry."""
    row = np.searchsorted(bars.available_at, entries["at"], side="right") - 1
    for name, values in (
        ("close", bars.close),
        ("volatility", bars.realized_volatility),
        ("mean_volume", bars.mean_volume),
        ("bar_range", bars.range_fraction),
    ):
        # Row -1, before the first bar, is the last element.
        entries[name] = np.append(values, np.nan)[row]
    entries["daily_volume"] = known.daily[places]
    entries["recent"] = known.recent[places]
    entries["usual"] = known.usual[places]
    entries["priced"] = known.is_known[places]


def _deciding(rows: Ints, decisions: DecisionInstants) -> tuple[Ints, Ints]:
    """Return which rows of a plan decide at an instant of the timeline, and their places there."""
    shifted = rows - decisions.first
    inside = np.flatnonzero((shifted >= 0) & (shifted < len(decisions.at)))
    found = inside[decisions.decides[shifted[inside]]]
    return found, shifted[found]


def _exits(plan: BracketPlan, decisions: DecisionInstants) -> tuple[Ints, Floats]:
    """Return the indices of a plan's exits on the timeline, and their keys, NaN for none."""
    inside, places = _deciding(plan.exits, decisions)
    keys = np.full(len(inside), np.nan)
    if plan.exit_keys is not None:
        keys = plan.exit_keys[inside]
    return decisions.index[places], keys
