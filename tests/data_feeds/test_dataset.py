"""A dataset is read-only, can be cut at an instant, and has a hash of its values."""

import pickle
from collections.abc import Callable

import numpy as np
import pytest

from data_feeds.clock import HOUR_NS, parse_duration
from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError, SchemaError
from data_feeds.instrument import Instrument, InstrumentKind, Wallet
from data_feeds.schema import Channel, ChannelKey, ChannelKind, Provenance
from data_feeds.timeframe import Timeframe
from tests.data_feeds.factory import PERP, bars, replaced, series

HOURS = bars([0, HOUR_NS], [(1, 2, 1, 2, 5), (2, 3, 2, 3, 6)])
RATES = series([0, 1], [5, HOUR_NS], [4.0, 4.1])


def dataset(*channels: Channel) -> Dataset:
    return Dataset({PERP.id: PERP}, {channel.key: channel for channel in channels})


def test_a_cut_keeps_the_rows_known_by_then() -> None:
    data = dataset(HOURS, RATES).cut(HOUR_NS)
    assert data.bars(PERP.id, "1h")["close"].tolist() == [2]
    assert data.channel("DGS10", ChannelKind.SERIES)["value"].tolist() == [4.0, 4.1]
    assert not dataset(HOURS).cut(0).has(PERP.id, ChannelKind.BARS, "1h")


@pytest.mark.parametrize(
    "change",
    [
        lambda: dataset(replaced(HOURS, volume=[5, 7])),
        lambda: dataset(replaced(HOURS, label=[0, 1])),
        lambda: dataset(HOURS, RATES),
        lambda: dataset(HOURS.take(slice(0, 1))),
        lambda: dataset(Channel(ChannelKey(PERP.id, ChannelKind.BARS, "2h"), HOURS.columns)),
        lambda: Dataset(
            {PERP.id: PERP.model_copy(update={"lot_size": 0.01})}, {HOURS.key: HOURS}
        ),
    ],
)  # fmt: skip
def test_the_fingerprint_follows_every_value(change: Callable[[], Dataset]) -> None:
    assert change().fingerprint != dataset(HOURS).fingerprint
    assert dataset(HOURS).fingerprint == dataset(replaced(HOURS, volume=[5, 6])).fingerprint


def test_the_worst_label_labels_the_dataset() -> None:
    assert dataset(HOURS).provenance is Provenance.OBSERVED
    assert dataset(HOURS, replaced(RATES, label=[0, 2])).provenance is Provenance.SYNTHETIC


def test_nothing_in_a_dataset_can_be_changed() -> None:
    data = dataset(HOURS)
    with pytest.raises(ValueError, match="read-only"):
        data.bars(PERP.id, "1h")["close"][0] = 9.0
    with pytest.raises(TypeError):
        data.channels[RATES.key] = RATES  # type: ignore[index]
    with pytest.raises(TypeError):
        data.bars(PERP.id, "1h").columns["close"] = np.zeros(2)  # type: ignore[index]


def test_a_dataset_arrives_whole_and_read_only_in_another_process() -> None:
    data = dataset(HOURS, RATES)
    sent = pickle.loads(pickle.dumps(data))
    assert sent.fingerprint == data.fingerprint
    with pytest.raises(ValueError, match="read-only"):
        sent.bars(PERP.id, "1h")["close"][0] = 9.0


def test_a_missing_channel_error_lists_the_held_channels() -> None:
    with pytest.raises(CoverageError, match="SPY/bars/1d: not in the data; held: BTCUSDT-PERP"):
        dataset(HOURS).bars("SPY", "1d")


def test_timeframes_are_ordered_by_length_and_written_as_text() -> None:
    assert Timeframe("60m") == Timeframe("1h") < Timeframe("4h")
    assert (str(Timeframe("60m")), Timeframe("1h").bars_per_year) == ("60m", 8_760)
    assert parse_duration("2d") == 48 * HOUR_NS


@pytest.mark.parametrize("text", ["", "0m", "1.5h", "-1h", "h", "5 m", "5y"])
def test_text_that_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(SchemaError, match="is not a duration"):
        parse_duration(text)


def test_instruments_know_their_wallet_and_calendar() -> None:
    spy = Instrument(id="SPY", kind=InstrumentKind.ETF, calendar="XNYS")
    assert (spy.wallet, PERP.wallet) == (Wallet.BROKERAGE, Wallet.VENUE)
    assert (spy.is_margined, PERP.is_margined) == (False, True)
    with pytest.raises(ValueError, match="around the clock"):
        Instrument(id="X", kind=InstrumentKind.PERP, calendar="XNYS")
