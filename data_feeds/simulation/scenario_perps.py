"""Crypto in a scenario: the flywheel turns an exogenous value into bars of 15 minutes.

Instruments of one asset (``BTCUSDT-PERP`` and ``BTCUSDT-SPOT``) follow one path. Other assets share
most of the leading asset's noise.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data_feeds.clock import DAY_NS, Instants, utc_days, utc_text
from data_feeds.dataset import Dataset
from data_feeds.errors import SchemaError
from data_feeds.instrument import InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.simulation.cohort_book import book_at_rest
from data_feeds.simulation.flywheel import FlywheelInputs, FlywheelPath, simulate
from data_feeds.simulation.flywheel_parameters import FlywheelParams
from data_feeds.simulation.paths import Floats, heavy_tailed
from data_feeds.simulation.perp import (
    BAR_NS,
    CALM,
    COHORTS,
    FUND_SHARE,
    FUNDING_NS,
    LEVERAGES,
    WICK,
    equity_moves,
    own_variance,
    perp_market,
    rounded_returns,
    with_wicks,
    within_bars,
)
from data_feeds.simulation.scenario_daily import Factors
from data_feeds.simulation.scenario_parameters import Scenario
from data_feeds.simulation.scenario_start import (
    BAR_KINDS,
    RECENT_DAYS,
    Daily,
    size,
    step_ns,
    stream,
    trades_around_the_clock,
)
from data_feeds.timeframe import Timeframe

# Bars continue if they ended at most this long before the data.
_LATE_NS = DAY_NS
# Bounds of a path's starting volatility.
_LEAST_START, _LARGEST_START = 0.20, 1.30
# Least share of an asset's own volatility, forced trades included, and the addition by forced
# trades in a fragile market.
_LEAST_OWN, _FORCED = 0.4, 0.12
_USUAL_VOLATILITY = 0.55
# Share of an asset's noise variance in common with the leading asset.
_COMMON = 0.7
# Open interest without data: this many days of volume.
_DAYS_OF_VOLUME = 0.4
_INTEREST = 0.0001
_CLAMP = 0.0005
_CROWDING_FADES_NS = 3 * DAY_NS


@dataclass(frozen=True)
class PerpStart:
    """State of an asset at the end of the data: quote per base unit, base units, annualized.

    ``fall`` is the log distance below the 60-day high, ``rate`` the last funding of eight hours.
    """

    lead: str
    opened_at: int
    price: float
    volatility: float
    fall: float
    interest: float
    daily_volume: float
    rate: float


def asset_of(dataset: Dataset, name: str) -> str:
    """Return the asset and quote of an instrument's record, e.g. ``BTCUSDT``.

    Without an asset, return the part of the id before the dash.
    """
    record = dataset.instruments.get(name)
    if record is not None and record.asset:
        return f"{record.asset}{record.quote}"
    return name.split("-", maxsplit=1)[0]


def perp_starts(dataset: Dataset, begin: int) -> dict[str, PerpStart]:
    """Return the state of each asset that trades around the clock, the leading asset first.

    Raises
    ------
    SchemaError : see :func:`check_perp_bars`.
    """
    names: dict[str, list[str]] = {}
    for key in sorted(dataset.channels):
        if key.kind in BAR_KINDS and trades_around_the_clock(dataset, key.instrument):
            check_perp_bars(dataset.channels[key], begin)
            held = names.setdefault(asset_of(dataset, key.instrument), [])
            if key.instrument not in held:
                held.append(key.instrument)
    order = sorted(names, key=lambda asset: (not asset.startswith("BTC"), asset))
    return {asset: _start(dataset, names[asset]) for asset in order}


def check_perp_bars(channel: Channel, begin: int) -> None:
    """Refuse bars around the clock that cannot be continued.

    Raises
    ------
    SchemaError : the timeframe neither divides 15m nor is a multiple of 15m that divides a day, or
        the bars ended long before the data.
    """
    ns = Timeframe(channel.key.timeframe).ns
    if BAR_NS % ns and (ns % BAR_NS or DAY_NS % ns):
        raise SchemaError(
            f"{channel.key}: a scenario continues timeframes that divide 15m, or a day in "
            "multiples of 15m; resample the bars or leave the channel out with dataset.only"
        )
    ended = int(channel["closed_at"][-1])
    if begin - ended > _LATE_NS:
        raise SchemaError(
            f"{channel.key}: its last bar closed {utc_text(ended)}, more than "
            f"{_LATE_NS // DAY_NS} days before the data end ({utc_text(begin)}); leave it out with "
            "dataset.only or cut the data there"
        )


def finest(dataset: Dataset, name: str) -> Channel:
    """Return an instrument's bars of the shortest timeframe; marks if it has no bars."""
    keys = [key for key in dataset.channels if key.instrument == name and key.kind in BAR_KINDS]
    best = min(keys, key=lambda key: (key.kind is ChannelKind.MARK, Timeframe(key.timeframe)))
    return dataset.channels[best]


def _start(dataset: Dataset, names: list[str]) -> PerpStart:
    """Return the state of an asset; its perp leads if there is one."""
    lead = min(names, key=lambda n: dataset.instruments[n].kind is not InstrumentKind.PERP)
    bars = finest(dataset, lead)
    frame = Timeframe(bars.key.timeframe).ns
    days, ended = utc_days(bars["opened_at"]), int(bars["closed_at"][-1])
    last = np.flatnonzero(np.append(days[1:] != days[:-1], [True]))
    closes = Daily(days[last], bars["close"][last])
    recent = np.diff(np.log(bars["close"][-RECENT_DAYS * DAY_NS // frame :]))
    by_bar = size(recent, _USUAL_VOLATILITY / np.sqrt(365 * DAY_NS / frame))
    volatility = size(closes.log_returns(RECENT_DAYS), by_bar * np.sqrt(DAY_NS / frame))
    volume = 0.0
    if bars.key.kind is ChannelKind.BARS:
        volume = float(np.median(bars["volume"][-RECENT_DAYS * DAY_NS // frame :]))
    volume = max(volume * DAY_NS / frame, 1.0)
    return PerpStart(
        lead=lead,
        opened_at=ended // BAR_NS * BAR_NS,
        price=float(bars["close"][-1]),
        volatility=float(np.clip(volatility * np.sqrt(365), _LEAST_START, _LARGEST_START)),
        fall=closes.fall,
        interest=_last_interest(dataset, lead, float(bars["close"][-1]))
        or _DAYS_OF_VOLUME * volume,
        daily_volume=volume,
        rate=_last_rate(dataset, lead),
    )


def _last_interest(dataset: Dataset, name: str, price: float) -> float:
    """Return the last open interest, base units; 0 if unknown."""
    channel = dataset.channels.get(ChannelKey(name, ChannelKind.OPEN_INTEREST))
    if channel is None or len(channel) == 0:
        return 0.0
    base, quote = (float(channel[f"open_interest_{x}"][-1]) for x in ("base", "quote"))
    found = base if np.isfinite(base) else quote / price
    return found if np.isfinite(found) else 0.0


def _last_rate(dataset: Dataset, name: str) -> float:
    """Return the last funding rate, scaled to eight hours."""
    channel = dataset.channels.get(ChannelKey(name, ChannelKind.FUNDING))
    if channel is None or len(channel) == 0:
        return _INTEREST
    return float(channel["rate"][-1]) * FUNDING_NS / step_ns(channel, FUNDING_NS)


@dataclass(frozen=True)
class PerpPath:
    """Path of an asset in bars of 15 minutes; opening instants in ns UTC."""

    start: PerpStart
    opened_at: Instants
    path: FlywheelPath


def perp_path(
    asset: str,
    starts: dict[str, PerpStart],
    factors: Factors,
    scenario: Scenario,
    *,
    end: int,
    funding_ns: int,
    seed: int,
    path: int,
) -> PerpPath:
    """Return one path of an asset from its own last bar until ``end``.

    ``funding_ns`` is the time between two settlements.
    """
    start, rng = starts[asset], stream(seed, path, asset)
    opened = np.arange(start.opened_at, end, BAR_NS, dtype=np.int64)
    elapsed = (opened - start.opened_at) / DAY_NS
    progress = np.clip(elapsed / scenario.settling_days, 0.0, 1.0)
    beta = _between(scenario.bitcoin_beta_start, scenario.bitcoin_beta_target, progress)
    yearly = start.volatility * scenario.bitcoin_volatility_multiple**progress
    of_equities = beta * factors.tech_volatility[_session_rows(factors, opened)]
    fragility = _between(scenario.fragility_start, scenario.fragility_target, progress)
    own = _own(yearly, of_equities) / (1 + _FORCED * fragility)
    variance = own_variance(opened, own, rng)
    shares, wiggle = within_bars(variance, rng)
    noise = _noise(asset, starts, opened, rng, stream(seed, path, "crypto"))
    # All assets follow an equity session with the same timing.
    moves = equity_moves(opened, factors.sessions, factors.tech, stream(seed, path, "rhythm"))
    drift = (
        scenario.bitcoin_log_return
        * (elapsed < scenario.horizon_days)
        / (scenario.horizon_days * DAY_NS / BAR_NS)
    )
    rebound = scenario.rebound * start.fall * np.diff(progress, append=progress[-1:])
    steps = np.sqrt(variance) * noise + beta * moves + drift + rebound
    value = np.log(start.price) + np.cumsum(steps)
    market = perp_market(
        opened,
        value,
        rng,
        interest=start.interest * scenario.interest_multiple**progress,
        daily_volume=np.full(len(opened), start.daily_volume),
        fragility=fragility,
    )
    market = replace(
        market,
        returns=rounded_returns(steps, shares, wiggle),
        crowding=np.round(market.crowding + _crowded_before(start.rate, opened), 10),
        is_settlement=opened % funding_ns == 0,
    )
    return PerpPath(start, opened, with_wicks(_run(start, market), WICK * np.sqrt(variance), rng))


def _session_rows(factors: Factors, opened: Instants) -> NDArray[np.intp]:
    """Return the row of the last session up to each bar's day."""
    rows = np.searchsorted(factors.sessions, utc_days(opened), side="right") - 1
    return np.maximum(rows, 0)


def _own(yearly: Floats, of_equities: Floats) -> Floats:
    """Return the annualized volatility of an asset's own noise."""
    left = yearly**2 - of_equities**2
    own: Floats = np.sqrt(np.maximum(left, (_LEAST_OWN * yearly) ** 2))
    return own


def _between(start: float, target: float, progress: Floats) -> Floats:
    return start + (target - start) * progress


def _noise(
    asset: str,
    starts: dict[str, PerpStart],
    opened: Instants,
    rng: np.random.Generator,
    common_rng: np.random.Generator,
) -> Floats:
    """Return an asset's standard noise, bar by bar; the leading asset has the common noise."""
    before = (int(opened[0]) - min(start.opened_at for start in starts.values())) // BAR_NS
    common = heavy_tailed(common_rng, before + len(opened), 6.0)[before:]
    if asset == next(iter(starts)):
        return common
    own = heavy_tailed(rng, len(opened), 6.0)
    mixed: Floats = np.sqrt(_COMMON) * common + np.sqrt(1 - _COMMON) * own
    return mixed


def _crowded_before(rate: float, opened: Instants) -> Floats:
    """Return the premium implied by the last funding rate, fading over time."""
    premium = 0.0 if rate == _INTEREST else rate - _INTEREST + np.sign(rate - _INTEREST) * _CLAMP
    fading: Floats = premium * np.exp(-(opened - opened[0]) / _CROWDING_FADES_NS)
    return fading


def _run(start: PerpStart, market: FlywheelInputs) -> FlywheelPath:
    params = FlywheelParams(account_quote=50_000.0)
    interest = float(market.open_interest_base[0])
    book = book_at_rest(
        start.price, interest, LEVERAGES, CALM, params.account_quote, cohorts=COHORTS
    )
    return simulate(params, book, market, start.price, FUND_SHARE * start.price * interest)
