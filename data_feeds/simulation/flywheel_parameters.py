"""The parameters of the liquidation flywheel."""

from typing import NamedTuple


class FlywheelParams(NamedTuple):
    """What the market is like; every value is a choice, see ``docs/flywheel.md`` for sources.

    A bar has several steps; a rate is per step unless it says otherwise.
    """

    # How far the mark moves towards the last price in one step, fraction.
    mark_speed: float = 0.6
    # The share of forced selling's impact that stays in the value of the asset; the rest decays.
    permanent_impact: float = 0.35
    # Fraction of the temporary impact that decays in one step.
    resilience: float = 0.012
    # What the spot market takes over of the perp's temporary impact; the rest is premium.
    index_share: float = 0.9
    # Depth falls as (reference volatility / volatility) to this power, within the bounds below.
    depth_exponent: float = 0.3
    depth_floor: float = 0.4
    depth_ceiling: float = 1.5
    # Annualized volatility at which depth is what the caller says, fraction.
    reference_volatility: float = 0.5
    # Weight of one step in the fast volatility (depth) and in the slow one (volatility targets).
    fast_weight: float = 0.04
    slow_weight: float = 0.004
    # Most that liquidations may move the price in one step, log; the rest waits.
    largest_step: float = 0.01
    # Of liquidated contracts: the share that profitable opposites buy back by closing.
    closing_share: float = 0.6
    # Liquidation fee, fraction of notional, out of what margin is left (Binance: about 1%).
    liquidation_fee: float = 0.01
    # Volatility targets: annualized target, largest exposure, and speed per step.
    volatility_target: float = 0.45
    largest_exposure: float = 1.5
    seller_speed: float = 0.02
    # Buyers below value: from which discount (log), how much of the forced flow they take, and what
    # fraction of their full capacity comes back in one step.
    buyer_discount: float = 0.04
    buyer_share: float = 0.6
    buyer_refill: float = 0.0005
    # Positions opened anew: speed of return to the wanted open interest, and turnover, per roll
    # (``dynamics.ROLL_BARS`` bars).
    opening_speed: float = 0.04
    turnover: float = 0.016
    # Funding: interest of one interval, clamp of the premium's difference, and the venue's cap.
    funding_interest: float = 0.0001
    funding_clamp: float = 0.0005
    funding_cap: float = 0.003
    # Notional of a typical account, quote: chooses the maintenance bracket.
    account_quote: float = 100_000.0
