"""The answer for one day as data: text, JSON and page are made from it and from nothing else.

Instants are texts such as ``2026-02-06T03:00Z``; a number that does not exist is None.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from engine.checklist import DayReport

NO_ORDERS = "Riskoff places no order: it prints what the rules would send."


class Verdict(StrEnum):
    """Name the answers of a day; the command has an exit code for each."""

    WAIT = "wait"
    REDUCE = "reduce"
    HEDGE = "hedge"
    TOO_OLD = "data too old"


@dataclass(frozen=True)
class InputAge:
    """The newest row of one channel that was known at an instant, and its age.

    ``limit_hours`` is the age above which the reader counts the row as missing; ``why`` says why an
    input is stale, "" where it is not. An absent channel has no ``newest``.
    """

    reader: str
    channel: str
    newest: str | None
    age_hours: float | None
    limit_hours: float | None
    is_stale: bool
    why: str


@dataclass(frozen=True)
class Flip:
    """A condition or a step of the checklist whose truth differs from the day before."""

    name: str
    before: str
    now: str
    measured: float | None
    threshold: float | None
    unit: str
    description: str


@dataclass(frozen=True)
class MarketDay:
    """The checklist's newest reading, and the changes since the reading a day earlier.

    ``changes`` are (label, before, now) of action, tier, regime and driver where they differ.
    ``missing`` says why the reading is too old to act on, "" where it is not.
    """

    day: DayReport
    compared_with: str
    clock: str
    next_at: str
    changes: tuple[tuple[str, str, str], ...]
    flips: tuple[Flip, ...]
    missing: str


@dataclass(frozen=True)
class ConditionNow:
    """One condition of a playbook at its last decision row.

    ``away`` is measured less threshold, in ``unit``. ``age_hours`` is that of its oldest input.
    ``because`` are the conditions that it is made of, and other grounds for its truth.
    """

    name: str
    truth: str
    required: bool
    group: str
    measured: float | None
    threshold: float | None
    away: float | None
    unit: str
    age_hours: float | None
    description: str
    because: str = ""


@dataclass(frozen=True)
class OrderNow:
    """An order that is to be sent, or that works; quantities in base units, prices in quote.

    ``quantity`` is that of the position where the order closes all of it, and None for a target,
    which closes ``fraction`` of the filled entry. ``opens_at`` is the open at which a market order
    fills; ``has_opened`` says that it lies before the asked instant. ``stop`` and ``targets``
    (price, share of the entry) are those of an entry's plan. The size is the smallest of ``caps``
    (name, quantity allowed), of which ``binding_cap`` is the name, times ``multiplier``.
    ``risk_at_stop`` is the loss at the stop with costs, in the account's currency. ``moved_from``
    is the earlier level of a stop that moved at the last close or decision, None for all others.
    """

    instrument: str
    role: str
    side: str
    kind: str
    quantity: float | None
    price: float | None
    decided_at: str
    opens_at: str
    has_opened: bool
    reason: str
    closes_position: bool = False
    moved_from: float | None = None
    fraction: float | None = None
    stop: float | None = None
    targets: tuple[tuple[float, float], ...] = ()
    entry_estimate: float | None = None
    risk_at_stop: float | None = None
    binding_cap: str = ""
    caps: tuple[tuple[str, float], ...] = ()
    multiplier: float | None = None
    leverage_setting: int | None = None
    tier: str = ""
    market_tier: str = ""


@dataclass(frozen=True)
class InstrumentNow:
    """One traded instrument: the account's state in it, the position, the last close.

    ``value`` is the market value of what is owned, or the open profit of a margined position, in
    the account's currency. ``price_unit`` is that of ``close`` and ``average_entry``.
    """

    instrument: str
    state: str
    detail: str
    quantity: float
    average_entry: float | None
    is_margined: bool
    value: float | None
    close: float
    closed_at: str
    price_unit: str = ""


@dataclass(frozen=True)
class CashToSend:
    """A transfer between the wallets that the last row decided; ``amount`` is unsigned."""

    to: str
    amount: float
    reason: str


@dataclass(frozen=True)
class PlaybookDay:
    """One run up to its last bar.

    Attributes
    ----------
    name, playbook : of the run, and of its rules
    begun_at, venue_cash, brokerage_cash : the account begins flat, with this cash
    venue_currency, brokerage_currency : of the cash in each wallet
    currency : of equity, transfers in transit and limits
    rows_to : the newest close of the bars that the rules require
    decided_at : the last decision row
    in_transit : cash on its way between the wallets, account currency
    to_send, to_cancel : the orders to place or move, and those to cancel
    setup, stage : the setup that runs, and the state that the rules name; "" for none
    refused : what the rules asked for at the last row and risk refused
    is_begun : false where the run begins later than the asked instant; then nothing is known
    problem : why there is no answer to act on; where no bar is known, all of the above is empty
    """

    name: str
    playbook: str
    begun_at: str
    venue_cash: float
    brokerage_cash: float
    currency: str
    venue_currency: str = ""
    brokerage_currency: str = ""
    rows_to: str = ""
    decided_at: str = ""
    equity: float | None = None
    in_transit: float = 0.0
    setup: str = ""
    stage: str = ""
    conditions: tuple[ConditionNow, ...] = ()
    instruments: tuple[InstrumentNow, ...] = ()
    to_send: tuple[OrderNow, ...] = ()
    to_cancel: tuple[OrderNow, ...] = ()
    transfers: tuple[CashToSend, ...] = ()
    working: tuple[OrderNow, ...] = ()
    refused: tuple[str, ...] = ()
    inputs: tuple[InputAge, ...] = ()
    is_synthetic: bool = False
    is_begun: bool = True
    problem: str = ""


@dataclass(frozen=True)
class NextRelease:
    """The next publication of some series: its instant, and the reference date of the values.

    A publication of several days names the first and the last one. Of earnings the date is known,
    not the time of day: ``at`` and ``reference_date`` are that date.
    """

    at: str
    series: tuple[str, ...]
    reference_date: str
    source: str
    is_confirmed: bool


@dataclass(frozen=True)
class FetchedRows:
    """The new rows by channel, and the channels whose source failed."""

    rows: Mapping[str, int]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class TodayReport:
    """Everything that ``riskoff today`` says."""

    at: str
    new_york: str
    data: str
    is_synthetic: bool
    market: MarketDay
    playbooks: tuple[PlaybookDay, ...]
    inputs: tuple[InputAge, ...]
    releases: tuple[NextRelease, ...]
    fetched: FetchedRows | None = None

    @property
    def too_old(self) -> tuple[str, ...]:
        """Return each reason for which the data are too old to act on."""
        found = [f"checklist: {self.market.missing}"] if self.market.missing else []
        return (*found, *(f"{p.name}: {p.problem}" for p in self.playbooks if p.problem))

    @property
    def verdict(self) -> Verdict:
        """Return the answer: the checklist's action, unless something asked for is too old."""
        return Verdict.TOO_OLD if self.too_old else Verdict(self.market.day.action)

    def document(self) -> dict[str, Any]:
        """Return the report for JSON, the answer first."""
        answer = {
            "verdict": self.verdict.value,
            "too_old": list(self.too_old),
            "places_orders": False,
            "note": NO_ORDERS,
        }
        return answer | asdict(self)
