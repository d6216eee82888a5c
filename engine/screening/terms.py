"""The terms of a set: its account, costs and limits of risk as one record of numbers."""

import math

import numpy as np

from data_feeds.clock import DAY_NS, parse_duration
from data_feeds.instrument import Instrument
from engine.bracket_plan import BracketPlan
from engine.broker import resolve
from engine.config.models import GuardScope, MarginMode, RunConfig
from engine.config.venue import LimitFill, TradingCosts
from engine.contracts import MarginTerms
from engine.costs import RangeSlippage, SquareRootSlippage
from engine.records import OrderKind
from engine.screening.layout import LIMIT, MARKET, NONE, STOP, TERMS, Floats
from engine.screening.support import slippage_number

KINDS = {OrderKind.MARKET: MARKET, OrderKind.LIMIT: LIMIT, OrderKind.STOP: STOP}


def terms_row(
    config: RunConfig,
    instrument: Instrument,
    costs: TradingCosts,
    margin: MarginTerms,
    plan: BracketPlan,
) -> tuple[float, ...]:
    """Return the values of ``TERMS`` of a config and of the part of a plan that entries share."""
    values = {
        "cash": config.account.venue_cash,
        "idle": config.account.brokerage_cash,
        "lot": instrument.lot_size,
        "tick": instrument.tick_size,
        "min_notional": instrument.min_notional,
        "on_entry": margin.on_entry,
        "to_bankruptcy": margin.to_bankruptcy,
        "highest_setting": margin.highest_setting or 0,
        **_costs(config, instrument, costs),
        **_limits(config, instrument),
        **_guards(config),
        "side": plan.direction,
        "kind": KINDS[plan.kind],
        "targets": len(plan.fractions),
        "breakeven": plan.breakeven,
    }
    return tuple(values.get(name, 0) for name in TERMS.names or ())


def _off(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _costs(config: RunConfig, instrument: Instrument, costs: TradingCosts) -> dict[str, float]:
    model = costs.slippage
    through = config.venue.limit_fill is LimitFill.THROUGH
    found: dict[str, float] = {
        "maker": costs.maker_rate,
        "taker": costs.taker_rate,
        "liquidation_rate": costs.liquidation_fee_rate,
        "volume_cap": _off(config.venue.participation_cap),
        "beyond": resolve.beyond_limit(instrument.tick_size, through=through),
        "half_spread": model.base,
        "model": slippage_number(model),
        "needs_volume": config.risk.participation_cap is not None or model.reads_bar_volume,
    }
    if isinstance(model, RangeSlippage):
        found |= {"range_share": model.range_share, "impact": model.impact}
    if isinstance(model, SquareRootSlippage):
        found["coefficient"] = model.coefficient
    return found


def _limits(config: RunConfig, instrument: Instrument) -> dict[str, float]:
    risk, account = config.risk, config.account
    return {
        "risk_fraction": risk.risk_fraction,
        "target_volatility": _off(risk.target_volatility),
        "leverage_cap": _off(risk.leverage_cap),
        "notional_cap": _off(risk.notional_cap),
        "participation": _off(risk.participation_cap),
        "liquidation_distance": _off(risk.liquidation_distance),
        "net_cap": _off(risk.portfolio.net_cap),
        "asset_cap": _off(risk.portfolio.asset_cap),
        "crypto_cap": _off(risk.portfolio.crypto_cap if instrument.is_crypto else None),
        "cross": account.margin_mode is MarginMode.CROSS,
        "fixed_setting": account.leverage_setting or 0,
        "max_setting": risk.max_leverage_setting,
    }


def _guards(config: RunConfig) -> dict[str, float]:
    risk = config.risk
    daily, weekly, drawdown = risk.daily_loss, risk.weekly_loss, risk.drawdown
    days = None if drawdown is None else drawdown.halt_days
    return {
        "daily_loss": _off(None if daily is None else daily.limit),
        "weekly_loss": _off(None if weekly is None else weekly.limit),
        "daily_flattens": daily is not None and daily.scope is GuardScope.FLATTEN,
        "weekly_flattens": weekly is not None and weekly.scope is GuardScope.FLATTEN,
        "halt_at": _off(None if drawdown is None else drawdown.halt_at),
        "halt_ns": NONE if days is None else days * DAY_NS,
        "cool_ns": NONE if risk.cool_down is None else parse_duration(risk.cool_down),
        "max_trades": NONE if risk.max_trades_per_day is None else risk.max_trades_per_day,
    }


def ladder_rows(config: RunConfig) -> Floats:
    """Return drawdown and multiplier of each rung of the ladder."""
    drawdown = config.risk.drawdown
    rungs = () if drawdown is None else drawdown.ladder
    return np.array([(rung.drawdown, rung.multiplier) for rung in rungs]).reshape(-1, 2)
