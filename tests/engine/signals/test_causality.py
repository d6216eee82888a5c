"""No signal's row depends on a later bar, and the check notices a leak of one bar."""

import numpy as np
import pytest

from data_feeds.clock import HOUR_NS
from data_feeds.timeframe import Timeframe
from engine.conditions import Truth
from engine.signals import (
    FlushRules,
    derived_as_of,
    flush_sequences,
    liquidation_multiple,
    multiple_of_mean_before,
    multiple_of_previous_mean,
    not_both,
    open_interest_base,
    premium,
    previous,
    previous_low,
    realized_volatility,
    resolve,
    seen_since,
    series_change,
    thin_window,
    trend,
    wilder_atr,
)
from tests.engine.signals.causality import changed_rows, one_bar_ahead, random_tape
from tests.engine.signals.channels import bars, liquidations, open_interest, series

RULES = FlushRules(6, 0.2, 0.8, 0.5, 0.2, True, False, 6, 6, 6, 18, 8)


def closes_at(tape):
    return (np.arange(len(tape["close"]), dtype=np.int64) + 1) * HOUR_NS


def bar_channel(tape, instrument="BTCUSDT-PERP", scale=1.0):
    return bars(
        np.arange(len(tape["close"])) * HOUR_NS,
        tape["low"] * scale,
        tape["high"] * scale,
        tape["close"] * scale,
        tape["volume"],
        instrument=instrument,
    )


def sequences(tape):
    return flush_sequences(
        tape["high"],
        tape["low"],
        tape["close"],
        previous_atr=previous(wilder_atr(tape["high"], tape["low"], tape["close"], 5)),
        volume_multiple=multiple_of_previous_mean(tape["volume"], 6),
        rules=RULES,
    )


def sequence_part(name):
    return lambda tape: np.asarray(getattr(sequences(tape), name), dtype=np.float64)


def interest(tape):
    return open_interest(closes_at(tape), quote=1e9 * tape["volume"])


def truths(values):
    return np.where(values > 0.5, Truth.TRUE, np.where(values < -0.5, Truth.FALSE, -1)).astype(
        np.int8
    )


SIGNALS = {
    "previous": lambda tape: previous(tape["close"], 2),
    "previous_low": lambda tape: previous_low(tape["low"], 5),
    "wilder_atr": lambda tape: wilder_atr(tape["high"], tape["low"], tape["close"], 5),
    "realized_volatility": lambda tape: realized_volatility(tape["close"], 6, 8760.0),
    "multiple_of_previous_mean": lambda tape: multiple_of_previous_mean(tape["volume"], 6),
    "multiple_of_mean_before": lambda tape: multiple_of_mean_before(
        closes_at(tape), tape["volume"], 6 * HOUR_NS
    ),
    "derived_as_of": lambda tape: (
        derived_as_of(bar_channel(tape), tape["value"], closes_at(tape), HOUR_NS).values
    ),
    "open_interest_base": lambda tape: open_interest_base(interest(tape), bar_channel(tape)),
    "liquidation_multiple": lambda tape: liquidation_multiple(
        liquidations(closes_at(tape), tape["volume"], tape["close"]), 1, 6 * HOUR_NS
    ),
    "premium": lambda tape: premium(
        bar_channel(tape), bar_channel({**tape, "close": tape["low"]}, "BTCUSDT-SPOT", 0.999)
    ),
    "trend close": lambda tape: trend(bar_channel(tape), Timeframe("4h"), 3, closes_at(tape)).close,
    "trend mean": lambda tape: trend(bar_channel(tape), Timeframe("4h"), 3, closes_at(tape)).mean,
    "series_change": lambda tape: (
        series_change(
            series(closes_at(tape), tape["value"]),
            closes_at(tape),
            5 * HOUR_NS,
            HOUR_NS,
            relative=False,
        ).value
    ),
    "thin_window": lambda tape: thin_window(
        closes_at(tape), weekend=True, first_hour=16, last_hour=20
    ).astype(float),
    "not_both": lambda tape: not_both(truths(tape["value"]), truths(-tape["value"])).astype(float),
    "resolve": lambda tape: resolve(truths(tape["value"]), unknown_passes=True).astype(float),
    "seen_since": lambda tape: seen_since(
        tape["value"] > 1, np.arange(len(tape["value"])) // 5 * 5
    ).astype(float),
    **{
        f"flush_sequences {name}": sequence_part(name)
        for name in (
            "state",
            "support",
            "depth_atr",
            "is_flush",
            "broken_support",
            "first_flush_low",
            "bounce_level",
            "bounce_high",
            "second_flush_level",
            "second_flush_low",
            "reclaim_level",
            "flush_low",
            "is_reclaim",
            "origin",
            "rows_since",
            "reclaim_row",
        )
    },
}


@pytest.mark.parametrize("name", SIGNALS)
def test_a_row_does_not_depend_on_later_bars(name):
    assert changed_rows(SIGNALS[name], random_tape(240, seed=3)) == []


@pytest.mark.parametrize("name", SIGNALS)
def test_the_check_notices_a_leak_of_one_bar(name):
    assert changed_rows(one_bar_ahead(SIGNALS[name]), random_tape(240, seed=3))


def test_the_tape_walks_through_every_state():
    # Otherwise the checks above would not cover the states that never occur.
    assert set(sequences(random_tape(240, seed=3)).state) == set(range(7))
