"""The playbook: scale in while the stabilization lasts, leave when it fails."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from engine.api import (
    DAY_NS,
    AccountView,
    Add,
    Dataset,
    Enter,
    Exit,
    Intent,
    MarketView,
    MoveStop,
    Playbook,
    PositionView,
    Requirements,
    Signals,
    Target,
    state_channels,
)
from strategies.stabilization_swing.params import Leg, SwingParams, SwingTranche
from strategies.stabilization_swing.signals import prepare_signals, warmup_sessions

# Calendar days of a leg's bars before the window, in addition to its longest window.
LEG_DAYS = 10


@dataclass
class LegProgress:
    """Progress of a leg's plan: tranches bought, and the position when the last one was requested.

    Rows are rows of the clock, so their differences count sessions.
    """

    bought: int
    last_row: int
    entered_row: int
    held_before: float
    asked: bool


class StabilizationSwing(Playbook[SwingParams]):
    """Buy a stabilization after a drawdown, tranche by tranche, under one trailed stop."""

    name = "stabilization_swing"
    Params = SwingParams
    # Weeks in a trade: windows of weeks, no leverage, smaller when the market is worse.
    risk_defaults: ClassVar = {
        "risk_fraction": 0.02,
        "target_volatility": 0.4,
        "volatility_window": "20d",
        "participation_window": "20d",
        "leverage_cap": 1.0,
        "cool_down": None,
        "market_tiers": {},
    }

    def __init__(self, params: SwingParams) -> None:
        super().__init__(params)
        self._progress: dict[str, LegProgress] = {}

    @classmethod
    def requirements(cls, params: SwingParams) -> Requirements:
        """Return the sessions and the legs' bars as required, the state's channels as optional."""
        required = {params.clock_key, *(leg.key for leg in params.legs)}
        leg_ns = (2 * params.longest + LEG_DAYS) * DAY_NS
        return Requirements(
            clock=params.clock_key,
            channels=frozenset(required),
            optional=state_channels(params.state) - required,
            traded=tuple(leg.instrument for leg in params.legs),
            warmup_bars=warmup_sessions(params),
            shorter_ns={leg.key: leg_ns for leg in params.legs if leg.key != params.clock_key},
        )

    def prepare(self, data: Dataset) -> Signals:
        """Return the signals; ``docs/playbooks/stabilization_swing.md`` has every rule."""
        return prepare_signals(self.params, data, self.ignored)

    def on_bar(self, market: MarketView, account: AccountView) -> Sequence[Intent]:
        """Return each leg's intents at this session's close."""
        intents: list[Intent] = []
        for leg in self.params.legs:
            position = account.position(leg.instrument)
            if position is not None:
                intents += self._manage(leg, market, account, position)
            elif account.is_flat(leg.instrument):
                self._progress.pop(leg.instrument, None)
                intents += self._enter(leg, market)
        return intents

    def _enter(self, leg: Leg, market: MarketView) -> Sequence[Intent]:
        first = self.params.tranches[0]
        if not self._triggered(leg, first, market) or self._reason_to_leave(market):
            return ()
        close, stop = market.signal(f"{leg.instrument} close"), self._level(leg, market, "stop")
        if not stop < close:
            return ()
        self._progress[leg.instrument] = LegProgress(1, market.row, market.row, 0.0, asked=False)
        targets = [
            Target(close + target.r * (close - stop), target.fraction)
            for target in self.params.targets
        ]
        entry = Enter(
            leg.instrument,
            1,
            stop,
            f"stabilized after a drawdown: tranche 1 of {len(self.params.tranches)}",
            targets=tuple(targets),
            size_multiplier=leg.weight,
            fraction=first.fraction,
        )
        return (entry,)

    def _manage(
        self, leg: Leg, market: MarketView, account: AccountView, position: PositionView
    ) -> Sequence[Intent]:
        progress = self._progress[leg.instrument]
        reason = self._reason_to_leave(market)
        if not reason and self._is_over(progress, market):
            reason = f"time limit of {self.params.max_sessions} sessions"
        if reason:
            return (Exit(leg.instrument, reason),)
        intents: list[Intent] = []
        trail = self._level(leg, market, "trail")
        if trail > position.stop and trail < market.signal(f"{leg.instrument} close"):
            intents.append(MoveStop(leg.instrument, trail, "trailed below the recent low"))
        if progress.asked and position.quantity > progress.held_before:
            progress.bought += 1
        progress.asked = False
        if leg.instrument not in account.pending:
            intents += self._add(leg, market, position, progress)
        return intents

    def _add(
        self, leg: Leg, market: MarketView, position: PositionView, progress: LegProgress
    ) -> Sequence[Intent]:
        tranches = self.params.tranches
        if progress.bought >= len(tranches):
            return ()
        tranche = tranches[progress.bought]
        rested = market.row - progress.last_row >= tranche.rest
        if not (rested and self._triggered(leg, tranche, market)):
            return ()
        progress.asked, progress.held_before = True, position.quantity
        progress.last_row = market.row
        text = f"{tranche.trigger}: tranche {progress.bought + 1} of {len(tranches)}"
        return (Add(leg.instrument, tranche.fraction, text),)

    def _triggered(self, leg: Leg, tranche: SwingTranche, market: MarketView) -> bool:
        """Return whether the market is stabilized and the tranche's own trigger holds."""
        if tranche.trigger in ("stabilized", "leadership_holds"):
            return market.signal(tranche.trigger) > 0
        stabilized = market.signal("stabilized") > 0
        return stabilized and market.signal(f"{leg.instrument} {tranche.trigger}") > 0

    def _reason_to_leave(self, market: MarketView) -> str:
        if self.params.leave_on_lower_low and market.signal("leave_lower_low") > 0:
            return "leaders make a new lower low"
        if self.params.leave_on_macro and market.signal("leave_macro") > 0:
            return "yields and the dollar worsen together"
        return ""

    def _is_over(self, progress: LegProgress, market: MarketView) -> bool:
        limit = self.params.max_sessions
        return limit is not None and market.row - progress.entered_row >= limit

    def _level(self, leg: Leg, market: MarketView, name: str) -> float:
        return market.signal(f"{leg.instrument} {name}")
