"""The schema of a run folder: its files, its format, its tables and their columns.

One row of a table is one dataclass; its fields are the columns. Instants are int64 nanoseconds UTC
in a dataclass and UTC timestamps in a table. Two kinds of instants are empty cells: an instant that
has not come (``UNSET``), and an instant from ``EMPTY_CELL_FROM`` on (a guard that is never
released).
"""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

from data_feeds.clock import text_ns
from engine.errors import ReportError
from engine.records import Decision, Fact, Fill, GuardEvent, OrderRow, Overlay, Trade
from engine.trailing_stop import TrailDistance

# Add 1 when a file, a column or the meaning of a number in a folder changes. `riskoff diff` reads
# earlier formats too (`OLDEST_FORMAT` in engine/answers/run_diff/diff_side.py).
FORMAT = 4
RUN_ID_DIGITS = 12
FOLDER_NAME = re.compile(rf"(?P<name>.+)-(?P<run_id>[0-9a-f]{{{RUN_ID_DIGITS}}})")

SEALS_FILE = "seals.json"
TIMING_FILE = "timing.json"
CONFIG_FILE = "config.resolved.yaml"
ACCOUNT_FILE = "account.resolved.yaml"
MANIFEST_FILE = "manifest.json"
SLEEVES_FOLDER = "sleeves"
METRICS_FILE = "metrics.json"
CONDITIONS_FILE = "conditions.json"

EMPTY_CELL_FROM = text_ns("2100-01-01")
# A cap of a decision has two columns: the quantity that it allowed, and the size after it.
CAP_PREFIX, SIZE_AFTER_PREFIX = "cap_", "size_after_"

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class DailyRow:
    """The parts of one UTC day's change of equity; see ``engine.daily_money.DailyMoney``."""

    day: date
    equity_before: float
    equity_after: float
    trading: float
    interest: float
    bill: float
    revaluation: float


@dataclass(frozen=True, slots=True)
class AccountInterval:
    """One instrument's account state over ``[from_at, until_at)``, int64 ns UTC.

    ``detail`` names the guard of a halt or cool-down; ``plan_id`` is 0 where no plan is concerned.
    """

    from_at: int
    until_at: int
    instrument: str
    state: str
    plan_id: int
    detail: str


@dataclass(frozen=True, slots=True)
class HedgeLine:
    """One hedge over the whole window, quote.

    ``count`` is the number of its trades or calendar months (UTC), as ``unit`` says; ``days`` is
    the time that the hedge was on. ``cost`` is the sum of the losses (zero or negative),
    ``benefit`` the sum of the gains, ``net`` both together.
    """

    hedge: str
    unit: str
    count: int
    days: float
    cost: float
    benefit: float
    net: float


@dataclass(frozen=True, slots=True)
class SleeveLine:
    """One sleeve of an account in one line; money in quote, rates as fractions.

    ``contribution`` is its net result over the account's cash at the start. ``capped`` counts the
    entries whose size a cap of the account set, ``blocked`` the entries that a guard of the account
    forbade, ``sold`` the exits that a guard of the account ordered.
    """

    sleeve: str
    playbook: str
    run_id: str
    start_equity: float
    end_equity: float
    total_return: float
    max_drawdown: float
    contribution: float
    trades: int
    capped: int
    blocked: int
    sold: int


@dataclass(frozen=True)
class TableOf(Generic[Row]):
    """A table that holds one dataclass a row: its file name without ``.parquet``, and the class."""

    name: str
    row_type: type[Row]


ORDERS = TableOf("orders", OrderRow)
FILLS = TableOf("fills", Fill)
TRADES = TableOf("trades", Trade)
LEDGER = TableOf("ledger", Fact)
GUARDS = TableOf("guards", GuardEvent)
DAILY = TableOf("daily", DailyRow)
DECISIONS = TableOf("journal_decisions", Decision)
ACCOUNT_STATES = TableOf("journal_account", AccountInterval)
OVERLAYS = TableOf("overlays", Overlay)
HEDGES = TableOf("hedges", HedgeLine)
TRAIL_DISTANCES = TableOf("trail_distances", TrailDistance)
SLEEVES = TableOf("sleeves", SleeveLine)
# Tables without a row class. Their columns: the fields of ``EquityCurve``; some columns a
# condition; one instant; an instant and a column a sleeve.
EQUITY = "equity"
CONDITION_ROWS = "journal_conditions"
DECISION_ROWS = "decision_rows"
SLEEVE_EQUITY = "sleeve_equity"

# The instant that orders the rows of a table, where it is not called ``at``.
_INSTANT_OF_ROW = {
    ORDERS.name: "decided_at",
    TRADES.name: "entered_at",
    DECISIONS.name: "decided_at",
    ACCOUNT_STATES.name: "from_at",
    DAILY.name: "day",
}


def is_instant(column: str) -> bool:
    """Return whether a column of this name holds instants."""
    return column in ("at", "until") or column.endswith("_at")


def instant_of_row(table: str) -> str:
    """Return the column whose instant orders the rows of a table.

    >>> instant_of_row("fills"), instant_of_row("trades")
    ('at', 'entered_at')
    """
    return _INSTANT_OF_ROW.get(table, "at")


def closed_set(hint: Any) -> type[StrEnum] | None:
    """Return the closed set of texts that a column may hold, None for other columns."""
    for kind in (hint, *get_args(hint)):
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return kind
    return None


def unreadable(path: Path, why: object) -> ReportError:
    """Return the error of a file with contents that no run writes."""
    reason = " ".join(str(why).split())
    return ReportError(f"{path}: cannot be read ({reason}); run again")
