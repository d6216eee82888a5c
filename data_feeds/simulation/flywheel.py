"""The liquidation flywheel: a small move becomes a large one in a leveraged market.

    price falls -> leverage rises against collateral -> liquidations sell into the order book ->
    slippage -> more positions breach -> open interest compresses, volatility rises -> volatility
    targets sell too -> a second wave down

(SimianX AI, "Why US Stocks and Cryptocurrencies Plummeted This Week", 2026-02.) The equations,
with every parameter's unit and source, are in ``docs/flywheel.md``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_feeds.simulation import dynamics
from data_feeds.simulation.cohort_book import CohortBook, book_at_rest
from data_feeds.simulation.flywheel_parameters import FlywheelParams

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FlywheelInputs:
    """Inputs of the model; arrays have one row a bar.

    ``returns`` are exogenous log returns of the asset's value, shape (bars, steps a bar).
    ``depth_quote``: quote notional that moves the price by 1% at the reference volatility; the
    caller includes weekend thinning. ``volume_base``: normal traded volume of a bar, base units.
    ``open_interest_base``: target of the open interest. ``leverage`` and ``short_leverage``:
    settings of positions opened in the bar. ``crowding``: premium over the index from demand for
    longs, fraction. ``sellers_base``: base units that volatility targets hold at an exposure of 1.
    ``buyers_base``: full capacity of traders against forced flow far from value, base units.
    ``is_settlement``: funding is settled at the bar's open. ``steps_per_year`` annualizes.
    """

    returns: Floats
    depth_quote: Floats
    volume_base: Floats
    open_interest_base: Floats
    leverage: Floats
    short_leverage: Floats
    crowding: Floats
    sellers_base: Floats
    buyers_base: Floats
    is_settlement: NDArray[np.bool_]
    steps_per_year: float


@dataclass(frozen=True)
class FlywheelPath:
    """Result of the model, one row a bar.

    Prices in quote per base unit; ``mark_*`` is the venue's mark. ``volume``, ``open_interest``,
    ``longs``, ``shorts``, ``adl`` (closed by auto-deleveraging) and ``seller_base`` (volatility
    targets' trades, positive: sold) in base units. ``long_quote`` and ``short_quote`` are
    liquidated notionals. ``funding`` is the rate of the interval settled at the bar's open, NaN
    elsewhere. ``volatility`` is the fast estimate, annualized. ``cash_in``, ``cash_out`` and
    ``fund`` are running totals in quote; ``book_cash`` is the cash owed to open positions, see
    ``cohort_book``.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    mark_open: Floats
    mark_high: Floats
    mark_low: Floats
    mark_close: Floats
    volume: Floats
    open_interest: Floats
    longs: Floats
    shorts: Floats
    long_quote: Floats
    short_quote: Floats
    adl: Floats
    seller_base: Floats
    depth: Floats
    volatility: Floats
    funding: Floats
    cash_in: Floats
    cash_out: Floats
    fund: Floats
    book_cash: Floats


def simulate(
    params: FlywheelParams,
    book: CohortBook,
    market: FlywheelInputs,
    price: float,
    fund_quote: float,
) -> FlywheelPath:
    """Run the market over all bars; change the book in place.

    Parameters
    ----------
    params, market : parameters and inputs of the model
    book : positions at the start
    price : the asset's value, the last price and the mark at the start, quote per base unit
    fund_quote : insurance fund at the start, quote

    The function draws no random numbers: the same arguments give the same bytes.
    """
    state = np.zeros(dynamics.STATE_SIZE)
    state[[dynamics.VALUE, dynamics.LAST, dynamics.MARK]] = price
    at_rest = params.reference_volatility**2 / market.steps_per_year
    state[[dynamics.FAST, dynamics.SLOW]] = at_rest
    state[dynamics.FUND] = fund_quote
    # Margins of the initial positions count as paid in.
    state[dynamics.CASH_IN] = book.cash
    state[dynamics.EXPOSURE] = min(
        params.largest_exposure, params.volatility_target / params.reference_volatility
    )
    state[dynamics.BUYERS] = market.buyers_base[0]
    state[dynamics.STEPS_PER_YEAR] = market.steps_per_year
    out = dynamics.run(
        params,
        book,
        market.returns,
        market.depth_quote,
        market.volume_base,
        market.open_interest_base,
        market.leverage,
        market.short_leverage,
        market.crowding,
        market.sellers_base,
        market.buyers_base,
        market.is_settlement,
        state,
    )
    columns = {name: np.ascontiguousarray(out[:, i]) for i, name in enumerate(dynamics.COLUMNS)}
    return FlywheelPath(**columns)


@dataclass(frozen=True)
class Setting:
    """A market at rest before one shock, for experiments; by default thin and highly leveraged.

    ``depth_quote``, ``sellers_base`` and ``buyers_base``: see ``FlywheelInputs``. ``leverages`` and
    ``weights`` describe the open interest.
    """

    price: float = 70_000.0
    open_interest_base: float = 90_000.0
    depth_quote: float = 160e6
    volume_base: float = 4_000.0
    leverages: tuple[float, ...] = (2.0, 5.0, 10.0, 20.0, 50.0)
    weights: tuple[float, ...] = (0.5, 0.2, 0.15, 0.1, 0.05)
    sellers_base: float = 0.0
    buyers_base: float = 10_000.0
    fund_quote: float = 50e6
    bars: int = 192
    steps: int = 5


def cascade(
    shock: float, setting: Setting | None = None, params: FlywheelParams | None = None
) -> FlywheelPath:
    """Return the path of a market at rest after one shock.

    ``shock`` is the log return of the asset's value, spread evenly over bars 4 and 5 (15 minutes
    each); nothing else moves the value. A positive shock squeezes the shorts.
    """
    setting, params = setting or Setting(), params or FlywheelParams()
    returns = np.zeros((setting.bars, setting.steps))
    returns[4:6] = shock / (2 * setting.steps)
    weights = np.array(setting.weights)
    leverages = np.array(setting.leverages)
    book = book_at_rest(
        setting.price, setting.open_interest_base, leverages, weights, params.account_quote
    )

    def flat(value: float) -> Floats:
        return np.full(setting.bars, value)

    market = FlywheelInputs(
        returns=returns,
        depth_quote=flat(setting.depth_quote),
        volume_base=flat(setting.volume_base),
        open_interest_base=flat(setting.open_interest_base),
        leverage=flat(float(leverages @ weights)),
        short_leverage=flat(float(leverages @ weights)),
        crowding=flat(0.0),
        sellers_base=flat(setting.sellers_base),
        buyers_base=flat(setting.buyers_base),
        is_settlement=np.arange(setting.bars) % 32 == 0,
        steps_per_year=365 * 96 * setting.steps,
    )
    return simulate(params, book, market, setting.price, setting.fund_quote)
