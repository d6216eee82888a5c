"""Define the plugin contract: a playbook's declarations, signals and decisions."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument
from data_feeds.schema import ChannelKey
from data_feeds.strict_model import SortedModel
from engine.bracket_plan import BracketPlan
from engine.conditions import Condition
from engine.config.models import RunConfig
from engine.drawn_values import DrawnValue
from engine.errors import ParamProblem
from engine.intents import Intent
from engine.reads import Reads
from engine.records import Fill
from engine.rule_language import RuleLanguage
from engine.views import AccountView, MarketView

API_VERSION = 1


class PlaybookParams(SortedModel):
    """Base class of parameters: frozen, unknown keys refused, every field described."""


@dataclass(frozen=True)
class Requirements:
    """Declare the data that a playbook needs.

    Attributes
    ----------
    clock : key of the bars whose closes are the decision rows
    channels : required channels, the clock's included
    optional : channels that are used if the data hold them; absent ones make conditions unknown
    traded : instruments that intents may name, in any order
    warmup_bars : decision rows before the window that ``prepare`` needs
    options : underlyings on which the signals may list contracts; their pricing data are loaded
    shorter_ns : required history of channels that need less than the clock's warm-up, ns; older
        rows are loaded if present and may have holes
    memory_ns : length of data before a row that its estimates read, ns; rows before the warm-up are
        loaded if present, so that no value depends on the start of the window
    late : required bars that may begin inside the window, for example those of a book's weights
    files : files, and folders of files, that the rules read beside the data; a relative path starts
        at the folder of the playbook's module. Their contents are part of the run id. A dated
        series belongs in the data instead, where each row has its ``available_at``.
    """

    clock: ChannelKey
    channels: frozenset[ChannelKey]
    optional: frozenset[ChannelKey]
    traded: tuple[str, ...]
    warmup_bars: int
    shorter_ns: Mapping[ChannelKey, int] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    late: frozenset[ChannelKey] = frozenset()
    memory_ns: int = 0
    files: tuple[str | Path, ...] = ()

    @property
    def leading(self) -> str:
        """Return the traded instrument that represents the run: the clock's, if it is traded."""
        clock = self.clock.instrument
        return clock if clock in self.traded else min(self.traded, default="")


def compared_instruments(config: RunConfig, requirements: Requirements) -> tuple[str, ...]:
    """Return the instruments of a run's benchmark: the configured ones, else the leading one."""
    return tuple(config.report.held) or (requirements.leading,)


@dataclass(frozen=True)
class Signals:
    """Hold the result of ``prepare``; every array has one entry per bar of the clock channel.

    Row *t* depends on rows known at ``decided_at[t]`` only. ``wake_flat`` and ``wake_in_position``
    mark the rows at which the playbook could act without, and with, a plan (a position or a working
    entry); with a plan in some traded instruments and none in others both count. None means every
    row.
    """

    decided_at: NDArray[np.int64]
    values: Mapping[str, NDArray[Any]]
    conditions: tuple[Condition, ...] = ()
    wake_flat: NDArray[np.bool_] | None = None
    wake_in_position: NDArray[np.bool_] | None = None
    # Rows that the journal records even without a decision (a level broke, a setup ran).
    notable: NDArray[np.bool_] | None = None
    # Name of the sequence a row belongs to, e.g. "2026-02-05T14:00Z"; one entry a row, "" for none;
    # an array of text, or of objects so that rows share their texts.
    setup: NDArray[np.str_] | NDArray[np.object_] | None = field(default=None)
    # The option contract that may be bought from a row on, by its name, "" for none.
    contract: NDArray[np.str_] | None = field(default=None)
    # Whole sentences about wrong or absent inputs; only reports read them.
    remarks: tuple[str, ...] = ()
    # Names of the places in values["state"], the state held at each row (-1 none), for reports.
    state_names: tuple[str, ...] = ()
    # Every decision as data, where the rules are a bracket plan; screening simulates it.
    plan: BracketPlan | None = None
    # The values that the page of a run draws over its prices; nothing decides by them.
    drawn: tuple[DrawnValue, ...] = ()


P = TypeVar("P", bound=PlaybookParams)


class Playbook(ABC, Generic[P]):
    """Base class of playbooks: ``__init__`` stores params, ``on_bar`` turns views into intents.

    ``ignored`` names required conditions that this run treats as true (``playbook.ignore``);
    ``prepare`` passes its conditions through ``leave_out`` with it before it decides by them.
    ``risk_defaults`` fills the keys that a run file's ``risk`` section leaves out; null switches
    off. ``reads`` records the files and modules that its code read.
    """

    name: ClassVar[str]
    api_version: ClassVar[int] = API_VERSION
    Params: ClassVar[type[PlaybookParams]]
    ignored: frozenset[str] = frozenset()
    reads: Reads = Reads()
    risk_defaults: ClassVar[Mapping[str, Any]] = {}
    # Parameters that only the plan reads, and neither another signal nor a condition: signals of
    # other values of them are shared, and ``plan_of`` makes the plan of each.
    plan_params: ClassVar[frozenset[str]] = frozenset()
    # The functions and values that its parameters may name; None: its parameters hold no formulas.
    language: ClassVar[RuleLanguage | None] = None

    def __init__(self, params: P) -> None:
        self.params = params

    @classmethod
    @abstractmethod
    def requirements(cls, params: P) -> Requirements:
        """Return the data that the rules need with these parameters."""

    @classmethod
    def problems(cls, params: P) -> Sequence[ParamProblem]:
        """Return the problems of parameters that their model accepts; by default none.

        Each problem names its value, and the part of a text that is wrong. It is shown with file,
        line and column.
        """
        return ()

    @classmethod
    def settle(cls, params: P, instruments: Mapping[str, Instrument]) -> P:
        """Return the parameters completed from the instruments' records, e.g. companions.

        ``instruments`` are those of the run's data, by id. By default nothing changes.

        Raises
        ------
        ParamsError : the records show that parameters are wrong.
        """
        return params

    @classmethod
    def default_risk(cls, params: P) -> Mapping[str, Any]:
        """Return ``risk_defaults`` with these parameters; by default those of the class."""
        return cls.risk_defaults

    @classmethod
    def plan_of(cls, params: P, signals: Signals) -> BracketPlan | None:
        """Return the bracket plan of parameters from signals that share all but ``plan_params``.

        ``prepare`` declares the same plan; a playbook without ``plan_params`` need not define it.
        """
        return signals.plan

    @classmethod
    def sentences(cls, params: P, instruments: Mapping[str, Instrument]) -> Sequence[str]:
        """Return the rules in plain words, a line each; ``riskoff rules check`` prints them.

        ``instruments`` are the records of the run's data, by id; they may be empty. The printer
        wraps a line under its own indentation. By default there are none.
        """
        return ()

    @classmethod
    def longest_ages(
        cls, params: P, instruments: Mapping[str, Instrument]
    ) -> Mapping[ChannelKey, int]:
        """Return the age above which a channel's newest row counts as unknown, ns.

        ``riskoff rules check`` shows how often a channel was stale, ``riskoff today`` which input
        is too old. By default no channel is named.
        """
        return {}

    @abstractmethod
    def prepare(self, data: Dataset) -> Signals:
        """Return causal signals for every row of the clock channel; pure."""

    @abstractmethod
    def on_bar(self, market: MarketView, account: AccountView) -> Sequence[Intent]:
        """Return intents at one decision row; called at marked rows (dense mode: at every row)."""

    def on_fill(self, fill: Fill, account: AccountView) -> Sequence[Intent]:
        """Return intents after a fill, for example a stop moved to breakeven; by default none."""
        return ()
