"""Guard an account: daily and weekly loss, drawdown ladder and halt, cool-down, trades a day.

The state depends on equity at bar closes, the ends of account days and weeks, closed plans and
approved entries. The number of calls does not matter, so a sparse and a dense run have the same
state.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from data_feeds import clock
from data_feeds.clock import (
    DAY_NS,
    SECOND_NS,
    datetime_ns,
    day_end_ns,
    local_datetime,
    parse_duration,
)
from engine.config.models import RiskConfig
from engine.decision_terms import GuardEventKind, GuardName, RiskTier
from engine.records import FAR_FUTURE, GuardEvent
from engine.risk.period_loss import PeriodLoss, PeriodState, loss_floor

NEW_YORK = ZoneInfo(clock.NEW_YORK)
SUNDAY = 6


def end_of_day(at: int, *, ny_days: bool) -> int:
    """Return the first midnight at or after ``at``, UTC or New York, in ns UTC."""
    if not ny_days:
        return day_end_ns(at)
    local = local_datetime(at - 1, NEW_YORK)
    return datetime_ns(datetime.combine(local.date() + timedelta(days=1), time(), tzinfo=NEW_YORK))


def end_of_week(at: int, *, ny_days: bool) -> int:
    """Return the first midnight at or after ``at`` that ends a Sunday, UTC or New York, ns UTC."""
    end = end_of_day(at, ny_days=ny_days)
    while _weekday(end - 1, ny_days=ny_days) != SUNDAY:
        end = end_of_day(end + 1, ny_days=ny_days)
    return end


def _weekday(at: int, *, ny_days: bool) -> int:
    return local_datetime(at, NEW_YORK if ny_days else UTC).weekday()


def days_later(at: int, days: int, *, ny_days: bool) -> int:
    """Return the same clock time ``days`` account days later, in ns UTC.

    In New York the clock time is kept through a change of daylight saving.
    """
    if not ny_days:
        return at + days * DAY_NS
    return datetime_ns(local_datetime(at, NEW_YORK) + timedelta(days=days)) + at % SECOND_NS


@dataclass(frozen=True)
class GuardState:
    """Hold the state of the guards at the end of a run, for a run that continues its account.

    Attributes
    ----------
    at : the last bar close that was judged, ns UTC
    peak : running maximum of equity, account currency
    halted_until, cooling_until : ends of a halt and of a cool-down in force, ns UTC; None for none
    trades : approved entries of the account day that ends at ``trades_until``
    daily, weekly : the loss limits
    """

    at: int
    peak: float
    halted_until: int | None
    cooling_until: int | None
    trades: int
    trades_until: int
    daily: PeriodState
    weekly: PeriodState

    def in_force(self, at: int) -> GuardName | None:
        """Return the guard that still forbids entries at a later instant, None for none."""
        ends = (
            (GuardName.DRAWDOWN_HALT, self.halted_until),
            (GuardName.DAILY_LOSS, self.daily.until),
            (GuardName.WEEKLY_LOSS, self.weekly.until),
            (GuardName.COOL_DOWN, self.cooling_until),
        )
        return next((name for name, until in ends if until is not None and at < until), None)


class Guards:
    """Hold the state of all guards of one account.

    Attributes
    ----------
    peak : running maximum of equity at bar closes, account currency; a caller that skips bars may
        set it
    loss_floor : equity at or below which a loss limit trips; -inf when all are off or tripped
    halt_drawdown : fraction; equity <= peak x (1 - fraction) halts; inf when off or already halted
    next_release_at : first instant at which :meth:`on_mark` must be called to release a guard,
        besides the last closes of the account days
    flatten_reason : the guard that last asked for a flat account
    """

    def __init__(self, risk: RiskConfig, *, start_equity: float, ny_days: bool) -> None:
        self._daily = PeriodLoss(GuardName.DAILY_LOSS, "day", risk.daily_loss, start_equity)
        self._weekly = PeriodLoss(GuardName.WEEKLY_LOSS, "week", risk.weekly_loss, start_equity)
        self._drawdown = risk.drawdown
        self._cool_down = None if risk.cool_down is None else parse_duration(risk.cool_down)
        self._max_trades = risk.max_trades_per_day
        self._ny_days = ny_days
        self.events: list[GuardEvent] = []
        self.peak = start_equity
        self.halt_drawdown = self._armed_halt()
        self.next_release_at = FAR_FUTURE
        self.flatten_reason: GuardName | None = None
        self._halted_until: int | None = None
        self._cooling_until: int | None = None
        self._trades_today = 0
        # A full day blocks entries until midnight, which can be hours after the last close.
        self._trades_until = 0
        self.loss_floor = max(self._daily.floor, self._weekly.floor)

    def state(self, at: int) -> GuardState:
        """Return the state after the last bar close, for a run that continues the account."""
        return GuardState(
            at,
            self.peak,
            self._halted_until,
            self._cooling_until,
            self._trades_today,
            self._trades_until,
            self._daily.state(),
            self._weekly.state(),
        )

    def resume(self, state: GuardState, start: int) -> None:
        """Continue the guards of an earlier run at ``start`` (ns UTC), before the first bar close.

        A halt and a cool-down stay in force until their own ends. A loss limit continues where the
        same day or week goes on, and begins anew otherwise.
        """
        self.peak = state.peak
        self._halted_until, self._cooling_until = state.halted_until, state.cooling_until
        if state.halted_until is not None:
            self.halt_drawdown = math.inf
        if start < end_of_day(state.at, ny_days=self._ny_days):
            self._daily.resume(state.daily)
        if start < end_of_week(state.at, ny_days=self._ny_days):
            self._weekly.resume(state.weekly)
        if start < state.trades_until:
            self._trades_today, self._trades_until = state.trades, state.trades_until
        self._schedule()
        self.loss_floor = max(self._daily.floor, self._weekly.floor)

    def on_mark(self, at: int, equity: float, day_end: bool, week_end: bool = False) -> bool:
        """Judge one bar close; return True when the account must be flattened now.

        ``day_end``: ``at`` is the last close of its account day, at midnight or before;
        ``week_end``: the last of its week, too. Calls at which nothing can trip, be released or
        begin a day change only ``peak``.
        """
        # A dense run calls this at every bar; max() would double its cost.
        if equity > self.peak:  # noqa: PLR1730
            self.peak = equity
        if (
            equity > self.loss_floor
            and equity > self.peak * (1 - self.halt_drawdown)
            and at < self.next_release_at
            and not day_end
        ):
            return False
        if at >= self.next_release_at:
            self._release(at, equity)
            # A close at midnight is still judged in the day that ends there.
            self._release_days(at, equity, through=at - 1)
        flatten = self._judge_loss(self._daily, at, equity, end_of_day)
        flatten = self._judge_loss(self._weekly, at, equity, end_of_week) or flatten
        flatten = self._judge_halt(at, equity) or flatten
        if day_end:
            self._release_days(at, equity, through=at)
            self._daily.arm(equity)
        if week_end:
            self._weekly.arm(equity)
        self.loss_floor = max(self._daily.floor, self._weekly.floor)
        return flatten

    def on_entry(self, at: int, equity: float) -> None:
        """Count one approved entry of the account day."""
        # An entry decided after midnight and before the first close is the new day's first visit.
        self._release_days(at, equity, through=at)
        self._trades_today += 1
        # An entry decided at midnight already belongs to the day that begins.
        self._trades_until = end_of_day(at + 1, ny_days=self._ny_days)
        if self._trades_today == self._max_trades:
            self._schedule()
            detail = f"{self._trades_today} entries today, the most allowed; no more until tomorrow"
            count = float(self._trades_today)
            self._record(
                at,
                GuardName.MAX_TRADES,
                GuardEventKind.TRIPPED,
                equity=equity,
                reference=count,
                until=self._trades_until,
                detail=detail,
            )

    def on_plan_closed(self, at: int, net_pnl: float) -> None:
        """Start the cool-down after a plan that lost money, fees and funding included."""
        if self._cool_down is None or not net_pnl < 0:
            return
        self._cooling_until = max(self._cooling_until or 0, at + self._cool_down)
        self._schedule()
        detail = f"a plan closed with {net_pnl:,.2f}; no entry until the cool-down ends"
        # The mark at this instant may not exist; the number that tripped is the loss.
        self._record(
            at,
            GuardName.COOL_DOWN,
            GuardEventKind.TRIPPED,
            equity=math.nan,
            reference=net_pnl,
            until=self._cooling_until,
            detail=detail,
        )

    def blocked_by(self, at: int, *, adds: bool = False) -> GuardName | None:
        """Return the guard that forbids entries at ``at``, None for none.

        A tranche that ``adds`` to a plan is not counted as a trade of the day.
        """
        if self._halted_until is not None:
            return GuardName.DRAWDOWN_HALT
        for limit in (self._daily, self._weekly):
            if limit.holds(at):
                return limit.name
        if self._cooling_until is not None and at < self._cooling_until:
            return GuardName.COOL_DOWN
        if not adds and self._is_day_full() and at < self._trades_until:
            return GuardName.MAX_TRADES
        return None

    def drawdown(self, equity: float) -> float:
        """Return equity / peak - 1, zero or negative; zero where the peak is zero."""
        return min(equity / self.peak - 1, 0.0) if self.peak > 0 else 0.0

    def tier(self, equity: float) -> tuple[RiskTier, float]:
        """Return the account tier and the factor on new positions at this equity."""
        if self._halted_until is not None:
            return RiskTier.HALT, 0.0
        reached = [
            rung
            for rung in (self._drawdown.ladder if self._drawdown is not None else ())
            if equity <= loss_floor(self.peak, rung.drawdown)
        ]
        if not reached:
            return RiskTier.NORMAL, 1.0
        tier = RiskTier.CAUTIOUS if len(reached) == 1 else RiskTier.DEFENSIVE
        return tier, reached[-1].multiplier

    def _armed_halt(self) -> float:
        return math.inf if self._drawdown is None else self._drawdown.halt_at

    def _is_day_full(self) -> bool:
        return self._max_trades is not None and self._trades_today >= self._max_trades

    def _schedule(self) -> None:
        self.next_release_at = min(
            self._halted_until or FAR_FUTURE, self._cooling_until or FAR_FUTURE
        )
        # At midnight itself only a day's last close releases; the first close after it must.
        for limit in (self._daily, self._weekly):
            if limit.until is not None:
                self.next_release_at = min(self.next_release_at, limit.until + 1)
        if self._is_day_full():
            self.next_release_at = min(self.next_release_at, self._trades_until + 1)

    def _judge_loss(
        self, limit: PeriodLoss, at: int, equity: float, end_of: Callable[..., int]
    ) -> bool:
        """Trip a loss limit at its floor; return True when it flattens."""
        if equity > limit.floor:
            return False
        event = limit.trip(at, equity, end_of(at, ny_days=self._ny_days))
        self._schedule()
        self.events.append(event)
        if limit.flattens:
            self.flatten_reason = limit.name
        return limit.flattens

    def _judge_halt(self, at: int, equity: float) -> bool:
        if self._drawdown is None or equity > loss_floor(self.peak, self.halt_drawdown):
            return False
        days = self._drawdown.halt_days
        until = FAR_FUTURE if days is None else days_later(at, days, ny_days=self._ny_days)
        self.halt_drawdown = math.inf
        self._halted_until = until
        self._schedule()
        ends = "for good" if days is None else f"for {days} days"
        detail = (
            f"{self.drawdown(equity):.2%} from the peak, limit "
            f"-{self._drawdown.halt_at:.2%}; halted {ends}"
        )
        self._record(
            at,
            GuardName.DRAWDOWN_HALT,
            GuardEventKind.TRIPPED,
            equity=equity,
            reference=self.peak,
            until=until,
            detail=detail,
        )
        self.flatten_reason = GuardName.DRAWDOWN_HALT
        return True

    def _release(self, at: int, equity: float) -> None:
        if self._halted_until is not None and at >= self._halted_until:
            self._halted_until = None
            self.halt_drawdown = self._armed_halt()
            detail = f"the reference peak restarts at {equity:,.2f}"
            self._record(
                at,
                GuardName.DRAWDOWN_HALT,
                GuardEventKind.RELEASED,
                equity=equity,
                reference=self.peak,
                until=at,
                detail=detail,
            )
            self.peak = equity
        if self._cooling_until is not None and at >= self._cooling_until:
            detail = "the cool-down ended"
            self._record(
                at,
                GuardName.COOL_DOWN,
                GuardEventKind.RELEASED,
                equity=equity,
                reference=0.0,
                until=self._cooling_until,
                detail=detail,
            )
            self._cooling_until = None
        self._schedule()

    def _release_days(self, at: int, equity: float, *, through: int) -> None:
        """Release the guards of account days and weeks that ended by ``through``."""
        for limit in (self._daily, self._weekly):
            event = limit.release(at, equity, through)
            if event is not None:
                self.events.append(event)
        if self._trades_until <= through:
            if self._is_day_full():
                self._record(
                    at,
                    GuardName.MAX_TRADES,
                    GuardEventKind.RELEASED,
                    equity=equity,
                    reference=float(self._trades_today),
                    until=self._trades_until,
                    detail="a new account day",
                )
            self._trades_today = 0
        self._schedule()

    def _record(
        self,
        at: int,
        guard: GuardName,
        event: GuardEventKind,
        *,
        equity: float,
        reference: float,
        until: int,
        detail: str,
    ) -> None:
        self.events.append(GuardEvent(at, guard, event, equity, reference, until, detail))
