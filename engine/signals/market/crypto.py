"""Leveraged positions in bitcoin: funding, open interest, forced closes, discounts.

A number is *unknown* where its channel is not in the data or is stale.
"""

from dataclasses import dataclass

import numpy as np

from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from engine.conditions import Condition, condition
from engine.config.market import Declaration
from engine.config.market.crypto_conditions import DAYS_A_WEEK, crypto_conditions
from engine.signals.asof import derived_as_of
from engine.signals.context import thin_window
from engine.signals.market.declared import conditions_of
from engine.signals.market.grid import Floats
from engine.signals.market.point_in_time import HOUR, MarketInputs
from engine.signals.market.readings import Reading, first_known
from engine.signals.market.rolling import percentile
from engine.signals.positioning import open_interest_base, premium
from engine.signals.realized_volatility import realized_volatility
from engine.signals.windows import previous, rolling_sum

DAYS_A_YEAR = 365.0
_WEEK_SESSIONS = 5
_HOURS_A_DAY = 24
_SETTLEMENTS_A_DAY = 3
# A percentile needs at least this share of its history.
_LEAST_SHARE = 0.5


def crypto_structure(inputs: MarketInputs) -> tuple[dict[str, Floats], dict[str, Condition]]:
    """Return measures by name, on days, and the conditions on bitcoin's price and positions.

    Changes are fractions, funding a fraction for one interval, open interest base units.
    """
    perp, rules = _Perp(inputs), inputs.config.crypto
    interest = perp.interest()
    readings = {
        "bitcoin_week_move": inputs.bitcoin.changed(rules.week_days),
        "bitcoin_day_move": inputs.bitcoin.changed(1),
        "funding": perp.funding_rate(),
        "funding_percentile": _funding_percentile(perp),
        "open_interest_week_move": interest.changed(rules.week_days),
        "open_interest_day_move": interest.changed(1),
        "liquidation_multiple": _liquidation_multiple(perp),
        "volume_multiple": _volume_multiple(perp),
        "perp_premium": _premium_of_a_day(perp),
        "etf_flows_week": _flows_of_a_week(inputs),
        "implied_volatility_move": _implied_volatility_move(inputs),
    }
    values = {
        "bitcoin": inputs.bitcoin.reading.value,
        "bitcoin_volatility": perp.volatility(),
        "funding": readings["funding"].value,
        "open_interest": interest.value,
        "mark_basis": perp.mark_basis(),
    }
    makers = {"thin_window": lambda declared, _: _thin(inputs, declared)}
    return values, conditions_of(inputs, crypto_conditions(rules), readings, makers)


@dataclass(frozen=True)
class _Perp:
    """Reads the perp's channels as known each day."""

    inputs: MarketInputs

    def channel(self, kind: ChannelKind, timeframe: str = "") -> Channel | None:
        return self.inputs.held(ChannelKey(self.inputs.config.inputs.bitcoin, kind, timeframe))

    def reading(self, channel: Channel | None, derived: Floats | None, name: str) -> Reading:
        """Return a number made for each channel row, as known each day, NaN when stale."""
        if channel is None or derived is None:
            return self.inputs.missing(name)
        decided_at, max_age = self.inputs.grid.decided_at, self.inputs.crypto_max_age_ns
        found = derived_as_of(channel, derived, decided_at, max_age)
        return Reading(np.where(found.is_fresh, found.values, np.nan), found.age_ns, (name,))

    def funding_rate(self) -> Reading:
        channel = self.channel(ChannelKind.FUNDING)
        return self.reading(channel, None if channel is None else channel["rate"], "funding")

    def interest(self) -> Reading:
        """Return open interest in base units; a quote value would fall with the price."""
        channel = self.channel(ChannelKind.OPEN_INTEREST)
        if channel is None:
            return self.inputs.missing("open interest")
        prices = [self.channel(ChannelKind.MARK, HOUR), self.inputs.bitcoin_hours]
        base = open_interest_base(channel, *(price for price in prices if price is not None))
        return self.reading(channel, base, "open interest")

    def mark_basis(self) -> Floats:
        """Return the last price over mark - 1 at the newest hour."""
        hours, mark = self.inputs.bitcoin_hours, self.channel(ChannelKind.MARK, HOUR)
        if hours is None or mark is None:
            return self.inputs.missing("mark").value
        basis = premium(hours, mark)
        return self.reading(mark, basis, "mark").value

    def volatility(self) -> Floats:
        """Return realized volatility of a week, a fraction a year of 365 days."""
        of_days = self.inputs.bitcoin.measured(
            lambda price: realized_volatility(price, DAYS_A_WEEK, DAYS_A_YEAR)
        )
        hours = self.inputs.bitcoin_hours
        if hours is None:
            return of_days.value
        window = DAYS_A_WEEK * _HOURS_A_DAY
        hourly = realized_volatility(hours["close"], window, _HOURS_A_DAY * DAYS_A_YEAR)
        hourly = self.inputs.without_holes(hours, hourly, window + 1)
        return first_known([self.reading(hours, hourly, "hours"), of_days]).value


def _funding_percentile(perp: _Perp) -> Reading:
    """Return where the funding rate stands in its own history, 0 to 1."""
    channel = perp.channel(ChannelKind.FUNDING)
    rows = perp.inputs.config.crypto.funding_days * _SETTLEMENTS_A_DAY
    rank = None
    if channel is not None:
        rank = percentile(channel["rate"], rows, least=round(rows * _LEAST_SHARE))
    return perp.reading(channel, rank, "funding")


def _liquidation_multiple(perp: _Perp) -> Reading:
    """Return a day's longs closed by force over their usual day, a multiple."""
    prints = perp.channel(ChannelKind.LIQUIDATIONS)
    days = perp.inputs.config.crypto.liquidation_days
    multiple = None if prints is None else _day_over_usual(prints, days)
    return perp.reading(prints, multiple, "liquidations")


def _premium_of_a_day(perp: _Perp) -> Reading:
    """Return the perp's price over spot - 1, the mean of a day's hours."""
    rules, names = perp.inputs.config.crypto, perp.inputs.config.inputs
    hours = perp.inputs.bitcoin_hours
    spot = perp.inputs.bars(names.bitcoin_spot, HOUR)
    mean_gap = None
    if spot is not None:
        # Without the perp's hours the gap is unknown, and as old as the spot price all the same.
        gap = np.full(len(spot), np.nan) if hours is None else premium(hours, spot)
        with np.errstate(invalid="ignore"):
            gap = np.where(np.abs(gap) > rules.basis_bound, np.nan, gap)
        mean_gap = rolling_sum(gap, _HOURS_A_DAY) / _HOURS_A_DAY
    return perp.reading(spot, mean_gap, names.bitcoin_spot or "spot")


def _implied_volatility_move(inputs: MarketInputs) -> Reading:
    """Return the change of bitcoin's implied volatility over a week, a fraction."""
    return inputs.series(inputs.config.inputs.implied_volatility).changed(DAYS_A_WEEK)


def _flows_of_a_week(inputs: MarketInputs) -> Reading:
    """Return the sum of the last five published days of ETF flows, USD; NaN when stale."""
    names, found = inputs.config.inputs.etf_flows, []
    for name in names:
        channel = inputs.named_series(name)
        if channel is not None:
            total = rolling_sum(channel["value"], _WEEK_SESSIONS)
            found.append(inputs.as_known(channel, total, name))
    return first_known(found or [inputs.missing(*names)])


def _thin(inputs: MarketInputs, declared: Declaration) -> Condition:
    decided_at = inputs.grid.decided_at
    rows = len(decided_at)
    return condition(
        declared.name,
        thin_window(decided_at, weekend=True, first_hour=0, last_hour=0),
        known=np.ones(rows, np.bool_),
        measured=np.full(rows, np.nan),
        threshold=np.nan,
        unit="",
        description=declared.words,
        inputs=("calendar",),
        age_ns=np.zeros(rows, np.int64),
    )


def _day_over_usual(channel: Channel, days: int) -> Floats:
    """Return a day's liquidated longs over the mean day of the days before it, a multiple.

    Each row sums the day that ends at it; a missing row counts as no liquidations.
    """
    at, longs = channel["event_at"], channel["long_quote"]
    total = np.concatenate(([0.0], np.cumsum(longs)))
    day_ago = np.searchsorted(at, at - DAY_NS, side="right")
    long_ago = np.searchsorted(at, at - (days + 1) * DAY_NS, side="right")
    day = total[1:] - total[day_ago]
    usual = (total[day_ago] - total[long_ago]) / days
    reaches_back = at[0] <= at - (days + 1) * DAY_NS + HOUR_NS
    multiple = np.full(len(at), np.nan)
    np.divide(day, usual, out=multiple, where=reaches_back & (usual > 0))
    return multiple


def _volume_multiple(perp: _Perp) -> Reading:
    """Return the volume of the last 24 hours over the mean day of the days before, a multiple."""
    hours, days = perp.inputs.bitcoin_hours, perp.inputs.config.crypto.liquidation_days
    if hours is None:
        return perp.inputs.missing("volume")
    day = rolling_sum(hours["volume"], _HOURS_A_DAY)
    usual = previous(rolling_sum(hours["volume"], days * _HOURS_A_DAY), _HOURS_A_DAY) / days
    multiple = np.full(len(hours), np.nan)
    np.divide(day, usual, out=multiple, where=usual > 0)
    multiple = perp.inputs.without_holes(hours, multiple, (days + 1) * _HOURS_A_DAY)
    return perp.reading(hours, multiple, "volume")
