"""Compares ledger facts and equity curve with the derived account."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from data_feeds.instrument import Wallet
from engine.audit.audited_run import AuditedRun
from engine.audit.channels import closes
from engine.audit.findings import FindingRecorder, when
from engine.audit.replay import Books, ExpectedFact, ReplayStep, fill_phase, transfer_name
from engine.records import Fact, FactKind
from engine.run_folder.read import RunFolder

LEDGER, EQUITY = "ledger", "equity"
FactName = tuple[str, int, str, int]

_COUNTED = {
    FactKind.TRADE: "trade facts",
    FactKind.FEE: "fees",
    FactKind.LIQUIDATION_FEE: "liquidation fees",
    FactKind.FUNDING: "funding payments",
    FactKind.DIVIDEND: "dividends",
    FactKind.BORROW_FEE: "borrow fees",
    FactKind.REBATE: "rebates",
    FactKind.INTEREST: "interest payments",
    FactKind.TRANSFER: "transfers, out and in",
    FactKind.VENUE_LOSS: "venue losses",
}


def check_facts(run: AuditedRun) -> None:
    """Check that each fact of the rules is there once with its amount, and no other fact is."""
    files, recorder = run.files, run.recorder
    for number, fact in enumerate(files.facts, start=1):
        recorder.line(LEDGER, f"row {number}").equal("fact ids count from 1", number, fact.fact_id)
    _check_deposits(run)
    found = _by_name(files.facts)
    for expected in run.replay.facts:
        recorder.count(_COUNTED[expected.kind])
        what = expected.wallet.value if expected.kind is FactKind.INTEREST else expected.instrument
        name = (expected.kind.value, expected.at, what, expected.fill_id)
        rows = found[name]
        if expected.kind is FactKind.VENUE_LOSS and rows:
            # A deficit and an uncollected fee may be one row or two.
            rows[:] = [replace(rows[0], amount=sum(row.amount for row in rows))]
        if rows:
            # Transfers that arrive at one instant are in the order of their departure.
            _check_fact(expected, rows.pop(0), run)
        elif expected.amount != 0:
            recorder.line(LEDGER, _named(name)).differs(
                "every payment is booked",
                expected=f"{expected.amount:,.8g}",
                found="there is no such row",
            )
    for rows in found.values():
        for extra in rows:
            _refuse(extra, recorder)


def _by_name(facts: Iterable[Fact]) -> defaultdict[FactName, list[Fact]]:
    """Return the facts by kind, instant, instrument and fill; deposits have their own check."""
    found: defaultdict[FactName, list[Fact]] = defaultdict(list)
    for fact in facts:
        if fact.kind != FactKind.DEPOSIT.value:
            is_transfer = fact.kind == FactKind.TRANSFER.value
            what = transfer_name(fact.wallet, fact.amount) if is_transfer else fact.instrument
            what = fact.wallet if fact.kind == FactKind.INTEREST.value else what
            found[(fact.kind, fact.at, what, fact.fill_id)].append(fact)
    return found


def _named(name: FactName) -> str:
    kind, at, instrument, fill_id = name
    return f"{kind} at {when(at)} {instrument}" + (f" of fill {fill_id}" if fill_id else "")


def _refuse(fact: Fact, recorder: FindingRecorder) -> None:
    what = f"{fact.kind} of {fact.amount:,.8g} at {when(fact.at)} {fact.instrument}"
    recorder.line(LEDGER, f"fact {fact.fact_id}").differs(
        "nothing else is booked",
        expected="no such row",
        found=f"found {what}".rstrip(),
    )


def _check_fact(expected: ExpectedFact, fact: Fact, run: AuditedRun) -> None:
    unit = run.unit_of(expected.wallet, expected.at)
    line = run.recorder.line(LEDGER, f"fact {fact.fact_id} ({fact.kind} at {when(fact.at)})")
    rate = run.values.of(expected.wallet, expected.at)
    line.number("account_rate", rate, fact.account_rate)
    line.amount("amount", expected.amount, fact.amount, unit)
    line.equal("wallet", expected.wallet.value, fact.wallet)
    line.equal("memo", expected.memo, fact.memo)
    line.amount("from_margin", expected.from_margin, fact.from_margin, unit)
    if expected.plan_id:
        line.equal("plan_id", expected.plan_id, fact.plan_id)
    if expected.inferred is not None:
        line.equal("inferred", expected.inferred, fact.inferred)
    for column in ("quantity", "price", "rate"):
        value = getattr(expected, column)
        if not math.isnan(value):
            line.number(column, value, getattr(fact, column))


def _check_deposits(run: AuditedRun) -> None:
    """Check that the config's cash is deposited before the first bar opens."""
    files, recorder = run.files, run.recorder
    account = files.config.account
    cash = {Wallet.VENUE: account.venue_cash, Wallet.BROKERAGE: account.brokerage_cash}
    deposits = [fact for fact in files.facts if fact.kind == FactKind.DEPOSIT.value]
    recorder.count("deposits", len(deposits))
    for wallet, amount in cash.items():
        paid = sum((f.amount for f in deposits if f.wallet == wallet.value), start=0.0)
        line = recorder.line(LEDGER, f"deposits into {wallet}")
        line.amount("the config's cash", amount, paid, run.unit_of(wallet, files.start))
    traded = (run.markets[name] for name in files.traded if name in run.markets)
    first = min((market.first_open(files.start) for market in traded), default=0)
    for fact in deposits:
        line = recorder.line(LEDGER, f"fact {fact.fact_id} (deposit)")
        if not files.start <= fact.at <= first:
            line.instant("deposits come before the first bar", files.start, fact.at)
        if fact.wallet in cash:
            value = run.values.of(Wallet(fact.wallet), files.start)
            line.number("account_rate of the window's start", value, fact.account_rate)


def check_equity(run: AuditedRun) -> None:
    """Check that each bar close has one row, equal to the sums of facts, fills and closes."""
    _check_instants(run)
    curve, wallets = run.files.curve, _re_added(run.files)
    booked = booked_values(run)
    shown = {
        Wallet.VENUE: (curve.venue_cash, curve.venue_value),
        Wallet.BROKERAGE: (curve.brokerage_cash, curve.brokerage_value),
        Wallet.TRANSIT: (curve.transit_cash, curve.transit_value),
    }
    for index, at in enumerate(curve.at.tolist()):
        line = run.recorder.line(EQUITY, f"row at {when(at)}")
        state = run.replay.through(at, ReplayStep.RANGE)
        unrealized, owned, notional = position_values(state, run, at)
        for wallet, (cash, values) in shown.items():
            unit, found = run.unit_of(wallet, at), float(cash[index])
            added, value = wallets[wallet][index], state.cash[wallet] * run.values.of(wallet, at)
            line.amount(f"{wallet} cash is the sum of its facts", added, found, unit)
            line.amount(f"{wallet} cash", state.cash[wallet], found, unit)
            line.amount(f"{wallet} value", value, float(values[index]))
        revalued = cash_value(state, run, at) - booked[index]
        line.amount("revaluation", revalued, float(curve.revaluation[index]))
        line.amount("unrealized", unrealized, float(curve.unrealized[index]))
        line.amount("owned", owned, float(curve.owned[index]))
        line.amount("gross_notional", notional, float(curve.gross_notional[index]))
        line.amount("equity", equity_at(run, at), float(curve.equity[index]))
    run.recorder.count("points of the equity curve", len(curve.at))


def _check_instants(run: AuditedRun) -> None:
    files, markets, recorder = run.files, run.markets, run.recorder
    at = files.curve.at
    if np.any(at[1:] <= at[:-1]):
        row = int(np.argmax(at[1:] <= at[:-1])) + 1
        recorder.line(EQUITY, f"row {row}").differs(
            "rows are in order of time",
            expected=f"an instant after {when(int(at[row - 1]))}",
            found=f"found {when(int(at[row]))}",
        )
    traded = [market for name, market in markets.items() if name in files.traded]
    needed = closes(traded, files.start, files.end)
    for missing in np.setdiff1d(needed, at).tolist():
        recorder.line(EQUITY, f"row at {when(missing)}").differs(
            "every bar close has a row",
            expected="a row",
            found="there is none",
        )
    for extra in np.setdiff1d(at, needed).tolist():
        recorder.line(EQUITY, f"row at {when(extra)}").differs(
            "every row is a bar close",
            expected="no row",
            found="found one",
        )


def equity_at(run: AuditedRun, at: int) -> float:
    """Return the account's equity at an instant, before its payments and opens."""
    state = run.replay.through(at, ReplayStep.RANGE)
    unrealized, owned, _ = position_values(state, run, at)
    return cash_value(state, run, at) + unrealized + owned


def cash_value(state: Books, run: AuditedRun, at: int) -> float:
    """Return the cash of all wallets at the rates of an instant."""
    return sum(cash * run.values.of(wallet, at) for wallet, cash in state.cash.items())


def booked_values(run: AuditedRun) -> list[float]:
    """Return the facts booked by each row of the curve, each at the rate of its own instant.

    Less the value of all cash this is no gain of the account but the work of the rates.
    """
    files, wallets = run.files, {wallet.value: wallet for wallet in Wallet}
    stages = {fill.fill_id: fill_phase(fill) for fill in files.fills}
    rows = []
    for fact in files.facts:
        if not fact.memo and fact.wallet in wallets:
            at = files.start if fact.kind == FactKind.DEPOSIT.value else fact.at
            value = fact.amount * run.values.of(wallets[fact.wallet], at)
            rows.append((_step(fact, stages), value))
    return _running(sorted(rows), files.curve.at.tolist())


def position_values(state: Books, run: AuditedRun, at: int) -> tuple[float, float, float]:
    """Return unrealized profit of perps, value of owned assets, and gross notional.

    All are in the account's currency, at the rate of the instant.
    """
    markets = run.markets
    unrealized = owned = notional = 0.0
    for name, held in state.holdings.items():
        if held.quantity == 0:
            continue
        mark, rules = markets[name].value_mark(at), markets[name].rules
        rate = run.values.of_instrument(markets[name].instrument, at)
        notional += rules.value(held.quantity, mark) * rate
        if rules.is_margined:
            unrealized += rules.profit(held.quantity, held.average, mark) * rate
        else:
            owned += held.quantity * mark * rate
    return unrealized, owned, notional


def _re_added(files: RunFolder) -> dict[Wallet, list[float]]:
    """Return each wallet at every row of the curve as the plain sum of the facts booked by then."""
    stages = {fill.fill_id: fill_phase(fill) for fill in files.fills}
    moves = [fact for fact in files.facts if not fact.memo]
    wallets = {}
    for wallet in Wallet:
        rows = [(_step(fact, stages), fact.amount) for fact in moves if fact.wallet == wallet.value]
        wallets[wallet] = _running(sorted(rows), files.curve.at.tolist())
    return wallets


def _step(fact: Fact, stages: Mapping[int, ReplayStep]) -> tuple[int, ReplayStep]:
    default = ReplayStep.RANGE if fact.kind == FactKind.DEPOSIT.value else ReplayStep.PAY
    return fact.at, stages.get(fact.fill_id, default)


def _running(
    rows: Sequence[tuple[tuple[int, ReplayStep], float]], instants: Iterable[int]
) -> list[float]:
    balances, total, used = [], 0.0, 0
    for at in instants:
        while used < len(rows) and rows[used][0] <= (at, ReplayStep.RANGE):
            total += rows[used][1]
            used += 1
        balances.append(total)
    return balances
