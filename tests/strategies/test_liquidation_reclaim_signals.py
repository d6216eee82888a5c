"""The signals of ``prepare`` on a sell-off made by hand, channel by channel."""

import numpy as np
import pytest

from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.schema import ChannelKind
from engine.conditions import Truth, comparison_hides
from engine.price_chart.drawn_signals import stage_spans
from engine.results.journal import because
from engine.signals import FlushState
from tests.engine.signals import channels
from tests.strategies.market import (
    ATR_BEFORE_RECLAIM,
    CALM,
    PERP,
    RECLAIM,
    START,
    ReclaimBench,
    instants,
    market_data,
    small_params,
)

ROWS = CALM + 7
T, F, U = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN


def constant(value):
    return np.full(ROWS, value)


def truth(bench, name, row=RECLAIM):
    return Truth(int(bench.conditions[name].truth[row]))


def test_the_tape_is_read_as_first_flush_bounce_second_flush_reclaim():
    bench = ReclaimBench()
    states = bench.signals.values["state"].astype(int).tolist()
    assert states[:CALM] == [FlushState.IDLE] * CALM
    assert states[CALM:] == [
        FlushState.FIRST_FLUSH,
        FlushState.BOUNCE,
        FlushState.SECOND_FLUSH,
        *[FlushState.RECLAIMED] * 4,
    ]
    assert bench.signals.values["broken_support"][RECLAIM] == 99.5
    assert bench.signals.values["flush_low"][RECLAIM] == 96.5


@pytest.mark.parametrize("level", ["first_flush_low", "broken_support"])
def test_the_page_draws_each_level_once_and_no_idle_stage(level):
    drawn = ReclaimBench(params=small_params(reclaim_level=level)).signals
    levels = [item for item in drawn.drawn if item.drawn_as == "level"]
    assert len(levels) == 4
    (named,) = (item for item in levels if item.title.endswith("to reclaim"))
    assert named.name == level
    np.testing.assert_array_equal(drawn.values[named.name], drawn.values["reclaim_level"])
    (stages,) = (item for item in drawn.drawn if item.drawn_as == "stages")
    assert FlushState.IDLE not in stages.stages
    # The names of all states, which reports print, draw no second set of bands.
    at = drawn.decided_at
    spans = stage_spans(drawn, int(at[0]), int(at[-1]))
    assert [span.title for span in spans] == ["first flush", "bounce", "second flush", "reclaim"]


def test_only_the_reclaim_is_a_wake_and_its_stop_lies_half_an_atr_below_the_low():
    bench = ReclaimBench()
    assert np.flatnonzero(bench.signals.wake_flat).tolist() == [RECLAIM]
    expected = 96.5 - 0.5 * ATR_BEFORE_RECLAIM
    assert bench.signals.values["stop"][RECLAIM] == pytest.approx(expected)


def test_rows_worth_a_journal_line_carry_the_sequence_s_name():
    bench = ReclaimBench()
    assert np.flatnonzero(bench.signals.notable).tolist() == list(range(CALM, ROWS))
    # The first flush is the bar from 00:00 to 01:00 on 2026-02-04.
    assert set(bench.signals.setup[CALM:]) == {"2026-02-04T01:00Z"}
    assert set(bench.signals.setup[:CALM]) == {""}


def test_the_conditions_show_the_compared_numbers():
    bench = ReclaimBench()
    depth = bench.conditions["first_flush_range"]
    assert depth.measured[RECLAIM] == pytest.approx((99.5 - 97.0) / 1.0)
    assert bench.conditions["first_flush_volume"].measured[RECLAIM] == 5.0
    bounce = bench.conditions["bounce"]
    assert (bounce.measured[25], bounce.threshold[25]) == (99.0, pytest.approx(97 + 5 / 3))
    reclaim = bench.conditions["reclaim"]
    assert (reclaim.measured[RECLAIM], reclaim.threshold[RECLAIM]) == (97.6, 97.0)
    # Not asked before the second flush, nor again after the first close above.
    assert np.isnan(reclaim.measured[25])
    assert truth(bench, "reclaim", RECLAIM + 1) is F


@pytest.mark.parametrize(
    "name",
    [
        "liquidation_prints",
        "open_interest_drop",
        "negative_funding",
        "discount_to_mark",
        "discount_to_spot",
        "open_interest_reset",
        "dollar_rising",
        "yields_rising",
        "macro_calm",
        "false_recovery",
    ],
)
def test_a_channel_that_is_not_there_is_unknown_and_measures_nothing(name):
    item = ReclaimBench().conditions[name]
    assert (item.truth == U).all()
    assert np.isnan(item.measured).all()


def test_without_any_sign_in_the_data_the_config_decides():
    assert truth(ReclaimBench(), "liquidation_driven") is T
    blocked = ReclaimBench(small_params(evidence_unknown="block"))
    assert truth(blocked, "liquidation_driven") is F
    assert not blocked.signals.wake_flat.any()


def test_a_stage_is_as_old_as_the_bar_that_it_read():
    # Row 24 is the first flush, 25 set the bounce's high, 26 the second flush's low.
    found = ReclaimBench().conditions
    names = ("first_flush_range", "first_flush_volume", "bounce", "second_flush")
    ages = {name: found[name].age_ns[[CALM, RECLAIM]] // HOUR_NS for name in names}
    assert {name: age.tolist() for name, age in ages.items()} == {
        "first_flush_range": [0, 3],
        "first_flush_volume": [0, 3],
        "bounce": [0, 2],
        "second_flush": [0, 1],
    }
    assert found["reclaim"].age_ns is None
    assert {found[name].inputs for name in (*names, "reclaim")} == {(f"{PERP}/bars/1h",)}


def test_liquidation_driven_is_as_old_as_the_oldest_sign_that_is_known():
    paid = channels.funding(instants(ROWS)[: RECLAIM - 1], np.full(RECLAIM - 1, -0.0001))
    found = ReclaimBench(data=market_data(paid)).conditions["liquidation_driven"]
    assert int(found.age_ns[RECLAIM]) == 2 * HOUR_NS
    assert {f"{PERP}/funding", f"{PERP}/open_interest", "BTCUSDT-SPOT/bars/1h"} < set(found.inputs)
    assert (ReclaimBench().conditions["liquidation_driven"].age_ns == -1).all()


def with_funding(rate, **changes):
    paid = channels.funding(instants(ROWS), constant(rate))
    return ReclaimBench(small_params(**changes), market_data(paid))


def test_negative_funding_is_a_sign_and_zero_is_none():
    assert truth(with_funding(-0.0001), "negative_funding") is T
    assert with_funding(-0.0001).signals.wake_flat[RECLAIM]
    assert truth(with_funding(0.0), "negative_funding") is F
    assert not with_funding(0.0).signals.wake_flat.any()


def test_more_signs_than_the_data_could_show_are_not_demanded():
    bench = with_funding(-0.0001, min_evidence=3)
    item = bench.conditions["liquidation_driven"]
    assert (item.measured[RECLAIM], item.threshold[RECLAIM]) == (1.0, 1.0)
    assert bench.signals.wake_flat[RECLAIM]


def test_an_old_settlement_is_unknown():
    paid = channels.funding(instants(ROWS)[:1], [-0.0001])
    bench = ReclaimBench(data=market_data(paid))
    assert truth(bench, "negative_funding", 9) is T
    assert truth(bench, "negative_funding", 10) is U  # 10 h old, above 9 h


def test_a_sign_counts_until_the_sequence_ends_and_not_before_it():
    rates = constant(0.0001)
    rates[CALM - 1] = -0.0001  # before the first flush
    before = ReclaimBench(data=market_data(channels.funding(instants(ROWS), rates)))
    assert truth(before, "liquidation_driven") is F
    rates = constant(0.0001)
    rates[CALM] = -0.0001  # on it
    on = ReclaimBench(data=market_data(channels.funding(instants(ROWS), rates)))
    assert truth(on, "liquidation_driven") is T


def test_liquidation_prints_are_measured_against_the_window_before():
    longs = constant(1.0)
    longs[CALM] = 6.0
    data = market_data(channels.liquidations(instants(ROWS), longs, constant(1.0)))
    item = ReclaimBench(data=data).conditions["liquidation_prints"]
    assert item.measured[CALM] == 6.0
    assert item.truth[CALM] == T
    assert item.truth[CALM - 1] == F


def interest(base):
    return channels.open_interest(instants(ROWS), base=base)


def test_open_interest_must_have_reset_where_it_is_known():
    base = constant(100.0)
    base[CALM:] = 97.0
    fallen = ReclaimBench(data=market_data(interest(base)))
    assert fallen.conditions["open_interest_reset"].measured[RECLAIM] == pytest.approx(-0.03)
    assert fallen.signals.wake_flat[RECLAIM]
    still = ReclaimBench(data=market_data(interest(constant(100.0))))
    assert truth(still, "open_interest_gate") is F
    assert not still.signals.wake_flat.any()


def test_open_interest_from_before_the_flush_is_no_reset_and_no_lack_of_one():
    known = channels.open_interest(instants(ROWS)[:CALM], base=constant(100.0)[:CALM])
    bench = ReclaimBench(small_params(open_interest_max_age="2d"), market_data(known))
    assert truth(bench, "open_interest_reset") is U
    assert truth(bench, "open_interest_gate") is T
    blocking = small_params(open_interest_max_age="2d", open_interest_unknown="block")
    assert truth(ReclaimBench(blocking, market_data(known)), "open_interest_gate") is F


def test_a_fall_of_open_interest_in_quote_that_only_follows_the_price_is_no_drop():
    close = market_data().channel(PERP, ChannelKind.BARS, "1h")["close"]
    follows = channels.open_interest(instants(ROWS), quote=1000.0 * close)
    bench = ReclaimBench(data=market_data(follows))
    assert bench.conditions["open_interest_drop"].measured[CALM] == pytest.approx(0.0)
    assert truth(bench, "open_interest_drop", CALM) is F


def test_a_recovery_on_falling_open_interest_is_false():
    base = constant(100.0)
    base[CALM:] = 97.0
    base[RECLAIM + 2 :] = 94.0  # -3.1% since the reclaim, with the price up
    bench = ReclaimBench(data=market_data(interest(base)))
    item = bench.conditions["false_recovery"]
    assert item.truth[RECLAIM : RECLAIM + 4].tolist() == [U, F, T, T]
    assert np.flatnonzero(bench.signals.wake_in_position).tolist() == [RECLAIM + 2, RECLAIM + 3]
    off = ReclaimBench(small_params(false_recovery_exit=False), market_data(interest(base)))
    assert not off.signals.wake_in_position.any()


def spot(scale):
    close = market_data().channel(PERP, ChannelKind.BARS, "1h")["close"] * scale
    return channels.bars(
        START + np.arange(ROWS) * HOUR_NS, close, close, close, close, instrument="BTCUSDT-SPOT"
    )


def test_a_discount_to_spot_is_a_sign():
    # The perp at 1 / 1.002 - 1 = -0.1996% of spot.
    bench = ReclaimBench(data=market_data(spot(1.002)))
    assert bench.conditions["discount_to_spot"].measured[RECLAIM] == pytest.approx(1 / 1.002 - 1)
    assert truth(bench, "discount_to_spot") is T
    assert truth(ReclaimBench(data=market_data(spot(0.998))), "discount_to_spot") is F


def macro(dollar, yields, **changes):
    days = START + np.arange(-10, 2) * DAY_NS
    found = []
    if dollar is not None:
        found.append(channels.series(days, 100 + dollar * np.arange(12), name="DXY"))
    if yields is not None:
        found.append(channels.series(days, 4 + yields * np.arange(12), name="DGS10"))
    return ReclaimBench(small_params(**changes), market_data(*found))


@pytest.mark.parametrize(
    ("dollar", "yields", "policy", "calm", "passes"),
    [
        (1, 1, "pass", F, False),
        (1, -1, "pass", T, True),
        (-1, 1, "pass", T, True),
        (0, 1, "pass", T, True),
        (1, None, "pass", U, True),
        (1, None, "block", U, False),
        (-1, None, "block", T, True),
        (None, None, "block", U, False),
        (None, None, "pass", U, True),
    ],
)
def test_the_macro_gate(dollar, yields, policy, calm, passes):
    bench = macro(dollar, yields, macro_unknown=policy)
    assert truth(bench, "macro_calm") is calm
    assert bool(bench.signals.wake_flat[RECLAIM]) is passes


def test_the_macro_gate_can_be_off():
    bench = macro(1, 1, macro_gate=False)
    assert "macro_gate" not in bench.conditions
    assert bench.signals.wake_flat[RECLAIM]


def test_the_trend_is_read_before_the_first_flush():
    # 4h closes are 100 until the flush: the close is not above its mean, the trade is against.
    bench = ReclaimBench()
    item = bench.conditions["with_trend"]
    assert (item.measured[RECLAIM], item.threshold[RECLAIM]) == (100.0, 100.0)
    at_entry = ReclaimBench(small_params(trend_read="at_entry")).conditions["with_trend"]
    assert at_entry.measured[RECLAIM] == 97.6  # the 4h bar that ends with the reclaim


def test_against_the_trend_the_size_is_halved_or_the_trade_refused():
    def size(**changes):
        return ReclaimBench(small_params(spike_multiple=100.0, **changes)).signals.values[
            "size_multiplier"
        ][RECLAIM]

    assert size() == 0.5
    assert size(against_trend="ignore") == 1.0
    refused = ReclaimBench(small_params(against_trend="refuse"))
    assert truth(refused, "trend_gate") is F
    assert not refused.signals.wake_flat.any()


def test_a_volatility_spike_makes_the_size_smaller():
    # Before the sell-off nothing moved: the closes are all 100 and the ratio is unknown.
    bench = ReclaimBench(small_params(spike_window="4 bars", spike_baseline="8 bars"))
    assert truth(bench, "volatility_spike") is U
    later = ReclaimBench(small_params(spike_window="2 bars", spike_baseline="4 bars"))
    # Moves of rows 26-27 against rows 22-25, of which two were calm.
    returns = np.diff(np.log([100, 100, 97.5, 98.5, 96.8, 97.6]))
    ratio = np.sqrt(np.mean(returns[3:] ** 2)) / np.sqrt(np.sum(returns[:3] ** 2) / 4)
    item = later.conditions["volatility_spike"]
    assert item.measured[RECLAIM] == pytest.approx(ratio)
    spiky = ReclaimBench(
        small_params(
            spike_window="2 bars",
            spike_baseline="4 bars",
            spike_multiple=ratio * 0.99,
            spike_size=0.25,
            against_trend="ignore",
        )
    )
    assert spiky.signals.values["size_multiplier"][RECLAIM] == 0.25


def test_a_thin_window_costs_slippage_or_is_refused():
    # The reclaim closes at 04:00 UTC, 23:00 in New York.
    assert ReclaimBench().signals.values["slippage_multiplier"][RECLAIM] == 1.0
    thin = ReclaimBench(small_params(thin_hours=[23, 24], thin_slippage=2.0))
    assert thin.signals.values["slippage_multiplier"][RECLAIM] == 2.0
    refused = ReclaimBench(small_params(thin_hours=[23, 24], thin_action="refuse"))
    assert truth(refused, "thin_gate") is F
    assert not refused.signals.wake_flat.any()


def test_shorts_mirror_longs():
    long = ReclaimBench()
    short = ReclaimBench(small_params(direction="short"), market_data(mirrored=True))
    np.testing.assert_array_equal(long.signals.wake_flat, short.signals.wake_flat)
    for name in ("stop", "close", "flush_low", "broken_support", "reclaim_level"):
        np.testing.assert_allclose(
            short.signals.values[name], 200 - long.signals.values[name], equal_nan=True
        )
    for name, item in long.conditions.items():
        if name in short.conditions:
            np.testing.assert_array_equal(item.truth, short.conditions[name].truth)


def test_shorts_read_liquidated_shorts_and_positive_funding():
    shorts = constant(1.0)
    shorts[CALM] = 6.0
    data = market_data(
        channels.liquidations(instants(ROWS), constant(1.0), shorts),
        channels.funding(instants(ROWS), constant(0.0001)),
        mirrored=True,
    )
    bench = ReclaimBench(small_params(direction="short"), data)
    assert truth(bench, "liquidation_prints", CALM) is T
    assert truth(bench, "positive_funding") is T


def because_of(bench, name, row=RECLAIM):
    item = bench.conditions[name]
    return because(item, np.array([row]), bench.signals.decided_at[[row]])[0].as_py()


def test_an_unmet_reclaim_names_the_stage_that_it_waits_for():
    bench = ReclaimBench()
    assert because_of(bench, "reclaim", CALM - 1) == "no sequence is running"
    assert because_of(bench, "reclaim", CALM) == "waits for the bounce"
    assert because_of(bench, "reclaim", CALM + 1) == "waits for the second flush"
    assert because_of(bench, "reclaim") == ""  # its numbers say it: 97.6 against 97.0
    # the reclaim's bar closes at 04:00
    assert because_of(bench, "reclaim", RECLAIM + 1) == "reclaimed already at 2026-02-04T04:00Z"


def test_the_signs_that_counted_are_named_with_their_instant():
    # Funding turns negative at the first flush's close, 01:00, and back at 02:00.
    paid = channels.funding(instants(ROWS)[[CALM - 9, CALM, CALM + 1]], [0.0001, -0.0004, 0.0001])
    bench = ReclaimBench(data=market_data(paid))
    assert because_of(bench, "liquidation_driven") == "negative_funding at 2026-02-04T01:00Z"
    assert because_of(bench, "liquidation_driven", CALM) == "negative_funding at this close"
    # before it, no sign had shown
    assert because_of(bench, "liquidation_driven", CALM - 1) == ""


def test_no_condition_shows_numbers_that_contradict_it():
    bench = ReclaimBench()
    for item in bench.conditions.values():
        assert not comparison_hides(item).any(), item.name
