"""What leveraged positions in bitcoin show: funding, open interest, forced closes, discounts.

Each is *unknown* where its channel is not in the data or is stale.
"""

from dataclasses import dataclass

import numpy as np

from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import DAY_NS, HOUR_NS, parse_duration
from engine.conditions import Condition, all_of, any_of, condition
from engine.signals.asof import derived_as_of
from engine.signals.context import thin_window
from engine.signals.market.grid import Floats
from engine.signals.market.point_in_time import HOUR, MarketInputs
from engine.signals.market.readings import Reading, at_least, at_most, combined, first_known
from engine.signals.market.rolling import percentile
from engine.signals.positioning import open_interest_base, premium
from engine.signals.realized_volatility import realized_volatility, rolling_sum
from engine.signals.windows import previous

BASIS_POINT = 1e-4
DAYS_A_YEAR = 365.0
_WEEK_DAYS, _WEEK_SESSIONS = 7, 5
_HOURS_A_DAY = 24
_SETTLEMENTS_A_DAY = 3
# A percentile needs at least this share of its history.
_LEAST_SHARE = 0.5


def crypto_structure(inputs: MarketInputs) -> tuple[dict[str, Floats], dict[str, Condition]]:
    """Return measures by name, on days, and what positions in bitcoin say.

    Changes are fractions, funding a fraction for one interval, open interest base units.
    """
    perp = _Perp(inputs)
    found = [
        *_price_moves(inputs),
        *_funding(perp),
        *_open_interest(perp),
        *_forced(perp),
        *_sentiment(inputs),
        _thin(inputs),
    ]
    named = {item.name: item for item in found}
    for item in (_mechanical(named), _false_recovery(named), _crowded(named)):
        named[item.name] = item
    values = {
        "bitcoin": inputs.bitcoin.reading.value,
        "bitcoin_volatility": perp.volatility(),
        "funding": perp.funding_rate().value,
        "open_interest": perp.interest().value,
        "mark_basis": perp.mark_basis(),
    }
    return values, named


@dataclass(frozen=True)
class _Perp:
    """The perp's channels, read as known each day."""

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
        """Open interest in base units: a quote value would fall with the price."""
        channel = self.channel(ChannelKind.OPEN_INTEREST)
        if channel is None:
            return self.inputs.missing("open interest")
        prices = [self.channel(ChannelKind.MARK, HOUR), self.inputs.bitcoin_hours]
        base = open_interest_base(channel, *(price for price in prices if price is not None))
        return self.reading(channel, base, "open interest")

    def mark_basis(self) -> Floats:
        """Last price over mark - 1 at the newest hour."""
        hours, mark = self.inputs.bitcoin_hours, self.channel(ChannelKind.MARK, HOUR)
        if hours is None or mark is None:
            return self.inputs.missing("mark").value
        basis = premium(hours, mark)
        return self.reading(mark, basis, "mark").value

    def volatility(self) -> Floats:
        """Realized volatility of a week, a fraction a year of 365 days, from hours or days."""
        of_days = self.inputs.bitcoin.measured(
            lambda price: realized_volatility(price, _WEEK_DAYS, DAYS_A_YEAR)
        )
        hours = self.inputs.bitcoin_hours
        if hours is None:
            return of_days.value
        window = _WEEK_DAYS * _HOURS_A_DAY
        hourly = realized_volatility(hours["close"], window, _HOURS_A_DAY * DAYS_A_YEAR)
        hourly = self.inputs.without_holes(hours, hourly, window + 1)
        return first_known([self.reading(hours, hourly, "hours"), of_days]).value


def _week(inputs: MarketInputs) -> int:
    return max(parse_duration(inputs.config.crypto.change) // DAY_NS, 1)


def _price_moves(inputs: MarketInputs) -> list[Condition]:
    rules, price = inputs.config.crypto, inputs.bitcoin
    week, day = price.changed(_week(inputs)), price.changed(1)
    declining = f"bitcoin is down over {rules.change}"
    return [
        at_most("bitcoin_declining", week, -rules.price_fall, "fraction", declining),
        at_most("bitcoin_falls", day, -rules.day_fall, "fraction", "bitcoin fell within a day"),
        at_least("bitcoin_rises", day, rules.day_rise, "fraction", "bitcoin rose within a day"),
    ]


def _funding(perp: _Perp) -> list[Condition]:
    rules, rate = perp.inputs.config.crypto, perp.funding_rate()
    channel = perp.channel(ChannelKind.FUNDING)
    rows = rules.funding_days * _SETTLEMENTS_A_DAY
    rank = None
    if channel is not None:
        rank = percentile(channel["rate"], rows, least=round(rows * _LEAST_SHARE))
    place = perp.reading(channel, rank, "funding")
    low = f"funding is low for its {rules.funding_days} days"
    return [
        # A rate of exactly 0 pays nobody.
        condition(
            "funding_negative",
            rate.value < 0,
            known=rate.known,
            measured=rate.value,
            threshold=0.0,
            unit="rate",
            description="funding is negative: shorts pay longs",
            inputs=rate.inputs,
            age_ns=rate.age_ns,
        ),
        at_most("funding_low", place, rules.funding_low, "percentile", low),
    ]


def _open_interest(perp: _Perp) -> list[Condition]:
    rules, held = perp.inputs.config.crypto, perp.interest()
    week, day = held.changed(_week(perp.inputs)), held.changed(1)
    up, down = f"open interest is up over {rules.change}", f"open interest fell over {rules.change}"
    today = "open interest fell within a day"
    return [
        at_least("open_interest_expands", week, rules.interest_rise, "fraction", up),
        at_most("open_interest_resets", week, -rules.interest_fall, "fraction", down),
        at_most("open_interest_falls", day, -rules.interest_fall, "fraction", today),
    ]


def _forced(perp: _Perp) -> list[Condition]:
    """Longs closed by force, and the perp's discount to spot, the mean of a day."""
    rules, names = perp.inputs.config.crypto, perp.inputs.config.inputs
    prints = perp.channel(ChannelKind.LIQUIDATIONS)
    days = rules.liquidation_days
    multiple = None if prints is None else _day_over_usual(prints, days)
    hours = perp.inputs.bitcoin_hours
    spot = perp.inputs.bars(names.bitcoin_spot, HOUR)
    discount = None
    if spot is not None:
        # Without the perp's hours unknown, and as old as the spot price all the same.
        gap = np.full(len(spot), np.nan) if hours is None else premium(hours, spot)
        with np.errstate(invalid="ignore"):
            gap = np.where(np.abs(gap) > rules.basis_bound, np.nan, gap)
        discount = rolling_sum(gap, _HOURS_A_DAY) / _HOURS_A_DAY
    return [
        at_least(
            "liquidations_rise",
            perp.reading(prints, multiple, "liquidations"),
            rules.liquidation_multiple,
            "x",
            f"longs closed by force in a day over their usual of {days} days",
        ),
        at_least(
            "volume_surges",
            perp.reading(hours, None if hours is None else _volume_multiple(perp, hours), "volume"),
            rules.volume_multiple,
            "x",
            f"a day's volume over its usual of {days} days",
        ),
        at_most(
            "perp_discount",
            perp.reading(spot, discount, names.bitcoin_spot or "spot"),
            -rules.discount_bps * BASIS_POINT,
            "fraction",
            "the perp trades below spot, mean of a day",
        ),
    ]


def _sentiment(inputs: MarketInputs) -> list[Condition]:
    rules, names = inputs.config.crypto, inputs.config.inputs
    fear, implied = inputs.series(names.fear_greed), inputs.series(names.implied_volatility)
    week = _flows_of_a_week(inputs)
    return [
        at_most(
            "extreme_fear", fear.reading, rules.fear, "points", "Fear & Greed shows extreme fear"
        ),
        at_most("etf_outflows", week, -rules.outflow, "USD", "bitcoin ETFs lose money in a week"),
        at_least(
            "implied_volatility_jump",
            implied.changed(_WEEK_DAYS),
            rules.implied_jump,
            "fraction",
            "implied volatility of bitcoin jumped within a week",
        ),
    ]


def _flows_of_a_week(inputs: MarketInputs) -> Reading:
    """Return the ETF flows of the last five days that had any, USD; stale as any series."""
    names, found = inputs.config.inputs.etf_flows, []
    for name in names:
        channel = inputs.named_series(name)
        if channel is not None:
            total = rolling_sum(channel["value"], _WEEK_SESSIONS)
            found.append(inputs.as_known(channel, total, name))
    return first_known(found or [inputs.missing(*names)])


def _thin(inputs: MarketInputs) -> Condition:
    decided_at = inputs.grid.decided_at
    rows = len(decided_at)
    return condition(
        "thin_window",
        thin_window(decided_at, weekend=True, first_hour=0, last_hour=0),
        known=np.ones(rows, np.bool_),
        measured=np.full(rows, np.nan),
        threshold=np.nan,
        unit="",
        description="a weekend: books are thin",
        inputs=("calendar",),
        age_ns=np.zeros(rows, np.int64),
    )


def _day_over_usual(channel: Channel, days: int) -> Floats:
    """Return a day's liquidated longs over the mean day of the days before it, a multiple.

    Rows are summed to the day that ends at each; one that is missing counts as none.
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


def _volume_multiple(perp: _Perp, hours: Channel) -> Floats:
    """Return the volume of the last 24 hours over the mean day of the days before."""
    days = perp.inputs.config.crypto.liquidation_days
    day = rolling_sum(hours["volume"], _HOURS_A_DAY)
    usual = previous(rolling_sum(hours["volume"], days * _HOURS_A_DAY), _HOURS_A_DAY) / days
    multiple = np.full(len(hours), np.nan)
    np.divide(day, usual, out=multiple, where=usual > 0)
    return perp.inputs.without_holes(hours, multiple, (days + 1) * _HOURS_A_DAY)


def _mechanical(named: dict[str, Condition]) -> Condition:
    """Return whether the fall is mechanical: a sign of forced selling in a falling price.

    Forced closes, open interest that falls within the day, negative funding and a surge of volume
    are evidence together: one that shows is enough, and none shows only where all four are known.
    """
    prints = named["liquidations_rise"]
    signs = (named["open_interest_falls"], named["funding_negative"], named["volume_surges"])
    falls = (named["bitcoin_falls"], named["bitcoin_declining"])
    forced = any_of([prints.truth, *(item.truth for item in signs)])
    return combined(
        "mechanical_downside",
        all_of([forced, any_of([item.truth for item in falls])]),
        "forced selling rises while the price falls: downside is mechanical",
        prints,
        *signs,
        *falls,
    )


def _false_recovery(named: dict[str, Condition]) -> Condition:
    parts = (named["bitcoin_rises"], named["open_interest_falls"])
    truth = all_of([part.truth for part in parts])
    return combined("false_recovery", truth, "price up, open interest down: shorts cover", *parts)


def _crowded(named: dict[str, Condition]) -> Condition:
    parts = (named["open_interest_expands"], named["bitcoin_declining"])
    truth = all_of([part.truth for part in parts])
    return combined(
        "leverage_into_fall", truth, "open interest expands while the price declines", *parts
    )
