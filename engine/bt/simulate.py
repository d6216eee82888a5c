"""The simulation of one playbook: from prepared signals to an outcome."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel
from engine.broker.along_instants import NO_ROW
from engine.broker.simulator import Simulator
from engine.broker.timeline import Timeline
from engine.bt.carried_account import CarriedAccount
from engine.bt.cerebro import SeekingCerebro
from engine.bt.inputs import SimulationInputs
from engine.bt.outcome import simulation_outcome
from engine.bt.session import Session
from engine.bt.single_session import SessionGroup, SingleSession
from engine.config.models import RunConfig
from engine.errors import SimulationError
from engine.ledger import Ledger
from engine.playbook import Signals
from engine.records import SimulationOutcome
from engine.risk import (
    AccountLimits,
    Covariance,
    MarketTiers,
    RiskModule,
    build_sizing_bars,
    ewma_covariance,
)

COLLECTION_THRESHOLDS = (200_000, 50, 100)


def simulate(
    inputs: SimulationInputs, *, on_progress: Callable[[float], None] | None = None
) -> SimulationOutcome:
    """Run the event loop over the configured window and return its facts.

    Raises
    ------
    PlaybookError : the playbook raised or broke its contract.
    SimulationError : the books do not balance; always a bug of ours.
    """
    return simulation_outcome(_finished_session(inputs, on_progress))


def simulate_segment(inputs: SimulationInputs) -> tuple[SimulationOutcome, CarriedAccount]:
    """Run one segment of a walk-forward; return its outcome and the account at its end.

    Raises
    ------
    PlaybookError, SimulationError : see :func:`simulate`; a position is open at the end.
    """
    session = _finished_session(replace(inputs, ends_flat=True), None)
    simulator, closes = session.simulator, np.flatnonzero(session.timeline.has_close)
    held = [name for name, p in simulator.ledger.positions.items() if p.quantity != 0.0]
    if held:
        raise SimulationError(f"{', '.join(held)}: still open at the end of a segment")
    account = CarriedAccount(
        simulator.ledger.balances(),
        simulator.transfers.waiting,
        session.risk.state(int(session.timeline.at[closes[-1]])),
    )
    return simulation_outcome(session), account


def _finished_session(
    inputs: SimulationInputs, on_progress: Callable[[float], None] | None
) -> Session:
    session = build_session(inputs, inputs.timeline())
    run_sessions(SingleSession(session), on_progress)
    return session


def build_session(
    inputs: SimulationInputs,
    timeline: Timeline,
    *,
    limits: AccountLimits | None = None,
    own_at: NDArray[np.int64] | None = None,
) -> Session:
    """Return a session at the start of its timeline, with the starting cash deposited.

    ``limits`` are those of the account that the sleeve belongs to. ``own_at`` are the session's own
    instants, where the timeline has those of other sleeves too.
    """
    instruments = {name: inputs.dataset.instruments[name] for name in inputs.bars}
    ledger = Ledger(instruments, inputs.currencies)
    simulator = Simulator(
        timeline, ledger, inputs.config, inputs.activity, ends_flat=inputs.ends_flat
    )
    for wallet, amount in inputs.start_cash.items():
        if amount != 0:
            ledger.deposit(int(timeline.at[0]), wallet, amount, valued_at=inputs.start)
    risk = _risk_module(inputs, instruments, limits, delisted_at(timeline))
    if inputs.carried is not None:
        account = inputs.carried.arrived_by(inputs.start)
        simulator.transfers.resume(account.transfers)
        risk.resume(account.risk, inputs.start)
    return Session(inputs, timeline=timeline, simulator=simulator, risk=risk, own_at=own_at)


def run_sessions(group: SessionGroup, on_progress: Callable[[float], None] | None) -> None:
    """Run the event loop over the sessions and check that their ledgers balance."""
    with _rare_collections():
        SeekingCerebro(group, on_progress).run()
    for session in group.sessions:
        session.simulator.ledger.prove()


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let the cyclic garbage collector run rarely.

    The loop keeps the orders, fills and facts that it makes: frequent passes find nothing to free
    and cost a third of a sparse run.
    """
    usual = gc.get_threshold()
    gc.set_threshold(*COLLECTION_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def listed_at(signals: Signals) -> dict[str, int]:
    """Return the first instant at which the signals list each option contract, ns UTC."""
    first: dict[str, int] = {}
    if signals.contract is None:
        return first
    for name, at in zip(signals.contract.tolist(), signals.decided_at.tolist(), strict=False):
        first.setdefault(name, at)
    return first


def delisted_at(timeline: Timeline) -> dict[str, int]:
    """Return the instant at which a delisting ends each instrument that has one, ns UTC."""
    ends = {path.instrument.id: path.delisted_at for path in timeline.paths}
    return {name: int(timeline.at[t]) for name, t in ends.items() if t != NO_ROW}


def _risk_module(
    inputs: SimulationInputs,
    instruments: dict[str, Instrument],
    limits: AccountLimits | None,
    delisted: dict[str, int],
) -> RiskModule:
    config, bars = inputs.config, inputs.bars
    sizing = {
        name: build_sizing_bars(inputs.dataset, name, channel.key.timeframe, config.risk)
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
        limits=limits,
        listed_at=listed_at(inputs.signals),
        delisted_at=delisted,
        activity=inputs.activity,
    )


def _without_options(
    bars: dict[str, Channel], instruments: dict[str, Instrument]
) -> dict[str, Channel]:
    """Return the bars of all instruments but options, which follow the volatility of another."""
    option = InstrumentKind.OPTION
    return {name: b for name, b in bars.items() if instruments[name].kind is not option}


def _covariance(config: RunConfig, bars: dict[str, Channel]) -> Covariance | None:
    """Return the covariance for the volatility target and the beta cap, None without both."""
    portfolio = config.risk.portfolio
    if portfolio.target_volatility is None and portfolio.crypto_beta_cap is None:
        return None
    return ewma_covariance(bars, portfolio.decay)
