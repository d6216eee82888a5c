"""Libraries are compared on equal orders only, and ratios are taken inside a round."""

import re
import subprocess

import numpy as np
import pytest

from benchmarks.event_loop import price_columns
from benchmarks.peers import backtrader_program, riskoff_program, rounds
from benchmarks.peers.measured_run import (
    COLUMNS,
    CROSSOVER,
    FIRST_ROW,
    LOW_TURNOVER,
    RULES,
    PeerBars,
    turnover_side,
    turnover_sides,
)
from benchmarks.peers.rounds import (
    CONTENDERS,
    DENSE,
    SPARSE,
    Contender,
    RuleMeasure,
    UnequalOrdersError,
    run_rounds,
    store_bars,
)
from benchmarks.peers.sweep_rounds import (
    SCREENING,
    VECTORBT,
    SweepMeasure,
    run_sweep_rounds,
)
from benchmarks.peers.swept_levels import stop_target_pairs
from benchmarks.peers.tables import times

PLAIN = Contender("Backtrader", "backtrader", "plain")
WORK = Contender("Backtrader, the same work", "backtrader", "work")
PROGRAMS = {
    PLAIN: (backtrader_program.held_frame, backtrader_program.run_plain),
    WORK: (backtrader_program.held_frame, backtrader_program.run_with_work),
    SPARSE: (riskoff_program.held, riskoff_program.PROGRAMS["sparse"].run),
    DENSE: (riskoff_program.held, riskoff_program.PROGRAMS["dense"].run),
}


def here(contender, path):
    hold, run = PROGRAMS[contender]
    bars = hold(PeerBars.read(path))
    return {rule: RuleMeasure(run(bars, rule), 1.0, 1.0) for rule in RULES}


def test_backtrader_fills_as_many_orders_as_both_modes_of_riskoff(tmp_path):
    store_bars(4_500, tmp_path / "bars.npy")
    rows = run_rounds(tuple(PROGRAMS), tmp_path / "bars.npy", 1, here)
    orders = {(row.contender, row.rule): row.orders for row in rows}
    # Rows 1,000, 2,000, 3,000 and 4,000.
    assert {orders[item, LOW_TURNOVER] for item in PROGRAMS} == {4}
    assert len({orders[item, CROSSOVER] for item in PROGRAMS}) == 1
    assert orders[SPARSE, CROSSOVER] > 20


def told(orders, seconds, mib=1.0):
    return {rule: RuleMeasure(orders, seconds, mib) for rule in RULES}


def test_a_comparison_with_unequal_orders_is_refused(tmp_path):
    measures = {SPARSE: told(10, 1.0), PLAIN: told(10, 5.0), DENSE: told(11, 2.0)}
    with pytest.raises(UnequalOrdersError, match=r"every bar visited filled 11 orders, Riskoff 10"):
        run_rounds(tuple(measures), tmp_path, 1, lambda contender, _: measures[contender])


def test_a_comparison_without_any_order_is_refused(tmp_path):
    with pytest.raises(UnequalOrdersError, match="crossover: Riskoff filled no order"):
        run_rounds((SPARSE, PLAIN), tmp_path, 1, lambda *_: told(0, 1.0))


def test_a_ratio_is_the_median_of_the_ratios_inside_the_rounds(tmp_path):
    # Ratios 10/1, 30/2 and 80/4: the median is 15; the medians of the seconds are 30 and 2.
    seconds = iter([1.0, 10.0, 2.0, 30.0, 4.0, 80.0])
    rows = run_rounds((SPARSE, PLAIN), tmp_path, 3, lambda *_: told(10, next(seconds)))
    assert [(row.cpu_seconds, row.ratio) for row in rows[:2]] == [(2.0, 1.0), (30.0, 15.0)]


def test_sweeps_with_other_trades_are_refused(tmp_path):
    made = {SCREENING: SweepMeasure(2, 40, 1.0, 1.0), VECTORBT: SweepMeasure(2, 41, 1.0, 1.0)}
    with pytest.raises(UnequalOrdersError, match="40 trades in 2 sets, vectorbt 41 in 2"):
        run_sweep_rounds(tmp_path, 2, 1, lambda title, *_: made[title])
    made[VECTORBT] = SweepMeasure(2, 40, 5.0, 1.0)
    own, other = run_sweep_rounds(tmp_path, 2, 1, lambda title, *_: made[title])
    assert (own.ratio, other.ratio) == (1.0, 5.0)


@pytest.mark.parametrize("count", [1, 4, 200, 1_000])
def test_as_many_different_sets_are_swept_as_asked(count):
    assert len(set(stop_target_pairs(count))) == count


def test_a_program_that_fails_is_told_with_the_end_of_its_errors(monkeypatch):
    failed = subprocess.CompletedProcess([], 3, stdout="", stderr="first\nno module named bt")
    monkeypatch.setattr(rounds.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(RuntimeError, match=r"bt ended with 3 and no result:\nfirst\nno module"):
        rounds.printed_by("bt", "")


def test_a_program_may_print_before_its_result(monkeypatch):
    done = subprocess.CompletedProcess([], 0, stdout='warning\n{"sets": 3}\n', stderr="")
    monkeypatch.setattr(rounds.subprocess, "run", lambda *_, **__: done)
    assert rounds.printed_by("bt", "") == {"sets": 3}


def test_every_environment_is_pinned_exactly():
    environments = {item.environment for item in CONTENDERS if item.environment}
    assert len(environments) == 5
    for name in environments:
        lines = (rounds.ROOT / "benchmarks" / "peers" / f"{name}.txt").read_text().splitlines()
        assert all(re.fullmatch(r"[\w.\-\[\]]+==[\w.]+", line) for line in lines)
    assert all(item.version for item in CONTENDERS if item.environment)


def test_the_low_turnover_rule_reads_alike_by_row_and_by_array():
    sides = turnover_sides(5_000)
    assert sides.tolist() == [turnover_side(row) for row in range(5_000)]
    # Buys at 1,000 and 3,000, sells at 2,000 and 4,000.
    assert np.flatnonzero(sides).tolist() == [FIRST_ROW, 2_000, 3_000, 4_000]
    assert sides[[1_000, 2_000, 3_000, 4_000]].tolist() == [1, -1, 1, -1]


def test_stored_bars_are_read_back(tmp_path):
    store_bars(50, tmp_path / "bars.npy")
    read = PeerBars.read(tmp_path / "bars.npy")
    for name in COLUMNS:
        assert read.columns[name].tolist() == price_columns(50)[name].tolist()
    # 2020-01-01T00:05Z is 1,577,837,100 seconds after 1970.
    assert read.closed_at[0] == 1_577_837_100 * 10**9


def test_a_ratio_below_one_is_a_fraction():
    assert [times(13.34), times(1.0), times(0.05)] == ["13.3 x", "1.0 x", "1/20"]
