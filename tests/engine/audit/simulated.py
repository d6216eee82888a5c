"""Run folders of the real simulator on random markets, for the audit's own tests."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from data_feeds.dataset import Dataset
from data_feeds.load import load_dataset
from data_feeds.schema import ChannelKey
from engine.audit import audit_run
from engine.audit.findings import AuditReport
from engine.bt import SimulationInputs, simulate
from engine.causality import LookAheadCheck, prepare
from engine.config.models import RunConfig, RunMode
from engine.costs.market_activity import MarketActivity
from engine.playbook import Playbook, PlaybookParams, Requirements, Signals
from engine.records import SimulationOutcome
from engine.results.contents import write_files
from engine.results.finished import RunRecord
from engine.run_data import with_listed
from engine.testing import Script, ScriptedPlaybook, ScriptParams, table_config
from tests.engine.random_cases import RandomCase, RandomPlaybook, make_case

LEVERAGE_SETTINGS = (None, 3, 10, 25, 50, 100)
VOLUME_CAPS = (None, 0.1, 0.01, 0.001)
MAKER_FEES = (-1.0, 2.0)
LEVERAGE_CAPS = (2.0, 10.0, 60.0)


@dataclasses.dataclass(frozen=True)
class ScriptedRun:
    """A finished run, as the writer of its folder takes it."""

    config: RunConfig
    dataset: Dataset
    playbook: Playbook
    requirements: Requirements
    signals: Signals
    outcome: SimulationOutcome
    market: None = None
    look_ahead: LookAheadCheck | None = None
    activity: Mapping[str, MarketActivity] = dataclasses.field(default_factory=dict)


def scripted(
    data: Dataset,
    script: Script,
    clock: ChannelKey,
    signals: Mapping[str, Sequence[float]] | None = None,
    *,
    traded: str | tuple[str, ...] | None = None,
    **sections: object,
) -> ScriptedRun:
    """Return a finished run of a script over a table that trades the clock's instrument.

    ``traded`` names another one, or several.
    """
    names = clock.instrument if traded is None else traded
    names = (names,) if isinstance(names, str) else names
    params = ScriptParams(clock=clock, channels=frozenset(data.channels), traded=names)
    playbook = ScriptedPlaybook(params, script, {}, signals)
    required = playbook.requirements(params)
    signals = prepare(playbook, data, required)
    config = table_config(data, **sections)
    held, listing = with_listed(config, data, required, signals)
    inputs = SimulationInputs(config, held, playbook, signals, listing)
    outcome = simulate(inputs)
    return ScriptedRun(config, held, playbook, listing, signals, outcome, activity=inputs.activity)


def audited_run(finished: ScriptedRun, data: Dataset, folder: Path) -> AuditReport:
    """Write a run's folder and audit it against the market that it was given."""
    folder.mkdir()
    write_files(RunRecord(finished), folder)
    return audit_run(folder, data)


def new_case(seed: int) -> RandomCase:
    """Return the random case of a seed; two in three have other leverage, volume cap and fee."""
    case = cut(make_case(seed))
    if seed % 3 == 0:
        return case
    rng = np.random.default_rng(10_000 + seed)
    account, venue, risk = case.config.account, case.config.venue, case.config.risk
    # A position whose margin is below its maintenance cannot begin: no entry of the run would pass.
    lowest = min((bracket.rate for bracket in venue.maintenance), default=0.0)
    settings = [each for each in LEVERAGE_SETTINGS if each is None or each * lowest < 1]
    config = case.config.model_copy(
        update={
            "account": account.model_copy(
                update={"leverage_setting": settings[int(rng.integers(len(settings)))]}
            ),
            "venue": venue.model_copy(
                update={
                    "participation_cap": VOLUME_CAPS[int(rng.integers(4))],
                    "maker_fee_bps": float(rng.choice(MAKER_FEES)),
                }
            ),
            "risk": risk.model_copy(update={"leverage_cap": float(rng.choice(LEVERAGE_CAPS))}),
        }
    )
    return dataclasses.replace(case, config=config)


def cut(case: RandomCase) -> RandomCase:
    """Return the case with the data of its window only, as a real run loads them."""
    end = int(case.config.data.end.timestamp()) * 10**9
    dataset = load_dataset(case.dataset, (), 0, end, optional=tuple(case.dataset.channels))
    return dataclasses.replace(case, dataset=dataset)


def written(case: RandomCase, folder: Path, mode: RunMode = RunMode.SPARSE) -> SimulationOutcome:
    """Simulate a case and write its run folder."""
    outcome = case.run(mode)
    playbook = RandomPlaybook(PlaybookParams(), case.script, case.signals, case.requirements.traded)
    finished = ScriptedRun(
        case.config, case.dataset, playbook, case.requirements, case.signals, outcome
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_files(RunRecord(finished), folder)
    return outcome
