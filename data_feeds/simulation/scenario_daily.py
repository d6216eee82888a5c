"""Equities, yields, the dollar, spreads and other daily values of a scenario.

Factors move once a New York session; a daily channel moves by the sum of its factors' moves since
its own last row. A name with a role in ``factors`` keeps the role; any other equity moves with the
data's index by a beta estimated from common sessions.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_feeds import releases
from data_feeds.calendar import (
    FEDERAL_RESERVE,
    add_business_days,
    session_bounds,
    sessions_between,
)
from data_feeds.clock import DAY_NS, Dates, Instants, midnight_ns, midnights_ns, utc_days, utc_text
from data_feeds.dataset import Dataset
from data_feeds.errors import SchemaError
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.simulation.factors import DURATIONS, INVERSE_DRAG, LOADINGS
from data_feeds.simulation.paths import Floats, autoregressive, heavy_tailed, stochastic_volatility
from data_feeds.simulation.scenario_parameters import Scenario
from data_feeds.simulation.scenario_start import (
    LATE_SERIES_DAYS,
    RECENT_DAYS,
    Daily,
    daily,
    lag_ns,
    made,
    on_tick,
    size,
    step_ns,
    stream,
)

_SESSIONS_A_YEAR = 252
_A_DAY = np.timedelta64(1, "D")
# An exchange's bars continue if they ended at most this many days before the data.
_LATE_DAYS = 5
_LEAST_VOLATILITY, _LARGEST_VOLATILITY = 0.08, 0.60
# Sessions for the estimate of a beta, and the number of sessions that weighs as much as the prior
# beta of 1.
_BETA_SESSIONS, _BELIEF = 120, 60
# Share of a session's move before its open.
_BEFORE_OPEN = 0.4

# Factor whose log returns move a series.
_LOG_ROLES = {
    "SP500": "market", "GSPC": "market", "NASDAQCOM": "tech", "VIX": "fear", "VIXCLS": "fear",
    "VXN": "fear", "VXNCLS": "fear", "BAMLH0A0HYM2": "spread", "BAMLC0A0CM": "spread",
    "DXY": "dollar", "DTWEXBGS": "dollar",
}  # fmt: skip
# Series that move by a share of the 10-year yield's change; differences may be negative.
_YIELD_SHARES = {
    "DGS10": 1.0, "DFII10": 0.9, "DGS2": 0.8, "T10Y2Y": 0.2, "DGS3MO": 0.15, "DTB3": 0.15,
    "T10Y3M": 0.85, "DFF": 0.1, "FEDFUNDS": 0.1,
}  # fmt: skip
_ANY_SIGN = ("DFII10", "T10Y2Y", "T10Y3M")
_INVERSES = {"SH": "SPY", "PSQ": "QQQ"}
# Indices for an unknown equity's beta; the first one in the data counts.
_INDICES = (("SP500", "market"), ("SPY", "market"), ("GSPC", "market"), ("NASDAQCOM", "tech"),
            ("QQQ", "tech"))  # fmt: skip
# Channels for the start of a path besides the continued ones: index, yields, dollar.
CONTEXT = (*(name for name, _ in _INDICES), "DGS10", "DXY")
# Calendar days before the data's end that suffice for every such measure.
LOOK_BACK_DAYS = 200


@dataclass(frozen=True)
class EquityExposure:
    """Exposure of an equity: beta to a factor, own noise a session, own fall.

    ``fall`` is the log distance below the 60-day high beyond the factor's own distance.
    """

    factor: str
    beta: float
    own: float
    fall: float


@dataclass(frozen=True)
class DailyStart:
    """Starting state of the daily channels; sizes are per session.

    ``begin`` and ``end`` bound the path, ns UTC; ``equity_volatility`` is annualized.
    """

    begin: int
    end: int
    equity_volatility: float
    yield_size: float
    dollar_size: float
    exposures: dict[str, EquityExposure]


@dataclass(frozen=True)
class Factors:
    """Factor moves in each New York session: log changes, ``yields`` in percentage points.

    ``calm`` is volatility relative to its start, ``settled`` the session's share of the settling,
    ``tech_volatility`` the annualized volatility of technology's returns. ``ahead`` is false for
    sessions that closed before the end of the data; their moves are zero.
    """

    sessions: Dates
    market: Floats
    tech: Floats
    yields: Floats
    dollar: Floats
    fear: Floats
    spread: Floats
    tech_volatility: Floats
    calm: Floats
    settled: Floats
    ahead: NDArray[np.bool_]

    def moved(self, steps: Floats, last: np.datetime64, days: Dates) -> Floats:
        """Return, for each day, the sum of ``steps`` over the sessions after ``last``."""
        total = np.concatenate(([0.0], np.cumsum(steps)))
        rows = np.searchsorted(self.sessions, days, side="right")
        since: Floats = total[rows] - total[np.searchsorted(self.sessions, last, side="right")]
        return since


def daily_start(dataset: Dataset, begin: int, end: int) -> DailyStart:
    """Return the starting state, measured at the end of the data."""
    index = _index(dataset)
    equity = 0.16
    if index is not None:
        of = index[1].log_returns(RECENT_DAYS)
        beta = 1.0 if index[0] == "market" else 1.2
        equity = size(of, equity / np.sqrt(_SESSIONS_A_YEAR)) * np.sqrt(_SESSIONS_A_YEAR) / beta
    yields, dollar = daily(dataset, "DGS10"), daily(dataset, "DXY")
    return DailyStart(
        begin=begin,
        end=end,
        equity_volatility=float(np.clip(equity, _LEAST_VOLATILITY, _LARGEST_VOLATILITY)),
        yield_size=0.05 if yields is None else size(np.diff(yields.values)[-60:], 0.05),
        dollar_size=0.0042 if dollar is None else size(dollar.log_returns(60), 0.0042),
        exposures={
            key.instrument: _exposure(dataset, key.instrument, index)
            for key in dataset.channels
            if key.kind is ChannelKind.BARS
        },
    )


def _index(dataset: Dataset) -> tuple[str, Daily] | None:
    for name, factor in _INDICES:
        found = daily(dataset, name)
        if found is not None and len(found.values) > RECENT_DAYS:
            return factor, found
    return None


def _exposure(dataset: Dataset, name: str, index: tuple[str, Daily] | None) -> EquityExposure:
    """Return an equity's exposure from its role, or from its common sessions with the index."""
    role = _role(name)
    factor, beta, own = role or (index[0] if index else "market", 1.0, 0.2)
    own /= float(np.sqrt(_SESSIONS_A_YEAR))
    mine = daily(dataset, name)
    if mine is None or index is None:
        return EquityExposure(factor, beta, own, 0.0 if mine is None else mine.fall)
    ours, theirs = _common_returns(mine, index[1])
    against = beta * (1.15 if (factor, index[0]) == ("tech", "market") else 1.0)
    if role is None and len(ours) > RECENT_DAYS and theirs.var() > 0:
        weight = len(ours) / (len(ours) + _BELIEF)
        slope = float(np.cov(ours, theirs)[0, 1] / theirs.var(ddof=1))
        beta = against = weight * slope + (1 - weight)
    if role is None or name not in ("SPY", "QQQ"):
        own = size((ours - against * theirs)[-60:], own)
    return EquityExposure(factor, beta, own, max(mine.fall - against * index[1].fall, 0.0))


def _role(name: str) -> tuple[str, float, float] | None:
    """Return factor, beta and annualized own volatility of a name with a role; else None."""
    if name == "SPY":
        return "market", 1.0, 0.0
    if name == "GLD":
        return "market", 0.0, 0.15
    return ("tech", *LOADINGS[name]) if name in LOADINGS else None


def _common_returns(a: Daily, b: Daily) -> tuple[Floats, Floats]:
    """Return log returns over the last common sessions."""
    _, left, right = np.intersect1d(a.days, b.days, return_indices=True)
    kept = slice(-_BETA_SESSIONS - 1, None)
    one, two = (np.diff(np.log(np.maximum(x, 1e-12))) for x in
                (a.values[left][kept], b.values[right][kept]))  # fmt: skip
    return one, two


def daily_factors(start: DailyStart, scenario: Scenario, rng: np.random.Generator) -> Factors:
    """Return one path of the factors; moves before the end of the data are zero."""
    first, last = utc_days(np.array([start.begin, start.end]))
    sessions = sessions_between("XNYS", first - LATE_SERIES_DAYS * _A_DAY, last)
    rows = len(sessions)
    elapsed = (session_bounds("XNYS", sessions)[1] - start.begin) / DAY_NS
    share = _drift(elapsed, scenario)
    progress = np.clip(elapsed / scenario.settling_days, 0.0, 1.0)
    settled = np.diff(progress, prepend=0.0)
    calm = scenario.equity_volatility_multiple**progress
    yearly = np.clip(start.equity_volatility * calm, _LEAST_VOLATILITY, _LARGEST_VOLATILITY)
    sigma = yearly / np.sqrt(_SESSIONS_A_YEAR)
    wild = stochastic_volatility(rng, rows, persistence=0.94, spread=0.3)
    # Sessions before the end of the data get no random moves.
    ahead = elapsed > 0
    standard = ahead * wild * heavy_tailed(rng, rows, 5.0)
    market = scenario.equity_log_return * share + sigma * standard
    tech_share = 0.35 * scenario.own_noise
    tech_noise = ahead * tech_share * sigma * heavy_tailed(rng, rows, 6.0)
    tech = scenario.tech_beta * market + scenario.tech_log_return * share + tech_noise
    quiet = scenario.yield_volatility_multiple**progress
    correlation = scenario.yield_correlation
    own = ahead * np.sqrt(1 - correlation**2) * heavy_tailed(rng, rows, 6.0)
    yields = scenario.yield_change * share + start.yield_size * quiet * (
        correlation * standard + own
    )
    dollar = scenario.dollar_log_return * share + start.dollar_size * quiet * (
        -0.3 * standard + 0.95 * ahead * rng.standard_normal(rows)
    )
    # A day's rise of VIX fades within weeks.
    shock = autoregressive(-4.5 * sigma * standard + 0.04 * ahead * rng.standard_normal(rows), 0.92)
    fear = np.log(scenario.vix_multiple) * settled + np.diff(shock, prepend=0.0)
    widened = autoregressive(
        -1.1 * sigma * standard + 0.008 * ahead * rng.standard_normal(rows), 0.97
    )
    spread = np.log(scenario.spread_multiple) * settled + np.diff(widened, prepend=0.0)
    return Factors(
        sessions=sessions,
        market=market,
        tech=tech,
        yields=yields,
        dollar=dollar,
        fear=fear,
        spread=spread,
        tech_volatility=yearly * np.hypot(scenario.tech_beta, tech_share),
        calm=calm,
        settled=settled,
        ahead=np.asarray(ahead),
    )


def _drift(elapsed: Floats, scenario: Scenario) -> Floats:
    """Return each session's share of the horizon's drift."""
    inside = (elapsed > 0) & (elapsed <= scenario.horizon_days)
    return inside / (scenario.horizon_days * _SESSIONS_A_YEAR / 365)


def equity_steps(
    name: str, start: DailyStart, factors: Factors, scenario: Scenario, *, seed: int, path: int
) -> Floats:
    """Return an equity's log return in each of the factors' sessions."""
    rng = stream(seed, path, name)
    rows = len(factors.sessions)
    if name in _INVERSES:
        of = equity_steps(_INVERSES[name], start, factors, scenario, seed=seed, path=path)
        inverse: Floats = np.log1p(-np.expm1(of)) - INVERSE_DRAG / _SESSIONS_A_YEAR
        return inverse
    if name in DURATIONS:
        years, yearly = DURATIONS[name]
        moves = years * factors.yields / 100
        noise = factors.ahead * yearly / np.sqrt(_SESSIONS_A_YEAR) * rng.standard_normal(rows)
        bond: Floats = -moves + 0.6 * moves**2 + noise
        return bond
    exposure = start.exposures.get(name)
    if exposure is None:
        factor, beta, yearly = _role(name) or ("market", 1.0, 0.0)
        exposure = EquityExposure(factor, beta, yearly / float(np.sqrt(_SESSIONS_A_YEAR)), 0.0)
    own = exposure.own * scenario.own_noise * factors.calm * heavy_tailed(rng, rows, 5.0)
    own *= factors.ahead
    # A fall without the market, such as gold's, does not rebound with the market.
    share = scenario.rebound * float(np.clip(exposure.beta, 0.0, 1.0))
    rebound = share * exposure.fall * factors.settled
    steps: Floats = exposure.beta * getattr(factors, exposure.factor) + own + rebound
    return steps


def session_bars(
    dataset: Dataset, key: ChannelKey, factors: Factors, steps: Floats, *, end: int,
    rng: np.random.Generator,
) -> Channel:  # fmt: skip
    """Return an exchange's daily bars after the last bar of the data, until ``end``.

    Raises
    ------
    SchemaError : see ``check_session_bars``.
    """
    channel, instrument = dataset.channels[key], dataset.instruments[key.instrument]
    last = utc_days(channel["opened_at"][-1:])[0]
    until = utc_days(np.array([end]))[0]
    sessions = sessions_between(instrument.calendar, last + _A_DAY, until)
    opened, closed = session_bounds(instrument.calendar, sessions)
    inside = (opened >= channel["closed_at"][-1]) & (closed <= end)
    sessions, opened, closed = sessions[inside], opened[inside], closed[inside]
    log = factors.moved(steps, last, sessions)
    before = float(channel["close"][-1])
    prices = _session_prices(before, log, size(daily_returns(channel), 0.01), rng)
    values = on_tick(prices, before, instrument.tick_size)
    if key.kind is ChannelKind.BARS:
        moves = np.abs(np.diff(log, prepend=0.0)) / size(daily_returns(channel), 0.01)
        busy = (0.7 + 0.3 * np.minimum(moves, 6.0)) * rng.lognormal(-0.03, 0.25, len(log))
        values["volume"] = np.round(float(np.median(channel["volume"][-RECENT_DAYS:])) * busy)
    return made(key, (opened, closed, closed + lag_ns(channel)), values)


def daily_returns(channel: Channel) -> Floats:
    """Return the recent log returns of daily bars."""
    returns: Floats = np.diff(np.log(channel["close"][-61:]))
    return returns


def _session_prices(
    last: float, log: Floats, usual: float, rng: np.random.Generator
) -> dict[str, Floats]:
    close = last * np.exp(log)
    steps = np.diff(log, prepend=0.0)
    opens = close * np.exp(
        -steps * (1 - _BEFORE_OPEN) + 0.2 * usual * rng.standard_normal(len(log))
    )
    up, down = np.abs(rng.normal(0.0, 0.4, (2, len(log)))) * usual
    high = np.maximum(opens, close) * np.exp(up)
    low = np.minimum(opens, close) * np.exp(-down)
    return {"open": opens, "high": high, "low": low, "close": close}


def check_session_bars(dataset: Dataset, key: ChannelKey, begin: int) -> None:
    """Refuse bars of an exchange that cannot be continued.

    Raises
    ------
    SchemaError : they are not daily, or ended long before the data's end.
    """
    calendar = dataset.instruments[key.instrument].calendar
    if key.timeframe != "1d":
        raise SchemaError(
            f"{key}: a scenario continues {calendar} bars of 1d alone; leave the channel out with "
            "dataset.only"
        )
    ended = int(dataset.channels[key]["closed_at"][-1])
    if begin - ended > _LATE_DAYS * DAY_NS:
        raise SchemaError(
            f"{key}: its last bar closed {utc_text(ended)}, more than {_LATE_DAYS} days before the "
            f"data end ({utc_text(begin)}); leave it out with dataset.only or cut the data there"
        )


def series_after(channel: Channel, factors: Factors, rng: np.random.Generator, end: int) -> Channel:
    """Return a series' values until ``end``, available by its release rule or usual lag."""
    name = channel.key.instrument
    events = _series_events(channel, end)
    days = utc_days(events)
    last, value = utc_days(channel["event_at"][-1:])[0], float(channel["value"][-1])
    if name in _LOG_ROLES:
        log = factors.moved(getattr(factors, _LOG_ROLES[name]), last, days)
        values = value * np.exp(log)
        values = np.maximum(values, min(value, 9.0)) if _LOG_ROLES[name] == "fear" else values
    elif name in _YIELD_SHARES:
        values = value + _YIELD_SHARES[name] * factors.moved(factors.yields, last, days)
        values = values if name in _ANY_SIGN else np.maximum(values, min(value, 0.0))
    else:
        values = _towards_the_usual(channel["value"][-60:], len(events), rng)
    known = events + lag_ns(channel)
    if name in releases.RELEASES:
        rule = releases.rule_for(name)
        dates = days if rule.counts_from_date else events.astype("datetime64[ns]")
        known = np.maximum(releases.known_at(rule, dates), events)
    return made(channel.key, (events, known), {"value": np.round(values, 4)})


def _series_events(channel: Channel, end: int) -> Instants:
    """Return the reference instants of a series after its last one, at its own interval."""
    event = channel["event_at"]
    step, last = step_ns(channel, DAY_NS), int(event[-1])
    if step >= 27 * DAY_NS:
        day = utc_days(event[-1:])[0]
        months = day.astype("datetime64[M]") + np.arange(1, (end - last) // (27 * DAY_NS) + 2)
        offset = last - midnight_ns(day.astype("datetime64[M]"))
        events = midnights_ns(months) + offset
        inside: Instants = events[events <= end]
        return inside
    events = np.arange(last + step, end + 1, step, dtype=np.int64)
    recent = utc_days(event[-30:])
    if step != DAY_NS or not bool(np.all(np.is_busday(recent))):
        return events
    is_treasury = channel.key.instrument in _YIELD_SHARES
    calendar = FEDERAL_RESERVE if is_treasury else "XNYS"
    days = utc_days(events)
    open_days: Instants = events[add_business_days(calendar, days, 0) == days]
    return open_days


def _towards_the_usual(recent: Floats, rows: int, rng: np.random.Generator) -> Floats:
    """Return values that revert to the recent median; never negative if recent values are not."""
    usual = float(np.median(recent))
    noise = size(np.diff(recent), 0.0) * rng.standard_normal(rows)
    start = float(recent[-1]) - usual
    values = usual + start * 0.95 ** np.arange(1, rows + 1) + autoregressive(noise, 0.95)
    return np.maximum(values, 0.0) if recent.min() >= 0 else values


def dividends_after(
    channel: Channel, bars: Channel | None, end: int
) -> Iterator[tuple[int, float]]:
    """Yield instants and amounts of continued dividends, at opens of the path's sessions.

    Nothing is paid if the path has no bars of the fund or the data have fewer than two payments.
    """
    if len(channel) < 2 or bars is None:
        return
    step = step_ns(channel, DAY_NS)
    amount = float(channel["amount"][-1])
    for at in range(int(channel["event_at"][-1]) + step, end + 1, step):
        row = int(np.searchsorted(bars["opened_at"], at))
        if row < len(bars) and int(bars["opened_at"][0]) <= at:
            yield int(bars["opened_at"][row]), amount
