"""The whole difference: inputs, headline, matched trades, and money that adds up."""

import json
import math
import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.answers.run_diff import (
    TradeVerdict,
    diff_document,
    diff_runs,
    diff_text,
    trade_text,
)
from engine.answers.run_diff.diff_side import DiffSide
from engine.errors import ReportError
from engine.formatting import signed
from engine.run_folder.schema import FORMAT
from engine.run_folder.seals import write_seals
from tests.engine.answers.run_diff.hand_runs import (
    HandRun,
    HandTrade,
    moved_window,
    write_hand_run,
)

OF_TODAY = ("model: range", "borrow_fee_bps: null")
NAMES = ("before", "after")
MIXED_A = HandRun((HandTrade(hour=10, out_hour=20), HandTrade(), HandTrade(hour=70, out_hour=80)))
MIXED_B = HandRun(
    (HandTrade(hour=10, out_hour=20), HandTrade(size=10.0), HandTrade(hour=90, out_hour=95)),
    truths={70: (9.0, 6.0)},
    interest=2.5,
)


def test_the_same_folder_twice_has_no_difference(hand_folder) -> None:
    folder = hand_folder(MIXED_A, "a")
    diff = diff_runs(folder, folder)
    assert diff.is_same
    told = diff_text(diff, ("a", "a"))
    assert "No difference: 3 trades and 33 headline numbers are the same." in told
    assert "The inputs are the same" in told


def test_two_runs_without_trades_have_no_difference(compared) -> None:
    diff = compared(HandRun(()), HandRun(()))
    assert diff.is_same
    assert "No difference: no trades" in diff_text(diff, NAMES)


def test_a_run_without_trades_beside_one_with_trades(compared) -> None:
    diff = compared(HandRun(()), HandRun())
    assert [trade.verdict for trade in diff.trades] == [TradeVerdict.APPEARED]
    assert "Trades: 0 same, 0 changed, 0 vanished, 1 appeared" in diff_text(diff, NAMES)


def test_each_trade_of_either_run_is_listed_once(compared) -> None:
    verdicts = [trade.verdict for trade in compared(MIXED_A, MIXED_B).trades]
    assert verdicts == ["same", "changed", "vanished", "appeared"]


def test_the_money_adds_up_to_the_difference_of_equity(compared) -> None:
    diff = compared(MIXED_A, MIXED_B)
    # Each whole trade earns 60 - 1 - 1.03 = 57.97, half of one 28.985.
    assert diff.money["changed trades: size"] == pytest.approx(-28.985)
    assert diff.money["vanished trades"] == pytest.approx(-57.97)
    assert diff.money["appeared trades"] == pytest.approx(57.97)
    assert diff.money["interest"] == pytest.approx(2.5)
    assert diff.money["not assigned to a trade"] == pytest.approx(0.0, abs=1e-9)
    assert math.fsum(diff.money.values()) == pytest.approx(diff.end_equity_change, abs=1e-9)
    assert diff.end_equity_change == pytest.approx(-28.985 + 2.5)


def test_the_printed_parts_add_up_to_the_printed_sum(compared) -> None:
    told = diff_text(compared(MIXED_A, MIXED_B), NAMES).partition("Money, B - A\n")[2]
    *parts, total = [line.rsplit(maxsplit=1) for line in told.splitlines()[:-1]]
    assert total == ["  sum: equity at the end", signed(-26.485)]
    assert sum(float(amount) for _, amount in parts) == pytest.approx(float(total[1]))


hand_trades = st.builds(
    HandTrade,
    size=st.floats(0.5, 50.0).map(lambda x: round(x, 3)),
    entry=st.floats(98.0, 102.0).map(lambda x: round(x, 1)),
    exit=st.floats(90.0, 110.0).map(lambda x: round(x, 1)),
    slip=st.sampled_from((0.0, 0.05)),
    fee_rate=st.sampled_from((0.0002, 0.001)),
    funding_rate=st.sampled_from((0.0, 0.0003, -0.0001)),
)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(trades=st.tuples(hand_trades, hand_trades), interest=st.sampled_from((0.0, 3.0)))
def test_the_money_of_any_two_runs_adds_up(
    make_run, new_book, tmp_path_factory, trades, interest
) -> None:
    root = tmp_path_factory.mktemp("pair")
    runs = HandRun((trades[0],)), HandRun((trades[1],), interest=interest)
    folders = [
        write_hand_run(make_run, new_book, run, root / name, name)
        for run, name in zip(runs, NAMES, strict=True)
    ]
    diff = diff_runs(*folders)
    assert math.fsum(diff.money.values()) == pytest.approx(diff.end_equity_change, abs=1e-7)
    assert diff.money["not assigned to a trade"] == pytest.approx(0.0, abs=1e-7)
    changed = [trade for trade in diff.trades if trade.parts]
    for trade in changed:
        assert math.fsum(trade.parts.values()) == pytest.approx(trade.net, abs=1e-7)


def test_inputs_that_differ_are_listed_with_both_values(compared) -> None:
    def other(config):
        risk = config.risk.model_copy(update={"risk_fraction": 0.005})
        return config.model_copy(update={"risk": risk, "name": "other"})

    diff = compared(HandRun(), HandRun(settings=other))
    changes = {change.name: (change.a, change.b) for change in diff.inputs}
    assert changes["risk.risk_fraction"] == ("0.01", "0.005")
    # The name changes no number: it stands behind.
    told = diff_text(diff, NAMES)
    assert told.index("risk.risk_fraction") < told.index("other")
    assert "with the inputs below changed" in told


def test_windows_that_do_not_overlap_are_told_first(compared) -> None:
    diff = compared(HandRun(), HandRun((), settings=moved_window(start_hour=960, end_hour=1000)))
    assert "The windows do not overlap" in diff_text(diff, NAMES).splitlines()[1]


def test_trade_n_shows_both_versions_and_an_unknown_number_what_there_is(compared) -> None:
    diff = compared(MIXED_A, MIXED_B)
    told = trade_text(diff, 2)
    assert told.startswith("2: long BTCUSDT-PERP decided 2026-02-03 18:40Z, changed")
    assert "size" in told
    assert told.count("Risk decision") == 2
    assert "net result, B - A" in told
    with pytest.raises(ReportError, match="no number 9; it has 1 to 4"):
        trade_text(diff, 9)


def test_the_document_is_json_without_nan(compared) -> None:
    document = diff_document(compared(MIXED_A, MIXED_B), NAMES)
    json.dumps(document, allow_nan=False)
    assert document["counts"] == {"same": 1, "changed": 1, "vanished": 1, "appeared": 1}
    assert sum(document["money"].values()) == pytest.approx(document["end_equity_change"])


def resealed(folder, **seals) -> None:
    write_seals(folder)
    document = json.loads((folder / "seals.json").read_text())
    (folder / "seals.json").write_text(json.dumps(document | seals))


def test_a_folder_of_an_earlier_format_with_fewer_columns_is_read(hand_folder, tmp_path) -> None:
    today = hand_folder(MIXED_A, "a")
    old = tmp_path / "old"
    shutil.copytree(today, old)
    decisions = pq.read_table(old / "journal_decisions.parquet")
    pq.write_table(decisions.drop_columns(["market_tier"]), old / "journal_decisions.parquet")
    orders = pq.read_table(old / "orders.parquet")
    later = [name for name in orders.column_names if name.startswith(("trail_", "best_", "last_"))]
    pq.write_table(orders.drop_columns(later), old / "orders.parquet")
    resealed(old, format=3)
    diff = diff_runs(old, hand_folder(MIXED_B, "b"))
    assert [trade.verdict for trade in diff.trades] == ["same", "changed", "vanished", "appeared"]
    for trade in diff.trades:
        assert "Risk decision" in trade_text(diff, trade.number)
    if FORMAT != 3:
        assert f"The folders have the formats 3 and {FORMAT}" in diff_text(diff, NAMES)


def test_a_folder_of_an_unknown_format_and_a_damaged_one_are_refused(hand_folder, tmp_path) -> None:
    today = hand_folder(MIXED_A, "a")
    for number in (2, FORMAT + 1):
        other = tmp_path / f"format{number}"
        shutil.copytree(today, other)
        resealed(other, format=number)
        with pytest.raises(ReportError, match=f"format {number}"):
            diff_runs(other, today)
    damaged = tmp_path / "damaged"
    shutil.copytree(today, damaged)
    (damaged / "metrics.json").write_text("{}")
    with pytest.raises(ReportError, match=r"metrics\.json.*is not the file"):
        diff_runs(today, damaged)


def test_the_curve_of_hand_made_runs_ends_with_their_money(hand_folder) -> None:
    equity = pq.read_table(hand_folder(MIXED_B, "b") / "equity.parquet")["equity"].to_numpy()
    assert equity[-1] == pytest.approx(10_000 + 57.97 * 2 + 28.985 + 2.5)
    assert np.all(np.isfinite(equity))


def test_a_folder_of_format_3_without_a_named_model_has_the_same_costs(
    hand_folder, tmp_path
) -> None:
    today = hand_folder(MIXED_A, "a")
    old = tmp_path / "old"
    shutil.copytree(today, old)
    config = (old / "config.resolved.yaml").read_text()
    lines = [line for line in config.splitlines() if line.strip() not in OF_TODAY]
    (old / "config.resolved.yaml").write_text("\n".join(lines) + "\n")
    resealed(old, format=3)
    a, b = DiffSide(old, "A"), DiffSide(today, "B")
    assert "model" not in a.config["venue"]["slippage"]
    assert a.cost_terms("BTCUSDT-PERP") == b.cost_terms("BTCUSDT-PERP")


def test_the_revaluation_of_cash_has_a_line_of_its_own(hand_folder, tmp_path) -> None:
    today = hand_folder(MIXED_A, "a")
    moved = tmp_path / "moved"
    shutil.copytree(today, moved)
    daily = pd.read_parquet(moved / "daily.parquet")
    daily["revaluation"] = [0.0] * (len(daily) - 1) + [2.0]
    daily.to_parquet(moved / "daily.parquet")
    metrics = json.loads((moved / "metrics.json").read_text())
    metrics["end_equity"] += 2.0
    (moved / "metrics.json").write_text(json.dumps(metrics))
    resealed(moved)
    diff = diff_runs(today, moved)
    assert diff.money["revaluation of cash"] == pytest.approx(2.0)
    assert diff.money["not assigned to a trade"] == pytest.approx(0.0, abs=1e-9)
    assert math.fsum(diff.money.values()) == pytest.approx(diff.end_equity_change)
    # Nothing else than the end of equity changed, and so the runs are not the same.
    assert not diff.is_same
