"""Total returns and prices as traded, by hand and against a publisher's numbers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_feeds.adjust import as_traded, total_return
from data_feeds.calendar import session_bounds
from data_feeds.errors import SchemaError
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from tests.data_feeds.factory import bars, ns, replaced, series

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (f"2025-11-{day}" for day in range(17, 22))
WEEK = (MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY)


def daily(dates: Sequence[str], closes: Sequence[float]) -> Channel:
    """Return bars of New York sessions with flat prices and a volume of 1000."""
    opened, closed = session_bounds("XNYS", np.array(dates, dtype="datetime64[D]"))
    close = np.array(closes, dtype=np.float64)
    prices = {name: close.copy() for name in ("open", "high", "low", "close")}
    return Channel(
        ChannelKey("SPY", ChannelKind.BARS, "1d"),
        {
            "opened_at": opened,
            "closed_at": closed,
            "available_at": closed.copy(),
            **prices,
            "volume": np.full(len(close), 1_000.0),
            "label": np.zeros(len(close), dtype=np.int8),
        },
    )


def actions(kind: ChannelKind, column: str, rows: Sequence[tuple[str, float]]) -> Channel:
    """Return dividends or splits at the opens of their ex-dates."""
    dates = np.array([date for date, _ in rows], dtype="datetime64[D]")
    opened, _ = session_bounds("XNYS", dates)
    made = series(opened, opened, [value for _, value in rows], "SPY").columns
    columns = {column if name == "value" else name: made[name] for name in made}
    return Channel(ChannelKey("SPY", kind), columns)


def dividends(*rows: tuple[str, float]) -> Channel:
    return actions(ChannelKind.DIVIDENDS, "amount", rows)


def splits(*rows: tuple[str, float]) -> Channel:
    return actions(ChannelKind.SPLITS, "ratio", rows)


def test_a_dividend_is_earned_by_the_return_to_the_close_of_its_ex_date() -> None:
    growth = total_return(daily(WEEK[:3], [100.0, 98.0, 99.0]), dividends((TUESDAY, 3.0)))
    # (98 + 3) / 100 = 1.01; then 99 / 98.
    assert growth == pytest.approx([1.0, 1.01, 1.01 * 99 / 98], rel=1e-14)


def test_without_dividends_the_index_is_the_price() -> None:
    bars = daily(WEEK[:3], [80.0, 100.0, 60.0])
    assert total_return(bars, None) == pytest.approx([1.0, 1.25, 0.75], rel=1e-14)
    assert total_return(bars, dividends()) == pytest.approx([1.0, 1.25, 0.75], rel=1e-14)


def test_dividends_up_to_the_first_close_and_after_the_last_one_do_not_count() -> None:
    bars = daily([TUESDAY, WEDNESDAY], [100.0, 100.0])
    paid = dividends((MONDAY, 5.0), (TUESDAY, 5.0), (THURSDAY, 5.0))
    assert total_return(bars, paid).tolist() == [1.0, 1.0]


def test_the_dividend_of_a_missing_session_falls_to_the_next_bar() -> None:
    bars = daily([MONDAY, WEDNESDAY], [100.0, 100.0])
    # Both the 1 of Tuesday and the 2 of Wednesday: 103 / 100.
    paid = dividends((TUESDAY, 1.0), (WEDNESDAY, 2.0))
    assert total_return(bars, paid) == pytest.approx([1.0, 1.03], rel=1e-14)


def test_a_dividend_at_the_close_of_a_bar_belongs_to_the_next_one() -> None:
    # Around the clock a day closes at the instant at which the ex-date opens.
    days = bars([ns(MONDAY), ns(TUESDAY), ns(WEDNESDAY)], [[100.0] * 5] * 3, "1d")
    paid = dividends((TUESDAY, 4.0))
    midnight = replaced(paid, event_at=[ns(TUESDAY)], available_at=[ns(TUESDAY)])
    assert total_return(days, midnight).tolist() == [1.0, 1.04, 1.04]
    midnight = replaced(paid, event_at=[ns(WEDNESDAY)], available_at=[ns(WEDNESDAY)])
    assert total_return(days, midnight).tolist() == [1.0, 1.0, 1.04]


def test_empty_bars_have_an_empty_index() -> None:
    assert len(total_return(daily([], []), dividends((TUESDAY, 3.0)))) == 0


@given(
    closes=st.lists(st.floats(10, 1_000), min_size=5, max_size=5),
    amounts=st.lists(st.floats(0, 5), min_size=5, max_size=5),
    rows=st.integers(1, 5),
)
def test_what_comes_later_changes_no_earlier_value(
    closes: list[float], amounts: list[float], rows: int
) -> None:
    bars = daily(WEEK, closes)
    paid = dividends(*zip(WEEK, amounts, strict=True))
    whole = total_return(bars, paid)
    known_at = int(bars["available_at"][rows - 1])
    assert total_return(bars.cut(known_at), paid.cut(known_at)).tolist() == whole[:rows].tolist()
    # A slow and obvious account: shares grow by what the dividend buys at the close.
    shares, worth = 1.0, [closes[0]]
    for close, amount in zip(closes[1:], amounts[1:], strict=True):
        shares += shares * amount / close
        worth.append(shares * close)
    assert whole == pytest.approx(np.array(worth) / closes[0], rel=1e-12)


def test_prices_before_a_split_are_multiplied_and_volume_divided() -> None:
    # 4:1 on Wednesday: 25 adjusted was 100 that day, and 1000 new shares were 250 old ones.
    bars = daily(WEEK[:4], [25.0, 26.0, 27.0, 28.0])
    traded = as_traded(bars, splits((WEDNESDAY, 4.0)))
    assert traded["close"].tolist() == [100.0, 104.0, 27.0, 28.0]
    assert traded["high"].tolist() == [100.0, 104.0, 27.0, 28.0]
    assert traded["volume"].tolist() == [250.0, 250.0, 1_000.0, 1_000.0]
    assert traded["opened_at"].tolist() == bars["opened_at"].tolist()
    assert bars["close"].tolist() == [25.0, 26.0, 27.0, 28.0]


def test_splits_multiply_and_a_reverse_split_is_below_one() -> None:
    bars = daily(WEEK[:4], [10.0, 10.0, 10.0, 10.0])
    traded = as_traded(bars, splits((TUESDAY, 2.0), (THURSDAY, 0.1)))
    # Before Tuesday 2 x 0.1 = 0.2 of 10; until Wednesday 0.1 of 10.
    assert traded["close"] == pytest.approx([2.0, 1.0, 1.0, 10.0], rel=1e-14)
    assert traded["volume"] == pytest.approx([5_000.0, 10_000.0, 10_000.0, 1_000.0], rel=1e-14)


def test_dividends_get_their_amounts_of_the_day() -> None:
    paid = dividends((MONDAY, 0.25), (WEDNESDAY, 0.3))
    assert as_traded(paid, splits((TUESDAY, 4.0)))["amount"].tolist() == [1.0, 0.3]


def test_without_splits_nothing_changes() -> None:
    bars = daily(WEEK[:2], [25.0, 26.0])
    assert as_traded(bars, None) is bars
    assert as_traded(bars, splits()) is bars


def test_undoing_the_split_changes_no_return_outside_the_ex_date() -> None:
    bars = daily(WEEK, [25.0, 26.0, 27.0, 28.0, 29.0])
    traded = as_traded(bars, splits((WEDNESDAY, 4.0)))
    adjusted, raw = (rows["close"][1:] / rows["close"][:-1] for rows in (bars, traded))
    # 104 to 27 on Wednesday is a split, not a loss.
    assert (raw / adjusted).tolist() == pytest.approx([1.0, 0.25, 1.0, 1.0], rel=1e-14)


def test_a_ratio_that_is_not_positive_is_refused_with_its_row() -> None:
    with pytest.raises(SchemaError, match=r"row 1 at 2025-11-19T14:30Z: ratio 0 is not positive"):
        as_traded(daily(WEEK, [1.0] * 5), splits((TUESDAY, 2.0), (WEDNESDAY, 0.0)))


def test_channels_of_another_kind_are_refused() -> None:
    bars, paid, split = daily(WEEK, [1.0] * 5), dividends((TUESDAY, 1.0)), splits((TUESDAY, 2.0))
    with pytest.raises(SchemaError, match="bars must be a channel of kind bars or mark"):
        total_return(paid, None)
    with pytest.raises(SchemaError, match="dividends must be a channel of kind dividends"):
        total_return(bars, split)
    with pytest.raises(SchemaError, match="splits must be a channel of kind splits"):
        as_traded(bars, paid)
    with pytest.raises(SchemaError, match="channel must be a channel of kind bars or mark or div"):
        as_traded(split, split)


@pytest.mark.parametrize("symbol", ["SPY", "TLT", "SMH"])
def test_growth_agrees_with_the_publisher_s_adjusted_close_every_year(
    symbol: str, real_data: Path
) -> None:
    path = real_data / "us_daily" / "yahoo_etfs.parquet"
    table = pd.read_parquet(path, columns=["symbol", "date", "close", "adj_close", "dividends"])
    table = table[table["symbol"] == symbol]
    dates = table["date"].dt.strftime("%Y-%m-%d").tolist()
    paid = table["dividends"].tolist()
    rows = [(date, amount) for date, amount in zip(dates, paid, strict=True) if amount > 0]
    price, adjusted = table["close"].to_numpy(), table["adj_close"].to_numpy()
    growth = total_return(daily(dates, price.tolist()), dividends(*rows))
    # The publisher reinvests at the close before the ex-date less the dividend, c / (p - d), and
    # not at the close of the ex-date, (c + d) / p. Day by day the quotient of the two is known.
    convention = np.ones(len(price))
    close, before, amount = price[1:], price[:-1], np.array(paid)[1:]
    convention[1:] = np.cumprod((close + amount) * (before - amount) / (close * before))
    years = table["date"].dt.year.to_numpy()
    ends = np.flatnonzero(years[1:] != years[:-1])
    theirs = yearly(adjusted, ends)
    assert len(theirs) == 10
    assert np.abs(yearly(growth / convention, ends) - theirs).max() < 2e-6
    # The convention itself is worth at most dividend yield times move on ex-dates: in March 2020
    # 0.6% times 4.3% for SPY. Leaving the dividends out is worth more than 2% a year.
    assert np.abs(yearly(growth, ends) - theirs).max() < 5e-4
    assert np.abs(yearly(price, ends) - theirs).max() > 2e-2


def yearly(index: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return the simple returns between the last rows of years."""
    return index[ends[1:]] / index[ends[:-1]] - 1
