"""Trades of a rules file, worked by hand: who enters, with which stop, who leaves and why."""

import numpy as np
import pytest

from data_feeds.clock import HOUR_NS
from data_feeds.dataset import Dataset
from engine.conditions import Condition, Truth
from engine.playbook import Signals
from engine.testing import SPOT, START, candles, fill_lines, hour, series, table
from strategies.rules.sentences import rule_sentences
from strategies.rules.trades import worth_telling
from tests.strategies.rules.rule_runs import params_of, played, prepared, reasons

HEAD = """
instruments: {btc: BTCUSDT-PERP@1h}
series: {vix: VIX}
clock: btc@1h
"""
PLAIN = (
    HEAD
    + """
trades:
  strength:
    instrument: btc
    enter:
      up: btc.close > 101
    stop: btc.close - 10
    exit:
      down: btc.close < 99
"""
)
# The size of an entry: 1,000 / 102 in lots of 0.001.
SIZE = 9.803


def market(*closes: float, vix: tuple[tuple[int, float], ...] = ()) -> Dataset:
    """Return hourly bars that open at the close before, and a series."""
    opens = (closes[0], *closes[:-1])
    rows = [(o, max(o, c), min(o, c), c) for o, c in zip(opens, closes, strict=True)]
    channels = [candles(rows)]
    if vix:
        channels.append(series(list(vix), "VIX"))
    return table(*channels)


def truth(signals: Signals, name: str) -> list[int]:
    (found,) = [item.truth for item in signals.conditions if item.name == name]
    return found.tolist()


def test_a_trade_enters_and_leaves_at_the_opens_after_its_conditions():
    outcome = played(PLAIN, market(100, 102, 103, 101, 98, 97))
    # Decided at the close of row 1 (hour 2) and of row 4 (hour 5).
    assert fill_lines(outcome) == [(2.0, "entry", SIZE, 102.0), (5.0, "exit", -SIZE, 98.0)]
    assert reasons(outcome, "enter") == ["strength: up"]
    assert reasons(outcome, "exit") == ["strength: down (btc.close < 99)"]


def test_the_stop_and_targets_of_a_long_are_counted_from_the_decisions_close():
    text = PLAIN.replace(
        "    exit:",
        "    targets:\n      - {r: 0.1, fraction: 0.5}\n"
        "      - {price: btc.close * 1.03, fraction: 0.5}\n    exit:",
    )
    outcome = played(text, market(100, 102, 102.5, 110, 110))
    # Stop 92, R 10: the first target 103.0, the second 102 x 1.03 = 105.06, to the tick 105.1.
    entry = next(d for d in outcome.decisions if d.intent == "enter")
    assert entry.stop == pytest.approx(92.0)
    assert fill_lines(outcome)[1:3] == [
        (4.0, "target", pytest.approx(-4.901), 103.0),
        (4.0, "target", pytest.approx(-4.902), 105.1),
    ]


def test_a_short_is_the_mirror_image():
    text = (
        PLAIN.replace("instrument: btc", "instrument: btc\n    side: short")
        .replace("up: btc.close > 101", "weak: btc.close < 99")
        .replace("btc.close - 10", "btc.close + 10")
        .replace("down: btc.close < 99", "recovered: btc.close > 101")
    )
    signals = prepared(text, market(100, 98, 97, 99, 102, 103))
    assert truth(signals, "stop_above_price") == [1, 1, 1, 1, 1, 1]
    outcome = played(text, market(100, 98, 97, 99, 102, 103))
    # 1,000 / 98 = 10.204
    assert fill_lines(outcome) == [(2.0, "entry", -10.204, 98.0), (5.0, "exit", 10.204, 102.0)]


def test_a_trade_takes_its_share_of_the_size():
    text = PLAIN.replace("instrument: btc", "instrument: btc\n    risk: 0.5")
    outcome = played(text, market(100, 102, 103))
    # Half of 1,000 / 102 = 4.9019
    assert fill_lines(outcome) == [(2.0, "entry", 4.901, 102.0)]


TWO = (
    HEAD
    + """
trades:
  zeal: {instrument: btc, enter: {up: btc.close > 101}, stop: btc.close - 10}
  alarm: {instrument: btc, enter: {up: btc.close > 101}, stop: btc.close - 20}
"""
)


def test_the_first_trade_of_the_file_that_may_enter_wins():
    outcome = played(TWO, market(100, 102, 103, 104))
    assert reasons(outcome, "enter") == ["zeal: up"]
    lines = TWO.splitlines(keepends=True)
    other = "".join([*lines[:-2], lines[-1], lines[-2]])
    assert reasons(played(other, market(100, 102, 103, 104)), "enter") == ["alarm: up"]


def test_conditions_of_several_trades_are_named_and_grouped_by_trade():
    signals = prepared(TWO, market(100, 102, 103, 104))
    named = {item.name: item.group for item in signals.conditions}
    assert named == {
        "zeal.up": "zeal",
        "zeal.stop_below_price": "zeal",
        "alarm.up": "alarm",
        "alarm.stop_below_price": "alarm",
    }


def test_an_unknown_condition_blocks_or_passes_as_the_file_says():
    text = PLAIN.replace("      up:", "      calm: vix < 25\n      up:")
    bars = market(100, 102, 103, 104)
    assert not played(text, bars).fills
    passing = text.replace("calm: vix < 25", "calm: {when: vix < 25, unknown: pass}")
    signals = prepared(passing, bars)
    assert truth(signals, "calm") == [Truth.TRUE] * 4
    assert truth(signals, "calm_known") == [Truth.UNKNOWN] * 4
    assert len(played(passing, bars).fills) == 1
    known = market(100, 102, 103, 104, vix=((START, 30.0),))
    assert not played(passing, known).fills


def test_a_trade_does_not_enter_while_one_of_its_exits_holds():
    text = PLAIN.replace("down: btc.close < 99", "high: btc.close > 102.5")
    signals = prepared(text, market(100, 103, 102, 104))
    assert truth(signals, "no_exit") == [1, 0, 1, 0]
    assert signals.values["entry strength"].tolist() == [0, 0, 1, 0]


def test_a_stop_on_the_wrong_side_forbids_the_entry_even_when_the_condition_is_left_out():
    text = PLAIN.replace("stop: btc.close - 10", "stop: 103")
    bars = market(100, 102, 103, 104)
    assert truth(prepared(text, bars), "stop_below_price") == [0, 0, 0, 1]
    left_out = prepared(text, bars, ignored=("stop_below_price",))
    assert left_out.values["entry strength"].tolist() == [0, 0, 0, 1]


def test_an_unknown_stop_forbids_the_entry():
    text = PLAIN.replace("btc.close - 10", "btc.close - vix")
    signals = prepared(text, market(100, 102, 103))
    assert truth(signals, "stop_below_price") == [Truth.UNKNOWN] * 3
    assert not signals.values["entry strength"].any()


def test_a_condition_left_out_counts_as_true_and_is_not_named():
    text = PLAIN.replace("      up:", "      never: btc.close > 1000\n      up:")
    outcome = played(text, market(100, 102, 103), ignored=("never",))
    assert reasons(outcome, "enter") == ["strength: up"]


def test_no_entry_comes_before_the_windows_are_full():
    text = PLAIN.replace("up: btc.close > 101", "up: btc.close > lowest(btc.close, 3 bars)")
    signals = prepared(text, market(100, 102, 103, 104, 105))
    # Two rows before a row are read, and one more is the warm-up's own.
    assert signals.values["entry strength"].tolist() == [0, 0, 0, 1, 1]


def test_only_rows_at_which_an_exit_holds_are_visited_without_plan_values():
    signals = prepared(PLAIN, market(100, 102, 98, 101, 97))
    assert signals.wake_flat is not None
    assert signals.wake_in_position is not None
    assert signals.wake_flat.tolist() == [False, True, False, False, False]
    assert signals.wake_in_position.tolist() == [False, False, True, False, True]


@pytest.mark.parametrize(
    "more",
    ["    trail: btc.close - 20\n", "    tranches: [{fraction: 0.5}, {fraction: 0.5}]\n"],
)
def test_every_row_is_visited_with_a_trail_or_tranches(more):
    signals = prepared(PLAIN + more, market(100, 102, 98, 101, 97))
    assert signals.wake_in_position is not None
    assert signals.wake_in_position.all()


def test_the_journal_has_rows_where_one_condition_alone_begins_to_be_missing():
    text = PLAIN.replace("      up:", "      high: btc.close > 103\n      up:")
    # Missing: row 0 both (the day's first row), rows 1 and 2 high alone, row 3 none, row 4 high.
    signals = prepared(text, market(100, 102, 102, 104, 103))
    assert signals.notable is not None
    assert signals.notable.tolist() == [True, True, False, True, True]


def test_every_day_has_the_rows_with_the_fewest_conditions_missing_so_far():
    truths = np.array([[0, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 1], [0, 0, 0, 0, 0, 0]], np.int8)
    blank = np.full(6, np.nan)
    required = tuple(
        Condition(str(i), column, blank, blank, "", "") for i, column in enumerate(truths)
    )
    at = np.array([1, 2, 3, 24, 25, 26]) * HOUR_NS
    # Two days: their first rows, and the rows at which two are missing instead of three.
    assert worth_telling(required, at).tolist() == [True, False, True, False, True, True]


def test_the_stop_follows_the_trail_and_never_goes_back():
    text = PLAIN + "    trail: btc.close - 5\n"
    outcome = played(text, market(100, 102, 108, 105, 109, 100))
    # Row 2: 103; row 3: 100 is lower; row 4: 104. Row 5 falls through 104 on the way to 100.
    moved = [d.stop for d in outcome.decisions if d.intent == "move_stop"]
    assert moved == [103.0, 104.0]
    assert fill_lines(outcome)[-1] == (6.0, "stop", -SIZE, 104.0)
    assert reasons(outcome, "move_stop")[0] == "strength: trail (btc.close - 5)"


def test_the_trailing_stop_is_moved_by_the_broker_without_a_decision():
    text = PLAIN + "    trailing_stop: {distance: btc.close / 20, beyond_r: 0.5}\n"
    closes = market(100, 102, 108, 106, 109, 100)
    # Close 102, stop 92: half an R lies at 107. The distance is 5.4 at 108 (102.6), 5.45 at the
    # best close of 109: 103.55, rounded up to 103.6. The last bar falls through it to 100.
    outcome = played(text, closes)
    assert not [d for d in outcome.decisions if d.intent == "move_stop"]
    assert fill_lines(outcome)[-1] == (6.0, "stop", -SIZE, 103.6)
    (stop,) = [order for order in outcome.orders if order.role == "stop"]
    assert (stop.price, stop.trail_signal, stop.trail_beyond) == (92.0, "distance strength", 107.0)
    # Only the exit wakes the rules: no row is visited for the stop's sake.
    signals = prepared(text, closes)
    assert signals.wake_in_position is not None
    assert not signals.wake_in_position.all()


def test_a_trailing_stop_in_percent_begins_beyond_a_price():
    text = PLAIN + "    trailing_stop: {percent: 5%, beyond: btc.close + 3, moved: inside_bars}\n"
    (stop,) = [
        order for order in played(text, market(100, 102, 103, 104)).orders if order.role == "stop"
    ]
    assert (stop.trail_fraction, stop.trail_beyond) == (0.05, 105.0)
    assert stop.trail_moved == "inside_bars"


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("{}", "a distance or a percent"),
        ("{distance: 3, percent: 3%}", "a distance or a percent"),
        ("{percent: 3%, beyond: btc.close, beyond_r: 1}", "say the same"),
        ("{distance: 3%}", "is a share, not a price"),
        ("{distance: position.r}", "exits, tranches and trails only"),
    ],
)
def test_a_trailing_stop_that_says_nothing_or_too_much_is_refused(rule, why):
    with pytest.raises(Exception, match=why):
        prepared(PLAIN + f"    trailing_stop: {rule}\n", market(100, 102))


def test_the_sentences_tell_the_trailing_stop():
    text = PLAIN + "    trailing_stop: {distance: 3, beyond_r: 1}\n"
    told = " ".join(rule_sentences(params_of(text)))
    assert (
        "The stop trails 3, read at each decision, below the highest close since the entry once "
        "that has reached 1 R; it is moved at each close and never back." in told
    )


def test_tranches_wait_for_their_rows_and_conditions():
    text = (
        PLAIN
        + """
    tranches:
      - {fraction: 0.5}
      - fraction: 0.3
        after: 2 bars
      - fraction: 0.2
        when: {lower: btc.close < 101.5}
"""
    )
    outcome = played(text, market(100, 102, 102, 102, 101.8, 101, 101))
    # Asked at rows 1, 3 (two rows later) and 5 (the first close below 101.5); of 9.803 in lots.
    assert fill_lines(outcome) == [
        (2.0, "entry", 4.901, 102.0),
        (4.0, "entry", pytest.approx(2.94, abs=0.002), 102.0),
        (6.0, "entry", pytest.approx(1.96, abs=0.002), 101.0),
    ]
    assert reasons(outcome, "enter") == ["strength: up; tranche 1 of 3"]
    assert reasons(outcome, "add") == [
        "strength: tranche 2 of 3: 2 bars later",
        "strength: tranche 3 of 3: lower",
    ]


def test_a_stale_plan_is_left_with_the_measured_age():
    text = PLAIN.replace("down: btc.close < 99", "stale: position.age > 2h")
    outcome = played(text, market(100, 102, 103, 103, 103, 100, 100))
    # Filled at hour 2; at the close of row 4 (hour 5) it is three hours old.
    assert fill_lines(outcome)[-1] == (5.0, "exit", -SIZE, 103.0)
    assert reasons(outcome, "exit") == ["strength: stale: position.age 3 h > 2h"]


def test_an_age_in_bars_counts_rows_since_the_decision_to_enter():
    text = PLAIN.replace("down: btc.close < 99", "stale: position.age >= 3 bars")
    outcome = played(text, market(100, 102, 103, 103, 103, 100))
    # Decided at row 1, so three rows are over at row 4.
    assert reasons(outcome, "exit") == ["strength: stale: position.age 3 rows >= 3 bars"]
    assert fill_lines(outcome)[-1][0] == 5.0


def test_plan_values_mix_with_values_of_the_market():
    text = PLAIN.replace(
        "down: btc.close < 99", "gave_back: btc.close < entry and position.best_r >= 0.5R"
    )
    outcome = played(text, market(100, 102, 101, 108, 101, 101))
    # Entry 102, stop 92: best R (108 - 102) / 10 = 0.6 at row 3. Row 2 was below the entry before.
    assert reasons(outcome, "exit") == [
        "strength: gave_back: btc.close 101 < entry 102 and position.best_r 0.6 R >= 0.5R"
    ]
    assert fill_lines(outcome)[-1] == (5.0, "exit", -SIZE, 101.0)


def test_the_drawdown_of_a_plan_is_counted_from_its_best_mark_at_decisions():
    text = PLAIN.replace("down: btc.close < 99", "falls: position.drawdown < -5%")
    outcome = played(text, market(100, 102, 110, 105, 104, 104))
    # 105 / 110 - 1 = -4.5%; 104 / 110 - 1 = -5.4545%.
    assert reasons(outcome, "exit") == ["strength: falls: position.drawdown -5.4545% < -5%"]


def test_a_plan_value_that_is_unknown_passes_only_where_the_file_says_so():
    text = PLAIN.replace("down: btc.close < 99", "odd: {when: position.r > vix, unknown: pass}")
    outcome = played(text, market(100, 102, 103, 103))
    assert (
        reasons(outcome, "exit")[0] == "strength: odd is unknown, which passes (position.r > vix)"
    )
    blocking = text.replace("unknown: pass", "unknown: block")
    assert not reasons(played(blocking, market(100, 102, 103, 103)), "exit")


def test_the_drawdown_of_the_equity_counts_from_rows_with_a_plan_or_an_entry():
    text = PLAIN.replace("down: btc.close < 99", "hurts: equity.drawdown <= -0.4%")
    outcome = played(text, market(100, 102, 104, 101, 99, 99), account={"venue_cash": 10_000.0})
    # Equity 10,000 + 9.803 x (104 - 102) = 10,019.6 is the highest. Row 3 (101): 9,990.2, -0.29%;
    # row 4 (99): 9,970.6 / 10,019.6 - 1 = -0.49%.
    assert fill_lines(outcome)[-1][0] == 5.0
    assert reasons(outcome, "exit")[0].startswith("strength: hurts: equity.drawdown -0.489")


def test_a_trade_does_not_enter_while_an_exit_on_the_equity_holds():
    text = PLAIN.replace("down: btc.close < 99", "hurts: equity.drawdown <= -0.4%")
    closes = (100, 102, 104, 101, 99, 99, 103, 103)
    outcome = played(text, market(*closes), account={"venue_cash": 10_000.0})
    # Left at hour 5 as above; at rows 6 and 7 the close is above 101 again, the equity is not.
    assert [line[1] for line in fill_lines(outcome)] == ["entry", "exit"]
    entries = [d for d in outcome.decisions if d.intent == "enter"]
    assert [d.outcome for d in entries] == ["approved", "rejected", "rejected"]
    assert entries[-1].blocked_by == "exit holds"
    assert entries[-1].reason.startswith("strength: hurts: equity.drawdown -0.489")


@pytest.mark.parametrize("other", ["or position.age > 20h", "or position.r > 5R"])
def test_values_of_the_position_are_unknown_before_the_entry(other):
    exits = f"hurts: equity.drawdown <= -0.4% {other}"
    closes = (100, 102, 104, 101, 99, 99, 103, 103)
    outcome = played(
        PLAIN.replace("down: btc.close < 99", exits),
        market(*closes),
        account={"venue_cash": 10_000.0},
    )
    assert [line[1] for line in fill_lines(outcome)] == ["entry", "exit"]
    both = PLAIN.replace("down: btc.close < 99", exits.replace(" or ", " and "))
    assert [line[1] for line in fill_lines(played(both, market(*closes)))] == ["entry"]


def test_a_short_that_an_exit_forbids_is_noted_as_a_short():
    text = (
        PLAIN.replace("instrument: btc", "instrument: btc\n    side: short")
        .replace("up: btc.close > 101", "weak: btc.close < 99")
        .replace("btc.close - 10", "btc.close + 10")
        .replace("down: btc.close < 99", "odd: {when: equity.drawdown < vix, unknown: pass}")
    )
    outcome = played(text, market(100, 98, 97))
    # VIX is unknown, and an unknown passes: the exit would close the plan at once.
    assert [(d.intent, d.direction, d.blocked_by) for d in outcome.decisions] == [
        ("enter", -1, "exit holds"),
        ("enter", -1, "exit holds"),
    ]


def test_a_trail_may_use_values_of_the_plan():
    text = PLAIN + "    trail: where(position.best_r >= 0.5R, entry, stop)\n"
    outcome = played(text, market(100, 102, 108, 106, 101, 101))
    # Best R 0.6 at row 2 lifts the stop from 92 to the entry, 102.
    assert [d.stop for d in outcome.decisions if d.intent == "move_stop"] == [102.0]
    assert fill_lines(outcome)[-1] == (5.0, "stop", -SIZE, 102.0)


def test_several_instruments_hold_plans_of_their_own():
    text = """
instruments: {btc: BTCUSDT-PERP@1h, spot: BTCUSDT-SPOT@1h}
clock: btc@1h
trades:
  perp: {instrument: btc, enter: {up: btc.close > 101}, stop: btc.close - 10}
  cash: {instrument: spot, enter: {up: spot.close > 101}, stop: spot.close - 10}
"""
    rows = [(100, 100, 100, 100), (100, 102, 100, 102), (102, 103, 102, 103), (103, 103, 103, 103)]
    bars = table(candles(rows), candles(rows, instrument=SPOT.id))
    outcome = played(text, bars, account={"venue_cash": 10_000.0})
    assert sorted(d.instrument for d in outcome.decisions if d.intent == "enter") == [
        "BTCUSDT-PERP",
        "BTCUSDT-SPOT",
    ]


def test_levels_and_masks_have_one_entry_a_row():
    signals = prepared(PLAIN, market(100, 102, 103))
    assert set(signals.values) == {"entry strength", "stop strength", "close btc"}
    assert all(len(values) == 3 for values in signals.values.values())
    np.testing.assert_array_equal(signals.decided_at, [hour(1), hour(2), hour(3)])
    assert params_of(PLAIN).trades["strength"].direction == 1


def test_a_tranche_that_a_reached_target_cancels_is_not_asked_for_again():
    text = (
        PLAIN
        + """
    targets: [{r: 0.1, fraction: 0.5}, {r: 3, fraction: 0.5}]
    tranches: [{fraction: 0.5}, {fraction: 0.5, after: 1 bar}]
"""
    )
    flat = [(100, 100, 100, 100), (100, 102, 100, 102), (102, 102, 102, 102)]
    bars = table(candles([*flat, *[(105, 105, 105, 105)] * 3]))
    outcome = played(text, bars)
    # Asked at row 2. Row 3 opens at 105, beyond the target at 103, which cancels the order.
    assert reasons(outcome, "add") == ["strength: tranche 2 of 2: 1 bar later"]
    assert [line[:2] for line in fill_lines(outcome)] == [(2.0, "entry"), (3.0, "target")]


def test_a_refused_tranche_is_asked_for_again_after_its_rest():
    text = PLAIN + "    tranches: [{fraction: 0.9999}, {fraction: 0.0001, after: 2 bars}]\n"
    outcome = played(text, market(100, *[102] * 7))
    # Entered at row 1. 0.0001 of 9.803 is less than a lot, 0.001: refused at rows 3, 5 and 7.
    adds = [(d.decided_at, d.blocked_by) for d in outcome.decisions if d.intent == "add"]
    assert adds == [(hour(row + 1), "minimum size") for row in (3, 5, 7)]
