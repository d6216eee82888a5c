"""Accounts with sleeves for the tests: scripts on one table, and random cases together."""

import dataclasses
from pathlib import Path

import numpy as np

from engine.account.folder import account_folder_name, write_account
from engine.account.simulate_together import simulate_together
from engine.bt import SimulationInputs
from engine.causality import prepare
from engine.config.account import AccountConfig, AccountRiskConfig, SleeveConfig
from engine.config.models import AccountTerms, RunMode
from engine.playbook import PlaybookParams
from engine.records import JointOutcome
from engine.testing import PERP, ScriptedPlaybook, ScriptParams, table_config
from tests.engine.audit.simulated import ScriptedRun, new_case
from tests.engine.random_cases import RandomPlaybook

TERMS = set(AccountTerms.model_fields)
PARTS = ("orders", "fills", "facts", "decisions", "guard_events")


def script_inputs(market, script, *, traded=(PERP.id,), clock=None, **sections) -> SimulationInputs:
    """Return the inputs of a sleeve that follows a script on the bars of its instruments."""
    own = [k for k in market.channels if k.instrument in traded and k.kind == "bars"]
    params = ScriptParams(
        clock=own[0] if clock is None else clock,
        channels=frozenset(market.channels),
        traded=traded,
    )
    playbook = ScriptedPlaybook(params, script, {})
    requirements = playbook.requirements(params)
    signals = prepare(playbook, market, requirements)
    return SimulationInputs(
        table_config(market, **sections), market, playbook, signals, requirements
    )


def play_together(market, *scripts, risk=None, sections=({}, {}, {}), quiet=False) -> JointOutcome:
    """Run one sleeve for each script, sparse and dense, and check that both outcomes are equal.

    ``quiet`` playbooks are woken only at the rows of their script.
    """
    rules = AccountRiskConfig.model_validate(risk or {})
    outcomes = []
    for mode in (RunMode.SPARSE, RunMode.DENSE):
        inputs = [
            script_inputs(market, script, **{**more, "mode": mode})
            for script, more in zip(scripts, sections, strict=False)
        ]
        if quiet:
            inputs = [woken_at(one, script) for one, script in zip(inputs, scripts, strict=True)]
        outcomes.append(simulate_together(inputs, rules))
    sparse, dense = outcomes
    assert_same(sparse, dense)
    return sparse


def woken_at(inputs, rows) -> SimulationInputs:
    """Return the inputs with a playbook that is woken only at some rows."""
    wake = np.isin(np.arange(len(inputs.signals.decided_at)), list(rows))
    signals = dataclasses.replace(inputs.signals, wake_flat=wake, wake_in_position=wake)
    return dataclasses.replace(inputs, signals=signals)


def assert_same(one: JointOutcome, other: JointOutcome) -> None:
    """Check that two outcomes are equal, compared as text: NaN equals nothing."""
    assert repr(one.guard_events) == repr(other.guard_events)
    for left, right in zip(one.sleeves, other.sleeves, strict=True):
        for name in PARTS:
            assert repr(getattr(left, name)) == repr(getattr(right, name)), name
    for left, right in zip(one.curves, other.curves, strict=True):
        np.testing.assert_array_equal(left.equity, right.equity)


def one_window(cases):
    """Return the cases with the latest end of all: the sleeves of an account have one window."""
    end = max(case.config.data.end for case in cases)

    def until(case):
        data = case.config.data.model_copy(update={"end": end})
        return dataclasses.replace(case, config=case.config.model_copy(update={"data": data}))

    return [until(case) for case in cases]


def case_inputs(case, mode=RunMode.SPARSE) -> SimulationInputs:
    """Return the inputs of a random case as a sleeve."""
    playbook = RandomPlaybook(PlaybookParams(), case.script, case.signals, case.requirements.traded)
    config = case.config.model_copy(update={"mode": mode})
    return SimulationInputs(config, case.dataset, playbook, case.signals, case.requirements)


def random_risk(seed: int) -> AccountRiskConfig:
    """Return caps and guards of an account that bind now and then."""
    rng = np.random.default_rng(50_000 + seed)

    def sometimes(value, share=0.6):
        return value if rng.random() < share else None

    halt = float(rng.choice([0.01, 0.03, 0.08]))
    scopes = ["flatten", "block_entries"]
    return AccountRiskConfig.model_validate(
        {
            "leverage_cap": sometimes(float(rng.choice([0.3, 1.0, 3.0]))),
            "net_cap": sometimes(float(rng.choice([0.3, 1.0]))),
            "asset_cap": sometimes(float(rng.choice([0.2, 0.8]))),
            "crypto_cap": sometimes(float(rng.choice([0.4, 1.5]))),
            "daily_loss": sometimes(
                {"limit": float(rng.choice([0.003, 0.01])), "scope": str(rng.choice(scopes))}
            ),
            "weekly_loss": sometimes(
                {"limit": float(rng.choice([0.006, 0.02])), "scope": str(rng.choice(scopes))}
            ),
            "drawdown": sometimes(
                {
                    "ladder": [{"drawdown": halt / 2, "multiplier": 0.5}],
                    "halt_at": halt,
                    "halt_days": [1, 2, None][int(rng.integers(0, 3))],
                }
            ),
        }
    )


@dataclasses.dataclass(frozen=True)
class RandomAccount:
    """A finished account, as the writer of its folder takes it."""

    config: AccountConfig
    sleeves: dict
    joint: JointOutcome


def random_account(seeds, *, mode=RunMode.SPARSE, risk=None) -> RandomAccount:
    """Run random cases as sleeves of one account, on the terms of the first."""
    drawn = one_window([new_case(seed) for seed in seeds])
    cases = {f"s{case.seed}": case for case in drawn}
    rules = random_risk(seeds[0]) if risk is None else risk
    first, accounts = drawn[0].config, {n: case.config.account for n, case in cases.items()}
    cash = {name: item.venue_cash + item.brokerage_cash for name, item in accounts.items()}
    terms = AccountTerms.model_validate(first.account.model_dump(include=TERMS))
    if any(item.interest_series is None for item in accounts.values()):
        # Not every market has the series.
        terms = terms.model_copy(update={"interest_series": None, "venue_interest_series": None})
    config = AccountConfig(
        name="random",
        data=first.data,
        capital=sum(cash.values()),
        sleeves={
            name: SleeveConfig(
                share=cash[name] / sum(cash.values()),
                at_venue=item.venue_cash / cash[name],
                playbook=cases[name].config.playbook,
                risk=cases[name].config.risk,
            )
            for name, item in accounts.items()
        },
        account=terms,
        venue=first.venue,
        risk=rules,
        options=first.options,
        mode=mode,
    )

    def parts(account=""):
        return {
            name: dataclasses.replace(
                case_inputs(case), config=config.sleeve(name, rivals=rivals[name], account=account)
            )
            for name, case in cases.items()
        }

    traded = {name: set(case.requirements.traded) for name, case in cases.items()}
    rivals = {
        name: max(sum(market in other for other in traded.values()) for market in markets)
        for name, markets in traded.items()
    }
    ready = parts(account_folder_name(config, parts()))
    joint = simulate_together(list(ready.values()), rules)
    finished = {
        name: ScriptedRun(
            part.config, part.dataset, part.playbook, part.requirements, part.signals, outcome
        )
        for (name, part), outcome in zip(ready.items(), joint.sleeves, strict=True)
    }
    return RandomAccount(config, finished, joint)


def written(account: RandomAccount, root: Path) -> Path:
    """Write an account's folder."""
    return write_account(account, root)
