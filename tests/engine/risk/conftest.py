"""Build a small account, market and config for the risk tests."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from data_feeds.clock import HOUR_NS
from data_feeds.instrument import Instrument
from engine.config.models import RunConfig
from engine.risk import RiskModule, SizingBars
from engine.views import AccountView, PositionView

NOW = 100 * HOUR_NS

# The venue's published brackets up to 12 million; the deductions follow from them.
BRACKETS = [
    {"floor": 0, "rate": 0.004},
    {"floor": 300_000, "rate": 0.005},
    {"floor": 800_000, "rate": 0.0065},
    {"floor": 3_000_000, "rate": 0.01},
    {"floor": 12_000_000, "rate": 0.02},
]


def perp(**changes: Any) -> Instrument:
    """Return a BTC perp: tick 0.1, lot 0.001, minimum 100."""
    fields = {"id": "BTC", "kind": "perp", "tick_size": 0.1, "lot_size": 0.001, "min_notional": 100}
    return Instrument(**{**fields, **changes})


def config(
    risk: Mapping[str, Any] | None = None,
    account: Mapping[str, Any] | None = None,
    venue: Mapping[str, Any] | None = None,
) -> RunConfig:
    """Return a run without costs, with every cap and guard off unless switched on."""
    off = {
        "target_volatility": None,
        "leverage_cap": None,
        "participation_cap": None,
        "liquidation_distance": None,
        "daily_loss": None,
        "drawdown": None,
        "cool_down": None,
        "max_trades_per_day": None,
    }
    free = {"base_bps": 0, "range_share": 0, "impact": 0}
    costless = {"maker_fee_bps": 0, "taker_fee_bps": 0, "commission_bps": 0, "slippage": free}
    return RunConfig(
        name="x",
        data={"start": "2026-01-01", "end": "2026-02-01"},
        playbook={"name": "p"},
        account=dict(account or {}),
        venue={"maintenance": BRACKETS, **costless, **(venue or {})},
        risk={**off, **(risk or {})},
    )


def inputs(
    close: float = 30_000.0,
    volatility: float = 0.8,
    volume: float = 1_000.0,
    bar_range: float = 0.01,
) -> SizingBars:
    """Return sizing bars with equal values at every hour from the epoch on."""
    at = np.arange(200, dtype=np.int64) * HOUR_NS
    full = [np.full(200, value) for value in (close, volatility, volume, bar_range)]
    return SizingBars(at, *full, np.zeros(len(at)))


def account(equity: float = 100_000.0, **changes: Any) -> AccountView:
    """Return a flat account with all equity in the venue wallet."""
    fields = {
        "now": NOW,
        "equity": equity,
        "venue_cash": equity,
        "brokerage_cash": 0.0,
        "free_venue_cash": equity,
        "gross_notional": 0.0,
        "positions": {},
        "pending": frozenset(),
    }
    return AccountView(**{**fields, **changes})


def position(quantity: float, **changes: Any) -> PositionView:
    """Return a position entered and marked at 30,000."""
    fields = {
        "instrument": "BTC",
        "plan_id": 7,
        "quantity": quantity,
        "average_entry": 30_000.0,
        "mark": 30_000.0,
        "unrealized": 0.0,
        "stop": 29_000.0 if quantity > 0 else 31_000.0,
        "isolated_margin": 0.0,
        "liquidation_price": float("nan"),
        "entered_at": 0,
        "initial_risk": float("nan"),
    }
    fields |= changes
    fields.setdefault("notional", abs(fields["quantity"]) * fields["mark"])
    return PositionView(**fields)


def module(
    run: RunConfig | None = None,
    *,
    instrument: Instrument | None = None,
    market: SizingBars | None = None,
    start_equity: float = 100_000.0,
    ny_days: bool = False,
) -> RiskModule:
    """Return a risk module that trades one instrument."""
    traded = instrument or perp()
    return RiskModule(
        run or config(),
        {traded.id: traded},
        {traded.id: market or inputs()},
        start_equity=start_equity,
        ny_days=ny_days,
    )


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """Return the builders above."""
    return SimpleNamespace(
        now=NOW,
        perp=perp,
        config=config,
        inputs=inputs,
        account=account,
        position=position,
        module=module,
    )
