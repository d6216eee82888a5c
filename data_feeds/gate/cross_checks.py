"""Compare the channels of one instrument: one price scale, dividends paid once.

Two channels show errors that one channel hides: marks in cents beside prices in dollars, open
interest in dollars in the column of coins, adjusted prices beside dividends to pay.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from data_feeds.clock import DAY_NS, WEEK_NS
from data_feeds.errors import SchemaError
from data_feeds.instrument import Instrument
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe

Values = NDArray[np.float64]

# Last and mark price, daily and hourly prices never differ by a factor of two in the median.
LARGEST_RATIO = 2.0
# A share with a usual dividend of a fifth of its price would repay its price within a year.
LARGEST_YIELD = 0.2
# Open interest above ten thousand days of volume, or below the inverse, is in another unit.
LARGEST_INTEREST_DAYS = 1e4
# Ex-dates are weighed with a Student's t of 4 degrees of freedom, so that one large gap does not
# decide. The error is raised at odds of twelve to one.
_FREEDOM = 4.0
_LOG_ODDS = 2.5
_FEWEST_DATES = 4
_AROUND = 60
# No market in one of these currencies trades more than LARGEST_TURNOVER a day.
_CURRENCIES = ("USD", "USDT", "USDC", "EUR", "GBP")
LARGEST_TURNOVER = 5e12


def check_beside(
    instrument: Instrument, channels: Mapping[ChannelKey, Channel], *, is_answered: bool
) -> None:
    """Check that the channels of one instrument agree with their declared units.

    Parameters
    ----------
    channels : the instrument's channels, prices and dividends per the same share
    is_answered : the instrument's record states whether prices contain dividends

    Raises
    ------
    SchemaError : with both channels, the observation and the remedy.
    """
    priced = [c for k, c in channels.items() if k.kind in (ChannelKind.BARS, ChannelKind.MARK)]
    bars = [channel for channel in priced if channel.key.kind is ChannelKind.BARS]
    if not bars:
        return
    longest = max(bars, key=lambda channel: Timeframe(channel.key.timeframe))
    for channel in bars:
        _check_turnover(instrument, channel)
    for other in priced:
        if other is not longest:
            _check_scale(longest, other)
    paid = channels.get(ChannelKey(instrument.id, ChannelKind.DIVIDENDS))
    if paid is not None:
        _check_yield(longest, paid)
        if not is_answered:
            ask_adjusted(longest, paid)
    interest = channels.get(ChannelKey(instrument.id, ChannelKind.OPEN_INTEREST))
    if interest is not None:
        _check_interest(instrument, longest, interest)


def _closes_at(bars: Channel, at: NDArray[np.int64]) -> tuple[Values, NDArray[np.bool_]]:
    """Return the last close at each instant, and a flag: it is at most a week old."""
    row = np.searchsorted(bars["closed_at"], at, side="right") - 1
    near = (row >= 0) & (at - bars["closed_at"][row] <= WEEK_NS)
    return bars["close"][row], near


def _check_scale(bars: Channel, other: Channel) -> None:
    closes, near = _closes_at(bars, other["closed_at"])
    if not near.any():
        return
    ratio = float(np.median(other["close"][near] / closes[near]))
    if not 1 / LARGEST_RATIO <= ratio <= LARGEST_RATIO:
        raise SchemaError(
            f"{other.key}: prices are {ratio:.3g} times those of {bars.key} at the same instants; "
            "set scale in the mapping if one of them is in cents or of a thousand units"
        )


def _check_turnover(instrument: Instrument, bars: Channel) -> None:
    days = Timeframe(bars.key.timeframe).ns / DAY_NS
    daily = float(np.median(_quote_volume(instrument, bars))) / days
    if instrument.quote in _CURRENCIES and daily > LARGEST_TURNOVER:
        raise SchemaError(
            f"{bars.key}: volume times price is usually {daily:.3g} {instrument.quote} a day; "
            "volume counts coins or shares, of an inverse perp contracts: take the column that "
            "does, or set volume_unit: quote, or contract: inverse in the instrument"
        )


def _quote_volume(instrument: Instrument, bars: Channel) -> Values:
    """Return each bar's volume in quote: contracts of a fixed value, or units at the close."""
    if instrument.is_inverse:
        return bars["volume"] * instrument.contract_value
    return bars["volume"] * bars["close"]


def _check_yield(bars: Channel, paid: Channel) -> None:
    closes, near = _closes_at(bars, paid["event_at"])
    if not near.any():
        return
    usual = float(np.median(paid["amount"][near] / closes[near]))
    if usual > LARGEST_YIELD:
        raise SchemaError(
            f"{paid.key}: a dividend is usually {usual:.0%} of the price of {bars.key}; amounts "
            "are in quote per share: set scale in the mapping if they are in percent or cents"
        )


def _check_interest(instrument: Instrument, bars: Channel, interest: Channel) -> None:
    closes, near = _closes_at(bars, interest["event_at"])
    if instrument.is_inverse:
        # Open interest counts contracts, each worth a fixed amount of quote.
        closes = np.full(len(closes), instrument.contract_value)
    base, quote = interest["open_interest_base"], interest["open_interest_quote"]
    both = near & (base > 0) & (quote > 0)
    key = interest.key
    if both.any():
        ratio = float(np.median(quote[both] / base[both] / closes[both]))
        if not 1 / LARGEST_RATIO <= ratio <= LARGEST_RATIO:
            raise SchemaError(
                f"{key}: open_interest_quote is {ratio:.3g} times open_interest_base at the price "
                f"of {bars.key}; correct columns or scale in the mapping"
            )
        return
    days = Timeframe(bars.key.timeframe).ns / DAY_NS
    daily = float(np.median(bars["volume"])) / days
    for name, held in (("base", base), ("quote", quote / closes)):
        known = near & (held > 0)
        if not known.any() or daily <= 0:
            continue
        ratio = float(np.median(held[known])) / daily
        if not 1 / LARGEST_INTEREST_DAYS <= ratio <= LARGEST_INTEREST_DAYS:
            raise SchemaError(
                f"{key}: open_interest_{name} is {ratio:.3g} days of volume of {bars.key}; it "
                "looks like the other unit (base or quote): correct columns in the mapping"
            )


def ask_adjusted(bars: Channel, paid: Channel) -> None:
    """Check that prices do not look adjusted for dividends that are also to be paid.

    On an ex-date a price as traded opens lower by the dividend; an adjusted price does not.

    Raises
    ------
    SchemaError : with the observation and the mapping key that answers it.
    """
    odds, count = adjusted_odds(bars, paid)
    if count >= _FEWEST_DATES and odds > _LOG_ODDS:
        raise SchemaError(
            f"{bars.key}: over {count} ex-dates of {paid.key} the price does not open lower by the "
            f"dividend (log odds {odds:.1f}): it seems to contain the dividends, which would be "
            "paid twice; set dividend_adjusted: true in the instrument and leave the dividends "
            "out, or import prices as traded; dividend_adjusted: false says that they are"
        )


def adjusted_odds(bars: Channel, paid: Channel) -> tuple[float, int]:
    """Return the log odds of adjusted against as-traded prices, and the number of ex-dates."""
    gap = np.log(bars["open"][1:] / bars["close"][:-1])
    row = np.searchsorted(bars["opened_at"], paid["event_at"], side="left") - 1
    inside = (row >= 0) & (row < len(gap))
    share = paid["amount"][inside] / bars["close"][row[inside]]
    odds = 0.0
    for at, paid_share in zip(row[inside].tolist(), share.tolist(), strict=True):
        around = np.delete(gap[max(at - _AROUND, 0) : at + _AROUND + 1], min(at, _AROUND))
        if len(around) < 2 or not 0 < paid_share < 1:
            continue
        middle = float(np.median(around))
        # In a quiet or generated market one cent must not decide.
        spread = max(1.4826 * float(np.median(np.abs(around - middle))), 1e-4)
        distances = (
            (gap[at] - middle) / spread,
            (gap[at] - middle - np.log1p(-paid_share)) / spread,
        )
        adjusted, traded = (-(_FREEDOM + 1) / 2 * np.log1p(x * x / _FREEDOM) for x in distances)
        odds += float(adjusted - traded)
    return odds, int(inside.sum())
