"""Loading one run's window: cuts, resampling, refusals."""

from pathlib import Path

import numpy as np
import pytest

from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS
from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.load import held_keys, load_dataset, mark_key, open_source
from data_feeds.schema import ChannelKey, ChannelKind
from tests.data_feeds.factory import PERP, bars, ns, series

T0 = ns("2026-02-01T00:00")
HOURS = ChannelKey(PERP.id, ChannelKind.BARS, "1h")
YIELD = ChannelKey("DGS10", ChannelKind.SERIES)


def source(*, days: int = 10, hole: range = range(0)) -> Dataset:
    """Return hourly bars with an optional hole (hours), hourly marks, and a late yield."""
    at = [T0 + i * HOUR_NS for i in range(24 * days) if i not in hole]
    hourly = bars(at, [(1, 1, 1, 1, 1)] * len(at))
    marks = bars(at, [(1, 1, 1, 1)] * len(at), kind=ChannelKind.MARK)
    event = [T0 + i * DAY_NS for i in range(days)]
    yields = series(event, [e + 2 * DAY_NS for e in event], [float(i) for i in range(days)])
    instruments = {PERP.id: PERP, "DGS10": Instrument(id="DGS10", kind=InstrumentKind.SERIES)}
    return Dataset(instruments, {channel.key: channel for channel in (hourly, marks, yields)})


def test_a_window_holds_its_warmup_and_nothing_after_its_end() -> None:
    data = load_dataset(source(), [HOURS], T0 + 3 * DAY_NS, T0 + 4 * DAY_NS, DAY_NS)
    loaded = data.bars(PERP.id, "1h")
    assert loaded["opened_at"][0] == T0 + 2 * DAY_NS
    assert loaded["closed_at"][-1] == T0 + 4 * DAY_NS
    assert list(data.instruments) == [PERP.id]


def test_a_series_has_the_value_known_at_the_start_and_later_releases() -> None:
    # At day 3 the value of day 1 is known (two days late); day 2 comes out inside the window.
    data = load_dataset(source(), [YIELD], T0 + 3 * DAY_NS, T0 + 4 * DAY_NS)
    assert data.channel("DGS10", ChannelKind.SERIES)["value"].tolist() == [1, 2, 3, 4]


def test_a_catalog_and_a_dataset_load_the_same(tmp_path: Path) -> None:
    data = source()
    catalog = Catalog(tmp_path)
    for key, channel in data.channels.items():
        catalog.write(data.instruments[key.instrument], [channel])
    window = ([HOURS, YIELD], T0 + 3 * DAY_NS, T0 + 4 * DAY_NS, DAY_NS)
    assert load_dataset(catalog, *window).fingerprint == load_dataset(data, *window).fingerprint
    assert held_keys(catalog) == held_keys(data)
    assert open_source(tmp_path).path == tmp_path


def test_bars_that_are_not_stored_are_resampled() -> None:
    key = ChannelKey(PERP.id, ChannelKind.BARS, "4h")
    data = load_dataset(source(), [key], T0 + DAY_NS, T0 + 2 * DAY_NS)
    assert data.bars(PERP.id, "4h")["volume"].tolist() == [4.0] * 6


def test_the_longest_stored_bars_that_divide_are_resampled() -> None:
    quarters = bars([T0 + i * 15 * MINUTE_NS for i in range(96)], [(1, 1, 1, 1, 9)] * 96, "15m")
    data = source(days=1)
    both = Dataset(data.instruments, {**data.channels, quarters.key: quarters})
    key = ChannelKey(PERP.id, ChannelKind.BARS, "2h")
    # Two hourly bars of volume 1, not eight quarters of volume 9.
    found = load_dataset(both, [key], T0, T0 + DAY_NS).bars(PERP.id, "2h")
    assert found["volume"].tolist() == [2.0] * 12


def test_bars_of_an_exchange_are_not_resampled() -> None:
    spy = Instrument(id=PERP.id, kind=InstrumentKind.ETF, calendar="XNYS")
    data = Dataset({spy.id: spy}, {HOURS: source().channels[HOURS]})
    key = ChannelKey(PERP.id, ChannelKind.BARS, "4h")
    with pytest.raises(CoverageError, match="4h: not in the data"):
        load_dataset(data, [key], T0, T0 + DAY_NS)


def test_a_required_channel_that_is_missing_names_the_nearest() -> None:
    key = ChannelKey("BTCUSDT-PRP", ChannelKind.BARS, "1h")
    with pytest.raises(CoverageError, match=r"BTCUSDT-PRP/bars/1h: not .*: BTCUSDT-PERP/bars/1h"):
        load_dataset(source(), [key], T0, T0 + DAY_NS)
    finer = ChannelKey(PERP.id, ChannelKind.BARS, "15m")
    with pytest.raises(CoverageError, match="15m: not in the data"):
        load_dataset(source(), [finer], T0, T0 + DAY_NS)
    data = load_dataset(source(), [HOURS], T0, T0 + DAY_NS, optional=[key, YIELD])
    assert sorted(data.channels) == [HOURS, YIELD]


@pytest.mark.parametrize(
    ("first", "last", "warmup", "message"),
    [
        (-5, -3, 0, r"no bars from 2026-01-27T00:00Z to 2026-01-29T00:00Z; the data cover"),
        (20, 22, 0, "no bars from"),
        (5, 12, 0, r"ends after the bars; the data cover 2026-02-01T00:00Z to 2026-02-11T00:00Z"),
        (2, 5, 3, r"needs 3 days of warm-up, from 2026-01-31T00:00Z; the data cover 2026-02-01"),
    ],
)
def test_a_window_outside_the_data_is_refused(
    first: int, last: int, warmup: int, message: str
) -> None:
    with pytest.raises(CoverageError, match=message):
        load_dataset(source(), [HOURS], T0 + first * DAY_NS, T0 + last * DAY_NS, warmup * DAY_NS)


def test_an_outage_passes_and_a_long_hole_does_not() -> None:
    window = ([HOURS], T0 + DAY_NS, T0 + 9 * DAY_NS)
    data = load_dataset(source(hole=range(100, 120)), *window)
    assert len(data.bars(PERP.id, "1h")) == 8 * 24 - 20
    with pytest.raises(CoverageError, match=r"a hole of 1.67 days from 2026-02-05T04:00Z"):
        load_dataset(source(hole=range(100, 140)), *window)
    with pytest.raises(CoverageError, match="warm-up"):
        load_dataset(
            source(hole=range(20, 100)), [HOURS], T0 + 6 * DAY_NS, T0 + 9 * DAY_NS, 4 * DAY_NS
        )


def test_marks_fall_back_to_the_finest_there_are() -> None:
    assert mark_key(source(), PERP.id, "4h") == ChannelKey(PERP.id, ChannelKind.MARK, "4h")
    assert mark_key(source(), PERP.id, "5m") == ChannelKey(PERP.id, ChannelKind.MARK, "1h")
    assert mark_key(source(), "SPY", "1d") is None


def test_a_folder_without_a_catalog_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(CoverageError, match=r"riskoff data import MAPPING.yaml --data"):
        open_source(tmp_path / "none")
    assert isinstance(open_source("embedded"), Catalog)


def test_loaded_arrays_cannot_be_written_to() -> None:
    data = load_dataset(source(), [HOURS], T0, T0 + DAY_NS)
    with pytest.raises(ValueError, match="read-only"):
        data.bars(PERP.id, "1h")["close"][0] = 2.0
    assert np.all(np.diff(data.bars(PERP.id, "1h")["opened_at"]) == 60 * MINUTE_NS)


def test_bars_that_may_begin_late_begin_inside_the_window_and_must_go_on_from_there() -> None:
    # The data begin at T0; the window begins two days before and asks for a day of warm-up.
    window = (T0 - 2 * DAY_NS, T0 + 4 * DAY_NS, DAY_NS)
    with pytest.raises(CoverageError, match="of warm-up"):
        load_dataset(source(), [HOURS], *window)
    late = load_dataset(source(), [HOURS], *window, late=frozenset({HOURS}))
    assert late.bars(PERP.id, "1h")["opened_at"][0] == T0
    with pytest.raises(CoverageError, match="hole"):
        load_dataset(source(hole=range(20, 60)), [HOURS], *window, late=frozenset({HOURS}))
    with pytest.raises(
        CoverageError,
        match=r"ends after the bars; .* ended there, .* end the window at its last bar",
    ):
        load_dataset(source(days=3), [HOURS], *window, late=frozenset({HOURS}))
