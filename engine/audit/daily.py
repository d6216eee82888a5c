"""The parts of each day's change of equity, added up again from the derived facts.

The run computes trading as change of equity less interest and revaluation. The audit adds the
trade, fee, funding and dividend facts and the gain in value of the positions, each at the rate of
its instant. Revaluation is the gain in value of the cash less the facts that moved it. The bill is
the derived equity of each day's end x the rate known there x days / 365.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from data_feeds.clock import DAY_NS
from data_feeds.instrument import Wallet
from engine.audit.audited_run import AuditedRun
from engine.audit.cash_and_equity import cash_value, equity_at, position_values
from engine.audit.findings import FindingRecorder
from engine.audit.replay import ReplayStep
from engine.equity_curve import EquityCurve
from engine.records import FactKind, FillStage
from engine.run_folder.schema import DailyRow

DAILY = "daily"
EPOCH = date(1970, 1, 1)
BOOKED = {
    FactKind.TRADE, FactKind.FEE, FactKind.LIQUIDATION_FEE, FactKind.FUNDING, FactKind.DIVIDEND,
    FactKind.BORROW_FEE, FactKind.REBATE,
}  # fmt: skip


@dataclass(slots=True)
class DayParts:
    """Amounts of one day before they are added, in the account's currency."""

    trading: list[float] = field(default_factory=list)
    interest: list[float] = field(default_factory=list)
    bill: list[float] = field(default_factory=list)
    revaluation: list[float] = field(default_factory=list)

    @property
    def over_bill(self) -> float:
        """Trading, interest less the bill, and revaluation."""
        owed = (-amount for amount in self.bill)
        return math.fsum([*self.trading, *self.interest, *owed, *self.revaluation])


def day_parts(runs: Sequence[AuditedRun], curve: EquityCurve) -> dict[int, DayParts]:
    """Return the parts of each day of a curve (days since the epoch), of one run or of sleeves."""
    start = runs[0].files.start
    last_of = {(at - 1) // DAY_NS: at for at in curve.at.tolist() if at > start}
    days, marks = list(last_of), list(last_of.values())
    parts = [DayParts() for _ in days]
    for run in runs:
        _add_facts(run, marks, parts)
        _add_values(run, marks, parts)
        for slot in run.bill:
            place = bisect_right(marks, slot.at)
            if place < len(marks) and not math.isnan(slot.rate):
                owed = equity_at(run, slot.at) * slot.rate * slot.days / 365
                parts[place].bill.append(owed)
    return dict(zip(days, parts, strict=True))


def _add_facts(run: AuditedRun, marks: Sequence[int], parts: Sequence[DayParts]) -> None:
    """Add each booked amount to the first mark that shows it."""
    opened = {fill.fill_id for fill in run.files.fills if fill.stage == FillStage.OPEN.value}
    for fact in run.replay.facts:
        # A fill inside a bar shows at that bar's close; a fill or payment at an open at the next.
        inside = fact.fill_id != 0 and fact.fill_id not in opened
        place = bisect_left(marks, fact.at) if inside else bisect_right(marks, fact.at)
        if place >= len(marks) or fact.memo:
            continue
        amount = fact.amount * run.values.of(fact.wallet, fact.at)
        if fact.kind is FactKind.INTEREST:
            parts[place].interest.append(amount)
        elif fact.kind in BOOKED:
            parts[place].trading.append(amount)
        if not run.values.is_par:
            parts[place].revaluation.append(-amount)


def _add_values(run: AuditedRun, marks: Sequence[int], parts: Sequence[DayParts]) -> None:
    """Add the gain in value of the positions, and of the cash, from mark to mark."""
    before, cash_before = 0.0, start_value(run)
    for at, part in zip(marks, parts, strict=True):
        state = run.replay.through(at, ReplayStep.RANGE)
        unrealized, owned, _ = position_values(state, run, at)
        part.trading += [unrealized + owned, -before]
        before = unrealized + owned
        if not run.values.is_par:
            cash = cash_value(state, run, at)
            part.revaluation += [cash, -cash_before]
            cash_before = cash


def start_value(run: AuditedRun) -> float:
    """Return the config's cash at the rates of the window's start."""
    account, start = run.files.config.account, run.files.start
    venue = account.venue_cash * run.values.of(Wallet.VENUE, start)
    return venue + account.brokerage_cash * run.values.of(Wallet.BROKERAGE, start)


def check_daily(
    rows: Sequence[DailyRow], parts: Mapping[int, DayParts], path: Sequence[float],
    recorder: FindingRecorder,
) -> None:  # fmt: skip
    """Check that every day has its row with the parts that the facts give.

    ``path`` is the equity before the first day and after each.
    """
    recorder.count("days of parts", len(parts))
    recorder.line(DAILY, "all rows").equal("a row a day", len(parts), len(rows))
    days = zip(rows, parts.items(), path, path[1:], strict=False)
    for row, (day, part), before, after in days:
        line = recorder.line(DAILY, f"row of {row.day}")
        line.equal("day", EPOCH + timedelta(days=day), row.day)
        line.amount("equity_before", before, row.equity_before)
        line.amount("equity_after", after, row.equity_after)
        line.amount("trading", math.fsum(part.trading), row.trading)
        line.amount("interest", math.fsum(part.interest), row.interest)
        line.amount("bill", math.fsum(part.bill), row.bill)
        line.amount("revaluation", math.fsum(part.revaluation), row.revaluation)
