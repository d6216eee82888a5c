"""Rows of an account's page about all of its sleeves: ladders, caps that set sizes, transfers."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from data_feeds.clock import utc_text
from data_feeds.instrument import Wallet
from engine.account.folder import AccountRecord
from engine.answers.ladder_history import (
    FULL_SIZE,
    HALTED,
    LadderHistory,
    ladder_history,
    stricter,
)
from engine.decision_terms import RISK_ADDING, Cap, DecisionOutcome
from engine.formatting import MISSING, money, number, percent, percent_share
from engine.pages.run_rows import Rows
from engine.records import Fact, FactKind
from engine.results.manifest import assumptions

ACCOUNT = "account"
_OTHER_END = {
    Wallet.VENUE.value: Wallet.BROKERAGE.value,
    Wallet.BROKERAGE.value: Wallet.VENUE.value,
}


def ladders_of(record: AccountRecord) -> dict[str, LadderHistory]:
    """Return the ladders of the account and of its sleeves by name; equal ones share an entry.

    New positions of a sleeve follow the stricter of its own ladder and the account's. A sleeve's
    ladder reads its own closes only, because its guards see no others.
    """
    joint, found = record.account.joint, dict[str, LadderHistory]()
    closes = record.curve.at
    rules = record.account.config.risk.drawdown
    if rules is not None:
        found[ACCOUNT] = ladder_history(
            record.curve, joint.guard_events, rules, record.start_equity
        )
    for name, sleeve in record.records.items():
        own, above = sleeve.run.config.risk.drawdown, found.get(ACCOUNT)
        if own is not None:
            outcome = sleeve.run.outcome
            seen = ladder_history(outcome.curve, outcome.guard_events, own, sleeve.start_equity)
            found[name] = stricter(seen.carried_to(closes), above)
        elif above is not None:
            found[name] = above
    return _grouped(found)


def _grouped(ladders: Mapping[str, LadderHistory]) -> dict[str, LadderHistory]:
    groups: dict[bytes, list[str]] = defaultdict(list)
    for name, ladder in ladders.items():
        groups[ladder.factor.tobytes()].append(name)
    return {", ".join(names): ladders[names[0]] for names in groups.values()}


def rung_rows(ladders: Mapping[str, LadderHistory]) -> Rows:
    """Return one row a ladder and factor: share of time, entries into it; a heading row first."""
    rows: Rows = [("ladder of", "size of new positions", "of the time", "times entered", "first")]
    for name, ladder in ladders.items():
        for factor, share in ladder.shares().items():
            entered = ladder.entered(factor)
            rows.append(
                (
                    name,
                    _size(factor),
                    percent_share(share, 1),
                    number(len(entered)),
                    utc_text(int(entered[0])) if len(entered) else MISSING,
                )
            )
    return rows


def _size(factor: float) -> str:
    """Return a factor in words.

    >>> _size(1.0), _size(0.25), _size(0.0)
    ('full', '25% of full', 'none: halted')
    """
    words = {FULL_SIZE: "full", HALTED: "none: halted"}
    return words.get(factor, f"{percent(factor, 0)} of full")


def cap_rows(record: AccountRecord) -> Rows:
    """Return the caps that set the size of approved entries: their owner, a count a sleeve."""
    counts = {
        name: Counter(
            str(decision.binding_cap)
            for decision in sleeve.run.outcome.decisions
            if decision.binding_cap
            and decision.intent in RISK_ADDING
            and decision.outcome is DecisionOutcome.APPROVED
        )
        for name, sleeve in record.records.items()
    }
    total: Counter[str] = sum(counts.values(), start=Counter())
    rows: Rows = [("cap", "set by", *counts)]
    for cap, _ in sorted(total.items(), key=lambda item: (-item[1], item[0])):
        named = Cap.named(cap)
        rows.append((named.rule, named.scope.value, *(number(c[cap]) for c in counts.values())))
    return rows


def transfer_rows(record: AccountRecord) -> Rows:
    """Return the cash that each sleeve sent between its wallets, a heading row first."""
    rows: Rows = [("sleeve", "from", "to", "times", "amount", "first sent", "last sent")]
    for name, sleeve in record.records.items():
        for wallet, facts in _sent(sleeve.run.outcome.facts).items():
            rows.append(
                (
                    name,
                    wallet,
                    _OTHER_END[wallet],
                    number(len(facts)),
                    money(-sum(fact.amount for fact in facts)),
                    utc_text(facts[0].at),
                    utc_text(facts[-1].at),
                )
            )
    return rows


def shared_assumptions(record: AccountRecord) -> list[str]:
    """Return the assumptions of all sleeves; one that some sleeves do not share names its own."""
    told = {name: assumptions(sleeve) for name, sleeve in record.records.items()}
    found = []
    for sentence in dict.fromkeys(line for lines in told.values() for line in lines):
        owners = [name for name, lines in told.items() if sentence in lines]
        whose = "" if len(owners) == len(told) else f"{', '.join(owners)}: "
        found.append(f"{whose}{sentence}")
    return found


def _sent(facts: Iterable[Fact]) -> dict[str, list[Fact]]:
    """Return the departures by wallet; an arrival leaves the wallet of cash in transit."""
    found: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        if fact.kind == FactKind.TRANSFER and fact.amount < 0 and fact.wallet in _OTHER_END:
            found[fact.wallet].append(fact)
    return found
