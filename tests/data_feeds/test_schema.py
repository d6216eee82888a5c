"""Every rule of a channel, and the message for a broken row."""

import numpy as np
import pytest

from data_feeds.clock import HOUR_NS, utc_text
from data_feeds.errors import SchemaError
from data_feeds.schema import Channel, ChannelKey, ChannelKind, validate
from tests.data_feeds.factory import bars, ns, replaced, series

T0 = ns("2026-02-06T00:00")
GOOD = bars(
    [T0, T0 + HOUR_NS, T0 + 3 * HOUR_NS],
    [(10, 12, 9, 11, 5), (11, 11, 11, 11, 0), (11, 13, 10, 12, 2)],
)


def test_a_gap_and_an_idle_bar_are_valid() -> None:
    validate(GOOD)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"high": (12, 11, 9)}, r"row 2 at 2026-02-06T03:00Z: high 9 is below low"),
        ({"high": (12, 11, 11.5)}, r"row 2 .*high 11.5 is below open or close"),
        ({"low": (9, 11, 11.5)}, r"row 2 .*low 11.5 is above open or close"),
        ({"open": (10, np.nan, 11)}, r"row 1 at 2026-02-06T01:00Z: open nan is not a positive"),
        ({"close": (11, 11, -1)}, r"row 2 .*close -1 is not a positive price"),
        ({"open": (0, 11, 11)}, r"row 0 .*open 0 is not a positive price"),
        ({"high": (np.inf, 11, 13)}, r"row 0 .*high inf is not a finite number"),
        ({"volume": (5, -1, 2)}, r"row 1 .*volume -1 is negative"),
        ({"volume": (5, np.nan, 2)}, r"row 1 .*volume nan is not a finite number"),
        ({"label": (0, 3, 0)}, r"row 1 .*label 3 is unknown"),
        ({"available_at": (T0, T0 + 2 * HOUR_NS, T0 + 4 * HOUR_NS)},
         r"row 0 .*available_at 2026-02-06T00:00Z is before closed_at"),
    ],
)  # fmt: skip
def test_a_broken_value_names_row_time_and_value(
    columns: dict[str, tuple[float, ...]], message: str
) -> None:
    with pytest.raises(SchemaError, match=rf"BTCUSDT-PERP/bars/1h: {message}"):
        validate(replaced(GOOD, **columns))


@pytest.mark.parametrize(
    ("opened", "message"),
    [
        ((0, 0), "row 1 at 1970-01-01T00:00Z: opened_at .* is not after the row before"),
        ((2, 0), "row 1 .*is not after the row before.*sort"),
        ((0, 0.5), "row 1 at 1970-01-01T00:30Z: opened_at .* overlaps the row before"),
    ],
)
def test_duplicate_unordered_and_overlapping_bars_are_refused(
    opened: tuple[float, float], message: str
) -> None:
    rows = [(1, 1, 1, 1, 1)] * 2
    with pytest.raises(SchemaError, match=message):
        validate(bars([int(hour * HOUR_NS) for hour in opened], rows))


def test_a_bar_must_last() -> None:
    with pytest.raises(SchemaError, match=r"closed_at .* is not after opened_at"):
        validate(replaced(GOOD, closed_at=GOOD["opened_at"]))


def test_a_revision_repeats_the_fact_and_is_known_later() -> None:
    validate(series([1, 1, 2], [5, 9, 7], [1.0, 1.1, 2.0]))
    with pytest.raises(SchemaError, match="revision needs a later available_at"):
        validate(series([1, 1], [5, 5], [1.0, 1.1]))
    with pytest.raises(SchemaError, match=r"available_at .* is before event_at"):
        validate(series([10], [9], [1.0]))


@pytest.mark.parametrize("kind", [ChannelKind.BARS, ChannelKind.MARK])
def test_bars_become_known_in_order(kind: ChannelKind) -> None:
    rows = [(10, 12, 9, 11, 5)] * 3
    three = bars([T0, T0 + HOUR_NS, T0 + 2 * HOUR_NS], rows, kind=kind)
    validate(replaced(three, available_at=[T0 + hour * HOUR_NS for hour in (3, 3, 3)]))
    late = replaced(three, available_at=[T0 + hour * HOUR_NS for hour in (4, 2, 4)])
    with pytest.raises(
        SchemaError, match=r"row 1 at 2026-02-06T01:00Z: available_at .* before that of the row"
    ):
        validate(late)


def test_funding_becomes_known_in_order_and_a_series_need_not() -> None:
    times = {"event_at": np.array([1, 2, 3]), "available_at": np.array([5, 9, 7])}
    label = np.zeros(3, dtype=np.int8)
    funding = Channel(
        ChannelKey("P", ChannelKind.FUNDING), {**times, "rate": np.full(3, 1e-4), "label": label}
    )
    with pytest.raises(SchemaError, match=r"row 2 .* available_at .* before that of the row"):
        validate(funding)
    validate(series([1, 2, 3], [5, 9, 7], [1.0, 2.0, 3.0]))


def test_series_and_funding_may_be_negative_and_open_interest_may_be_unknown() -> None:
    validate(series([1], [1], [-0.5]))
    points = {"event_at": np.array([1]), "available_at": np.array([1])}
    label = np.zeros(1, dtype=np.int8)
    validate(
        Channel(
            ChannelKey("P", ChannelKind.OPEN_INTEREST),
            {
                **points,
                "open_interest_base": np.array([np.nan]),
                "open_interest_quote": np.array([9e9]),
                "label": label,
            },
        )
    )
    funding = Channel(
        ChannelKey("P", ChannelKind.FUNDING), {**points, "rate": np.array([-0.003]), "label": label}
    )
    validate(funding)
    with pytest.raises(SchemaError, match=r"rate -0.3 is beyond any venue's cap.*scale"):
        validate(replaced(funding, rate=[-0.3]))


def test_columns_types_and_timeframe_are_checked() -> None:
    without = {name: values for name, values in GOOD.columns.items() if name != "low"}
    with pytest.raises(SchemaError, match="columns missing: low; not known: none"):
        validate(Channel(GOOD.key, without))
    with pytest.raises(SchemaError, match="open is int64"):
        validate(Channel(GOOD.key, {**GOOD.columns, "open": GOOD["open"].astype(np.int64)}))
    with pytest.raises(SchemaError, match="name a timeframe"):
        validate(Channel(ChannelKey("P", ChannelKind.BARS), GOOD.columns))


def test_instants_are_written_in_utc() -> None:
    assert utc_text(ns("2026-02-06T03:00")) == "2026-02-06T03:00Z"
    assert utc_text(ns("2026-02-06T03:00:05")) == "2026-02-06T03:00:05Z"
