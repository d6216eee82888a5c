"""The layout of the kernel's data: the terms of a set, its entries, the state, the fills.

Prices are quote per base unit, quantities base units, rates fractions, instants ns UTC. A cap, a
limit or a level that is off is NaN; an instant that is not set is ``NONE``.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.records import FAR_FUTURE

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Records = NDArray[np.void]

NONE = -1
FAR = FAR_FUTURE
MAX_TARGETS = 8

# Slippage models, kinds of an entry, roles of an order and stages of a bar, as compiled code reads
# them.
FIXED, RANGE, ROOT = 0, 1, 2
MARKET, LIMIT, STOP = 0, 1, 2
ENTRY_ROLE, STOP_ROLE, TARGET_ROLE, EXIT_ROLE, GUARD_ROLE, LIQUIDATION_ROLE = range(6)
AT_OPEN, IN_RANGE = 0, 1


def _layout(floats: str, ints: str) -> np.dtype[Any]:
    named = [(name, np.float64) for name in floats.split()]
    return np.dtype(named + [(name, np.int64) for name in ints.split()])


# Costs and filters of the instrument, limits of risk, and the part of the plan that all entries
# share. ``fixed_setting`` and ``highest_setting`` 0: none; ``max_trades``, ``cool_ns`` and
# ``halt_ns`` NONE: off, and for ``halt_ns`` for good.
TERMS = _layout(
    "cash idle maker taker liquidation_rate half_spread range_share impact coefficient volume_cap "
    "beyond lot tick min_notional risk_fraction target_volatility leverage_cap notional_cap "
    "participation liquidation_distance net_cap asset_cap crypto_cap daily_loss weekly_loss "
    "halt_at",
    "model cross on_entry to_bankruptcy fixed_setting max_setting highest_setting daily_flattens "
    "weekly_flattens cool_ns halt_ns max_trades side kind breakeven targets needs_volume",
)

# One entry: where it is decided, its levels, and the market as it is known then. ``leave_at`` is
# the instant of the time exit, ``leave_t`` the index at which it is asked for.
ENTRY = _layout(
    "stop price share slip key close volatility mean_volume bar_range daily_volume recent usual "
    "market_factor",
    "t at leave_at leave_t priced",
)

STATE = _layout(
    # The books.
    "cash plan_cash quantity average margin equity "
    # The plan: its entry order, stop, and what its market and stop orders have filled by side.
    "entered first_stop order_quantity order_filled order_price risk_limit slip setting key "
    "stop_level bought sold room bar_filled "
    # Guards.
    "daily_floor weekly_floor loss_floor peak halt_drawdown "
    # Results.
    "fees funding net_pnl worst curve_peak",
    "next_entry asked met next_exit open_plan entry_works entry_kind entry_decided triggered "
    "stop_works stop_decided stop_triggered exit_works exit_role left leave_at filled_bar unmarked "
    "changed targets_hit targets_told closed_at closed_plan "
    "daily_until weekly_until halted_until cooling_until trades_today trades_until next_release "
    "trades wins liquidations fills held_since held_ns",
)

TARGET = _layout("price fraction filled", "works")

FILL = _layout("quantity price fee realized", "at stage role plan")


# One instant. ``raw_*`` are the prices of the bar that closes, traded or not; ``open_*`` and
# ``bar_*`` are range, volume and activity of a fill at the open and inside the bar that closes.
# ``closes`` and ``opens``: a bar that can fill closes or opens; ``has_close``: there is a mark.
# ``day_of`` numbers the days at their last closes, NONE elsewhere; the account day ends at
# ``day_until``, that of the next nanosecond at ``day_after``, the week at ``week_until``.
INSTANT = _layout(
    "open_price low high mark_open mark_low mark_high mark raw_open raw_close raw_mark_open "
    "raw_mark_close open_range open_volume open_daily open_recent open_usual bar_range bar_volume "
    "bar_daily bar_recent bar_usual funding_rate funding_mark",
    "at closes opens has_close day_end week_end day_of day_until day_after week_until opened_at",
)

# The extremes of a block of instants, NaN without one; ``close_mark_*``: of the marks at closes.
EXTREMES = _layout(
    "low_min high_max open_min open_max mark_low_min mark_high_max mark_open_min mark_open_max "
    "close_mark_min close_mark_max",
    "",
)


class Tape(NamedTuple):
    """The instants of one instrument in the form that the kernel reads.

    ``rows`` holds an instant a record, ``blocks`` the extremes of each block of them. ``tiers`` are
    ceiling, rate and deduction of the maintenance tiers. ``day_marks`` are the indices of the ends
    of days and of their last closes, ``due`` those of funding timestamps.
    """

    rows: Records
    blocks: Records
    tiers: Floats
    at: Ints
    day_marks: Ints
    due: Ints


class SetPlan(NamedTuple):
    """The plan of one set, or the plans of many one after another.

    ``prices`` (entry, target) are those of ``entries``, ``leave_t`` the indices of their time
    exits; ``asked`` has room for the places of the entries that were asked for. ``shares`` are the
    parts that the targets close, ``ladder`` drawdown and multiplier of each rung.
    """

    entries: Records
    prices: Floats
    leave_t: Ints
    asked: Ints
    exit_t: Ints
    exit_key: Floats
    shares: Floats
    ladder: Floats
