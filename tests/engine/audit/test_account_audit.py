"""The audit of an account: simulated accounts are clean, and every altered row is found."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from engine.account.sessions_in_step import AccountGuards
from engine.audit import account_audit, audit_account, format_report
from engine.audit.contract_formulas import position_rules
from engine.audit.replay import Books, Holding, ReplayStep
from engine.audit.run_audit import audited
from engine.config.venue import VenueConfig
from engine.decision_terms import Cap, IntentKind
from engine.errors import ReportError
from engine.records import OrderRole
from engine.risk.account_limits import AccountLimits
from engine.run_folder.read import is_account
from engine.run_folder.schema import ACCOUNT_FILE
from tests.engine.inverse_market import XBT
from tests.engine.joint import random_account, written

GROUPS = [(first, first + 1) for first in range(0, 60, 2)]
# A guard or an empty wallet ends an entry without a fill; a later entry buys the same market.
GROUPS += [(20782, 1987), (12849, 15902, 8379), (10062, 20744), (7070, 13724), (4340, 14606, 8911)]
VENUE = VenueConfig(maintenance=({"floor": 0, "rate": 0.004},))
LEAST = {"trips": 20, "halts": 5, "losses": 5, "capped": 50, "sold": 15, "blocked": 15}


def audit(folder, account):
    """Audit each sleeve against its own data: random cases share names, not data."""
    data = {name: run.dataset for name, run in account.sleeves.items()}
    with mock.patch.object(
        account_audit, "audited", lambda path, _: audited(path, data[path.name])
    ):
        return audit_account(folder, next(iter(data.values())))


def met(account):
    """Return the kinds of events that happened in an account."""
    outcomes = [run.outcome for run in account.sleeves.values()]
    trips = [event.guard for event in account.joint.guard_events if event.event == "tripped"]
    decided = [d for outcome in outcomes for d in outcome.decisions]
    orders = [o for outcome in outcomes for o in outcome.orders]
    return Counter(
        {
            "trips": len(trips),
            "halts": trips.count("drawdown halt"),
            "losses": len(trips) - trips.count("drawdown halt"),
            "capped": sum(d.binding_cap.startswith("account_") for d in decided if d.quantity > 0),
            "sold": sum(o.role == "guard" and o.reason.startswith("account ") for o in orders),
            "blocked": sum(d.blocked_by.startswith("account ") for d in decided),
        }
    )


@pytest.mark.parametrize("seeds", GROUPS, ids=str)
def test_random_accounts_audit_clean(seeds, tmp_path):
    account = random_account(seeds)
    folder = written(account, tmp_path)
    assert is_account(folder)
    report = audit(folder, account)
    assert report.ok, format_report(report)
    assert report.checks["sleeves"] == len(seeds)


def test_the_accounts_met_what_they_are_for():
    seen = sum((met(random_account(seeds)) for seeds in GROUPS), Counter())
    assert not {what: seen[what] for what, least in LEAST.items() if seen[what] < least}


@pytest.mark.parametrize(
    ("cap", "side", "held"),
    [
        (Cap.ACCOUNT_LEVERAGE, 1, 20_000.0),
        (Cap.ACCOUNT_NET, 1, -20_000.0),
        (Cap.ACCOUNT_NET, -1, 20_000.0),
    ],
)
def test_a_held_inverse_perp_counts_with_its_value_under_the_accounts_caps(cap, side, held):
    # A short of 16,000 contracts of 1 USD at 8,000 is 2 BTC, at 10,000 USD a BTC 20,000 USD.
    market = SimpleNamespace(
        instrument=XBT, rules=position_rules(VENUE, XBT), value_mark=lambda at: 8_000.0
    )
    state = Books(0, ReplayStep.RANGE, {}, {XBT.id: Holding(-16_000.0, 8_000.0)})
    run = SimpleNamespace(
        replay=SimpleNamespace(through=lambda at, step: state),
        markets={XBT.id: market},
        values=SimpleNamespace(of_instrument=lambda instrument, at: 10_000.0),
    )
    sums = SimpleNamespace(_runs={"one": run}, _crypto={XBT.id})
    decision = SimpleNamespace(instrument=XBT.id, direction=side, decided_at=7)
    assert account_audit._SleeveSum._held(sums, cap, decision) == pytest.approx(held)


@pytest.mark.parametrize(
    ("bought", "sold", "freed"), [(1, 1, 500.0), (1, -1, -500.0), (-1, -1, 500.0), (-1, 1, -500.0)]
)
def test_a_sale_gives_net_room_to_its_own_side_only(bought, sold, freed):
    # 5 shares at 100. A short of 500 that is covered makes room for another short of 500.
    def decision(number, direction):
        return SimpleNamespace(
            decision_id=number,
            decided_at=7,
            instrument="AAA",
            intent=IntentKind.REBALANCE,
            direction=direction,
            quantity=5.0,
            entry_estimate=100.0,
        )

    purchase, sale = decision(1, bought), decision(2, sold)
    market = SimpleNamespace(
        instrument=None, rules=SimpleNamespace(value=lambda quantity, price: quantity * price)
    )
    exits = [SimpleNamespace(decision_id=2, role=OrderRole.EXIT)]
    run = SimpleNamespace(
        files=SimpleNamespace(orders=exits, decisions=[purchase, sale]),
        markets={"AAA": market},
        values=SimpleNamespace(of_instrument=lambda instrument, at: 1.0),
    )
    assert account_audit._freed(Cap.ACCOUNT_NET, run, purchase, set()) == freed
    assert account_audit._freed(Cap.ACCOUNT_LEVERAGE, run, purchase, set()) == 500.0


def test_a_folder_that_was_renamed_or_named_by_a_dot_audits_the_same(tmp_path, monkeypatch):
    account = random_account((0, 1))
    folder = written(account, tmp_path)
    moved = folder.rename(tmp_path / "copy")
    assert audit(moved, account).ok
    monkeypatch.chdir(moved)
    assert audit(Path(), account).ok


def first_with(*wanted):
    """Return the first account that met all wanted events."""
    for seeds in GROUPS:
        account = random_account(seeds)
        if all(met(account)[what] for what in wanted):
            return account
    return pytest.fail(f"no account has {wanted}")


@pytest.fixture(scope="module")
def eventful():
    return first_with("sold", "capped")


def rules(report):
    return {finding.rule for finding in report.findings}


@pytest.mark.parametrize(
    ("name", "change", "rule"),
    [
        ("guards", lambda t: t.slice(1), "trips"),
        ("guards", lambda t: pa.concat_tables([t, moved(t, 0)]), "trips"),
        ("guards", lambda t: scaled(t, "equity", 0), "equity at the event"),
        ("equity", lambda t: scaled(t, "equity", 5), "equity is the sum of the sleeves"),
        ("equity", lambda t: t.slice(1), "one row at every close of a sleeve"),
    ],
)
def test_no_row_of_an_account_can_be_touched(eventful, tmp_path, name, change, rule):
    folder = written(eventful, tmp_path)
    path = folder / f"{name}.parquet"
    pq.write_table(change(pq.read_table(path)), path)
    assert rule in rules(audit(folder, eventful))


def scaled(table, column, row):
    values = table[column].to_pylist()
    values[row] *= 1.001
    index = table.column_names.index(column)
    return table.set_column(index, table.schema.field(column), pa.array(values, pa.float64()))


def moved(table, row):
    """Return a row moved by an hour."""
    later = table.slice(row, 1)
    at = pa.array([later["at"].cast(pa.int64())[0].as_py() + 3_600 * 10**9]).cast(
        table.schema.field("at").type
    )
    return later.set_column(table.column_names.index("at"), table.schema.field("at"), at)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda c: c.update(capital=c["capital"] * 1.01), "cash at the venue"),
        (lambda c: first_sleeve(c)["risk"].update(risk_fraction=0.011), "risk as in the account"),
        (lambda c: first_sleeve(c)["playbook"].update(name="other"), "playbook as in"),
        (lambda c: c["venue"].update(taker_fee_bps=50.0), "venue as in the account"),
        (lambda c: c["data"].update(end="2030-01-01T00:00:00Z"), "data as in the account"),
        (lambda c: c["account"].update(leverage_setting=7), "account as in the account"),
    ],
)
def test_a_sleeve_runs_with_what_the_account_gives_it(eventful, tmp_path, change, rule):
    folder = written(eventful, tmp_path)
    path, yaml = folder / ACCOUNT_FILE, YAML(typ="safe", pure=True)
    document = yaml.load(path.read_text())
    change(document)
    yaml.dump(document, path)
    assert any(found.startswith(rule) for found in rules(audit(folder, eventful)))


@pytest.mark.parametrize("name", ["total_return", "turnover", "trades", "start_equity"])
def test_a_headline_number_of_the_account_that_was_touched_is_found(eventful, tmp_path, name):
    folder = written(eventful, tmp_path)
    path = folder / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: 9.99}))
    # The seal is broken, and the number is not the audit's number.
    assert rules(audit(folder, eventful)) == {f"{name} again", "as it was written"}


def first_sleeve(document):
    return next(iter(document["sleeves"].values()))


def test_a_config_that_cannot_be_read_is_named(eventful, tmp_path):
    folder = written(eventful, tmp_path)
    (folder / ACCOUNT_FILE).write_text("capital: none\n")
    with pytest.raises(ReportError, match=ACCOUNT_FILE):
        audit_account(folder)


# The account breaks one rule.


def guards_judge_one_sleeve(patch):
    patch.setattr(
        AccountGuards, "equity", lambda self, t: 2 * self._sessions[0].simulator.equity_at(t)
    )


def nothing_is_sold(patch):
    original = AccountGuards.flatten_reason

    def flatten_reason(self, t):
        original(self, t)

    patch.setattr(AccountGuards, "flatten_reason", flatten_reason)


def nothing_is_blocked(patch):
    patch.setattr(AccountLimits, "blocked_by", lambda self, at: None)
    patch.setattr(AccountLimits, "tier", lambda self: ("normal", 1.0))


def caps_forget_the_others(patch):
    original = AccountLimits.rooms

    def rooms(self, instrument, direction, **more):
        whole = self.sleeves
        self.sleeves = lambda: [type(sleeve)(equity=sleeve.equity, gross=0.0) for sleeve in whole()]
        try:
            return original(self, instrument, direction, **more)
        finally:
            self.sleeves = whole

    patch.setattr(AccountLimits, "rooms", rooms)


def caps_forget_working_orders(patch):
    original = AccountLimits.rooms

    def rooms(self, instrument, direction, **more):
        whole = self.sleeves
        self.sleeves = lambda: [
            replace(each, working={}, gross=each.gross - sum(map(abs, each.working.values())))
            for each in whole()
        ]
        try:
            return original(self, instrument, direction, **more)
        finally:
            self.sleeves = whole

    patch.setattr(AccountLimits, "rooms", rooms)


def the_net_cap_is_off(patch):
    original = AccountLimits.rooms

    def rooms(self, *instrument, **more):
        return {
            name: 1e12 if name == "account_net" else room
            for name, room in original(self, *instrument, **more).items()
        }

    patch.setattr(AccountLimits, "rooms", rooms)


FAULTS = {
    guards_judge_one_sleeve: ("equity at the event", "trips"),
    nothing_is_sold: ("sells everything", "sold"),
    nothing_is_blocked: ("no entry while the account's", "blocked"),
    caps_forget_the_others: ("room of the account's", "capped"),
    caps_forget_working_orders: ("room of the account's", "capped"),
    the_net_cap_is_off: ("room of the account's net cap", "capped"),
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_an_account_that_breaks_a_rule_is_found(fault, tmp_path, monkeypatch):
    rule, needed = FAULTS[fault]
    seeds = [seeds for seeds in GROUPS if met(random_account(seeds))[needed]]
    fault(monkeypatch)
    for place, chosen in enumerate(seeds):
        account = random_account(chosen)
        folder = written(account, tmp_path / str(place))
        if any(rule in found for found in rules(audit(folder, account))):
            return
    pytest.fail(f"nothing is found by the rule: {rule}")
