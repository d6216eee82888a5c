"""A small, obvious book that makes simulation outcomes by hand for the tests of results."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np
import pytest
from pydantic import Field

from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.trading_terms import MaintenanceBracket
from engine.conditions import Condition, condition
from engine.config.models import DataConfig, PlaybookConfig, RunConfig
from engine.config.venue import VenueConfig
from engine.costs.market_activity import MarketActivity
from engine.decision_terms import Cap, DecisionOutcome, IntentKind, RiskTier
from engine.equity_curve import EquityCurve
from engine.playbook import Playbook, PlaybookParams, Requirements, Signals
from engine.records import Decision, Fact, Fill, GuardEvent, OrderRow, SimulationOutcome
from engine.results.finished import LookAheadCheck
from tests.engine.chromium import browser  # noqa: F401
from tests.quantstats_pictures import no_pictures_of_quantstats  # noqa: F401
from tests.slippage import RANGE

HOUR = 3_600 * 10**9
START = 1_770_000_000 * 10**9  # 2026-02-02T02:40Z
NAN = float("nan")


class HandBook:
    """Keeps orders, fills and facts of one perp at a time; equity = cash + q x (mark - entry)."""

    instrument = "BTCUSDT-PERP"

    def __init__(self, cash: float = 10_000.0) -> None:
        self.cash = cash
        self.quantity = 0.0
        self.average = 0.0
        self.plan_id = 0
        self.hour = 0
        self.orders: list[OrderRow] = []
        self.fills: list[Fill] = []
        self.facts: list[Fact] = []
        self.decisions: list[Decision] = []
        self.guards: list[GuardEvent] = []
        self.curve: list[tuple[int, float, float, float]] = []
        self._fact("deposit", cash, plan_id=0)

    @property
    def now(self) -> int:
        return START + self.hour * HOUR

    def _fact(
        self, kind: str, amount: float, *, plan_id: int | None = None, **more: object
    ) -> None:
        row = Fact(
            fact_id=len(self.facts) + 1,
            at=self.now,
            kind=kind,
            wallet="venue",
            instrument="" if kind == "deposit" else self.instrument,
            plan_id=self.plan_id if plan_id is None else plan_id,
            fill_id=0,
            quantity=self.quantity,
            price=NAN,
            rate=NAN,
            amount=amount,
            from_margin=0.0,
            memo=False,
            inferred=False,
        )
        self.facts.append(replace(row, **more))

    def decide(self, quantity: float, stop: float, *, price: float = 100.0, **more: object) -> None:
        """A risk decision for a new plan; entries that follow belong to it."""
        self.plan_id += 1
        row = Decision(
            decision_id=len(self.decisions) + 1,
            plan_id=self.plan_id,
            decided_at=self.now,
            instrument=self.instrument,
            intent=IntentKind.ENTER,
            direction=1 if quantity > 0 else -1,
            outcome=DecisionOutcome.APPROVED,
            blocked_by="",
            reason="reclaim of the first flush low",
            equity=self.cash,
            drawdown=0.0,
            tier=RiskTier.NORMAL,
            entry_estimate=price,
            stop=stop,
            risk_per_unit=abs(price - stop),
            caps=((Cap.RISK, abs(quantity)), (Cap.LEVERAGE, 3 * abs(quantity))),
            binding_cap=Cap.RISK,
            multiplier=1.0,
            quantity=abs(quantity),
            leverage_setting=10,
            setup="2026-02-02T02:00Z",
        )
        self.decisions.append(replace(row, **more))

    def order(self, role: str, side: int, quantity: float, **more: object) -> int:
        row = OrderRow(
            order_id=len(self.orders) + 1,
            plan_id=self.plan_id,
            decision_id=len(self.decisions),
            instrument=self.instrument,
            role=role,
            kind={"stop": "stop", "target": "limit"}.get(role, "market"),
            side=side,
            quantity=quantity,
            price=NAN,
            fraction=NAN,
            leverage_setting=10,
            slippage_multiplier=1.0,
            decided_at=self.now,
            status="filled",
            filled=quantity,
            ended_at=self.now,
            end_reason="",
            reason=f"{role} order",
        )
        self.orders.append(replace(row, **more))
        return row.order_id

    def fill(
        self,
        role: str,
        quantity: float,
        price: float,
        *,
        raw_price: float | None = None,
        fee_rate: float = 0.0005,
        loss_limit: float = float("inf"),
        stage: str = "open",
    ) -> None:
        """Fill signed base units; a liquidation's loss is limited to ``loss_limit``."""
        closing = self.quantity * quantity < 0
        realized = -quantity * (price - self.average) if closing else 0.0
        after = self.quantity + quantity
        if not closing:
            self.average = (self.quantity * self.average + quantity * price) / after
        order_id = self.order(role, 1 if quantity > 0 else -1, abs(quantity))
        fee = abs(quantity) * price * fee_rate
        self.quantity = 0.0 if abs(after) < 1e-9 else after
        booked = max(realized, -loss_limit)
        self.fills.append(
            Fill(
                fill_id=len(self.fills) + 1,
                order_id=order_id,
                plan_id=self.plan_id,
                instrument=self.instrument,
                role=role,
                stage=stage,
                at=self.now,
                bar_opened_at=self.now if stage == "open" else self.now - HOUR,
                bar_closed_at=self.now + HOUR if stage == "open" else self.now,
                quantity=quantity,
                price=price,
                raw_price=price if raw_price is None else raw_price,
                slippage=0.0 if raw_price is None else abs(price / raw_price - 1),
                liquidity="taker",
                fee_rate=fee_rate,
                fee=fee,
                realized=realized,
                position_after=self.quantity,
                average_entry_after=self.average if self.quantity else NAN,
                isolated_margin_after=NAN,
                inferred=stage == "range",
                reason=f"{role} reason",
            )
        )
        self._move("trade", booked)
        self._move("liquidation_fee" if role == "liquidation" else "fee", -fee)
        if booked != realized:
            self._fact("venue_loss", realized - booked, memo=True)

    def _move(self, kind: str, amount: float) -> None:
        self._fact(kind, amount)
        self.cash += amount

    def fund(self, rate: float, mark: float) -> None:
        """One funding settlement: longs pay a positive rate."""
        self._move("funding", -self.quantity * mark * rate)

    def mark(self, price: float, hours: int = 1) -> None:
        """Pass time and write a point of the equity curve at the new mark."""
        self.hour += hours
        unrealized = self.quantity * (price - self.average) if self.quantity else 0.0
        self.curve.append((self.now, self.cash, unrealized, abs(self.quantity) * price))

    def outcome(self) -> SimulationOutcome:
        at, cash, unrealized, notional = (
            np.array(column) for column in zip(*self.curve, strict=True)
        )
        zero = np.zeros(len(at))
        return SimulationOutcome(
            orders=tuple(self.orders),
            fills=tuple(self.fills),
            facts=tuple(self.facts),
            decisions=tuple(self.decisions),
            guard_events=tuple(self.guards),
            curve=EquityCurve(
                at=at.astype(np.int64),
                equity=cash + unrealized,
                venue_cash=cash,
                brokerage_cash=zero,
                unrealized=unrealized,
                owned=zero,
                gross_notional=notional,
                transit_cash=zero,
            ),
            instants_total=len(at),
            instants_visited=len(at),
            inferred_mark_bars=0,
            mark_bars=len(at),
        )


@pytest.fixture(scope="session")
def new_book() -> type[HandBook]:
    return HandBook


class FakeParams(PlaybookParams):
    lookback: int = Field(24, description="bars")


class FakePlaybook(Playbook[FakeParams]):
    name = "fake_playbook"
    Params = FakeParams

    @classmethod
    def requirements(cls, params):
        clock = ChannelKey(HandBook.instrument, ChannelKind.BARS, "1h")
        return Requirements(clock, frozenset({clock}), frozenset(), (HandBook.instrument,), 0)

    def prepare(self, data):
        raise NotImplementedError

    def on_bar(self, market, account):
        return ()


@dataclass(frozen=True)
class FakeRun:
    """A finished run made by hand."""

    config: RunConfig
    dataset: Dataset
    playbook: FakePlaybook
    signals: Signals
    outcome: SimulationOutcome
    requirements: Requirements
    market: None = None
    activity: Mapping[str, MarketActivity] = field(default_factory=dict)
    look_ahead: LookAheadCheck | None = None


def hourly_closes(hours: int, seed: int = 7) -> np.ndarray:
    """A random walk around 100 that does not depend on anything but the seed."""
    steps = np.random.default_rng(seed).normal(0.0, 0.006, hours)
    return np.round(100.0 * np.exp(np.cumsum(steps)), 2)


def bars_channel(closes: np.ndarray, *, label: int = 0) -> Channel:
    """Hourly bars from START whose open is the close before."""
    count = len(closes)
    opened = START + np.arange(count, dtype=np.int64) * HOUR
    opens = np.concatenate(([closes[0]], closes[:-1]))
    return Channel(
        ChannelKey(HandBook.instrument, ChannelKind.BARS, "1h"),
        {
            "opened_at": opened,
            "closed_at": opened + HOUR,
            "available_at": opened + HOUR,
            "open": opens,
            "high": np.maximum(opens, closes) * 1.002,
            "low": np.minimum(opens, closes) * 0.998,
            "close": closes,
            "volume": np.full(count, 1_000.0),
            "label": np.full(count, label, dtype=np.int8),
        },
    )


def fake_signals(closes: np.ndarray) -> Signals:
    """A level that broke when the close fell 1% in six hours, and three more conditions."""
    count = len(closes)
    past = np.concatenate((np.full(6, np.nan), closes[:-6]))
    fall = closes / past - 1
    known = np.isfinite(fall)
    breadth = np.resize(np.array([2.0, 3.5, 5.0]), count)
    conditions: tuple[Condition, ...] = (
        condition(
            "level_broke",
            fall < -0.01,
            known=known,
            measured=fall,
            threshold=-0.01,
            unit="fraction",
            description="the close fell by more than 1% in six hours",
        ),
        condition(
            "volume",
            breadth >= 3.0,
            known=np.ones(count, dtype=bool),
            measured=breadth,
            threshold=3.0,
            unit="x",
            description="volume is at least three times its mean",
        ),
        condition(
            "macro_calm",
            np.zeros(count, dtype=bool),
            known=np.zeros(count, dtype=bool),
            measured=np.full(count, np.nan),
            threshold=np.nan,
            unit="",
            description="dollar and yields do not rise together",
            required=False,
        ),
    )
    broke = np.nan_to_num(fall) < -0.01
    decided_at = START + (np.arange(count, dtype=np.int64) + 1) * HOUR
    setup = np.where(broke, "2026-02-02T02:00Z", "")
    return Signals(decided_at, {}, conditions, notable=broke, setup=setup)


def fake_run(
    *, hours: int = 24 * 45, plans: int = 4, label: int = 0, seed: int = 0, name: str = "fake"
) -> FakeRun:
    """A run of round trips held for 30 hours, three days apart, with fees and funding."""
    closes = hourly_closes(hours)
    bars = bars_channel(closes, label=label)
    book = HandBook(10_000.0)
    for hour in range(hours):
        price = float(closes[hour])
        phase = hour % 72
        if phase == 40 and len(book.decisions) < plans:
            book.decide(20.0, stop=round(price * 0.97, 2), price=price)
            book.fill("entry", 20.0, round(price * 1.0005, 2), raw_price=price)
        elif phase == 56 and book.quantity:
            book.fund(0.0001, mark=price)
        elif phase == 60 and book.quantity:
            book.fill("target", -10.0, price, fee_rate=0.0002, stage="range")
        elif phase == 70 and book.quantity:
            book.fill("exit", -10.0, round(price * 0.9995, 2), raw_price=price)
        book.mark(price)
    config = RunConfig(
        name=name,
        data=DataConfig(
            start=datetime.fromtimestamp(START / 1e9, tz=UTC),
            end=datetime.fromtimestamp((START + hours * HOUR) / 1e9, tz=UTC),
        ),
        playbook=PlaybookConfig(name="fake_playbook"),
        venue=VenueConfig(maintenance=(MaintenanceBracket(floor=0, rate=0.004),), slippage=RANGE),
        seed=seed,
    )
    instrument = Instrument(id=HandBook.instrument, kind=InstrumentKind.PERP)
    return FakeRun(
        config=config,
        dataset=Dataset({HandBook.instrument: instrument}, {bars.key: bars}),
        playbook=FakePlaybook(FakeParams()),
        signals=fake_signals(closes),
        outcome=book.outcome(),
        requirements=FakePlaybook.requirements(FakeParams()),
    )


@pytest.fixture(scope="session")
def make_run():
    return fake_run
