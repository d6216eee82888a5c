"""Runs with balanced books whose simulator broke a rule: the audit names the rule.

Each case edits the hand-made run as a faulty simulator would write it, or audits the run against
another market.
"""

import ast
from pathlib import Path

import pytest

import engine.audit
from data_feeds.dataset import Dataset
from engine.audit import audit_run

HOUR = 3_600 * 10**9
FORBIDDEN = ("ledger", "broker", "contracts", "costs", "bt", "risk", "results", "trades", "run")


def rules_broken(run, tmp_path):
    return {finding.rule for finding in audit_run(run.write(tmp_path / "run"), run.data).findings}


def with_candle(run, hour, *, kinds=("bars", "mark"), **prices):
    """The run on a market in which the bar that opens ``hour`` hours after the start differs."""
    channels = dict(run.data.channels)
    for key, channel in channels.items():
        if key.kind.value in kinds:
            columns = {name: values.copy() for name, values in channel.columns.items()}
            for column, value in prices.items():
                if column in columns:
                    columns[column][hour + 1] = value
            channels[key] = type(channel)(key, columns)
    run.data = Dataset(run.data.instruments, channels)
    return run


def row_of(run, table, **wanted):
    return next(
        row
        for row in run.tables[table]
        if all(row[name] == value for name, value in wanted.items())
    )


def test_the_audit_shares_no_code_with_what_it_audits():
    for path in Path(engine.audit.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert not any(name.split(".")[:2] == ["engine", part] for part in FORBIDDEN), path


def test_a_touched_stop_that_did_not_fill(new_run, tmp_path):
    # The stop of plan 1 stands at 95; the low of the bar of 03:00 is now 94.
    run = with_candle(new_run(), 3, low=94.0)
    assert "plan 1: what is touched fills" in rules_broken(run, tmp_path)


@pytest.mark.parametrize(
    ("limit_fill", "high", "found"),
    [("through", 120.0, False), ("through", 120.1, True), ("touch", 120.0, True)],
)
def test_a_target_that_did_not_fill(new_run, tmp_path, limit_fill, high, found):
    # The second target stands at 120, the tick is 0.1.
    run = with_candle(new_run(), 3, high=high)
    run.config = run.config.replace("limit_fill: through", f"limit_fill: {limit_fill}")
    assert ("plan 1: what is touched fills" in rules_broken(run, tmp_path)) is found


def test_stop_and_target_in_one_bar_is_the_stop(new_run, tmp_path):
    # The target of 110 fills in the bar of 02:00, which now reaches the stop of 95 as well.
    run = with_candle(new_run(), 2, low=95.0)
    assert {"plan 1: what is touched fills", "nothing else fills"} <= rules_broken(run, tmp_path)


def test_a_gap_through_a_stop_fills_at_the_open(new_run, tmp_path):
    # The stop of 105 was filled inside the bar of 04:00, which now opens at 104.5.
    run = with_candle(new_run(), 4, open=104.5)
    assert {"plan 1: what is touched fills", "nothing else fills"} <= rules_broken(run, tmp_path)


def test_a_liquidation_that_the_mark_did_not_reach(new_run, tmp_path):
    # Liquidation at 101.295; the mark's low of the bar of 07:00 is now 101.3.
    run = with_candle(new_run(), 7, kinds=("mark",), low=101.3, close=102.0)
    assert "nothing else fills" in rules_broken(run, tmp_path)


def test_a_liquidation_that_was_missed(new_run, tmp_path):
    # The mark reaches 101.295 an hour before.
    run = with_candle(new_run(), 6, kinds=("mark",), low=101.2)
    assert "plan 2: what is touched fills" in rules_broken(run, tmp_path)


def test_a_mark_that_opens_beyond_liquidation_closes_at_its_open(new_run, tmp_path):
    run = with_candle(new_run(), 7, kinds=("mark",), open=101.0)
    assert {"plan 2: what is touched fills", "nothing else fills"} <= rules_broken(run, tmp_path)


def test_nothing_fills_in_a_bar_without_trades(new_run, tmp_path):
    run = with_candle(new_run(), 2, volume=0.0)
    assert "a bar with trades" in rules_broken(run, tmp_path)


def test_one_bar_fills_no_more_than_its_share_of_volume(new_run, tmp_path):
    # 10% of 40 is 4; the target took 5.
    run = with_candle(new_run(), 2, volume=40.0)
    assert "size" in rules_broken(run, tmp_path)


def test_slippage_at_the_open_reads_the_last_completed_bar(new_run, tmp_path):
    # base 0.001 + 0.02 x (101 - 99) / 100 = 0.0014, but the run says 0.001.
    run = new_run()
    run.config = run.config.replace("range_share: 0.0", "range_share: 0.02")
    findings = audit_run(run.write(tmp_path / "run"), run.data).findings
    first = next(f for f in findings if f.row == "fill 1" and f.rule == "slippage")
    assert first.expected == "0.0014"


def test_prices_are_rounded_against_the_trader(new_run, tmp_path):
    # 105 x 0.999 = 104.895: a seller gets 104.8, not 104.9.
    run = new_run()
    row_of(run, "fills", fill_id=3)["price"] = 104.9
    assert "price" in rules_broken(run, tmp_path)


def test_an_order_fills_only_in_a_bar_that_opens_after_its_decision(new_run, tmp_path):
    run = new_run()
    late = run.tables["journal_decisions"][0]["decided_at"] + HOUR
    for table in ("orders", "journal_decisions"):
        for row in run.tables[table]:
            if row.get("decision_id") == 1:
                row["decided_at"] = late
    rule = "fills only in a bar that opens at or after the decision"
    assert rule in rules_broken(run, tmp_path)


def test_a_funding_slot_left_out_of_otherwise_balanced_books(new_run, tmp_path):
    run = new_run()
    run.tables["ledger"] = [row for row in run.tables["ledger"] if row["kind"] != "funding"]
    for number, row in enumerate(run.tables["ledger"], start=1):
        row["fact_id"] = number
    for row in run.tables["equity"]:
        # Without the two payments: +0.055 from 04:00 on, -0.424 from 08:00 on.
        paid = 0.055 * (row["at"] >= run.tables["equity"][4]["at"])
        paid -= 0.424 * (row["at"] >= run.tables["equity"][8]["at"])
        row["venue_cash"] += paid
        row["equity"] += paid
    assert "every payment is booked" in rules_broken(run, tmp_path)


def test_an_order_without_an_approved_decision(new_run, tmp_path):
    run = new_run()
    run.tables["journal_decisions"][0]["outcome"] = "rejected"
    rules = rules_broken(run, tmp_path)
    assert {"an approved decision", "orders of a refused intent"} <= rules


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [("quantity", 10.0005, "whole lots"), ("price", 95.05, "tick grid")],
)
def test_orders_stand_on_the_grid(new_run, tmp_path, column, value, rule):
    run = new_run()
    role = "entry" if column == "quantity" else "stop"
    row_of(run, "orders", role=role)[column] = value
    assert rule in rules_broken(run, tmp_path)


def test_an_order_below_the_minimum_notional(new_run, tmp_path):
    run = new_run()
    run.data = Dataset(
        {
            name: held.model_copy(update={"min_notional": 2_000.0})
            for name, held in run.data.instruments.items()
        },
        run.data.channels,
    )
    assert "minimum notional" in rules_broken(run, tmp_path)


def test_a_stop_cancelled_while_its_position_is_held(new_run, tmp_path):
    run = new_run()
    row_of(run, "orders", order_id=7)["ended_at"] -= HOUR
    rule = "how the stop ends"
    assert rule in rules_broken(run, tmp_path)


@pytest.mark.parametrize(
    ("rows", "change", "rule"),
    [
        (1, {}, None),
        (2, {}, "an event happens once"),
        (1, {"equity": 9_000.0}, "equity at the event"),
        (1, {"minutes": 30}, "instant of a guard"),
    ],
)
def test_a_guard_event_carries_the_equity_of_its_bar_close(new_run, tmp_path, rows, change, rule):
    run = new_run()
    at = run.tables["equity"][1]["at"] + change.get("minutes", 0) * HOUR // 60
    guard = {
        "at": at,
        "guard": "daily loss",
        "event": "tripped",
        "equity": change.get("equity", 10_000.0),
        "reference": 10_000.0,
        "until": at,
        "detail": "by hand",
    }
    run.tables["guards"] = [guard] * rows
    assert rules_broken(run, tmp_path) == ({rule} if rule else set())
