"""The simulation of an account's sleeves over common instants."""

from collections.abc import Callable, Sequence

import numpy as np

from engine.account.sessions_in_step import SessionsInStep
from engine.broker.timeline import joint_ends
from engine.bt.inputs import SimulationInputs
from engine.bt.outcome import equity_curve, simulation_outcome
from engine.bt.simulate import build_session, run_sessions
from engine.config.account import AccountRiskConfig
from engine.records import JointOutcome
from engine.risk import AccountLimits


def simulate_together(
    sleeves: Sequence[SimulationInputs],
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
    instants = [inputs.timeline().at for inputs in sleeves]
    all_instants = np.concatenate(instants)
    limits = AccountLimits(
        risk,
        start_equity=sum(inputs.start_equity for inputs in sleeves),
        ny_days=all(inputs.has_ny_days for inputs in sleeves),
    )
    sessions = [
        build_session(inputs, inputs.timeline(all_instants), limits=limits, own_at=own_at)
        for inputs, own_at in zip(sleeves, instants, strict=True)
    ]
    run_sessions(SessionsInStep(sessions, limits), on_progress)
    closes = np.flatnonzero(joint_ends([session.timeline for session in sessions])[0])
    return JointOutcome(
        sleeves=tuple(simulation_outcome(session) for session in sessions),
        curves=tuple(equity_curve(s.timeline, s.simulator, closes) for s in sessions),
        guard_events=tuple(limits.guards.events),
    )
