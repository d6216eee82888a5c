"""Channels of a contract: model prices at each open and close, and half spreads."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_feeds.clock import DAY_NS, WEEK_NS, Instants, utc_day
from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError
from data_feeds.options.contract import SHARES_PER_CONTRACT, PutSpread
from data_feeds.options.model import OptionModel
from data_feeds.options.pricing import put_price
from data_feeds.options.smile import implied_volatility
from data_feeds.schema import Channel, ChannelKey, ChannelKind, Provenance

DAY = "1d"
YEAR_NS = 365 * DAY_NS
# Points; the lowest VIX on record is above 9.
LEAST_INDEX = 3.0
# An index or bill value older than a week is stale: holidays are shorter.
MAX_AGE_NS = WEEK_NS
Floats = NDArray[np.float64]


def pricing_channels(underlying: str, model: OptionModel) -> tuple[ChannelKey, ...]:
    """Return the channels for option prices besides the underlying's daily bars.

    These are the volatility index as a series, its bars (``VIX-INDEX``, for opens) and the bill.
    """
    index = index_of(underlying, model)
    return (
        ChannelKey(index, ChannelKind.SERIES),
        ChannelKey(f"{index}-INDEX", ChannelKind.BARS, DAY),
        ChannelKey(model.bill_series, ChannelKind.SERIES),
    )


def index_of(underlying: str, model: OptionModel) -> str:
    """Return the volatility index of an underlying.

    Raises
    ------
    CoverageError : the model names no index.
    """
    try:
        return model.volatility_index[underlying]
    except KeyError:
        known = ", ".join(sorted(model.volatility_index))
        raise CoverageError(
            f"options on {underlying}: no volatility index; name one in "
            f"options.volatility_index (known: {known})"
        ) from None


def with_contracts(dataset: Dataset, listed: Mapping[str, int], model: OptionModel) -> Dataset:
    """Return the dataset with the channels of some contracts.

    Parameters
    ----------
    dataset : daily bars of each underlying and the channels of :func:`pricing_channels`
    listed : first instant at which signals may name each contract, ns UTC, by name
    model : the assumptions

    Raises
    ------
    CoverageError : a name is no contract's, or data for its prices are missing.
    """
    instruments, channels = dict(dataset.instruments), dict(dataset.channels)
    for name, at in listed.items():
        contract = PutSpread.parse(name)
        if contract is None:
            raise CoverageError(
                f"{name!r} names no put spread; names look like SPY-2020-04-17-P280-250"
            )
        for channel in contract_channels(dataset, contract, at, model):
            channels[channel.key] = channel
        instruments[name] = contract.instrument(dataset.instruments[contract.underlying].quote)
    return Dataset(instruments, channels, dataset.shares)


def contract_channels(
    dataset: Dataset, contract: PutSpread, listed_at: int, model: OptionModel
) -> tuple[Channel, Channel]:
    """Return a contract's bars, and the half spread at each open as a fraction of the price.

    The first bar is the underlying's last bar known at ``listed_at``; the last bar is the expiry's.
    Prices are quote per contract. High and low are the higher and lower of open and close, because
    the model has no prices in between; volume is 1. An open uses the index's own open, or without
    index bars the value of the previous session. A close uses the index of that session. At the
    expiry's close the price is the settlement.

    Raises
    ------
    CoverageError : bars of the underlying, also the expiry's, or index values are missing.
    """
    bars = dataset.bars(contract.underlying, DAY)
    if listed_at > contract.expires_at:
        raise CoverageError(f"{contract.id}: listed after its expiry, {contract.expiry}")
    first = max(int(np.searchsorted(bars["available_at"], listed_at, side="right")) - 1, 0)
    last = int(np.searchsorted(bars["closed_at"], contract.expires_at, side="right"))
    session = slice(first, last)
    opened, closed = bars["opened_at"][session], bars["closed_at"][session]
    _check_expiry(bars, contract)
    at_open, at_close = _index_values(dataset, contract, opened, closed, model)
    quoted = _ContractQuotes(dataset, contract, model)
    opens, half_spreads = quoted.quotes(opened, bars["open"][session], at_open)
    closes, _ = quoted.quotes(closed, bars["close"][session], at_close)
    label = np.full(len(opens), Provenance.SYNTHETIC, np.int8)
    return (
        Channel(
            ChannelKey(contract.id, ChannelKind.BARS, DAY),
            {
                "opened_at": opened,
                "closed_at": closed,
                "available_at": closed,
                "open": opens,
                "high": np.maximum(opens, closes),
                "low": np.minimum(opens, closes),
                "close": closes,
                "volume": np.ones(len(opens)),
                "label": label,
            },
        ),
        Channel(
            ChannelKey(contract.id, ChannelKind.SERIES),
            {
                "event_at": opened,
                "available_at": opened,
                "value": half_spreads,
                "label": label,
            },
        ),
    )


def _check_expiry(bars: Channel, contract: PutSpread) -> None:
    """Refuse bars that continue beyond an expiry but lack its session: nothing would settle."""
    at = contract.expires_at
    if len(bars) and bars["closed_at"][-1] > at and at not in bars["closed_at"]:
        raise CoverageError(
            f"{contract.id}: {bars.key} has no bar of its expiry, {contract.expiry}; import it"
        )


@dataclass(frozen=True)
class _ContractQuotes:
    """Prices and half spreads of one contract."""

    dataset: Dataset
    contract: PutSpread
    model: OptionModel

    def quotes(self, at: Instants, spots: Floats, indices: Floats) -> tuple[Floats, Floats]:
        """Return prices per contract, and half spreads as fractions of them (0 at price 0)."""
        prices, fractions = np.zeros(len(at)), np.zeros(len(at))
        days = zip(at.tolist(), spots.tolist(), indices.tolist(), self._rates(at), strict=True)
        for i, (instant, spot, index, rate) in enumerate(days):
            years = (self.contract.expires_at - instant) / YEAR_NS
            long = self._leg(self.contract.long_strike, spot, index / 100, rate, years)
            short = self._leg(self.contract.short_strike, spot, index / 100, rate, years)
            at_expiry = years <= 0
            prices[i] = (
                self.contract.settlement(spot)
                if at_expiry
                else SHARES_PER_CONTRACT * (long - short)
            )
            cost = SHARES_PER_CONTRACT * sum(haircut(x, index, self.model) for x in (long, short))
            # The half spread of a cheap contract exceeds its price: nobody buys it back.
            fractions[i] = cost / prices[i] if prices[i] > 0 else 0.0
        return prices, fractions

    def _leg(self, strike: float, spot: float, index: float, rate: float, years: float) -> float:
        name = self.contract.underlying
        # Adjusted prices already contain the dividends.
        adjusted = self.dataset.instruments[name].dividend_adjusted
        dividend_yield = 0.0 if adjusted else self.model.dividend_yield.get(name, 0.0)
        volatility = 0.0
        if years > 0:
            forward = spot * math.exp((rate - dividend_yield) * years)
            volatility = implied_volatility(self.model, index, strike, forward, years)
        return put_price(
            spot, strike, years, volatility=volatility, rate=rate, dividend_yield=dividend_yield
        )

    def _rates(self, at: Instants) -> list[float]:
        """Return the bill rate of the date before each instant, a fraction; 0 if unknown."""
        bill = self.dataset.channels.get(ChannelKey(self.model.bill_series, ChannelKind.SERIES))
        if bill is None or len(bill) == 0:
            return [0.0] * len(at)
        rates: list[float] = (np.nan_to_num(_as_dated(bill, _eve(at))) / 100).tolist()
        return rates


def haircut(price: float, index: float, model: OptionModel) -> float:
    """Return the half spread of one leg, quote per share; ``index`` in points.

    >>> haircut(4.0, 30.0, OptionModel(haircut=0.01, haircut_per_point=0.05))
    0.06
    """
    calm = max(model.haircut * price, model.least_haircut)
    return calm * (1 + model.haircut_per_point * max(index - model.calm_index, 0.0))


def _index_values(
    dataset: Dataset,
    contract: PutSpread,
    opened: Instants,
    closed: Instants,
    model: OptionModel,
) -> tuple[Floats, Floats]:
    """Return the volatility index at opens and closes, points.

    Market prices follow the reference dates of values, not their publication: a run that learns all
    series a day later meets the same market.
    """
    name = index_of(contract.underlying, model)
    series = dataset.channels.get(ChannelKey(name, ChannelKind.SERIES))
    if series is None or len(series) == 0:
        raise CoverageError(f"{contract.id}: no series {name} in the data to price it with")
    at_close = _as_dated(series, closed)
    at_open = _as_dated(series, _eve(opened))
    bars = dataset.channels.get(ChannelKey(f"{name}-INDEX", ChannelKind.BARS, DAY))
    if bars is not None and len(bars):
        row = np.minimum(np.searchsorted(bars["opened_at"], opened), len(bars) - 1)
        at_open = np.where(bars["opened_at"][row] == opened, bars["open"][row], at_open)
    for instants, values in ((opened, at_open), (closed, at_close)):
        if np.isnan(values).any():
            raise CoverageError(
                f"{contract.id}: {name} is not known at "
                f"{utc_day(instants[np.isnan(values)][0])}"
                "; begin the window later or import more of it"
            )
    # A damaged or generated index value must not stop the pricing of later rows.
    return np.maximum(at_open, LEAST_INDEX), np.maximum(at_close, LEAST_INDEX)


def _eve(at: Instants) -> Instants:
    """Return the last instant of the UTC day before each instant's day."""
    return at // DAY_NS * DAY_NS - 1


def _as_dated(series: Channel, at: Instants) -> Floats:
    """Return the first published value of the series' latest date up to each instant.

    NaN if that date is more than a week earlier.
    """
    first = np.ones(len(series), np.bool_)
    first[1:] = series["event_at"][1:] != series["event_at"][:-1]
    dates, values = series["event_at"][first], series["value"][first]
    row = np.searchsorted(dates, at, side="right") - 1
    held = (row >= 0) & (at - dates[np.maximum(row, 0)] <= MAX_AGE_NS)
    return np.where(held, values[np.maximum(row, 0)], np.nan)
