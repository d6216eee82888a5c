"""Bar-by-bar dynamics of the liquidation flywheel: compiled, without randomness.

Compiled code is not cached between processes: numba's cache checks one file and would keep the old
``cohort_book`` after a change. ``run`` fills one row of ``COLUMNS`` a bar. The order inside a bar:
funding is settled, then in each step the value moves, impact decays, volatility targets trade, the
mark follows, positions that the mark has reached are liquidated, volatilities are updated; at the
bar's end positions roll.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data_feeds.simulation.cohort_book import (
    CohortBook,
    add_position,
    close_position,
    close_pro_rata,
    equity_of,
    liquidation_price,
    merge_rows,
    side_total,
    solvent_total,
)
from data_feeds.simulation.flywheel_parameters import FlywheelParams

Floats = NDArray[np.float64]

COLUMNS = (
    "open", "high", "low", "close", "mark_open", "mark_high", "mark_low", "mark_close", "volume",
    "open_interest", "longs", "shorts", "long_quote", "short_quote", "adl", "seller_base", "depth",
    "volatility", "funding", "cash_in", "cash_out", "fund", "book_cash",
)  # fmt: skip
(
    _OPEN, _HIGH, _LOW, _CLOSE, _MARK_OPEN, _MARK_HIGH, _MARK_LOW, _MARK_CLOSE, _VOLUME,
    _OPEN_INTEREST, _LONGS, _SHORTS, _LONG_QUOTE, _SHORT_QUOTE, _ADL, _SELLER_BASE, _DEPTH,
    _VOLATILITY, _FUNDING, _CASH_IN, _CASH_OUT, _FUND, _BOOK_CASH,
) = range(len(COLUMNS))  # fmt: skip

# Scalar state: value of the asset, last price and mark (quote per base unit), temporary impact
# (log), fast and slow variance of a step, insurance fund and running cash totals (quote), exposure
# of the volatility targets, remaining capacity of traders against forced flow (base), averaged
# premium, and the marks at which the next long and the next short are liquidated.
STATE_SIZE = 15
(
    VALUE, LAST, MARK, IMPACT, FAST, SLOW, FUND, CASH_IN, CASH_OUT, EXPOSURE, BUYERS, PREMIUM,
    STEPS_PER_YEAR, LONG_EDGE, SHORT_EDGE,
) = range(STATE_SIZE)  # fmt: skip

# Positions roll once in this many bars; the book is summed only then and after an event.
ROLL_BARS = 4

# Weight of a step in the averaged premium: about the eight hours between two settlements.
_PREMIUM_WEIGHT = 0.0125
# A bar's volume at rest, and the addition for a move of usual size, shares of normal volume.
_VOLUME_AT_REST, _VOLUME_BY_MOVE, _LARGEST_MOVE = 0.8, 0.3, 6.0


@njit()
def run(  # noqa: PLR0917
    params: FlywheelParams,
    book: CohortBook,
    returns: Floats,
    depth_quote: Floats,
    volume_base: Floats,
    open_interest_base: Floats,
    leverage: Floats,
    short_leverage: Floats,
    crowding: Floats,
    sellers_base: Floats,
    buyers_base: Floats,
    is_settlement: NDArray[np.bool_],
    state: Floats,
) -> Floats:
    """Return one row of ``COLUMNS`` a bar; change ``state`` and ``book`` in place."""
    bars, steps = returns.shape
    out = np.zeros((bars, len(COLUMNS)))
    _find_edges(book, state)
    for bar in range(bars):
        row = out[bar]
        row[_FUNDING] = _settle_funding(params, book, state) if is_settlement[bar] else np.nan
        row[_OPEN] = row[_HIGH] = row[_LOW] = state[LAST]
        row[_MARK_OPEN] = row[_MARK_HIGH] = row[_MARK_LOW] = state[MARK]
        for step in range(steps):
            row[_DEPTH] = _depth_now(params, state, depth_quote[bar])
            _move(params, book, state, row, returns[bar, step], sellers_base[bar])
            capacity = buyers_base[bar]
            state[BUYERS] = min(state[BUYERS] + params.buyer_refill * capacity, capacity)
            premium = (1 - params.index_share) * state[IMPACT] + crowding[bar]
            state[PREMIUM] += _PREMIUM_WEIGHT * (premium - state[PREMIUM])
            _stretch(state, row)
        if bar % ROLL_BARS == ROLL_BARS - 1:
            slot = 1 + (bar // ROLL_BARS) % (len(book.side) // 2 - 1)
            wanted = open_interest_base[bar]
            _roll(params, book, state, slot, wanted, leverage[bar], short_leverage[bar])
        _report(params, state, row, volume_base[bar], steps)
        _count(book, row, out[bar - 1], bar % ROLL_BARS in (0, ROLL_BARS - 1))
    return out


@njit()
def _stretch(state: Floats, row: Floats) -> None:
    """Extend the bar's ranges to the last price and the mark."""
    last, mark = state[LAST], state[MARK]
    row[_HIGH], row[_LOW], row[_CLOSE] = max(row[_HIGH], last), min(row[_LOW], last), last
    row[_MARK_HIGH], row[_MARK_LOW] = max(row[_MARK_HIGH], mark), min(row[_MARK_LOW], mark)
    row[_MARK_CLOSE] = mark


@njit()
def _report(
    params: FlywheelParams, state: Floats, row: Floats, volume_base: float, steps: int
) -> None:
    """Write volume, volatility and cash totals at the bar's end."""
    usual = params.reference_volatility * np.sqrt(steps / state[STEPS_PER_YEAR])
    moved = min((row[_HIGH] - row[_LOW]) / row[_OPEN] / usual, _LARGEST_MOVE)
    row[_VOLUME] += volume_base * (_VOLUME_AT_REST + _VOLUME_BY_MOVE * moved)
    row[_VOLATILITY] = np.sqrt(state[FAST] * state[STEPS_PER_YEAR])
    row[_CASH_IN], row[_CASH_OUT], row[_FUND] = state[CASH_IN], state[CASH_OUT], state[FUND]


@njit()
def _count(book: CohortBook, row: Floats, before: Floats, must_walk: bool) -> None:
    """Write the book's sums; without a trade, copy them from the previous bar."""
    if not must_walk and row[_LONG_QUOTE] + row[_SHORT_QUOTE] == 0 and np.isnan(row[_FUNDING]):
        for column in (_LONGS, _SHORTS, _OPEN_INTEREST, _BOOK_CASH):
            row[column] = before[column]
        return
    half = len(book.side) // 2
    row[_LONGS] = row[_OPEN_INTEREST] = side_total(book, 0, half)
    row[_SHORTS] = side_total(book, half, 2 * half)
    for i in range(2 * half):
        row[_BOOK_CASH] += book.margin[i] - book.side[i] * book.quantity[i] * book.entry[i]


@njit()
def _find_edges(book: CohortBook, state: Floats) -> None:
    """Find the highest liquidation price of a long and the lowest of a short."""
    state[LONG_EDGE], state[SHORT_EDGE] = 0.0, np.inf
    for i in range(len(book.side)):
        if book.quantity[i] <= 0:
            continue
        reached = liquidation_price(
            book.side[i], book.quantity[i], book.entry[i], book.margin[i], book.rate[i],
            book.deduction[i],
        )  # fmt: skip
        if book.side[i] > 0:
            state[LONG_EDGE] = max(state[LONG_EDGE], reached)
        else:
            state[SHORT_EDGE] = min(state[SHORT_EDGE], reached)


@njit()
def _depth_now(params: FlywheelParams, state: Floats, depth_quote: float) -> float:
    """Return the quote notional that moves the price by 1% at this step."""
    volatility = np.sqrt(state[FAST] * state[STEPS_PER_YEAR])
    thinning = (params.reference_volatility / max(volatility, 1e-9)) ** params.depth_exponent
    return float(depth_quote * min(max(thinning, params.depth_floor), params.depth_ceiling))


@njit()
def _move(  # noqa: PLR0917
    params: FlywheelParams,
    book: CohortBook,
    state: Floats,
    row: Floats,
    value_return: float,
    sellers_base: float,
) -> None:
    """Move the market by one step."""
    before = state[LAST]
    state[VALUE] *= np.exp(value_return)
    state[IMPACT] *= 1 - params.resilience
    state[LAST] = state[VALUE] * np.exp(state[IMPACT])
    _trade_exposure(params, state, row, sellers_base)
    state[MARK] += params.mark_speed * (state[LAST] - state[MARK])
    half = len(book.side) // 2
    if state[MARK] <= state[LONG_EDGE]:
        _liquidate(params, book, state, row, 0)
    if state[MARK] >= state[SHORT_EDGE]:
        _liquidate(params, book, state, row, half)
    squared = np.log(state[LAST] / before) ** 2
    state[FAST] += params.fast_weight * (squared - state[FAST])
    state[SLOW] += params.slow_weight * (squared - state[SLOW])


@njit()
def _push(params: FlywheelParams, state: Floats, flow_base: float, depth: float) -> None:
    """Move the price by a market order; positive flow buys."""
    moved = 0.01 * flow_base * state[LAST] / depth
    kept = params.permanent_impact * moved
    state[VALUE] *= np.exp(kept)
    state[IMPACT] += moved - kept
    state[LAST] = state[VALUE] * np.exp(state[IMPACT])


@njit()
def _trade_exposure(
    params: FlywheelParams, state: Floats, row: Floats, sellers_base: float
) -> None:
    """Move volatility targets' exposure towards target / realized: they sell as it rises."""
    if sellers_base <= 0:
        return
    realized = np.sqrt(state[SLOW] * state[STEPS_PER_YEAR])
    wanted = min(params.largest_exposure, params.volatility_target / max(realized, 1e-9))
    change = params.seller_speed * (wanted - state[EXPOSURE])
    state[EXPOSURE] += change
    flow = change * sellers_base
    row[_SELLER_BASE] -= flow
    row[_VOLUME] += abs(flow)
    _push(params, state, flow, row[_DEPTH])


@njit()
def _liquidate(
    params: FlywheelParams, book: CohortBook, state: Floats, row: Floats, first: int
) -> None:
    """Liquidate the positions of one side (rows from ``first``) that the mark has reached."""
    half = len(book.side) // 2
    side = book.side[first]
    breached = 0.0
    for i in range(first, first + half):
        if _is_breached(book, i, state[MARK]):
            breached += book.quantity[i]
    if breached <= 0:
        return
    # The venue sells no faster than the order book absorbs; other liquidations wait.
    bearable = params.largest_step * row[_DEPTH] / 0.01 / state[LAST]
    share = min(1.0, bearable / breached)
    flow = share * breached
    absorbed = _absorbed(params, state, side, flow)
    before = state[LAST]
    _push(params, state, -side * (flow - absorbed), row[_DEPTH])
    price = np.sqrt(before * state[LAST])
    sold, closed = 0.0, 0.0
    mark = state[MARK]
    for i in range(first, first + half):
        if _is_breached(book, i, mark):
            held = book.quantity[i]
            sold += _close_breached(params, book, state, row, i, share * held, price)
            closed += held - book.quantity[i]
    row[_LONG_QUOTE if side > 0 else _SHORT_QUOTE] += closed * price
    row[_VOLUME] += sold
    # Contracts closed against opposite positions met neither the order book nor the buyers.
    unsold = (flow - sold) / flow
    _push(params, state, side * (flow - absorbed) * unsold, row[_DEPTH])
    state[BUYERS] += absorbed * unsold
    absorbed *= 1 - unsold
    _find_counterparties(params, book, state, first, sold, absorbed, price)
    _find_edges(book, state)


@njit()
def _is_breached(book: CohortBook, i: int, mark: float) -> bool:
    if book.quantity[i] <= 0:
        return False
    reached = liquidation_price(
        book.side[i], book.quantity[i], book.entry[i], book.margin[i], book.rate[i],
        book.deduction[i],
    )  # fmt: skip
    return bool(book.side[i] * (mark - reached) <= 0)


@njit()
def _absorbed(params: FlywheelParams, state: Floats, side: float, flow: float) -> float:
    """Return the part of forced trades taken far from value: by buyers below, sellers above."""
    if -side * state[IMPACT] < params.buyer_discount:
        return 0.0
    taken = min(params.buyer_share * flow, state[BUYERS])
    state[BUYERS] -= taken
    return float(taken)


@njit()
def _close_breached(  # noqa: PLR0917
    params: FlywheelParams,
    book: CohortBook,
    state: Floats,
    row: Floats,
    i: int,
    quantity: float,
    price: float,
) -> float:
    """Close a breached position; return the part sold in the market, base units.

    The remaining margin pays the fee into the insurance fund, and the rest is paid out. The fund
    pays a deficit; when it is empty, profitable opposite positions are closed at the bankruptcy
    price instead.
    """
    bankruptcy = book.entry[i] - book.side[i] * book.margin[i] / book.quantity[i]
    deficit = book.side[i] * (bankruptcy - price)
    sold = quantity
    if deficit > 0:
        sold = min(quantity, state[FUND] / deficit)
        deleveraged = _deleverage(book, state, i, quantity - sold, bankruptcy)
        row[_ADL] += deleveraged
        # Without an opposite position to close, this position stays open.
        if sold <= 0:
            return 0.0
    payout = close_position(book, i, min(sold, book.quantity[i]), price)
    fee = min(max(payout, 0.0), params.liquidation_fee * sold * price)
    state[FUND] += fee + min(payout, 0.0)
    state[FUND] = max(state[FUND], 0.0) if state[FUND] > -1e-6 else state[FUND]
    state[CASH_OUT] += max(payout, 0.0) - fee
    return sold


@njit()
def _deleverage(book: CohortBook, state: Floats, i: int, quantity: float, price: float) -> float:
    """Close ``quantity`` of row ``i`` against opposite rows, by profit times leverage.

    Both sides trade at row ``i``'s bankruptcy price, so row ``i`` loses only its margin. Return the
    base units closed.
    """
    half = len(book.side) // 2
    first = half if i < half else 0
    done = 0.0
    while quantity - done > 1e-12:
        best, score = -1, 0.0
        for k in range(first, first + half):
            equity = equity_of(book, k, price)
            if book.quantity[k] <= 0 or equity <= 0:
                continue
            profit = equity - book.margin[k]
            # Profit / cost x notional / equity: the size of the cohort cancels.
            ranked = profit / book.entry[k] * price / equity
            if best < 0 or ranked > score:
                best, score = k, ranked
        if best < 0:
            break
        size = min(quantity - done, book.quantity[best])
        state[CASH_OUT] += close_position(book, best, size, price)
        state[CASH_OUT] += close_position(book, i, min(size, book.quantity[i]), price)
        done += size
    return done


@njit()
def _find_counterparties(  # noqa: PLR0917
    params: FlywheelParams,
    book: CohortBook,
    state: Floats,
    first: int,
    sold: float,
    absorbed: float,
    price: float,
) -> None:
    """Book the other side of liquidations: opposite positions that close, and new positions.

    Buyers below value and all other new positions pay in full (leverage 1).
    """
    half = len(book.side) // 2
    opposite = half - first
    closing = params.closing_share * max(sold - absorbed, 0.0)
    closing = min(closing, solvent_total(book, opposite, opposite + half, price))
    state[CASH_OUT] += close_pro_rata(book, opposite, opposite + half, closing, price)
    state[CASH_IN] += add_position(book, first, sold - closing, price, 1.0, params.account_quote)


@njit()
def _roll(  # noqa: PLR0917
    params: FlywheelParams,
    book: CohortBook,
    state: Floats,
    slot: int,
    wanted: float,
    leverage: float,
    short_leverage: float,
) -> None:
    """Replace some positions of both sides at the last price, and adjust the open interest.

    ``slot`` cycles over the rows; its remaining positions move to row 0 of their side.
    """
    half = len(book.side) // 2
    price = state[LAST]
    longs, shorts = side_total(book, 0, half), side_total(book, half, 2 * half)
    held = 0.5 * (longs + shorts)
    leaving = params.turnover * held + params.opening_speed * max(held - wanted, 0.0)
    leaving = min(
        leaving, solvent_total(book, 0, half, price), solvent_total(book, half, 2 * half, price)
    )
    state[CASH_OUT] += close_pro_rata(book, 0, half, leaving, price)
    state[CASH_OUT] += close_pro_rata(book, half, 2 * half, leaving, price)
    entering = params.turnover * held + params.opening_speed * max(wanted - held, 0.0)
    for first, setting in ((0, leverage), (half, short_leverage)):
        merge_rows(book, first + slot, first)
        state[CASH_IN] += add_position(
            book, first + slot, entering, price, setting, params.account_quote
        )
    _find_edges(book, state)


@njit()
def _settle_funding(params: FlywheelParams, book: CohortBook, state: Floats) -> float:
    """Settle funding between the sides' margins at the mark; return the rate, fraction."""
    premium = state[PREMIUM]
    drift = params.funding_interest - premium
    rate = premium + min(max(drift, -params.funding_clamp), params.funding_clamp)
    rate = min(max(rate, -params.funding_cap), params.funding_cap)
    for i in range(len(book.side)):
        book.margin[i] -= book.side[i] * book.quantity[i] * state[MARK] * rate
    _find_edges(book, state)
    return float(rate)
