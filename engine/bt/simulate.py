"""From prepared signals to everything that happened."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel
from engine.broker import resolve
from engine.broker.simulator import Simulator, Snapshot
from engine.broker.timeline import NO_ROW, Timeline, build_timeline, execution_bars
from engine.bt.cerebro import SeekingCerebro
from engine.bt.session import Session, start_cash
from engine.config.models import RunConfig
from engine.events import EquityCurve, SimulationOutcome
from engine.ledger import Ledger
from engine.playbook import Playbook, Requirements, Signals
from engine.risk import Covariance, MarketTiers, RiskModule, ewma_covariance, sizing_inputs
from engine.state import MarketState

COLLECTION_THRESHOLDS = (200_000, 50, 100)


def simulate(
    config: RunConfig,
    dataset: Dataset,
    playbook: Playbook[Any],
    signals: Signals,
    requirements: Requirements,
    *,
    market: MarketState | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> SimulationOutcome:
    """Run the event loop over the configured window and return its facts.

    Raises
    ------
    PlaybookError : the playbook raised or broke its contract.
    SimulationError : the books do not balance; always a bug of ours.
    """
    bars = {
        name: execution_bars(dataset, tuple(requirements.channels), name)
        for name in requirements.traded
    }
    start, end = (int(x.timestamp()) * 10**9 for x in (config.data.start, config.data.end))
    timeline = build_timeline(
        dataset,
        bars,
        start=start,
        end=end,
        decided_at=signals.decided_at,
        interest_series=config.account.interest_series,
    )
    simulator = Simulator(
        timeline, Ledger({name: dataset.instruments[name] for name in bars}), config
    )
    account = config.account
    start_cash(
        simulator, int(timeline.at[0]), venue=account.venue_cash, brokerage=account.brokerage_cash
    )
    risk = _risk_module(config, dataset, bars, market)
    session = Session(
        dataset=dataset,
        playbook=playbook,
        signals=signals,
        requirements=requirements,
        timeline=timeline,
        simulator=simulator,
        risk=risk,
        mode=config.mode,
    )
    with _rare_collections():
        SeekingCerebro(session, on_progress).run()
    simulator.ledger.prove()
    return _outcome(session)


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
        curve=equity_curve(timeline, simulator),
        instants_total=len(timeline),
        instants_visited=session.visited,
        inferred_mark_bars=sum(_count_inferred(timeline)),
        mark_bars=sum(int((path.closing != NO_ROW).sum()) for path in timeline.paths),
        open_values=open_values(timeline, simulator),
        overlays=tuple(session.overlays),
    )


def _risk_module(
    config: RunConfig, dataset: Dataset, bars: dict[str, Channel], market: MarketState | None
) -> RiskModule:
    instruments = {name: dataset.instruments[name] for name in bars}
    inputs = {
        name: sizing_inputs(dataset, name, channel.key.timeframe, config.risk)
        for name, channel in bars.items()
    }
    return RiskModule(
        config,
        instruments,
        inputs,
        start_equity=config.account.venue_cash + config.account.brokerage_cash,
        ny_days=all(item.calendar != "24/7" for item in instruments.values()),
        market=MarketTiers(market, config.risk.market_tiers),
        covariance=_covariance(config, _without_options(bars, instruments)),
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


def equity_curve(timeline: Timeline, simulator: Simulator) -> EquityCurve:
    """Return equity at every bar close from the balances in force at each."""
    closes = np.flatnonzero(timeline.has_close)
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
