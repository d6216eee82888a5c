"""The decisions over prepared signals."""

import pytest

from data_feeds.clock import HOUR_NS
from engine.intents import Enter, Exit, MoveStop, WakeAt
from engine.records import Fill, OrderRole
from tests.engine.signals import channels
from tests.strategies.market import (
    ATR_BEFORE_RECLAIM,
    PERP,
    RECLAIM,
    ReclaimBench,
    account_at,
    instants,
    market_data,
    position,
    small_params,
)

NAN = float("nan")


def test_the_reclaim_enters_with_stop_targets_and_a_time_stop():
    bench = ReclaimBench(small_params(time_stop="6h"))
    entry, wake = bench.on_bar(RECLAIM)
    assert isinstance(entry, Enter)
    stop = 96.5 - 0.5 * ATR_BEFORE_RECLAIM
    assert (entry.instrument, entry.direction, entry.stop) == (PERP, 1, pytest.approx(stop))
    # One and two times the distance from 97.6 to the stop, half each.
    assert [target.price for target in entry.targets] == [
        pytest.approx(97.6 + (97.6 - stop)),
        pytest.approx(97.6 + 2 * (97.6 - stop)),
    ]
    assert [target.fraction for target in entry.targets] == [0.5, 0.5]
    assert entry.size_multiplier == 0.5  # against the trend
    assert entry.setup == "2026-02-04T01:00Z" == bench.signals.setup[RECLAIM]
    assert wake == WakeAt(int(bench.signals.decided_at[RECLAIM]) + 6 * HOUR_NS)


def test_shorts_enter_the_other_way():
    bench = ReclaimBench(small_params(direction="short"), market_data(mirrored=True))
    entry, _ = bench.on_bar(RECLAIM)
    assert entry.direction == -1
    assert entry.stop == pytest.approx(103.5 + 0.5 * ATR_BEFORE_RECLAIM)
    assert [target.price < 102.4 for target in entry.targets] == [True, True]


def test_nothing_happens_outside_the_wakes_or_while_an_entry_works():
    bench = ReclaimBench()
    assert [row for row in range(len(bench.bars())) if bench.on_bar(row)] == [RECLAIM]
    assert bench.on_bar(RECLAIM, account_at(pending=(PERP,))) == []


def test_the_time_stop_leaves_once_at_its_hour():
    bench = ReclaimBench(small_params(time_stop="2h"))
    bench.on_bar(RECLAIM)
    held = account_at(position())
    assert bench.on_bar(RECLAIM + 1, held) == []
    (leave,) = bench.on_bar(RECLAIM + 2, held)
    assert leave == Exit(PERP, "time stop after 2h")
    assert bench.on_bar(RECLAIM + 3, held) == []


def recovering():
    base = [100.0] * RECLAIM + [97.0, 97.0, 94.0, 94.0]
    return market_data(channels.open_interest(instants(31), base=base))


def test_a_false_recovery_leaves_once():
    bench = ReclaimBench(data=recovering())
    bench.on_bar(RECLAIM)
    held = account_at(position())
    exits = [bench.on_bar(row, held) for row in range(RECLAIM + 1, RECLAIM + 4)]
    assert [len(intents) for intents in exits] == [0, 1, 0]
    assert "false recovery" in exits[1][0].reason


def test_a_false_recovery_of_another_sequence_is_none_of_this_trade_s_business():
    bench = ReclaimBench(data=recovering())
    # The position's own sequence was never entered here.
    assert bench.on_bar(RECLAIM + 2, account_at(position())) == []


def fill(role):
    return Fill(
        fill_id=1,
        order_id=1,
        plan_id=1,
        instrument=PERP,
        role=role.value,
        stage="range",
        at=0,
        bar_opened_at=0,
        bar_closed_at=0,
        quantity=-0.5,
        price=99.6,
        raw_price=99.6,
        slippage=0.0,
        liquidity="maker",
        fee_rate=0.0,
        fee=0.0,
        realized=1.0,
        position_after=0.5,
        average_entry_after=97.6,
        isolated_margin_after=NAN,
        inferred=True,
        reason="",
    )


def test_the_first_target_moves_the_stop_to_the_average_entry():
    playbook = ReclaimBench().playbook
    moved = playbook.on_fill(fill(OrderRole.TARGET), account_at(position(entry=97.6, stop=95.0)))
    assert moved == (MoveStop(PERP, 97.6, "breakeven after a target"),)


@pytest.mark.parametrize(
    ("role", "held"),
    [
        (OrderRole.ENTRY, position()),
        (OrderRole.TARGET, None),
        (OrderRole.TARGET, position(entry=97.6, stop=97.6)),
        (OrderRole.TARGET, position(entry=97.6, stop=98.0)),
    ],
)
def test_the_stop_stays_otherwise(role, held):
    account = account_at() if held is None else account_at(held)
    assert ReclaimBench().playbook.on_fill(fill(role), account) == ()


def test_breakeven_works_for_shorts_and_can_be_off():
    short = position(quantity=-1.0, entry=102.4, stop=105.0)
    mirrored = ReclaimBench(small_params(direction="short"), market_data(mirrored=True)).playbook
    assert mirrored.on_fill(fill(OrderRole.TARGET), account_at(short))[0].stop == 102.4
    off = ReclaimBench(small_params(breakeven=False)).playbook
    assert off.on_fill(fill(OrderRole.TARGET), account_at(position())) == ()
