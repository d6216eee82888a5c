"""The plan of ``riskoff data fetch``: channels, their sources and windows."""

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from data_feeds.catalog import TimeSpan, merged_spans
from data_feeds.clock import midnight_ns, parse_duration
from data_feeds.errors import SchemaError, YamlError
from data_feeds.instrument import Instrument
from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.sources.mapping import load_instruments
from data_feeds.sources.model_problems import parse_model
from data_feeds.strict_model import StrictModel
from data_feeds.yaml_text import YamlDocument, load_yaml


def _as_date(value: object) -> object:
    # pydantic alone would take 2026 for a second of 1970.
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str):
        return date.fromisoformat(value)
    raise ValueError("write a date as 2026-02-05")


Day = Annotated[date, BeforeValidator(_as_date)]


class Window(StrictModel):
    """UTC days to fetch; ``end`` is not included. Without an end: up to now."""

    start: Day = Field(description="First day, YYYY-MM-DD")
    end: Day | None = Field(None, description="First day that is not asked for; null: up to now")

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"end {self.end} must lie after start {self.start}")
        return self

    def span(self, now: int) -> TimeSpan:
        """Return the window up to now, ns UTC; empty for a window in the future."""
        start = midnight_ns(self.start)
        end = now if self.end is None else min(midnight_ns(self.end), now)
        return TimeSpan(started_at=start, ended_at=max(start, end))


class _Entry(StrictModel):
    """Fields that entries of all sources share."""

    instrument: str | None = Field(None, description="Instrument or series id")
    each: tuple[str, ...] = Field((), description="Ids; the entry is repeated for every one")
    channels: tuple[str, ...] = Field(min_length=1, description="bars/5m, mark/1h, funding, ...")
    windows: tuple[str, ...] | None = Field(
        None, min_length=1, description="Names of the plan's windows; null: all of them"
    )
    start: Day | None = Field(None, description="First day, instead of windows; up to now")

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the instruments that the entry fills."""
        return self.each or (self.instrument or "",)

    def keys(self, instrument: str) -> list[ChannelKey]:
        """Return the channels of one instrument."""
        return [channel_key(instrument, text) for text in self.channels]

    def spans(self, windows: Mapping[str, Window], now: int) -> tuple[TimeSpan, ...]:
        """Return the entry's stretches up to now, joined and in order, without future ones."""
        if self.start is not None:
            chosen = [Window(start=self.start, end=None)]
        else:
            names = windows if self.windows is None else self.windows
            chosen = [windows[name] for name in names]
        spans = [window.span(now) for window in chosen]
        return merged_spans([span for span in spans if span.ended_at > span.started_at])

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if bool(self.instrument) == bool(self.each):
            raise ValueError("give instrument or each, one of them")
        if self.windows is not None and self.start is not None:
            raise ValueError("give windows or start, not both")
        if self.each and getattr(self, "symbol", None) is not None:
            raise ValueError("symbol names one market: give instrument, not each")
        stray = sorted(set(getattr(self, "symbols", {})) - set(self.ids))
        if stray:
            raise ValueError(f"symbols for ids that are not asked for: {', '.join(stray)}")
        for text in self.channels:
            channel_key("X", text)
        return self


class CcxtEntry(_Entry):
    """Crypto venues over their API."""

    source: Literal["ccxt"]
    exchange: Literal["binanceusdm", "binance", "bybit", "okx"] = Field(
        "binanceusdm", description="ccxt's name of the venue"
    )
    symbol: str = Field(description="ccxt's name of the market, e.g. BTC/USDT:USDT")
    terms: bool = Field(False, description="Also take today's filters and leverage brackets")


class BinanceArchiveEntry(_Entry):
    """Binance's public archive: files of whole months and days, with checksums."""

    source: Literal["binance_archive"]
    market: Literal["um", "spot"] = Field("um", description="um (USD-M futures) or spot")
    symbol: str = Field(description="The venue's name of the market, e.g. BTCUSDT")


class YahooEntry(_Entry):
    """Equities and indices through yfinance."""

    source: Literal["yahoo"]
    symbols: dict[str, str] = Field(
        default_factory=dict, description="Instrument id: Yahoo's symbol, where they differ"
    )


class FredEntry(_Entry):
    """Macro series from FRED, with vintages when FRED_API_KEY is set."""

    source: Literal["fred"]
    channels: tuple[str, ...] = Field(("series",), description="series")
    symbols: dict[str, str] = Field(
        default_factory=dict, description="Instrument id: FRED's id, where they differ"
    )
    release: str | None = Field(
        None, description="Variant of the release rule, e.g. treasury; null: the default rule"
    )


Entry = Annotated[
    CcxtEntry | BinanceArchiveEntry | YahooEntry | FredEntry, Field(discriminator="source")
]


class FetchPlan(StrictModel):
    """A whole plan."""

    instrument_files: tuple[str, ...] = Field(
        (), description="Files with a list of instruments, relative to the plan's folder"
    )
    instruments: tuple[Instrument, ...] = Field((), description="More instruments")
    windows: dict[str, Window] = Field(default_factory=dict, description="Name: days")
    fetch: tuple[Entry, ...] = Field(min_length=1, description="What to ask for, and whom")


def load_plan(path: Path) -> tuple[FetchPlan, dict[str, Instrument]]:
    """Return a plan and its instruments by id.

    Raises
    ------
    YamlError : a key is unknown, a value wrong, an instrument or window defined nowhere, a channel
        filled twice; with the line.
    """
    document = load_yaml(path)
    plan = parse_model(FetchPlan, document)
    found = load_instruments(plan.instrument_files, plan.instruments, document)
    _check_names(plan, found, document)
    return plan, found


def _check_names(
    plan: FetchPlan, instruments: dict[str, Instrument], document: YamlDocument
) -> None:
    filled: set[ChannelKey] = set()
    for i, entry in enumerate(plan.fetch):
        where = f"{document.path}:{document.line(('fetch', i))}"
        for name in entry.ids:
            if name not in instruments:
                known = ", ".join(sorted(instruments))
                raise YamlError(
                    f"{where}: instrument {name!r} is not defined; add it to instruments "
                    f"(known: {known})"
                )
            for key in entry.keys(name):
                if key in filled:
                    raise YamlError(f"{where}: {key} is filled by two entries; keep one")
                filled.add(key)
        for window in entry.windows or ():
            if window not in plan.windows:
                raise YamlError(
                    f"{where}: no window {window!r}; windows: {', '.join(plan.windows) or 'none'}"
                )
        if not plan.windows and entry.start is None:
            raise YamlError(f"{where}: no start; the plan has no windows")


def channel_key(instrument: str, text: str) -> ChannelKey:
    """Return the channel key for a text such as ``bars/5m`` or ``funding``.

    Raises
    ------
    ValueError : the kind is unknown, or the timeframe is missing or not allowed.
    """
    kind_text, _, timeframe = text.partition("/")
    try:
        kind = ChannelKind(kind_text)
    except ValueError as error:
        kinds = ", ".join(ChannelKind)
        raise ValueError(f"{text!r} is no channel; kinds: {kinds}") from error
    is_bar = kind in (ChannelKind.BARS, ChannelKind.MARK)
    if is_bar != bool(timeframe):
        want = f"{kind}/1h" if is_bar else f"{kind}"
        raise ValueError(f"{text!r}: write it as {want}")
    if is_bar:
        try:
            parse_duration(timeframe)
        except SchemaError as error:
            raise ValueError(str(error)) from error
    return ChannelKey(instrument, kind, timeframe)
