"""The plugin contract: what a playbook declares, prepares and decides."""

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
from engine.conditions import Condition
from engine.intents import Intent
from engine.reads import Reads
from engine.records import Fill
from engine.views import AccountView, MarketView

API_VERSION = 1


class PlaybookParams(SortedModel):
    """Base of a playbook's parameters: frozen, unknown keys refused, every field described."""


@dataclass(frozen=True)
class Requirements:
    """What a playbook needs.

    Attributes
    ----------
    clock : key of the bars whose closes are the decision rows
    channels : channels that must be there, the clock's included
    optional : channels that are used where the data have them; absent ones make conditions unknown
    traded : instruments that intents may name; their order says nothing
    warmup_bars : decision rows before the window that ``prepare`` needs
    options : underlyings on which the signals may list contracts; what prices them is loaded
    shorter_ns : required channels that need less history than the clock's warm-up, ns: what there
        is of the rest is loaded, and may have holes
    memory_ns : how far before a row its estimates remember, ns; what lies beyond the warm-up is
        loaded where the data hold it, so that no value depends on where the window begins
    late : required bars that may begin inside the window, as a book's weights may
    files : files, and folders of files, that the rules read beside the data; a relative path lies
        beside the playbook's module. Their contents are part of the run id. A series with dates
        belongs into the data instead, where it is known from an instant on.
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
        """The traded instrument that stands for the run where one must: the clock's, if traded."""
        clock = self.clock.instrument
        return clock if clock in self.traded else min(self.traded, default="")


@dataclass(frozen=True)
class Signals:
    """What ``prepare`` returns; every array has one entry per bar of the clock channel.

    Row *t* depends on rows known at ``decided_at[t]`` only. ``wake_flat`` and ``wake_in_position``
    mark the rows at which the playbook could act without, and with, a plan (a position or a working
    entry); with a plan in some traded instruments and none in others both count. None means every
    row.
    """

    decided_at: NDArray[np.int64]
    values: Mapping[str, NDArray[np.float64]]
    conditions: tuple[Condition, ...] = ()
    wake_flat: NDArray[np.bool_] | None = None
    wake_in_position: NDArray[np.bool_] | None = None
    # Rows worth a line in the journal even when nothing was ordered (the level broke, a setup ran).
    notable: NDArray[np.bool_] | None = None
    # Name of the sequence a row belongs to, e.g. "2026-02-05T14:00Z"; one entry a row, "" for none.
    setup: NDArray[np.str_] | None = field(default=None)
    # The option contract that may be bought from a row on, by its name, "" for none.
    contract: NDArray[np.str_] | None = field(default=None)
    # What was found wrong or absent in the inputs, whole sentences; reports show it, nothing reads.
    remarks: tuple[str, ...] = ()


P = TypeVar("P", bound=PlaybookParams)


class Playbook(ABC, Generic[P]):
    """A set of rules. ``__init__`` stores params; ``on_bar`` reads views and returns intents.

    ``ignored`` names required conditions that this run treats as true (``playbook.ignore``);
    ``prepare`` passes its conditions through ``leave_out`` with it before it decides by them.
    ``risk_defaults`` is what a run's ``risk`` section holds where its file leaves keys out; null
    switches off. ``reads`` is what its code was seen to read.
    """

    name: ClassVar[str]
    api_version: ClassVar[int] = API_VERSION
    Params: ClassVar[type[PlaybookParams]]
    ignored: frozenset[str] = frozenset()
    reads: Reads = Reads()
    risk_defaults: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, params: P) -> None:
        self.params = params

    @classmethod
    @abstractmethod
    def requirements(cls, params: P) -> Requirements:
        """Return what the rules need, given their parameters."""

    @classmethod
    def settle(cls, params: P, instruments: Mapping[str, Instrument]) -> P:
        """Return the parameters with what the instruments' records decide, e.g. companions.

        ``instruments`` are those of the run's data, by id; by default the parameters stay.
        """
        return params

    @abstractmethod
    def prepare(self, data: Dataset) -> Signals:
        """Return causal signals for every row of the clock channel; pure."""

    @abstractmethod
    def on_bar(self, market: MarketView, account: AccountView) -> Sequence[Intent]:
        """Return intents at one decision row; called at wakes (dense mode: at every row)."""

    def on_fill(self, fill: Fill, account: AccountView) -> Sequence[Intent]:
        """Return intents after a fill, e.g. a stop moved to breakeven; by default none."""
        return ()
