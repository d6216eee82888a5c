"""The playbook's decisions."""

from collections.abc import Mapping, Sequence

from engine.api import (
    AccountView,
    BracketPlan,
    Dataset,
    Enter,
    Exit,
    Fill,
    Instrument,
    Intent,
    MarketView,
    MoveStop,
    OrderRole,
    Playbook,
    PositionView,
    Requirements,
    Signals,
    Target,
    Timeframe,
    TrailingStop,
    Truth,
    WakeAt,
)
from strategies.liquidation_reclaim.entry_conditions import RECLAIM
from strategies.liquidation_reclaim.frame import ReclaimChannels
from strategies.liquidation_reclaim.params import ReclaimParams
from strategies.liquidation_reclaim.plan import PLAN_PARAMS, reclaim_plan
from strategies.liquidation_reclaim.signals import TRAIL, prepare_signals, setup_name

# In a Wilder average a bar this many lengths back has a weight below 1e-8.
ATR_MEMORY = 20


class LiquidationReclaim(Playbook[ReclaimParams]):
    """Buy the reclaim after the second flush of a liquidation-driven sell-off."""

    name = "liquidation_reclaim"
    Params = ReclaimParams
    plan_params = PLAN_PARAMS

    def __init__(self, params: ReclaimParams) -> None:
        super().__init__(params)
        self._leave_at: int | None = None
        self._sequence = float("nan")
        self._left_plan = 0

    @classmethod
    def requirements(cls, params: ReclaimParams) -> Requirements:
        """Return the clock's bars as required and every other channel as optional."""
        channels = ReclaimChannels.of(params)
        return Requirements(
            clock=channels.clock,
            channels=frozenset({channels.clock}),
            optional=channels.optional() - {channels.clock},
            traded=(params.instrument,),
            warmup_bars=warmup_bars(params),
        )

    @classmethod
    def settle(cls, params: ReclaimParams, instruments: Mapping[str, Instrument]) -> ReclaimParams:
        """Return the parameters with the spot market that the instrument's record names."""
        return params.with_companions(instruments)

    @classmethod
    def plan_of(cls, params: ReclaimParams, signals: Signals) -> BracketPlan | None:
        """Return the plan of other stops and targets over the same signals."""
        entry, leave = signals.wake_flat, signals.wake_in_position
        if entry is None or leave is None:
            return None
        return reclaim_plan(params, signals.values, entry, leave)

    def prepare(self, data: Dataset) -> Signals:
        """Return the signals; see ``docs/playbooks/liquidation_reclaim.md`` for every formula."""
        return prepare_signals(self.params, data, self.ignored)

    def on_bar(self, market: MarketView, account: AccountView) -> Sequence[Intent]:
        """Enter on a reclaim that passed every gate; leave on the time stop or false recovery."""
        position = account.position(self.params.instrument)
        if position is not None:
            return self._exits(market, position)
        if account.is_flat(self.params.instrument) and market.signal("entry") > 0:
            return self._enter(market)
        return ()

    def on_fill(self, fill: Fill, account: AccountView) -> Sequence[Intent]:
        """Move the stop to the average entry after the first target, once."""
        position = account.position(fill.instrument)
        if not self.params.breakeven or fill.role != OrderRole.TARGET or position is None:
            return ()
        if self.params.side * (position.average_entry - position.stop) <= 0:
            return ()
        return (MoveStop(fill.instrument, position.average_entry, "breakeven after a target"),)

    def _enter(self, market: MarketView) -> Sequence[Intent]:
        params, close, stop = self.params, market.signal("close"), market.signal("stop")
        length = params.bars(params.time_stop) * params.clock.ns
        self._leave_at = market.now + length
        self._sequence = market.signal("sequence")
        targets = tuple(Target(close + t.r * (close - stop), t.fraction) for t in params.targets)
        entry = Enter(
            params.instrument,
            params.side,
            stop,
            self._reason(market),
            targets=targets,
            size_multiplier=market.signal("size_multiplier"),
            slippage_multiplier=market.signal("slippage_multiplier"),
            setup=setup_name(self._sequence),
            trailing=None if params.trailing_atr is None else TrailingStop(signal=TRAIL),
        )
        return (entry, WakeAt(self._leave_at))

    def _reason(self, market: MarketView) -> str:
        level = f"{market.signal('reclaim_level'):,.1f}"
        if RECLAIM in self.ignored:
            return f"all but a close beyond {level}, which is left out"
        return f"reclaim of {level}"

    def _exits(self, market: MarketView, position: PositionView) -> Sequence[Intent]:
        if position.plan_id == self._left_plan:
            return ()
        reason = ""
        if self._leave_at is not None and market.now >= self._leave_at:
            reason = f"time stop after {self.params.time_stop}"
        elif self._is_false_recovery(market):
            reason = "false recovery: price up while open interest falls"
        if not reason:
            return ()
        self._left_plan = position.plan_id
        return (Exit(position.instrument, reason),)

    def _is_false_recovery(self, market: MarketView) -> bool:
        return (
            self.params.false_recovery_exit
            and market.truth("false_recovery") is Truth.TRUE
            and market.signal("sequence") == self._sequence
        )


def warmup_bars(params: ReclaimParams) -> int:
    """Return the rows before the window that a decision in it may depend on.

    They cover the longest sequence and, before its first flush, the longest window.
    """
    trend_ns = (params.trend_bars + 2) * Timeframe(params.trend_timeframe).ns
    longest = max(
        params.bars(params.support_lookback),
        params.bars(params.volume_window) + 1,
        params.bars(params.atr_length) * ATR_MEMORY,
        -(-trend_ns // params.clock.ns),
    )
    volatility = params.bars(params.spike_window) + params.bars(params.spike_baseline)
    return max(params.bars(params.sequence_window) + longest, volatility) + 1
