"""Named conditions: numbers that agree with the truth, ages, parts and reasons."""

import numpy as np
import pytest

from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.dataset import Dataset
from data_feeds.schema import ChannelKind
from engine.conditions import NOT_SO, Condition, comparison_hides
from strategies.rules.conditions import named_condition, with_unknown_passing
from strategies.rules.meaning import understand
from tests.strategies.rules.written_market import (
    NAN,
    bars,
    dataset,
    evaluator,
    names,
    points,
    series,
    sessions,
)

VIX = series([("2026-02-01", "2026-02-02T02:00", 20.0), ("2026-02-02", "2026-02-02T04:00", 30.0)])
DATA = dataset(bars([1.0, 5.0, 5.0, 1.0, 5.0, 5.0]), VIX)


def of(text: str, data: Dataset = DATA) -> Condition:
    known = names()
    found = evaluator(data, known)
    return named_condition("calm", understand(text, known, "truth"), found, description="calm")


def test_a_comparison_shows_both_numbers_their_unit_and_age() -> None:
    item = of("vix < 25")
    assert item.truth.tolist() == [-1, 1, 1, 0, 0, 0]
    np.testing.assert_equal(item.measured, [NAN, 20, 20, 30, 30, 30])
    assert item.threshold.tolist() == [25] * 6
    assert item.unit == "points"
    assert item.inputs == ("VIX/series",)
    assert item.age_ns is not None
    # Known at 02:00 of its own day's next: 1 February to 02:00 on the second is 26 hours.
    assert item.age_ns.tolist() == [-1, *(np.array([26, 27, 4, 5, 6]) * HOUR_NS).tolist()]


def test_prices_are_told_in_quote() -> None:
    assert of("btc.close > 2").unit == "quote"


def test_days_of_the_state_are_told_as_days() -> None:
    assert of('state.tier >= "normal" for 3d').unit == "days"


def test_the_value_is_measured_and_the_number_of_the_file_is_the_threshold() -> None:
    item = of("25 > vix")
    assert (item.measured[5], item.threshold[5], item.truth[5]) == (30, 25, 0)


def test_an_age_is_that_of_the_oldest_input() -> None:
    item = of("vix < 25 and btc.close > 2")
    assert item.age_ns is not None
    assert item.age_ns[5] == 6 * HOUR_NS
    assert item.inputs == ("BTC/bars/1h", "VIX/series")


def test_for_shows_how_many_rows_the_truth_has_held() -> None:
    item = of("btc.close > 2 for 2 bars")
    assert item.truth.tolist() == [0, 0, 1, 0, 0, 1]
    assert item.measured.tolist() == [0, 1, 2, 0, 1, 2]
    assert item.threshold.tolist() == [2] * 6
    assert item.unit == "bars"
    assert [part.description for part in item.parts] == ["btc.close > 2"]
    assert item.parts[0].measured.tolist() == [1, 5, 5, 1, 5, 5]


def test_for_a_length_of_time_shows_hours() -> None:
    item = of("btc.close > 2 for 2h")
    assert item.truth.tolist() == [0, 0, 1, 0, 0, 1]
    assert item.measured.tolist() == [0, 1, 2, 0, 1, 2]
    assert (item.threshold[0], item.unit) == (2, "hours")


def test_within_shows_the_rows_since_the_last_true_one() -> None:
    item = of("btc.close < 2 within 2 bars")
    assert item.truth.tolist() == [1, 1, 0, 1, 1, 0]
    assert item.measured.tolist() == [0, 1, 2, 0, 1, 2]
    assert item.threshold.tolist() == [2] * 6


def test_and_has_parts_with_numbers_of_their_own() -> None:
    item = of("vix < 25 and btc.close > 2")
    assert item.truth.tolist() == [0, 1, 1, 0, 0, 0]
    assert np.isnan(item.measured).all()
    assert [part.name for part in item.parts] == ["vix < 25", "btc.close > 2"]
    assert item.parts[1].measured.tolist() == [1, 5, 5, 1, 5, 5]


def test_not_shows_the_numbers_of_its_operand() -> None:
    item = of("not (btc.close > 2)")
    assert item.truth.tolist() == [1, 0, 0, 1, 0, 0]
    assert item.measured.tolist() == [1, 5, 5, 1, 5, 5]


def test_a_crossing_says_that_it_was_above_before() -> None:
    item = of("btc.close crosses above 2")
    assert item.truth.tolist() == [0, 1, 0, 0, 1, 0]
    # At the third and the sixth row 5 > 2 would contradict "not true".
    np.testing.assert_equal(item.measured, [1, 5, NAN, 1, 5, NAN])
    (was,) = item.reasons
    assert was.text == "btc.close was above 2 on the row before"
    assert (was.at != NOT_SO).tolist() == [False, False, True, False, False, True]


def test_equality_gives_a_reason_instead_of_two_numbers() -> None:
    item = of("btc.close == 5")
    assert item.truth.tolist() == [0, 1, 1, 0, 1, 1]
    assert np.isnan(item.measured).all()
    assert [one.text for one in item.reasons] == ["btc.close is 5", "btc.close is not 5"]


def test_a_label_is_told_as_a_reason() -> None:
    item = of('state.tier == "cautious"', dataset(bars([1.0] * 30)))
    # Without any data the regime is unknown, and that counts as cautious.
    assert item.truth[-1] == 1
    told = [one.text for one in item.reasons if one.at[-1] != NOT_SO]
    assert told == ["state.tier is cautious"]


def test_a_condition_of_the_state_brings_its_own_numbers() -> None:
    item = of("state.vix_elevated", dataset(bars([1.0] * 60), VIX))
    assert item.unit == "points"
    assert item.inputs == ("VIX", "market state")


@pytest.mark.parametrize(
    "text",
    [
        "vix < 25",
        "25 >= vix",
        "not (vix < 25)",
        "btc.close == 5",
        "btc.close != 5",
        "btc.close crosses above 2",
        "btc.close crosses below 2",
        "not (btc.close crosses below 2)",
        "btc.close > 2 for 2 bars",
        "btc.close > 2 for 3h",
        "not (btc.close > 2 for 2 bars)",
        "btc.close < 2 within 2h",
        "btc.close > 2 or vix < 25",
        "sma(spy.close / qqq.close, 2 sessions) > 1",
    ],
)
def test_numbers_never_contradict_the_truth(text: str) -> None:
    rng = np.random.default_rng(5)
    data = dataset(
        bars(rng.integers(1, 6, 90).astype(float).tolist()),
        sessions([3.0, 2.0, 5.0], first="2026-02-02"),
        sessions([2.0, 4.0, 4.0], first="2026-02-02", instrument="QQQ"),
        VIX,
    )
    item = of(text, data)
    assert set(item.truth.tolist()) >= {0, 1} or "spy" in text
    assert not comparison_hides(item).any()


def test_unknown_may_pass_with_the_known_condition_beside() -> None:
    gate, known = with_unknown_passing(of("vix < 25"))
    assert gate.truth.tolist() == [1, 1, 1, 0, 0, 0]
    assert gate.description == "calm; unknown passes"
    assert (known.name, known.required) == ("calm_known", False)
    assert known.truth.tolist() == [-1, 1, 1, 0, 0, 0]


def test_a_value_of_a_plan_is_no_row_of_the_market() -> None:
    known = names()
    term = understand("position.age > 2d", known, "truth", plan_values=True)
    with pytest.raises(ValueError, match="judge it in on_bar"):
        named_condition("old", term, evaluator(DATA, known), description="")
    assert term.arguments[1].value == 2 * DAY_NS


def test_a_part_has_no_parts_of_its_own() -> None:
    # Each level names the level below twice; parts of parts would number 2 to the power 18.
    lets = {"b0": "btc.close > 2"} | {
        f"b{k}": f"b{k - 1} and (not b{k - 1} or b{k - 1})" for k in range(1, 19)
    }
    known = names(lets=lets)
    term = understand("b18", known, "truth")
    item = named_condition("deep", term, evaluator(DATA, known), description="deep")
    assert [len(part.parts) for part in item.parts] == [0, 0]
    assert item.truth.tolist() == of("btc.close > 2").truth.tolist()


def test_a_label_of_the_state_names_the_channels_that_the_data_hold() -> None:
    # Without the dollar the label may differ, so its inputs must say what was there.
    item = of('state.action == "wait"', dataset(bars([1.0] * 60), VIX))
    assert item.inputs == ("VIX/series", "market state")


def test_a_total_return_names_the_dividends_that_the_data_hold() -> None:
    known = names(clock="spy@session")
    term = understand("spy.total_return > 1", known, "truth")
    held = sessions([1.0, 2.0], first="2026-02-02")
    paid = points(ChannelKind.DIVIDENDS, [30.0], instrument="SPY", amount=[0.1])
    told = []
    for data in (dataset(held), dataset(held, paid)):
        item = named_condition("up", term, evaluator(data, known), description="up")
        told.append(item.inputs)
    assert told == [("SPY/bars/1d",), ("SPY/bars/1d", "SPY/dividends")]
