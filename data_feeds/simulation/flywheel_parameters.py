"""The parameters of the liquidation flywheel."""

from typing import NamedTuple


class FlywheelParams(NamedTuple):
    """Parameters of the market; every value is chosen, see ``docs/flywheel.md`` for sources.

    A bar has several steps; a rate is per step unless it says otherwise.
    """

    # Fraction of the distance to the last price that the mark moves in one step.
    mark_speed: float = 0.6
    # Share of forced selling's impact that stays in the asset's value; the rest decays.
    permanent_impact: float = 0.35
    # Fraction of the temporary impact that decays in one step.
    resilience: float = 0.012
    # Share of the perp's temporary impact that the spot market follows; the rest is premium.
    index_share: float = 0.9
    # Depth falls as (reference volatility / volatility) to this power, within the bounds below.
    depth_exponent: float = 0.3
    depth_floor: float = 0.4
    depth_ceiling: float = 1.5
    # Annualized volatility at which depth equals the caller's value, fraction.
    reference_volatility: float = 0.5
    # Weight of one step in the fast volatility (depth) and in the slow one (volatility targets).
    fast_weight: float = 0.04
    slow_weight: float = 0.004
    # Largest move of the price by liquidations in one step, log; further liquidations wait.
    largest_step: float = 0.01
    # Share of liquidated contracts that profitable opposite positions take by closing.
    closing_share: float = 0.6
    # Liquidation fee, fraction of notional, from the remaining margin (Binance: about 1%).
    liquidation_fee: float = 0.01
    # Volatility targets: annualized target, largest exposure, and speed per step.
    volatility_target: float = 0.45
    largest_exposure: float = 1.5
    seller_speed: float = 0.02
    # Buyers below value: least discount (log), their share of the forced flow, and the fraction of
    # their full capacity that returns in one step.
    buyer_discount: float = 0.04
    buyer_share: float = 0.6
    buyer_refill: float = 0.0005
    # New positions: speed of return to the target open interest, and turnover, per roll
    # (``dynamics.ROLL_BARS`` bars).
    opening_speed: float = 0.04
    turnover: float = 0.016
    # Funding: interest of one interval, clamp of the premium's difference, and the venue's cap.
    funding_interest: float = 0.0001
    funding_clamp: float = 0.0005
    funding_cap: float = 0.003
    # Notional of a typical account, quote: chooses the maintenance bracket.
    account_quote: float = 100_000.0
