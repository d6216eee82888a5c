"""The run of an account: several playbooks, each a sleeve with its own cash, positions and books.

A sleeve is a complete run, written and audited like any other. The sleeves have in
common the caps and guards of the account, applied at every close (``engine.risk.account_limits``),
and the volume of a bar, which sleeves that trade one market share evenly.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.instrument import Wallet
from engine.account.folder import account_folder_name
from engine.account.simulate_together import simulate_together
from engine.config.account import AccountConfig
from engine.plugins import configured_playbook, requirements_of
from engine.reads import watching
from engine.records import JointOutcome
from engine.results.declared_reads import refuse_late_reads
from engine.run import PreparedRun, RunResult, prepare_run
from engine.settle import one_account_currency, settle


@dataclass(frozen=True)
class AccountResult:
    """Holds a finished account: its sleeves as runs, by name, and their joint outcome."""

    config: AccountConfig
    sleeves: Mapping[str, RunResult]
    joint: JointOutcome


def run_sleeves(
    config: AccountConfig,
    source: Catalog | Dataset,
    *,
    plugin_path: Path | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> AccountResult:
    """Run all sleeves of an account over one window, in step.

    Parameters
    ----------
    config : what to run
    source : an open catalog, or a dataset in memory
    plugin_path : folder of local playbooks
    on_progress : called with the fraction done, 0 to 1

    Raises
    ------
    RiskoffError : bad config, data or playbook; see ``engine.errors`` for who must act.
    """
    traded, settled = {}, {}
    for name, sleeve in config.sleeves.items():
        written = configured_playbook(sleeve.playbook, plugin_path)
        settled[name], playbook = settle(config.sleeve(name, rivals=1), source, written)
        traded[name] = set(requirements_of(playbook).traded)
    one_account_currency(settled, "the sleeves")
    sharing = Counter(market for markets in traded.values() for market in markets)
    rivals = {
        name: max((sharing[market] for market in markets), default=1)
        for name, markets in traded.items()
    }
    alone = {
        name: prepare_run(config.sleeve(name, rivals=count), source, plugin_path)
        for name, count in rivals.items()
    }
    alone = {name: _converted(run) for name, run in alone.items()}
    account = account_folder_name(config, {name: run.inputs for name, run in alone.items()})
    prepared = [
        run.with_config(run.inputs.config.model_copy(update={"sleeve_of": account}))
        for run in alone.values()
    ]
    inputs = [run.inputs for run in prepared]
    with watching() as watch:
        joint = simulate_together(inputs, config.risk, on_progress=on_progress)
    deciding = [rules for run in prepared for rules in (run.playbook, run.inputs.playbook)]
    refuse_late_reads(deciding, watch.reads)
    results = [run.result(done) for run, done in zip(prepared, joint.sleeves, strict=True)]
    return AccountResult(config, dict(zip(config.sleeves, results, strict=True)), joint)


def _converted(run: PreparedRun) -> PreparedRun:
    """Return a sleeve whose cash, a share of the capital, is in the currencies of its wallets.

    The rates are those of the window's start.
    """
    rates, config, start = run.inputs.currencies, run.inputs.config, run.inputs.start
    if rates.is_par:
        return run
    cash = {
        "venue_cash": config.account.venue_cash / rates.of(Wallet.VENUE, start),
        "brokerage_cash": config.account.brokerage_cash / rates.of(Wallet.BROKERAGE, start),
    }
    account = config.account.model_copy(update=cash)
    return run.with_config(config.model_copy(update={"account": account}))
