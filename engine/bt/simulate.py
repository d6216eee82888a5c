"""From prepared signals to everything that happened."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data_feeds.calendar import zone_of
from data_feeds.clock import NEW_YORK, datetime_ns
from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKind
from engine.broker import resolve
from engine.broker.simulator import Simulator, Snapshot
from engine.broker.timeline import (
    NO_ROW,
    RateSeries,
    Timeline,
    build_timeline,
    execution_bars,
    joint_ends,
)
from engine.bt.cerebro import SeekingCerebro
from engine.bt.lanes import Lane, Sleeves
from engine.bt.session import Session, start_cash
from engine.config.account import AccountRiskConfig
from engine.config.models import RunConfig
from engine.ledger import Ledger
from engine.market_state import MarketState
from engine.playbook import Playbook, Requirements, Signals
from engine.records import EquityCurve, JointOutcome, SimulationOutcome
from engine.risk import (
    AccountLimits,
    Covariance,
    MarketTiers,
    RiskModule,
    build_sizing_bars,
    ewma_covariance,
)

COLLECTION_THRESHOLDS = (200_000, 50, 100)


@dataclass(frozen=True)
class SimulationInputs:
    """What one playbook is simulated with: an account of its own, or a sleeve of one."""

    config: RunConfig
    dataset: Dataset
    playbook: Playbook[Any]
    signals: Signals
    requirements: Requirements
    market: MarketState | None = None

    @cached_property
    def bars(self) -> dict[str, Channel]:
        """The bars that each traded instrument's orders fill in, by name."""
        channels = tuple(self.requirements.channels)
        return {
            name: execution_bars(self.dataset, channels, name)
            for name in sorted(self.requirements.traded)
        }

    @property
    def start_equity(self) -> float:
        """Cash of both wallets at the start, quote."""
        return self.config.account.venue_cash + self.config.account.brokerage_cash

    @property
    def has_ny_days(self) -> bool:
        """Whether account days are New York dates: everything trades by that clock."""
        calendars = {self.dataset.instruments[name].calendar for name in self.bars}
        return all(zone_of(calendar) == NEW_YORK for calendar in calendars)

    @property
    def rates(self) -> RateSeries:
        """The series that cash earns, and the bill where the data hold one."""
        account = self.config.account
        held = (name for name in self.config.bills if self.dataset.has(name, ChannelKind.SERIES))
        return RateSeries(account.interest_series, account.venue_interest_series, next(held, None))

    def timeline(self, also_at: NDArray[np.int64] | None = None) -> Timeline:
        """Return the instants of the inputs, and those of others where they are given."""
        data, decided_at = self.config.data, self.signals.decided_at
        return build_timeline(
            self.dataset,
            self.bars,
            start=datetime_ns(data.start),
            end=datetime_ns(data.end),
            decided_at=decided_at if also_at is None else np.append(decided_at, also_at),
            rates=self.rates,
        )


def simulate(
    inputs: SimulationInputs, *, on_progress: Callable[[float], None] | None = None
) -> SimulationOutcome:
    """Run the event loop over the configured window and return its facts.

    Raises
    ------
    PlaybookError : the playbook raised or broke its contract.
    SimulationError : the books do not balance; always a bug of ours.
    """
    session = _session(inputs, inputs.timeline())
    _run(Lane([session]), on_progress)
    return _outcome(session)


def simulate_together(
    parts: Sequence[SimulationInputs],
    risk: AccountRiskConfig,
    *,
    on_progress: Callable[[float], None] | None = None,
) -> JointOutcome:
    """Run the sleeves of one account in step, under the account's caps and guards.

    Raises
    ------
    PlaybookError : a playbook raised or broke its contract.
    SimulationError : the books do not balance; always a bug of ours.
    """
    own = [inputs.timeline().at for inputs in parts]
    everyone = np.concatenate(own)
    joint = AccountLimits(
        risk,
        start_equity=sum(inputs.start_equity for inputs in parts),
        ny_days=all(inputs.has_ny_days for inputs in parts),
    )
    sessions = [
        _session(inputs, inputs.timeline(everyone), joint, own_at)
        for inputs, own_at in zip(parts, own, strict=True)
    ]
    _run(Sleeves(sessions, joint), on_progress)
    closes = np.flatnonzero(joint_ends([session.timeline for session in sessions])[0])
    return JointOutcome(
        sleeves=tuple(_outcome(session) for session in sessions),
        curves=tuple(equity_curve(s.timeline, s.simulator, closes) for s in sessions),
        guard_events=tuple(joint.guards.events),
    )


def _session(
    inputs: SimulationInputs,
    timeline: Timeline,
    joint: AccountLimits | None = None,
    own_at: NDArray[np.int64] | None = None,
) -> Session:
    config, instruments = inputs.config, inputs.dataset.instruments
    simulator = Simulator(
        timeline, Ledger({name: instruments[name] for name in inputs.bars}), config
    )
    account = config.account
    start_cash(
        simulator, int(timeline.at[0]), venue=account.venue_cash, brokerage=account.brokerage_cash
    )
    return Session(
        dataset=inputs.dataset,
        playbook=inputs.playbook,
        signals=inputs.signals,
        requirements=inputs.requirements,
        timeline=timeline,
        simulator=simulator,
        risk=_risk_module(inputs, joint),
        mode=config.mode,
        own_at=own_at,
    )


def _run(lanes: Lane, on_progress: Callable[[float], None] | None) -> None:
    with _rare_collections():
        SeekingCerebro(lanes, on_progress).run()
    for session in lanes.sessions:
        session.simulator.ledger.prove()


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let the cyclic garbage collector run rarely.

    The loop keeps what it makes (orders, fills, facts), so that frequent passes over the growing
    pile find nothing and cost a third of a sparse run.
    """
    usual = gc.get_threshold()
    gc.set_threshold(*COLLECTION_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _outcome(session: Session) -> SimulationOutcome:
    timeline, simulator, risk = session.timeline, session.simulator, session.risk
    return SimulationOutcome(
        orders=tuple(order.row() for order in simulator.book.orders),
        fills=tuple(simulator.execution.fills),
        facts=tuple(simulator.ledger.facts),
        decisions=tuple(risk.decisions),
        guard_events=tuple(risk.guard_events),
        curve=equity_curve(timeline, simulator, np.flatnonzero(timeline.has_close)),
        instants_total=len(timeline),
        instants_visited=session.visited,
        inferred_mark_bars=sum(_count_inferred(timeline)),
        mark_bars=sum(int((path.closing != NO_ROW).sum()) for path in timeline.paths),
        open_values=open_values(timeline, simulator),
        overlays=tuple(session.overlays),
        bill=timeline.bill,
    )


def listed_at(signals: Signals) -> dict[str, int]:
    """Return the first instant at which the signals list each option contract, ns UTC."""
    names = [] if signals.contract is None else signals.contract.tolist()
    first: dict[str, int] = {}
    for name, at in zip(names, signals.decided_at.tolist(), strict=False):
        first.setdefault(name, at)
    return first


def _risk_module(inputs: SimulationInputs, joint: AccountLimits | None) -> RiskModule:
    config, dataset, bars = inputs.config, inputs.dataset, inputs.bars
    instruments = {name: dataset.instruments[name] for name in bars}
    sizing = {
        name: build_sizing_bars(dataset, name, channel.key.timeframe, config.risk)
        for name, channel in bars.items()
    }
    return RiskModule(
        config,
        instruments,
        sizing,
        start_equity=inputs.start_equity,
        ny_days=inputs.has_ny_days,
        market=MarketTiers(inputs.market, config.risk.market_tiers),
        covariance=_covariance(config, _without_options(bars, instruments)),
        limits=joint,
        listed_at=listed_at(inputs.signals),
    )


def _without_options(
    bars: dict[str, Channel], instruments: dict[str, Instrument]
) -> dict[str, Channel]:
    """Return the bars of what has a volatility of its own."""
    option = InstrumentKind.OPTION
    return {name: b for name, b in bars.items() if instruments[name].kind is not option}


def _covariance(config: RunConfig, bars: dict[str, Channel]) -> Covariance | None:
    """Return what volatility target and beta cap of a book are judged by, None without them."""
    portfolio = config.risk.portfolio
    if portfolio.target_volatility is None and portfolio.crypto_beta_cap is None:
        return None
    return ewma_covariance(bars, portfolio.decay)


def _count_inferred(timeline: Timeline) -> list[int]:
    return [
        int(path.marks.inferred[path.closing[path.closing != NO_ROW]].sum())
        for path in timeline.paths
        if path.instrument.is_margined
    ]


def open_values(timeline: Timeline, simulator: Simulator) -> dict[int, float]:
    """Return what each plan still open is worth at the last marks, quote."""
    values = {}
    for path, position in zip(timeline.paths, simulator.positions, strict=True):
        if position.quantity != 0.0:
            mark = float(path.mark[-1])
            base = position.average_entry if path.instrument.is_margined else 0.0
            values[position.plan_id] = position.quantity * (mark - base)
    return values


def equity_curve(timeline: Timeline, simulator: Simulator, closes: NDArray[np.intp]) -> EquityCurve:
    """Return equity at bar closes, given by index, from the balances in force at each."""
    snapshots: list[Snapshot] = simulator.snapshots
    since = np.array([snapshot.t for snapshot in snapshots], np.int64)
    row = np.searchsorted(since, closes, side="right") - 1
    venue = np.array([snapshot.venue_cash for snapshot in snapshots])[row]
    brokerage = np.array([snapshot.brokerage_cash for snapshot in snapshots])[row]
    transit = np.array([snapshot.transit_cash for snapshot in snapshots])[row]
    quantities = np.array([snapshot.quantities for snapshot in snapshots])[row]
    averages = np.array([snapshot.averages for snapshot in snapshots])[row]
    marks = np.stack([path.mark[closes] for path in timeline.paths], axis=1)
    held = quantities != 0.0
    margined = simulator.margined
    unrealized = np.where(held & margined, quantities * (marks - averages), 0.0).sum(axis=1)
    owned = np.where(held & ~margined, quantities * marks, 0.0).sum(axis=1)
    gross = np.where(held, np.abs(quantities) * marks, 0.0).sum(axis=1)
    equity = _equities(venue + brokerage + transit, quantities, averages, margined, marks)
    return EquityCurve(
        timeline.at[closes], equity, venue, brokerage, unrealized, owned, gross, transit
    )


@njit(cache=True)
def _equities(
    cash: NDArray[np.float64],
    quantities: NDArray[np.float64],
    averages: NDArray[np.float64],
    margined: NDArray[np.bool_],
    marks: NDArray[np.float64],
) -> NDArray[np.float64]:
    equity = np.empty(len(cash))
    for i in range(len(cash)):
        equity[i] = resolve.account_equity(cash[i], quantities[i], averages[i], margined, marks[i])
    return equity
