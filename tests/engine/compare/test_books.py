"""Counts and warnings of a comparison for rows that are books of weights."""

from types import SimpleNamespace

import pytest

from engine.compare import remarks
from engine.compare.record import CellRecord

CUT = "Orders to buy that were cut for lack of cash in their wallet"


def decision(number, at, intent, plan):
    return {"decision_id": number, "decided_at": at, "intent": intent, "plan_id": plan}


def order(number, filled, reason="", role="entry"):
    return {"decision_id": number, "filled": filled, "end_reason": reason, "role": role}


def cell(decisions=(), orders=(), plans=()):
    tables = {"journal_decisions": decisions, "orders": orders}
    trades = [{"plan_id": plan} for plan in plans]
    return SimpleNamespace(
        files=SimpleNamespace(rows=tables.__getitem__),
        trades=trades,
        item=SimpleNamespace(title="Book", playbook=SimpleNamespace(ignore=())),
        episode=SimpleNamespace(name="2020"),
    )


def test_entries_are_trades_and_the_instants_at_which_a_book_traded():
    # Two instruments bought at instant 1, one at 2, nothing filled at 3; an entry of another kind.
    decisions = [
        decision(1, 1, "rebalance", 1),
        decision(2, 1, "rebalance", 2),
        decision(3, 2, "rebalance", 1),
        decision(4, 3, "rebalance", 2),
        decision(5, 4, "enter", 3),
    ]
    orders = [order(1, 5.0), order(2, 5.0), order(3, 1.0), order(4, 0.0), order(5, 1.0)]
    entries = CellRecord.entries.fget(cell(decisions, orders, plans=(1, 2, 3)))
    assert entries == 2 + 1


@pytest.mark.parametrize(
    ("cut", "whole", "told"),
    [
        (118, 1, [f"{CUT} (Book 2020: 118 of 119)."]),
        (1, 3, []),
        (0, 0, []),
    ],
)
def test_orders_that_lacked_cash_are_told_where_they_are_many(cut, whole, told):
    short = order(1, 0.0, "free cash does not carry the rest")
    # Sales do not count as orders to buy.
    orders = [short] * cut + [order(2, 1.0, "filled")] * whole + [order(3, 1.0, role="exit")]
    assert remarks._starved([cell(orders=orders)]) == told
