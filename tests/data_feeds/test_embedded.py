"""The embedded data keep the documented facts, are synthetic throughout, and never change."""

import subprocess
import sys

import numpy as np

from data_feeds.embedded import PERP, embedded_dataset
from data_feeds.schema import ChannelKind, Provenance, utc_text, validate
from tests.data_feeds.factory import ns

BARS = embedded_dataset().bars(PERP, "15m")


def row_at(text: str) -> int:
    return int(np.searchsorted(BARS["opened_at"], ns(text)))


def test_every_row_is_valid_and_labelled_synthetic() -> None:
    data = embedded_dataset()
    for channel in data.channels.values():
        validate(channel)
        assert (channel["label"] == Provenance.SYNTHETIC).all()
    assert all(instrument.synthetic for instrument in data.instruments.values())
    assert data.provenance is Provenance.SYNTHETIC


def test_the_low_is_the_documented_one() -> None:
    low = int(np.argmin(BARS["low"]))
    assert BARS["low"][low] == 59_800.0
    assert utc_text(BARS["opened_at"][low]) == "2026-02-06T00:00Z"


def test_the_worst_utc_day_loses_fourteen_percent() -> None:
    opens, closes = BARS["open"][::96], BARS["close"][95::96]
    returns = closes / opens - 1
    worst = int(np.argmin(returns))
    assert utc_text(BARS["opened_at"][worst * 96]) == "2026-02-05T00:00Z"
    assert round(returns[worst], 3) == -0.140


def test_the_rebound_reaches_seventy_thousand() -> None:
    day = slice(row_at("2026-02-07T00:00"), row_at("2026-02-08T00:00"))
    assert 69_500 < BARS["high"][day].max() < 72_000


def test_flush_bars_trade_several_times_the_week_before() -> None:
    for flush in ("2026-02-05T14:30", "2026-02-06T00:00", "2025-12-15T15:45", "2026-01-20T15:15"):
        row = row_at(flush)
        assert BARS["volume"][row] > 3 * BARS["volume"][row - 7 * 96 : row].mean()


def test_funding_has_both_signs_and_is_lowest_after_the_flush() -> None:
    funding = embedded_dataset().channel(PERP, ChannelKind.FUNDING)
    assert utc_text(funding["event_at"][np.argmin(funding["rate"])]) == "2026-02-07T00:00Z"
    assert funding["rate"].min() == -0.000152
    assert (funding["rate"] > 0).mean() > 0.5
    assert set(np.diff(funding["event_at"])) == {8 * 3600 * 10**9}


def test_open_interest_falls_by_an_eighth_in_base_units() -> None:
    interest = embedded_dataset().channel(PERP, ChannelKind.OPEN_INTEREST)
    base = interest["open_interest_base"]
    before, after = (
        base[np.searchsorted(interest["event_at"], ns(day))]
        for day in ("2026-01-29T00:00", "2026-02-06T00:00")
    )
    assert -0.15 < after / before - 1 < -0.11


def test_six_supports_and_the_crash_break_twice_and_are_regained() -> None:
    # First flush, second flush: the low of the second is at most a little above the first's, and
    # within a day a bar closes above the first flush's low.
    pairs = (
        ("2025-11-20T14:00", "2025-11-20T20:00"), ("2025-12-01T00:30", "2025-12-01T05:00"),
        ("2025-12-15T15:30", "2025-12-15T22:30"), ("2026-01-20T15:00", "2026-01-20T20:00"),
        ("2026-01-29T15:00", "2026-01-30T00:00"), ("2026-02-12T16:00", "2026-02-12T22:00"),
        ("2026-02-05T14:00", "2026-02-05T23:15"),
    )  # fmt: skip
    for first, second in pairs:
        start, again = row_at(first), row_at(second)
        support = BARS["low"][start - 3 * 96 : start].min()
        first_low = BARS["low"][start : start + 8].min()
        second_low = BARS["low"][again : again + 8].min()
        assert first_low < support * 0.985
        assert BARS["high"][start + 4 : again].max() > first_low * 1.01
        assert second_low < first_low * 1.001
        assert BARS["close"][again + 8 : again + 96].max() > first_low


def test_prices_are_multiples_of_the_tick() -> None:
    for name in ("open", "high", "low", "close"):
        ticks = BARS[name] / 0.1
        assert np.abs(ticks - np.round(ticks)).max() < 1e-6


def test_another_process_makes_the_same_bytes() -> None:
    code = "from data_feeds.embedded import embedded_dataset; print(embedded_dataset().fingerprint)"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert found.strip() == embedded_dataset().fingerprint
