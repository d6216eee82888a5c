"""Random bracket plans on random markets of one perp, for the equality of kernel and engine."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.dataset import Dataset
from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe
from data_feeds.trading_terms import MaintenanceBracket
from engine.bracket_plan import BracketPlan
from engine.bt import SimulationInputs, simulate
from engine.config.models import (
    DailyLossConfig,
    DataConfig,
    DrawdownConfig,
    DrawdownRung,
    PlaybookConfig,
    PortfolioConfig,
    RiskConfig,
    RunConfig,
    WalletsConfig,
    WeeklyLossConfig,
)
from engine.config.venue import TERMS, VenueConfig
from engine.costs import RangeSlippage, SlippageModel, SquareRootSlippage
from engine.costs.slippage_models.fixed import FixedSlippage
from engine.market_state import MarketState
from engine.planned_playbook import PlannedPlaybook
from engine.playbook import Requirements, Signals
from engine.records import OrderKind, SimulationOutcome
from engine.screening.screened_market import ScreenedMarket
from engine.screening.simulation import simulate_sets
from tests.engine import random_markets
from tests.engine.random_markets import PERP, START, Style
from tests.engine.screening.rarer_terms import (
    with_market_tiers,
    with_own_terms,
    with_rarer_levels,
)

WARMUP_DAYS = 12


@dataclass(frozen=True)
class PlanCase:
    """One random run: its config, its data and the plan that the playbook plays."""

    seed: int
    dataset: Dataset
    config: RunConfig
    requirements: Requirements
    signals: Signals
    plan: BracketPlan
    market: MarketState | None = None

    @property
    def inputs(self) -> SimulationInputs:
        """The inputs of the engine, with the playbook that plays the plan."""
        playbook = PlannedPlaybook(self.plan)
        return SimulationInputs(
            self.config, self.dataset, playbook, self.signals, self.requirements, self.market
        )

    @property
    def start(self) -> int:
        """The first instant of the window."""
        return self.inputs.start

    @property
    def start_equity(self) -> float:
        """The cash of both wallets."""
        return self.inputs.start_equity

    @property
    def days(self) -> np.ndarray:
        """The last close of each day."""
        return ScreenedMarket(self.inputs, self.inputs.timeline()).days

    def engine(self) -> SimulationOutcome:
        """Simulate the case by the engine."""
        return simulate(self.inputs)

    def kernel(self, *, in_python: bool = True):
        """Simulate the case by the kernel: the state, the equity of the days, the fills."""
        inputs = self.inputs
        market = ScreenedMarket(inputs, inputs.timeline())
        prepared = [market.prepared(self.plan, self.config)]
        states, equity, fills = simulate_sets(
            prepared, market.tape, days=len(market.days), kept_fills=4_000, in_python=in_python
        )
        assert states["fills"][0] <= 4_000
        return states, equity, fills[: states["fills"][0]]


def plan_case(seed: int) -> PlanCase:
    """Return the random case of a seed."""
    rng = np.random.default_rng((seed, 17))
    exact = bool(rng.random() < 0.25)
    fine = str(rng.choice(["15m", "1h", "1h", "4h"]))
    days = {"15m": 5, "1h": 14, "4h": 40}[fine] + WARMUP_DAYS
    channels = random_markets._perp(rng, PERP, fine, days, exact=exact)
    clock = ChannelKey(PERP, ChannelKind.BARS, fine)
    bars = channels[clock]
    style = Style.EXACT if exact else Style.FREE
    instrument = random_markets._instrument(PERP, style)
    # Draws of their own: a new kind leaves the other numbers of a seed as they are.
    rarer = np.random.default_rng((seed, 19))
    instrument = with_own_terms(rarer, instrument)
    decided = _decided(np.random.default_rng((seed, 18)), bars["available_at"], Timeframe(fine).ns)
    plan = _plan(rng, bars["close"], Timeframe(fine), far=exact or rng.random() < 0.3)
    plan = with_rarer_levels(rarer, plan, bars["close"])
    if (decided != bars["available_at"]).any():
        # A decision inside a bar moves no stop: two would work until the bar closes.
        plan = replace(plan, breakeven=False)
    wake_flat, wake_in = (np.zeros(len(bars), np.bool_) for _ in range(2))
    wake_flat[plan.rows] = True
    wake_in[plan.exits] = True
    signals = Signals(decided, {}, wake_flat=wake_flat, wake_in_position=wake_in, plan=plan)
    required = frozenset({clock})
    requirements = Requirements(clock, required, frozenset(channels) - required, (PERP,), 0)
    start = START + WARMUP_DAYS * DAY_NS
    config = _config(rng, start, int(bars["closed_at"][-1]), exact=exact)
    config, market = with_market_tiers(rarer, config, start)
    data = Dataset({PERP: instrument}, channels)
    return PlanCase(seed, data, config, requirements, signals, plan, market)


def _decided(rng: np.random.Generator, closed: np.ndarray, step: int) -> np.ndarray:
    """Decisions at the closes, or later: rows of late inputs share an instant, or lie in a bar."""
    if rng.random() < 0.7:
        return closed
    late = np.where(rng.random(len(closed)) < 0.15, rng.integers(1, 4, len(closed)) * step, 0)
    return np.maximum.accumulate(closed + late) + int(rng.choice([0, 0, 600])) * 10**9


def _plan(rng: np.random.Generator, close: np.ndarray, clock: Timeframe, *, far: bool):
    side = int(rng.choice([1, -1]))
    share = float(rng.choice([0.05, 0.15, 0.4]))
    rows = np.flatnonzero(rng.random(len(close)) < share)
    count, at = len(rows), close[rows]
    kind = OrderKind(str(rng.choice(list(OrderKind))))
    price = None
    entry = at
    if kind is not OrderKind.MARKET:
        towards = side if kind is OrderKind.STOP else -side
        away = rng.integers(0, 4, count) * np.where(rng.random(count) < 0.2, -2, 1)
        price = entry = np.maximum(at + towards * away, 2.0)
    nearest, farthest = (30, 60) if far else (1, 12)
    stop = np.maximum(entry - side * rng.integers(nearest, farthest, count), 1.0)
    goals = int(rng.integers(0, 4))
    first = rng.integers(1, 6, count)[:, None]
    targets = entry[:, None] + side * (first + 3.0 * np.arange(goals)[None, :])
    exits = np.flatnonzero(rng.random(len(close)) < float(rng.choice([0.0, 0.03, 0.1])))
    keyed = bool(rng.random() < 0.4)
    return BracketPlan(
        PERP,
        side,
        rows,
        stop,
        targets,
        tuple([1 / max(goals, 1)] * goals),
        size_multiplier=rng.choice([1.0, 1.0, 0.5, 0.3], count),
        slippage_multiplier=rng.choice([1.0, 1.0, 1.5], count),
        kind=kind,
        price=price,
        breakeven=bool(rng.random() < 0.5) and clock.ns <= HOUR_NS,
        leave_after_ns=int(rng.integers(1, 40)) * clock.ns if rng.random() < 0.6 else None,
        exits=exits,
        exit_keys=rng.integers(0, 3, len(exits)).astype(float) if keyed else None,
        entry_keys=rng.integers(0, 3, count).astype(float) if keyed else None,
    )


def _slippage(rng: np.random.Generator) -> SlippageModel:
    base = float(rng.choice([0, 3, 30]))
    kind = str(rng.choice(["none", "range", "root", "fixed"]))
    if kind == "root":
        return SquareRootSlippage(base_bps=base, coefficient=float(rng.choice([0.5, 1.0, 3.0])))
    if kind == "fixed":
        return FixedSlippage(base_bps=base)
    if kind == "range":
        return RangeSlippage(base_bps=base, range_share=0.1, impact=0.1)
    return RangeSlippage(base_bps=0, range_share=0, impact=0)


def _config(rng: np.random.Generator, start: int, end: int, *, exact: bool) -> RunConfig:
    setting = 4 if exact else int(rng.choice([1, 4, 8, 15, 0]))
    rates = (0.0625,) if exact else (0.004, 0.01, 0.03)
    return RunConfig(
        name="random",
        data=DataConfig(
            start=datetime.fromtimestamp(start // 10**9, tz=UTC),
            end=datetime.fromtimestamp(end // 10**9, tz=UTC),
        ),
        playbook=PlaybookConfig(name="planned"),
        account=WalletsConfig(
            venue_cash=100_000.0,
            brokerage_cash=float(rng.choice([0.0, 20_000.0])),
            margin_mode=str(rng.choice(["isolated", "cross"])),
            leverage_setting=setting or None,
        ),
        venue=VenueConfig(
            general=TERMS,
            maker_fee_bps=float(rng.choice([2.0, -1.0])),
            participation_cap=None if rng.random() < 0.3 else 0.1,
            limit_fill=str(rng.choice(["through", "touch"])),
            slippage=_slippage(rng),
            maintenance=tuple(
                MaintenanceBracket(floor=i * 50_000.0, rate=rate) for i, rate in enumerate(rates)
            ),
        ),
        risk=_risk(rng),
    )


def _some(rng: np.random.Generator, chance: float, value):
    return value if rng.random() < chance else None


def _risk(rng: np.random.Generator) -> RiskConfig:
    halt = float(rng.choice([0.04, 0.1, 0.25]))
    ladder = (
        DrawdownRung(drawdown=halt / 3, multiplier=0.5),
        DrawdownRung(drawdown=halt / 2, multiplier=0.25),
    )
    scopes = ["flatten", "block_entries"]
    daily = DailyLossConfig(
        limit=float(rng.choice([0.01, 0.04, 0.1])), scope=str(rng.choice(scopes))
    )
    weekly = WeeklyLossConfig(
        limit=float(rng.choice([0.02, 0.06, 0.15])), scope=str(rng.choice(scopes))
    )
    drawdown = DrawdownConfig(
        ladder=ladder, halt_at=halt, halt_days=[1, 2, 3, None][int(rng.integers(0, 4))]
    )
    return RiskConfig(
        risk_fraction=float(rng.choice([0.02, 0.1, 0.2])),
        target_volatility=_some(rng, 0.2, 2.0),
        volatility_window="1d",
        participation_window="1d",
        leverage_cap=_some(rng, 0.8, float(rng.choice([2.0, 3.5, 10.0]))),
        notional_cap=_some(rng, 0.2, 90_000.0),
        participation_cap=_some(rng, 0.2, 0.3),
        liquidation_distance=_some(rng, 0.3, float(rng.choice([1.5, 6.0]))),
        daily_loss=_some(rng, 0.6, daily),
        weekly_loss=_some(rng, 0.4, weekly),
        drawdown=_some(rng, 0.5, drawdown),
        cool_down=_some(rng, 0.5, str(rng.choice(["3h", "30h"]))),
        max_trades_per_day=_some(rng, 0.4, int(rng.integers(1, 4))),
        portfolio=PortfolioConfig(
            net_cap=_some(rng, 0.2, 1.5),
            asset_cap=_some(rng, 0.2, 1.2),
            crypto_cap=_some(rng, 0.2, 1.8),
        ),
    )
