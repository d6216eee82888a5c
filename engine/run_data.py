"""The data of one run: what the playbook declares, and what settles and measures it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from data_feeds.calendar import ALWAYS_OPEN, local_instants
from data_feeds.catalog import Catalog
from data_feeds.clock import (
    DAY_NS,
    HOUR_NS,
    NEW_YORK,
    datetime_ns,
    parse_duration,
    utc_day,
    utc_text,
)
from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError, GapError
from data_feeds.holes import window_gaps
from data_feeds.load import held_keys, load_dataset, mark_key
from data_feeds.options.quotes import pricing_channels, with_contracts
from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe
from data_feeds.trading_end import bars_due_until, ended_by
from engine.account_currencies import rates_in_use
from engine.config.market import MarketStateConfig
from engine.config.models import RunConfig
from engine.costs.market_activity import MarketActivity, load_activity
from engine.errors import ConfigError
from engine.market_state import MarketState
from engine.playbook import Requirements, Signals, compared_instruments
from engine.risk import remembered
from engine.signals.market.build import history_days, market_state, state_channels

BARS = ChannelKind.BARS
# Channels of the income and the carry of a held instrument.
INCOME = (ChannelKind.FUNDING, ChannelKind.DIVIDENDS)
# 252 sessions a year, and room for the longest closure.
CALENDAR_DAYS_PER_SESSION = 365 / 252
HOLIDAYS_NS = 5 * DAY_NS
# A US session; shorter days make the history a little longer than needed.
SESSION_NS = 13 * HOUR_NS // 2


def load_window(
    config: RunConfig, source: Catalog | Dataset, requirements: Requirements
) -> Dataset:
    """Return the data of the configured window with the playbook's warm-up before it.

    To the playbook's channels the function adds: marks, funding and dividends of the traded
    instruments, the series of interest rates, the rates of currencies, the inputs of option prices,
    and the bars of the report's benchmark. Instruments have the terms of the window's first day.
    """
    start, end = map(datetime_ns, (config.data.start, config.data.end))
    required, optional = run_channels(config, source, requirements)
    warmup = history_ns(config, source, requirements)
    # A rate is known at the start with its last bar; a channel of the rules needs the warm-up.
    needed = {
        key: 2 * Timeframe(key.timeframe).ns
        for key in rate_channels(config, source, requirements) - requirements.channels
        if key.kind is BARS
    }
    dataset = load_dataset(
        source,
        required,
        start,
        end,
        max(warmup, memory_ns(config, requirements)),
        optional=optional,
        shorter={
            key: min(needed.get(key, requirements.shorter_ns.get(key, warmup)), warmup)
            for key in required
        },
        late=requirements.late,
    ).in_force(config.data.start.date())
    refuse_early_ends(dataset, requirements, end)
    refuse_gaps(config, dataset, requirements, (start, end))
    lag = config.data.extra_lag
    return dataset if lag is None else dataset.delayed(parse_duration(lag))


def stored_activity(
    config: RunConfig, source: Catalog | Dataset, requirements: Requirements
) -> Mapping[str, MarketActivity]:
    """Return volume and volatility of the traded and the benchmark's instruments.

    The function reads all stored bars of each, not only the playbook's channels; it reads nothing
    where the slippage model needs nothing.
    """
    if not config.venue.slippage.reads_activity:
        return {}
    start, end = map(datetime_ns, (config.data.start, config.data.end))
    names = {*requirements.traded, *config.report.held, requirements.leading}
    return load_activity(source, names, start, end)


def run_channels(
    config: RunConfig, source: Catalog | Dataset, requirements: Requirements
) -> tuple[frozenset[ChannelKey], frozenset[ChannelKey]]:
    """Return the required and the optional channels of a run.

    Raises
    ------
    ConfigError : the data have no bars of the report's benchmark.
    """
    required = set(requirements.channels)
    required |= {ChannelKey(name, ChannelKind.SERIES) for name in config.account.paid_series}
    required |= rate_channels(config, source, requirements)
    optional = requirements.optional | settlement_channels(source, requirements)
    # The benchmark uses the bars that the playbook reads, if there are any.
    read = {key.instrument for key in required if key.kind is BARS}
    optional |= benchmark_channels(set(config.report.held) - read, source)
    optional |= {ChannelKey(name, kind) for name in config.report.held for kind in INCOME}
    optional |= {ChannelKey(name, ChannelKind.SERIES) for name in config.bills} - required
    optional |= shaded_channels(config, source)
    for underlying in requirements.options:
        required.add(ChannelKey(underlying, BARS, "1d"))
        optional |= set(pricing_channels(underlying, config.options))
    return frozenset(required), optional


def shaded_channels(config: RunConfig, source: Catalog | Dataset) -> frozenset[ChannelKey]:
    """Return the channels in which the sell-offs of the page are found.

    Raises
    ------
    ConfigError : the data have no daily bars of the market.
    """
    shaded = config.report.sell_offs
    if shaded is None:
        return frozenset()
    bars = ChannelKey(shaded.instrument, BARS, "1d")
    if bars not in held_keys(source):
        raise ConfigError(
            f"report.sell_offs: no {bars} in the data; import them, name another instrument, or "
            "leave the section out"
        )
    return frozenset({bars, ChannelKey(shaded.instrument, ChannelKind.DIVIDENDS)})


def rate_channels(
    config: RunConfig, source: Catalog | Dataset, requirements: Requirements
) -> frozenset[ChannelKey]:
    """Return the channels that value the currencies of the wallets and of the benchmark."""
    held = source.instruments if isinstance(source, Dataset) else source.instruments()
    names = compared_instruments(config, requirements)
    compared = {held[name].quote for name in names if name in held}
    rates = rates_in_use(config.account, compared).values()
    return frozenset(rate.channel for rate in rates if rate.channel is not None)


def with_listed(
    config: RunConfig, dataset: Dataset, requirements: Requirements, signals: Signals
) -> tuple[Dataset, Requirements]:
    """Return data and requirements with the option contracts that the signals list.

    A contract exists from the first row of the window that names it; ``config.options`` prices it.
    """
    if signals.contract is None:
        return dataset, requirements
    start, end = map(datetime_ns, (config.data.start, config.data.end))
    listed: dict[str, int] = {}
    for name, at in zip(signals.contract.tolist(), signals.decided_at.tolist(), strict=True):
        if name and start <= at <= end:
            listed.setdefault(name, at)
    bars = {ChannelKey(name, BARS, "1d") for name in listed}
    return with_contracts(dataset, listed, config.options), replace(
        requirements,
        channels=requirements.channels | bars,
        traded=(*requirements.traded, *listed),
    )


@dataclass(frozen=True)
class StateInputs:
    """The inputs of a run's market state, from which it can be computed again on truncated data."""

    data: Dataset
    rules: MarketStateConfig
    first: np.datetime64
    last: np.datetime64

    def state(self) -> MarketState:
        """Return the state of all days."""
        return market_state(self.data, self.rules, self.first, self.last)

    def again(self, first: np.datetime64, at: int) -> MarketState:
        """Return the state from a date on, computed from the data known at an instant."""
        last = min(utc_day(at), self.last)
        return market_state(self.data.cut(at), self.rules, first, last)


def load_state(config: RunConfig, source: Catalog | Dataset) -> StateInputs | None:
    """Return the inputs of the window's market state; None unless ``risk.market_tiers`` reads it.

    The state begins a week before the window, so that a row is known at the first decision.
    """
    if config.risk.market_tiers is None:
        return None
    rules = config.market
    first = np.datetime64(config.data.start.date(), "D") - np.timedelta64(7, "D")
    last = np.datetime64(config.data.end.date(), "D")
    data = state_data(source, rules, first, last, config.data.extra_lag)
    return StateInputs(data, rules, first, last)


def state_data(
    source: Catalog | Dataset,
    config: MarketStateConfig,
    first: np.datetime64,
    last: np.datetime64,
    extra_lag: str | None = None,
) -> Dataset:
    """Return the channels that the market state of some days reads, with the history before them.

    ``extra_lag`` delays the instant at which every row becomes known.
    """
    start, end = local_instants(np.array([first, last]), config.decide_at, NEW_YORK)
    history = history_days(config) * DAY_NS
    data = load_dataset(source, (), int(start), int(end), history, optional=state_channels(config))
    return data if extra_lag is None else data.delayed(parse_duration(extra_lag))


def history_ns(config: RunConfig, source: Catalog | Dataset, requirements: Requirements) -> int:
    """Return the length of the history that must precede the window, ns.

    The length covers the playbook's warm-up and the sizing windows, each one bar longer (n returns
    need n + 1 closes). Sessions are converted to calendar days.
    """
    instruments = source.instruments if isinstance(source, Dataset) else source.instruments()
    frame = Timeframe(requirements.clock.timeframe).ns
    longest = (requirements.warmup_bars + 1) * frame
    for window in (config.risk.volatility_window, config.risk.participation_window):
        longest = max(longest, parse_duration(window) + frame)
    names = {requirements.clock.instrument, *requirements.traded} & set(instruments)
    if all(instruments[name].calendar == ALWAYS_OPEN for name in names):
        return longest
    per_session = SESSION_NS if frame < DAY_NS else DAY_NS
    return int(longest / per_session * CALENDAR_DAYS_PER_SESSION * DAY_NS) + HOLIDAYS_NS


def memory_ns(config: RunConfig, requirements: Requirements) -> int:
    """Return the longest memory of a run's estimates, ns.

    Estimates are the playbook's own, and the covariance of a book of weights with a volatility
    target or a beta cap. Rows of this stretch are loaded if the data hold them; only the warm-up is
    required.
    """
    book = config.risk.portfolio
    if book.target_volatility is None and book.crypto_beta_cap is None:
        return requirements.memory_ns
    sessions = remembered(book.decay) + 1
    covariance = int(sessions * CALENDAR_DAYS_PER_SESSION * DAY_NS) + HOLIDAYS_NS
    return max(requirements.memory_ns, covariance)


def refuse_early_ends(dataset: Dataset, requirements: Requirements, end: int) -> None:
    """Refuse delistings that leave nothing to trade or to price, ``end`` being the window's end.

    Equity is marked at closes of traded instruments: after the last of them no day has an end.

    Raises
    ------
    CoverageError : all traded instruments are delisted more than a day before the end, or an
        underlying of options is delisted.
    """
    for name in requirements.options:
        ended = dataset.instruments[name].delisted
        if ended is not None and ended_by(dataset.instruments[name], end) is not None:
            raise CoverageError(
                f"{name}: its options are priced by its bars, and it is delisted after "
                f"{ended.last_day}; end the window before that day or trade no options on it"
            )
    ends = [ended_by(dataset.instruments[name], end) for name in requirements.traded]
    known = [at for at in ends if at is not None]
    if ends and len(known) == len(ends) and end - max(known) > DAY_NS:
        names = ", ".join(sorted(requirements.traded))
        raise CoverageError(
            f"{names}: delisted inside the window, and this playbook trades nothing else, whose "
            "closes could mark its positions and cash afterwards; end the window at "
            f"{utc_text(max(known))} (data.end), where positions are settled, or let the playbook "
            "trade another instrument beside; another sleeve's instruments do not count"
        )


def refuse_gaps(
    config: RunConfig, dataset: Dataset, requirements: Requirements, window: tuple[int, int]
) -> None:
    """Refuse traded bars with a longer hole in the window than the config allows.

    ``data_feeds.holes`` defines a hole; for an exchange, only bars missing inside sessions count.

    Raises
    ------
    GapError : ``data.max_gap_bars`` is set and a hole is longer.
    """
    allowed = config.data.max_gap_bars
    if allowed is None:
        return
    for key in sorted(requirements.channels):
        if key.instrument not in requirements.traded or key.kind is not BARS:
            continue
        item = dataset.instruments[key.instrument]
        start, end = window[0], bars_due_until(item, dataset.channels[key], window[1])
        if key in requirements.late and len(dataset.channels[key]):
            start = max(start, int(dataset.channels[key]["opened_at"][0]))
        for gap in window_gaps(dataset.channels[key], item.calendar, start, end):
            if gap.missing > allowed:
                raise GapError(
                    f"{key}: {gap.missing} bars missing from {utc_text(gap.started_at)}; "
                    f"import them or raise data.max_gap_bars (is {allowed})"
                )


def benchmark_channels(
    benchmark: Iterable[str], source: Catalog | Dataset
) -> frozenset[ChannelKey]:
    """Return the bars of the report's benchmark, one instrument or several.

    Raises
    ------
    ConfigError : the data have no such bars.
    """
    wanted = frozenset(benchmark)
    held = [key for key in held_keys(source) if key.kind is BARS]
    found = frozenset(key for key in held if key.instrument in wanted)
    for name in sorted(wanted - {key.instrument for key in found}):
        names = ", ".join(sorted({key.instrument for key in held}))
        raise ConfigError(f"report.benchmark: no bars of {name!r} in the data; held: {names}")
    return found


def settlement_channels(
    source: Catalog | Dataset, requirements: Requirements
) -> frozenset[ChannelKey]:
    """Return the channels that move cash or mark positions, also if the playbook reads none."""
    keys = set()
    for name in requirements.traded:
        keys |= {ChannelKey(name, kind) for kind in INCOME}
        bars = [k for k in requirements.channels if (k.instrument, k.kind) == (name, BARS)]
        timeframe = min((k.timeframe for k in bars), key=Timeframe, default="1h")
        mark = mark_key(source, name, timeframe)
        if mark is not None:
            keys.add(mark)
    return frozenset(keys)
