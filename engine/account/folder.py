"""The folder of an account that several playbooks share: a run folder a sleeve, and their sum."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from data_feeds.clock import utc_text
from data_feeds.schema import Provenance
from engine.account_rates import WALLETS
from engine.config.account import AccountConfig
from engine.daily_money import DailyMoney
from engine.decision_terms import ACCOUNT_CAPS, ACCOUNT_GUARDS
from engine.equity_curve import BillAccruals, EquityCurve
from engine.excess import daily_money
from engine.metrics import headline, headline_inputs, max_drawdown
from engine.records import JointOutcome, OrderRole, Trade
from engine.results.contents import AddReports, write_files
from engine.results.finished import FinishedRun, RunInputs, RunRecord
from engine.results.manifest import (
    conventions,
    inputs_document,
    plain,
    resolved_config,
    run_id,
)
from engine.run_folder.schema import (
    ACCOUNT_FILE,
    DAILY,
    EQUITY,
    FORMAT,
    GUARDS,
    MANIFEST_FILE,
    RUN_ID_DIGITS,
    SLEEVE_EQUITY,
    SLEEVES,
    SLEEVES_FOLDER,
    TIMING_FILE,
    SleeveLine,
)
from engine.run_folder.seals import write_seals
from engine.run_folder.write import (
    curve_table,
    daily_table,
    instants,
    rows_table,
    staged,
    write_json,
    write_metrics,
    write_table,
    write_yaml,
)


class FinishedAccount(Protocol):
    """The parts of ``engine.account.run.AccountResult`` that results need."""

    @property
    def config(self) -> AccountConfig:
        """The configuration, overrides applied."""

    @property
    def sleeves(self) -> Mapping[str, FinishedRun]:
        """The sleeves as runs, by name."""

    @property
    def joint(self) -> JointOutcome:
        """Return the joint outcome of the sleeves."""


@dataclass(frozen=True)
class AccountRecord:
    """A finished account with what is derived from it once."""

    account: FinishedAccount

    @cached_property
    def records(self) -> dict[str, RunRecord]:
        """The sleeves' records, by name."""
        return {name: RunRecord(run) for name, run in self.account.sleeves.items()}

    @property
    def first(self) -> RunRecord:
        """The first sleeve's record; window, report settings and benchmark are the same in all."""
        return next(iter(self.records.values()))

    @cached_property
    def curve(self) -> EquityCurve:
        """The sum of the sleeves' curves; its cash is valued in the account's currency."""
        curves = self.account.joint.curves
        summed = {
            field.name: sum(
                (getattr(curve, field.name) for curve in curves[1:]),
                start=getattr(curves[0], field.name),
            )
            for field in fields(EquityCurve)
            if field.name != "at"
        }
        # Wallets of two sleeves may have two currencies.
        summed |= {f"{name}_cash": summed[f"{name}_value"] for name in WALLETS}
        return EquityCurve(at=curves[0].at, **summed)

    @property
    def start_equity(self) -> float:
        """Value of the cash of all sleeves at the start, in the account's currency."""
        return sum(record.start_equity for record in self.records.values())

    @property
    def periods_per_year(self) -> int:
        """Daily returns in a year: the most of any sleeve's, for the sum has all their days."""
        return max(record.periods_per_year for record in self.records.values())

    @property
    def provenance(self) -> Provenance:
        """The weakest label of any sleeve's data."""
        return max(record.provenance for record in self.records.values())

    @cached_property
    def money(self) -> DailyMoney:
        """Return the parts of each UTC day's change of equity, summed over the sleeves.

        A sleeve's interest and bill accrue at its own ends of days.
        """
        outcomes = [record.run.outcome for record in self.records.values()]
        return daily_money(
            self.curve,
            [fact for outcome in outcomes for fact in outcome.facts],
            [record.charges for record in self.records.values()],
            start_equity=self.start_equity,
            start=self.first.start,
        )

    @property
    def bill(self) -> BillAccruals:
        """The bill's accruals of the sleeve that has most ends of days."""
        bills = [record.run.outcome.bill for record in self.records.values()]
        return max(bills, key=lambda bill: len(bill.at))

    @cached_property
    def daily_returns(self) -> "pd.Series[float]":
        """Simple returns of UTC days on a naive index of dates."""
        return self.money.returns

    @cached_property
    def excess_returns(self) -> "pd.Series[float]":
        """Returns of the same days in excess of the bill."""
        return self.money.excess

    @cached_property
    def trades(self) -> tuple[Trade, ...]:
        """The trades of all sleeves by their entry."""
        trades = [trade for record in self.records.values() for trade in record.trades]
        return tuple(sorted(trades, key=lambda trade: trade.entered_at))

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Headline numbers of the account by name; NaN where one does not exist."""
        traded = [value for record in self.records.values() for value in record.traded_notionals]
        inputs = headline_inputs(
            self.curve,
            self.trades,
            periods_per_year=self.periods_per_year,
            start_equity=self.start_equity,
            traded=traded,
            window=(self.first.start, self.first.end),
            money=self.money,
        )
        return headline(inputs)

    @cached_property
    def lines(self) -> tuple[SleeveLine, ...]:
        """A line for each sleeve, in the config's order."""
        return tuple(self._line(name, record) for name, record in self.records.items())

    def _line(self, name: str, record: RunRecord) -> SleeveLine:
        outcome, start = record.run.outcome, record.start_equity
        end = float(record.metrics["end_equity"])
        decisions = outcome.decisions
        return SleeveLine(
            sleeve=name,
            playbook=record.run.playbook.name,
            run_id=run_id(record.run),
            start_equity=start,
            end_equity=end,
            total_return=end / start - 1,
            max_drawdown=max_drawdown(np.append(start, outcome.curve.equity)),
            contribution=(end - start) / self.start_equity,
            trades=len(record.trades),
            capped=sum(d.binding_cap in ACCOUNT_CAPS and d.quantity > 0 for d in decisions),
            blocked=sum(d.blocked_by in ACCOUNT_GUARDS for d in decisions),
            sold=sum(
                order.role == OrderRole.GUARD and order.reason in ACCOUNT_GUARDS
                for order in outcome.orders
            ),
        )

    @cached_property
    def account_id(self) -> str:
        """See :func:`account_id`."""
        return account_id(self.account.config, self.account.sleeves)

    @property
    def folder_name(self) -> str:
        """See :func:`account_folder_name`."""
        return account_folder_name(self.account.config, self.account.sleeves)


def account_folder_name(config: AccountConfig, sleeves: Mapping[str, RunInputs]) -> str:
    """Return ``<name>-<account id>``."""
    return f"{config.name}-{account_id(config, sleeves)}"


def account_id(config: AccountConfig, sleeves: Mapping[str, RunInputs]) -> str:
    """Return the first digits of a hash over everything that determines an account."""
    document = _resolved(config, sleeves)
    # Where the data lie does not matter; what they hold is among the sleeves' inputs. Their configs
    # follow from the account's, and name its id.
    document["data"].pop("source")
    inputs = [
        {name: value for name, value in inputs_document(run).items() if name != "config_sha256"}
        for run in sleeves.values()
    ]
    for name, run in sleeves.items():
        rules = type(run.playbook)
        document["sleeves"][name]["playbook"]["name"] = f"{rules.__module__}:{rules.__qualname__}"
    # One after the other, for that is the order in which sleeves decide at one instant.
    document["sleeves"] = list(document["sleeves"].items())
    text = json.dumps([document, inputs], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:RUN_ID_DIGITS]


def write_account(
    account: FinishedAccount,
    root: Path,
    *,
    add_reports: Callable[[AccountRecord, Path], None] | None = None,
    add_sleeve_reports: AddReports | None = None,
    timing: Mapping[str, Any] | None = None,
) -> Path:
    """Write the account's folder with a run folder for each sleeve, and return its path.

    Parameters
    ----------
    account : the finished account
    root : folder of all runs, made when absent
    add_reports, add_sleeve_reports : add summary and pages to the unpublished folders
    timing : for ``timing.json``; everything else is byte-identical for equal inputs

    Raises
    ------
    ReportError : the folder cannot be written; nothing half-written is left.
    """
    record = AccountRecord(account)
    final = root / record.folder_name
    with staged(final) as folder:
        for name, sleeve in record.records.items():
            place = folder / SLEEVES_FOLDER / name
            place.mkdir(parents=True)
            write_files(sleeve, place)
            if add_sleeve_reports is not None:
                add_sleeve_reports(sleeve, place)
            write_seals(place)
        _write_sums(record, folder)
        if timing is not None:
            write_json(dict(timing), folder / TIMING_FILE)
        if add_reports is not None:
            add_reports(record, folder)
    return final


def _write_sums(record: AccountRecord, folder: Path) -> None:
    joint = record.account.joint
    sleeves = {
        name: pa.array(curve.equity)
        for name, curve in zip(record.records, joint.curves, strict=True)
    }
    tables = {
        EQUITY: curve_table(record.curve),
        DAILY.name: daily_table(record.money),
        GUARDS.name: rows_table(GUARDS.row_type, joint.guard_events),
        SLEEVES.name: rows_table(SLEEVES.row_type, record.lines),
        SLEEVE_EQUITY: pa.table({"at": instants(record.curve.at), **sleeves}),
    }
    for name, table in tables.items():
        write_table(table, folder / f"{name}.parquet")
    write_yaml(_resolved(record.account.config, record.account.sleeves), folder / ACCOUNT_FILE)
    write_metrics(record.metrics, folder)
    write_json(
        {
            "format": FORMAT,
            "account_id": record.account_id,
            "name": record.account.config.name,
            "data_label": record.provenance.name.lower(),
            "window": _window(record),
            "sleeves": {line.sleeve: line.run_id for line in record.lines},
            "conventions": conventions(record.periods_per_year, record.bill),
        },
        folder / MANIFEST_FILE,
    )


def _window(record: AccountRecord) -> dict[str, str]:
    """Return the traded window, from the first sleeve's start to the last one's end."""
    runs = record.records.values()
    start, end = min(run.start for run in runs), max(run.end for run in runs)
    return {"start": utc_text(start), "end": utc_text(end)}


def _resolved(config: AccountConfig, sleeves: Mapping[str, RunInputs]) -> dict[str, Any]:
    """Return the whole configuration, the playbooks' defaults filled in."""
    document = plain(config)
    for name, run in sleeves.items():
        settled = resolved_config(run)
        document["sleeves"][name] |= {"playbook": settled["playbook"], "risk": settled["risk"]}
        # The same in every sleeve.
        document["account"]["currency"] = settled["account"]["currency"]
    return document
