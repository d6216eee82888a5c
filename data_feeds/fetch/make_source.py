"""Make the source for an entry of a plan."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from data_feeds import releases
from data_feeds.fetch.plan import BinanceArchiveEntry, CcxtEntry, Entry, FredEntry, YahooEntry
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.sources.retry import RetryPolicy
from data_feeds.sources.source import Source


@dataclass(frozen=True)
class SourceOptions:
    """Options of sources that are not in the plan.

    ``now`` returns the time (ns UTC). ``fred_api_key`` is needed for vintages, ``venue_key`` and
    ``venue_secret`` for leverage brackets; without them these are left out. ``base_urls`` replaces
    publishers' addresses by source name, e.g. with a mirror's.
    """

    now: Callable[[], int]
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    fred_api_key: str | None = None
    venue_key: str | None = None
    venue_secret: str | None = None
    base_urls: Mapping[str, str] = field(default_factory=dict)


def make_source(entry: Entry, instrument: Instrument, options: SourceOptions) -> Source:
    """Return the source of an entry for one of its instruments.

    Client libraries are imported on use: a plan loads only those that it needs.

    Raises
    ------
    SchemaError : a series has no release rule.
    """
    match entry:
        case CcxtEntry():
            return _ccxt(entry, instrument, options)
        case BinanceArchiveEntry():
            return _archive(entry, options)
        case YahooEntry():
            return _yahoo(entry, instrument, options)
        case FredEntry():
            return _fred(entry, instrument, options)


def _ccxt(entry: CcxtEntry, instrument: Instrument, options: SourceOptions) -> Source:
    from data_feeds.sources.ccxt_perps import CcxtPerps  # noqa: PLC0415

    return CcxtPerps(
        entry.exchange,
        entry.symbol,
        now=options.now,
        policy=options.policy,
        base_url=options.base_urls.get(entry.source),
        api_key=options.venue_key,
        secret=options.venue_secret,
        bars_price="index" if instrument.kind is InstrumentKind.INDEX else "last",
    )


def _archive(entry: BinanceArchiveEntry, options: SourceOptions) -> Source:
    from data_feeds.sources.binance_archive import ARCHIVE_URL, BinanceArchive  # noqa: PLC0415
    from data_feeds.sources.http import HttpClient  # noqa: PLC0415

    return BinanceArchive(
        entry.market,
        entry.symbol,
        HttpClient(options.policy),
        base_url=options.base_urls.get(entry.source, ARCHIVE_URL),
    )


def _yahoo(entry: YahooEntry, instrument: Instrument, options: SourceOptions) -> Source:
    from data_feeds.sources.yahoo_equities import YahooEquities  # noqa: PLC0415

    is_series = instrument.kind is InstrumentKind.SERIES
    symbol = entry.symbols.get(instrument.id, instrument.id)
    rule = releases.rule_for(instrument.id) if is_series else None
    return YahooEquities(
        instrument,
        symbol,
        now=options.now,
        policy=options.policy,
        base_url=options.base_urls.get(entry.source),
        known_at=partial(releases.known_at, rule) if rule is not None else None,
        unit=instrument.quote,
        release="" if rule is None else str(rule),
    )


def _fred(entry: FredEntry, instrument: Instrument, options: SourceOptions) -> Source:
    from data_feeds.sources.fred_macro import FredMacro  # noqa: PLC0415
    from data_feeds.sources.http import HttpClient  # noqa: PLC0415

    base = options.base_urls.get(entry.source)
    series = entry.symbols.get(instrument.id, instrument.id)
    # The user's own id takes the rule of the FRED series that it names.
    known = instrument.id if instrument.id in releases.RELEASES else series
    rule = releases.rule_for(known, entry.release)
    return FredMacro(
        series,
        now=options.now,
        known_at=partial(releases.known_at, rule),
        api_key=options.fred_api_key,
        client=HttpClient(options.policy),
        policy=options.policy,
        unit=instrument.quote,
        release=str(rule),
        **({} if base is None else {"base_url": base, "api_url": f"{base}/fred"}),
    )
