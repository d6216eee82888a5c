"""A finished run, and the values derived from it for pages and tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from data_feeds.calendar import ALWAYS_OPEN
from data_feeds.clock import datetime_ns
from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKind, Provenance
from data_feeds.timeframe import Timeframe
from engine.config.models import RunConfig
from engine.contracts import contract_of
from engine.costs.market_activity import MarketActivity
from engine.daily_money import DailyMoney
from engine.excess import BillCharges, bill_charges, daily_money
from engine.market_state import MarketState
from engine.metrics import headline, headline_inputs
from engine.playbook import Playbook, Requirements, Signals
from engine.records import FactKind, SimulationOutcome, Trade
from engine.results.availability import AvailabilityHistory
from engine.results.journal import conditions_table, decides_by_session
from engine.results.pass_rates import ConditionRates, condition_rates
from engine.run_folder.schema import AccountInterval
from engine.trades import build_trades

CALENDAR_DAYS_PER_YEAR = 365
SESSIONS_PER_YEAR = 252
# Decisions at which the look-ahead check cuts the data of a run of up to 250,000 rows.
CUTS_OF_SHORT_RUNS = 20


class ChosenRules(Protocol):
    """The inputs of a run that are no data."""

    @property
    def config(self) -> RunConfig:
        """The configuration, overrides applied."""

    @property
    def playbook(self) -> Playbook[Any]:
        """The rules with their parameters."""


class RunInputs(ChosenRules, Protocol):
    """The inputs that determine a run."""

    @property
    def dataset(self) -> Dataset:
        """The data, warm-up included."""

    @property
    def market(self) -> MarketState | None:
        """The market state that risk reads, None where it reads none."""

    @property
    def activity(self) -> Mapping[str, MarketActivity]:
        """Daily volume and volatility by instrument, none where the costs read none."""


@dataclass(frozen=True)
class LookAheadCheck:
    """The extent of a run's look-ahead check.

    Attributes
    ----------
    cuts : cuts of the data on which the signals were computed again
    most : cuts at decisions that a run of this size takes at most
    rows : decision rows of the whole data
    """

    cuts: int
    most: int
    rows: int


class FinishedRun(RunInputs, Protocol):
    """The parts of ``engine.run.RunResult`` that results need."""

    @property
    def signals(self) -> Signals:
        """The signals that ``prepare`` returned."""

    @property
    def outcome(self) -> SimulationOutcome:
        """The outcome of the simulation."""

    @property
    def requirements(self) -> Requirements:
        """The requirements that the playbook declared."""

    @property
    def look_ahead(self) -> LookAheadCheck | None:
        """The look-ahead check, None where none was made."""


def periods_per_year(config: RunConfig, traded: Iterable[Instrument]) -> int:
    """Return the daily returns in a year: as configured, else by the calendars of the traded."""
    configured = config.report.periods_per_year
    if configured is not None:
        return configured
    around_the_clock = any(item.calendar == ALWAYS_OPEN for item in traded)
    return CALENDAR_DAYS_PER_YEAR if around_the_clock else SESSIONS_PER_YEAR


@dataclass(frozen=True)
class RunRecord:
    """A finished run with derived values, each computed once: trades, states, pass rates."""

    run: FinishedRun

    @property
    def start(self) -> int:
        """First instant traded, ns UTC."""
        return datetime_ns(self.run.config.data.start)

    @property
    def end(self) -> int:
        """Last instant traded, ns UTC."""
        return datetime_ns(self.run.config.data.end)

    @property
    def is_synthetic(self) -> bool:
        """True when a value of the market data was generated."""
        return self.provenance is Provenance.SYNTHETIC

    @cached_property
    def provenance(self) -> Provenance:
        """The weakest label of the market data, without options, whose prices a model makes."""
        dataset = self.run.dataset
        keys = [key for key in dataset.channels if key.instrument not in self.options]
        return dataset.only(keys).provenance

    @cached_property
    def options(self) -> frozenset[str]:
        """The option contracts that the run could trade."""
        held = self.run.dataset.instruments.items()
        return frozenset(name for name, item in held if item.kind is InstrumentKind.OPTION)

    @property
    def periods_per_year(self) -> int:
        """Daily returns in a year: as configured, else by the calendars of the traded names."""
        run = self.run
        traded = [run.dataset.instruments[name] for name in run.requirements.traded]
        return periods_per_year(run.config, traded)

    @cached_property
    def trades(self) -> tuple[Trade, ...]:
        """The trades, one a filled plan."""
        instruments = self.run.dataset.instruments
        contracts = {name: contract_of(instruments[name]) for name in self.traded_bars}
        return build_trades(self.run.outcome, self.traded_bars, contracts)

    @cached_property
    def traded_bars(self) -> dict[str, Channel]:
        """The bars that each instrument's orders fill in: the finest that the playbook reads."""
        declared = [key for key in self.run.requirements.channels if key.kind is ChannelKind.BARS]
        coarsest_first = sorted(declared, key=lambda key: -Timeframe(key.timeframe).ns)
        return {key.instrument: self.run.dataset.channels[key] for key in coarsest_first}

    @cached_property
    def histories(self) -> tuple[AvailabilityHistory, ...]:
        """Account states of every traded instrument, by name."""
        return tuple(
            AvailabilityHistory(self.run.outcome, name, self.start, self.end)
            for name in sorted(self.run.requirements.traded)
        )

    @cached_property
    def intervals(self) -> Sequence[AccountInterval]:
        """Account intervals of all traded instruments."""
        return [interval for history in self.histories for interval in history.intervals()]

    @cached_property
    def journal(self) -> pa.Table:
        """The journal of conditions, see :func:`engine.results.journal.conditions_table`."""
        # A row stands for the playbook; its account state is the leading instrument's.
        leading = self.run.requirements.leading
        history = next(item for item in self.histories if item.instrument == leading)
        return conditions_table(
            self.run.signals,
            self.run.outcome,
            history,
            self.start,
            self.end,
            every_row=decides_by_session(self.run.requirements),
        )

    @property
    def decision_rows(self) -> NDArray[np.int64]:
        """Closes of the playbook's clock inside the traded window, ns UTC."""
        at = self.run.signals.decided_at
        return at[(at >= self.start) & (at <= self.end)]

    @cached_property
    def rates(self) -> tuple[ConditionRates, ...]:
        """Pass rates of the playbook's conditions inside the traded window."""
        return condition_rates(self.run.signals, self.start, self.end)

    @cached_property
    def start_equity(self) -> float:
        """Value of the cash deposited before the first bar, in the account's currency."""
        facts = self.run.outcome.facts
        return sum(fact.value for fact in facts if fact.kind == FactKind.DEPOSIT.value)

    @property
    def charges(self) -> BillCharges:
        """The charges of the bill on the equity."""
        return bill_charges(self.run.outcome.curve, self.run.outcome.bill)

    @cached_property
    def money(self) -> DailyMoney:
        """The parts of each UTC day's change of equity, and the bill."""
        outcome = self.run.outcome
        return daily_money(
            outcome.curve,
            outcome.facts,
            (self.charges,),
            start_equity=self.start_equity,
            start=self.start,
        )

    @cached_property
    def daily_returns(self) -> "pd.Series[float]":
        """Simple returns of UTC days on a naive index of dates."""
        return self.money.returns

    @cached_property
    def excess_returns(self) -> "pd.Series[float]":
        """Returns of the same days in excess of the bill."""
        return self.money.excess

    @property
    def traded_notionals(self) -> list[float]:
        """The notional of each execution, in the account's currency."""
        instruments, outcome = self.run.dataset.instruments, self.run.outcome
        rates = {f.fill_id: f.account_rate for f in outcome.facts if f.kind == FactKind.TRADE.value}
        return [
            contract_of(instruments[fill.instrument]).notional(fill.quantity, fill.price)
            * rates.get(fill.fill_id, 1.0)
            for fill in outcome.fills
        ]

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Headline numbers by name; NaN where one does not exist."""
        inputs = headline_inputs(
            self.run.outcome.curve,
            self.trades,
            periods_per_year=self.periods_per_year,
            start_equity=self.start_equity,
            traded=self.traded_notionals,
            window=(self.start, self.end),
            money=self.money,
        )
        return headline(inputs)
