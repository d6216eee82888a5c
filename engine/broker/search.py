"""The sparse search: the next instant at which anything can happen.

It may return an instant too many, never one too few; an extra visit changes no result. Every price
test goes through ``resolve``, as in the broker.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.broker import resolve
from engine.broker.simulator import Simulator
from engine.broker.timeline import Timeline
from engine.broker.trailing import SkippedTrails, trail_reached
from engine.kept_code import kept
from engine.records import OrderKind

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
# One plan has an entry, a stop and a few targets; a longer list is visited bar by bar.
MAX_LEVELS = 8
# The first fields of a tape.
PRICES = 8


class SearchTape(NamedTuple):
    """The timeline in the form that the search reads.

    Prices (quote) and ``due`` (a cash flow or a settlement of a position) are (instrument, instant)
    arrays; ``has_close`` and ``day_end`` are masks over the instants. ``rates`` values the
    currencies of the wallets, (wallet, instant): equity moves while nothing is held.
    """

    open_price: Floats
    low: Floats
    high: Floats
    close: Floats
    mark_open: Floats
    mark_low: Floats
    mark_high: Floats
    mark: Floats
    due: Bools
    has_close: Bools
    day_end: Bools
    rates: Floats


class OrderLevels(NamedTuple):
    """Working stops and limits by instrument; ``used[k]`` columns of the others hold levels.

    ``price`` is compared with an open, ``reach`` with the range of a bar.
    """

    used: Ints
    kind: Ints
    side: Ints
    price: Floats
    reach: Floats


class AccountState(NamedTuple):
    """Cash by wallet; positions, wallets and contracts by instrument; NaN: no liquidation price."""

    cash: Floats
    wallets: Ints
    quantities: Floats
    averages: Floats
    kinds: Ints
    sizes: Floats
    liquidation: Floats


class GuardLimits(NamedTuple):
    """Equity limits of the guards: a floor and a peak in quote, a drawdown as a fraction."""

    loss_floor: float
    halt_drawdown: float
    peak: float


def search_tape(timeline: Timeline) -> SearchTape:
    """Return the arrays of a timeline; without copying for one instrument."""

    def stack(name: str) -> Floats:
        rows = [getattr(path, name) for path in timeline.paths]
        return rows[0][None, :] if len(rows) == 1 else np.stack(rows)

    due = np.stack(
        [~np.isnan(p.funding_rate) | ~np.isnan(p.dividend) | p.settles for p in timeline.paths]
    )
    return SearchTape(
        stack("open_price"),
        stack("low"),
        stack("high"),
        stack("close"),
        stack("mark_open"),
        stack("mark_low"),
        stack("mark_high"),
        stack("mark"),
        due,
        timeline.has_close,
        # Interest is paid at ends of days only.
        timeline.day_end,
        timeline.wallet_rates,
    )


def no_levels(instruments: int) -> OrderLevels:
    """Return room for ``MAX_LEVELS`` levels an instrument, none in use."""
    shape = (instruments, MAX_LEVELS)
    return OrderLevels(
        np.zeros(instruments, np.int64),
        np.zeros(shape, np.int64),
        np.zeros(shape, np.int64),
        np.full(shape, np.nan),
        np.full(shape, np.nan),
    )


def collect_levels(levels: OrderLevels, simulator: Simulator) -> bool:
    """Write the working orders into ``levels``; False if an instrument has more than fit."""
    levels.used[:] = 0
    for k, name in enumerate(simulator.names):
        plan = simulator.book.plans.get(name)
        if plan is None:
            continue
        held = simulator.positions[k].quantity != 0.0
        for order in plan.orders():
            # Stops and targets work only once their entry has filled.
            if not order.is_working or (order is not plan.entry and not held):
                continue
            if order.request.kind is OrderKind.MARKET:
                continue
            i = levels.used[k]
            if i == MAX_LEVELS:
                return False
            side, price = order.request.side, order.level
            stop = order.request.kind is OrderKind.STOP
            kind = resolve.STOP if stop else resolve.LIMIT
            levels.kind[k, i], levels.side[k, i], levels.price[k, i] = kind, side, price
            levels.reach[k, i] = resolve.reach(kind, side, price, simulator.beyond[k])
            levels.used[k] = i + 1
    return True


@kept
def _liquidated(quantity: float, level: float, opens: float, low: float, high: float) -> bool:
    """Return whether the mark reaches a liquidation price in the bar or at the next open."""
    return bool(
        resolve.liquidation_touched(quantity, level, low, high)
        or resolve.liquidation_touched(quantity, level, opens, opens)
    )


@kept
def _level_reached(k: int, opens: float, low: float, high: float, levels: tuple[Any, ...]) -> bool:
    """Return whether the bar that closes, or the next open, reaches a working stop or limit."""
    used, kinds, sides, prices, reaches = levels
    for j in range(used[k]):
        kind, side = kinds[k, j], sides[k, j]
        if resolve.level_touched(kind, side, reaches[k, j], low, high):
            return True
        if resolve.level_touched(kind, side, prices[k, j], opens, opens):
            return True
    return False


def next_instant(  # noqa: PLR0917 - the parts of one state
    t: int,
    forced: int,
    wake: Bools,
    tape: SearchTape,
    account: AccountState,
    levels: OrderLevels,
    trails: SkippedTrails | None,
    guards: GuardLimits,
) -> tuple[int, float]:
    """Return (next index after ``t`` that must be visited, equity peak before it).

    ``forced`` is an index that is visited in any case; ``trails`` is None while no stop trails. The
    length of the timeline is returned when nothing can happen any more.
    """
    moving = None if trails is None else tuple(trails)
    # Compiled code takes a tuple of arrays of one type apart much faster than a named tuple, whose
    # fields cost more than the search of a thousand bars.
    index, peak = _next_instant(
        t,
        forced,
        (wake, tape.has_close, tape.day_end),
        tape[:PRICES],
        tape.due,
        tape.rates,
        (account.cash, account.quantities, account.averages, account.sizes, account.liquidation),
        (account.wallets, account.kinds, levels.used),
        (levels.kind, levels.side),
        (levels.price, levels.reach),
        moving,
        *guards,
    )
    return int(index), float(peak)


@kept
def _next_instant(  # noqa: PLR0917 - compiled code takes no keywords
    t: int,
    forced: int,
    masks: tuple[Bools, ...],
    prices: tuple[Any, ...],
    due: Bools,
    rates: Floats,
    amounts: tuple[Floats, ...],
    codes: tuple[Ints, ...],
    order_codes: tuple[Ints, ...],
    order_prices: tuple[Floats, ...],
    trails: tuple[Any, ...] | None,
    loss_floor: float,
    halt_drawdown: float,
    peak: float,
) -> tuple[int, float]:
    # Fields read inside the loop would be looked up, and counted as references, at every bar.
    wake, has_close, day_end = masks
    open_price, low, high, close, mark_open, mark_low, mark_high, mark = prices
    cash, quantities, averages, sizes, liquidation = amounts
    wallets, kinds, used = codes
    levels = (used, *order_codes, *order_prices)
    if trails is not None:
        has_trail = trails[0]
    marks = np.empty(len(quantities))
    for i in range(t + 1, len(wake)):
        if i == forced or wake[i] or day_end[i]:
            return i, peak
        for k in range(len(quantities)):
            if quantities[k] != 0.0 and (
                due[k, i]
                or _liquidated(
                    quantities[k],
                    liquidation[k],
                    mark_open[k, i],
                    mark_low[k, i],
                    mark_high[k, i],
                )
            ):
                return i, peak
            if _level_reached(k, open_price[k, i], low[k, i], high[k, i], levels):
                return i, peak
            if (
                trails is not None
                and has_trail[k]
                and trail_reached(
                    k, i, open_price[k, i], low[k, i], high[k, i], close[k, i], trails
                )
            ):
                return i, peak
            marks[k] = mark[k, i]
        if has_close[i]:
            equity = resolve.account_equity(
                i, cash, rates, wallets, quantities, averages, kinds, sizes, marks
            )
            highest = max(peak, equity)
            if equity <= loss_floor or equity <= highest * (1.0 - halt_drawdown):
                return i, peak
            peak = highest
    return len(wake), peak
