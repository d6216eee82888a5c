"""The market data of a run, loaded again from their source."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from data_feeds.align import MarkPath, as_of_rows, marks_on_bars
from data_feeds.calendar import ALWAYS_OPEN, hours_between, zone_of
from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, datetime_ns, parse_duration
from data_feeds.dataset import Dataset
from data_feeds.delisting import Delisting
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.load import load_dataset, stored_keys, traded_hours
from data_feeds.options.contract import PutSpread
from data_feeds.options.quotes import with_contracts
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe
from engine.audit.contract_formulas import PositionRules, position_rules
from engine.audit.daily_activity import DailyActivity, KnownActivity
from engine.audit.filled_before import FilledBefore
from engine.audit.findings import FindingRecorder
from engine.errors import ReportError
from engine.run_folder.read import RunFolder

NO_ROW = -1


@dataclass(frozen=True)
class InstrumentData:
    """The rules and bars of one instrument, the mark inside each bar, and its payments."""

    instrument: Instrument
    rules: PositionRules
    bars: Channel
    mark: MarkPath
    mark_bars: Channel | None
    funding: Channel | None
    dividends: Channel | None
    half_spreads: Channel | None
    underlying: Channel | None
    activity: DailyActivity
    filled: FilledBefore
    window_end: int

    @property
    def is_option(self) -> bool:
        """True for an option: no volume, no range, no fee, a half spread of its own."""
        return self.instrument.kind is InstrumentKind.OPTION

    @cached_property
    def quote_unit(self) -> float:
        """Settlement currency of one unit of quote, for tolerances: of an inverse perp, in coins.

        It is taken at the first bar and only scales the smallest amount that counts.
        """
        return 1 / self.price(0, "close") if self.instrument.is_inverse else 1.0

    def half_spread(self, row: int) -> float:
        """Return an option's half spread at a bar's open, a fraction of its price; else 0."""
        return 0.0 if self.half_spreads is None else float(self.half_spreads["value"][row])

    def activity_of(self, row: int, *, inside: bool) -> KnownActivity:
        """Return the activity known at a bar's open; a fill inside a long bar counts the bar."""
        own = self.activity.own_volatility(self.bars, row) if inside else 0.0
        return self.activity.at(int(self.bars["opened_at"][row]), own)

    @cached_property
    def settlement(self) -> tuple[int, float]:
        """The instant and the price of the settlement: an option's expiry, or a delisting.

        An option pays its legs' value at the close. (0, NaN) for other instruments, and for an
        expiry after the end of the data.
        """
        if self.instrument.delisted is not None:
            return self._delisting(self.instrument.delisted)
        contract, at = PutSpread.parse(self.instrument.id), self.instrument.expires_at
        spots = self.underlying
        row = -1 if spots is None else int(np.searchsorted(spots["closed_at"], at or 0))
        if contract is None or at is None or spots is None or row == len(spots):
            return 0, float("nan")
        spot = float(spots["close"][row])
        long, short = contract.long_strike - spot, contract.short_strike - spot
        return at, 100.0 * (max(long, 0.0) - max(short, 0.0))

    def _delisting(self, ended: Delisting) -> tuple[int, float]:
        """Return the close of the last bar of a delisted instrument and the price of settlement.

        (0, NaN) in a window that ends before the trading hours of the last day are over.
        """
        done = int((self.bars["closed_at"] <= _midnight_after(self.instrument, ended)).sum())
        if done == 0 or _session_end(self.instrument, ended) > self.window_end:
            return 0, float("nan")
        price = self.price(done - 1, "close") if ended.final_price is None else ended.final_price
        return int(self.bars["closed_at"][done - 1]), price

    @property
    def last_close(self) -> int:
        """Return the close of the last bar, ns UTC."""
        return int(self.bars["closed_at"][-1])

    @cached_property
    def row_by_open(self) -> Mapping[int, int]:
        """The row of each bar by the instant of its open."""
        return {int(at): row for row, at in enumerate(self.bars["opened_at"])}

    @cached_property
    def traded(self) -> NDArray[np.bool_]:
        """Flag per bar: it has volume, and no outage of the venue contains its open."""
        held: NDArray[np.bool_] = self.bars["volume"] > 0
        for outage in self.instrument.outages:
            first, stop = datetime_ns(outage.since), datetime_ns(outage.until)
            rows = np.searchsorted(self.bars["opened_at"], (first, stop))
            held[slice(*rows)] = False
        return held

    @cached_property
    def _last_traded(self) -> NDArray[np.int64]:
        rows = np.where(self.traded, np.arange(len(self.bars)), NO_ROW)
        latest = np.maximum.accumulate(rows) if len(rows) else rows
        return np.concatenate(([NO_ROW], latest[:-1])).astype(np.int64)[: len(rows)]

    def last_traded_before(self, row: int) -> int:
        """Return the last row before ``row`` in which orders fill, -1 for none."""
        return int(self._last_traded[row])

    def price(self, row: int, column: str) -> float:
        """Return one value of a bar."""
        return float(self.bars[column][row])

    def bar_range(self, row: int) -> float:
        """Return (high - low) / close of a bar."""
        return (self.price(row, "high") - self.price(row, "low")) / self.price(row, "close")

    def last_closed(self, at: int) -> int:
        """Return the row of the last bar closed by an instant, -1 for none."""
        return int(np.searchsorted(self.bars["closed_at"], at, side="right")) - 1

    def open_of_bar_at(self, at: int) -> int:
        """Return the open of the bar that contains an instant; between bars the instant itself."""
        row = int(np.searchsorted(self.bars["closed_at"], at, side="right"))
        return min(int(self.bars["opened_at"][row]), at) if row < len(self.bars) else at

    def value_mark(self, at: int) -> float:
        """Return the price that values a position: perps at the mark, owned assets at the close."""
        row = self.last_closed(at)
        if row < 0:
            return float("nan")
        if self.instrument.is_margined:
            return float(self.mark.close[row])
        return self.price(row, "close")

    def rows_inside(self, start: int, end: int) -> NDArray[np.int64]:
        """Return the rows of bars that open and close inside a window."""
        inside = (self.bars["opened_at"] >= start) & (self.bars["closed_at"] <= end)
        return np.flatnonzero(inside)

    def first_open(self, start: int) -> int:
        """Return the open of the first bar of a window; the window's start without a bar."""
        row = int(np.searchsorted(self.bars["opened_at"], start))
        return int(self.bars["opened_at"][row]) if row < len(self.bars) else start

    def funding_mark(self, at: int) -> tuple[float, bool]:
        """Return the mark for funding at an instant, and whether it is inferred.

        The mark is the open of the mark bar that opens at that instant; else the close of the last
        completed mark bar; without marks, the close of the last completed bar.
        """
        marks = self.mark_bars
        if marks is not None:
            row = int(np.searchsorted(marks["opened_at"], at))
            if row < len(marks) and int(marks["opened_at"][row]) == at:
                return float(marks["open"][row]), False
            done = int(np.searchsorted(marks["closed_at"], at, side="right")) - 1
            if done >= 0:
                return float(marks["close"][done]), True
        row = self.last_closed(at)
        return (self.price(row, "close") if row >= 0 else float("nan")), True


def _midnight_after(instrument: Instrument, ended: Delisting) -> int:
    """Return the end of the last day by the exchange's clock; a bar that closes then is of it."""
    zone = ZoneInfo(zone_of(instrument.calendar))
    return datetime_ns(datetime.combine(ended.last_day + timedelta(days=1), time(), zone))


def _session_end(instrument: Instrument, ended: Delisting) -> int:
    """Return the close of the last session; around the clock the end of the last day."""
    over_at = _midnight_after(instrument, ended)
    if instrument.calendar == ALWAYS_OPEN:
        return over_at
    hours = hours_between(instrument.calendar, over_at - 14 * DAY_NS, over_at)
    return max(int(closed) for _, closed in hours if closed <= over_at)


def check_last_bar(
    market: InstrumentData, source: Catalog | Dataset, recorder: FindingRecorder
) -> None:
    """Check that the bars of a delisted instrument end where the source's do.

    The source is read without the cut that the loader makes at the end of trading.
    """
    item, key = market.instrument, market.bars.key
    ended = item.delisted
    if ended is None or _session_end(item, ended) > market.window_end:
        return
    origin = stored_keys(source, [key])[key]
    if origin is None:
        return
    stored = source.channels[origin] if isinstance(source, Dataset) else source.read(origin)
    closed = traded_hours(stored, item.calendar)["closed_at"]
    closed = closed[closed <= _midnight_after(item, ended)]
    if len(closed):
        line = recorder.line("manifest", str(key))
        line.instant("last bar of a delisted instrument", int(closed[-1]), market.last_close)


def load_market(
    files: RunFolder, source: Catalog | Dataset, recorder: FindingRecorder
) -> tuple[Dataset, dict[str, InstrumentData]]:
    """Return the run's dataset, loaded again, and the data of each instrument with bars.

    The manifest names the channels and the number of rows that the run used of each, counted back
    from the window's end. A fingerprint other than the manifest's is a finding.

    Raises
    ------
    ReportError : the manifest names no channels.
    """
    named = files.manifest.get("channels")
    if not isinstance(named, dict) or not named:
        raise ReportError("manifest.json: channels is missing; run again to make a whole folder")
    wanted = {parse_key(name): int(label["rows"]) for name, label in named.items()}
    derived = {key: rows for key, rows in wanted.items() if PutSpread.parse(key.instrument)}
    whole = load_dataset(source, (), 0, files.end, optional=set(wanted) - set(derived))
    channels = {}
    for key, rows in wanted.items():
        if key in derived:
            continue
        held = whole.channels.get(key)
        if held is None or len(held) < rows:
            recorder.line("manifest", str(key)).differs(
                "channel in the source",
                expected=f"{rows} rows",
                found=f"found {0 if held is None else len(held)}",
            )
        if held is not None:
            channels[key] = _lagged(held.take(slice(max(len(held) - rows, 0), len(held))), files)
    dataset = Dataset(
        {key.instrument: whole.instruments[key.instrument] for key in channels}, channels
    ).in_force(files.config.data.start.date())
    dataset = with_contracts(dataset, _listed(dataset, derived), files.config.options)
    recorder.count("fingerprint of the market data")
    recorder.line("manifest", "inputs.data_sha256").equal(
        "fingerprint of the market data",
        dataset.fingerprint,
        files.manifest.get("inputs", {}).get("data_sha256"),
    )
    markets = _markets(dataset, files, source)
    for market in markets.values():
        check_last_bar(market, source, recorder)
    return dataset, markets


def _listed(dataset: Dataset, derived: Mapping[ChannelKey, int]) -> dict[str, int]:
    """Return the listing instant of each option contract: its rows, counted back from the last."""
    listed = {}
    for key, rows in derived.items():
        contract = PutSpread.parse(key.instrument)
        if key.kind is ChannelKind.BARS and contract is not None:
            bars = dataset.bars(contract.underlying, key.timeframe)
            last = int(np.searchsorted(bars["closed_at"], contract.expires_at, side="right"))
            listed[key.instrument] = int(bars["available_at"][max(last - rows, 0)])
    return listed


def parse_key(name: str) -> ChannelKey:
    """Return the channel key written as ``instrument/kind`` or ``instrument/kind/timeframe``."""
    parts = name.split("/")
    kinds = set(ChannelKind)
    if parts[-1] in kinds:
        return ChannelKey("/".join(parts[:-1]), ChannelKind(parts[-1]))
    if len(parts) > 2 and parts[-2] in kinds:
        return ChannelKey("/".join(parts[:-2]), ChannelKind(parts[-2]), parts[-1])
    raise ReportError(f"manifest.json: channel {name!r} is not instrument/kind[/timeframe]")


def _lagged(channel: Channel, files: RunFolder) -> Channel:
    lag = files.config.data.extra_lag
    if lag is None or channel.key.kind is not ChannelKind.SERIES:
        return channel
    columns = dict(channel.columns)
    columns["available_at"] = columns["available_at"] + parse_duration(lag)
    return Channel(channel.key, columns)


def _markets(
    dataset: Dataset, files: RunFolder, source: Catalog | Dataset
) -> dict[str, InstrumentData]:
    markets, filled = {}, FilledBefore(files)
    for name, instrument in dataset.instruments.items():
        bars = _traded_bars(dataset, name, files)
        if bars is None or len(bars) == 0 or not instrument.is_tradable:
            continue
        marks = _mark_channel(dataset, name, bars) if instrument.is_margined else None
        markets[name] = InstrumentData(
            instrument=instrument,
            rules=position_rules(files.config.venue, instrument),
            bars=bars,
            mark=marks_on_bars(bars, marks),
            mark_bars=marks,
            funding=dataset.channels.get(ChannelKey(name, ChannelKind.FUNDING)),
            dividends=dataset.channels.get(ChannelKey(name, ChannelKind.DIVIDENDS)),
            half_spreads=dataset.channels.get(ChannelKey(name, ChannelKind.SERIES)),
            underlying=_underlying(dataset, name),
            activity=DailyActivity(source, instrument, files.start, files.end),
            filled=filled,
            window_end=files.end,
        )
    return markets


def _underlying(dataset: Dataset, name: str) -> Channel | None:
    """Return the daily bars that an option settles by, None for anything else."""
    contract = PutSpread.parse(name)
    return None if contract is None else dataset.bars(contract.underlying, "1d")


def _of_kind(dataset: Dataset, name: str, kind: ChannelKind) -> dict[Timeframe, Channel]:
    return {
        Timeframe(key.timeframe): channel
        for key, channel in dataset.channels.items()
        if key.instrument == name and key.kind is kind
    }


def _traded_bars(dataset: Dataset, name: str, files: RunFolder) -> Channel | None:
    """Return the bars that an instrument's orders fill in: the finest that the playbook reads.

    A benchmark may bring finer bars of the same instrument into the run. The fills do not name
    those bars, and their closes have no row in the curve.
    """
    held = _of_kind(dataset, name, ChannelKind.BARS)
    if len(held) < 2:
        return next(iter(held.values()), None)
    named = {(f.bar_opened_at, f.bar_closed_at) for f in files.fills if f.instrument == name}

    def fits(step: Timeframe) -> tuple[float, float]:
        bars = held[step]
        inside = (bars["opened_at"] >= files.start) & (bars["closed_at"] <= files.end)
        spans = set(zip(bars["opened_at"].tolist(), bars["closed_at"].tolist(), strict=True))
        shown = np.isin(bars["closed_at"][inside], files.curve.at)
        # A damaged table lacks a row or two; finer bars would lack most rows.
        share = round(float(shown.mean()), 1) if len(shown) else 0.0
        return round(len(named & spans) / max(len(named), 1), 1), share

    # max returns the first of equals, which is the finest.
    return held[max(sorted(held), key=fits)]


def _mark_channel(dataset: Dataset, name: str, bars: Channel) -> Channel | None:
    """Return the marks of the bars' timeframe or the next longer one; else the longest shorter."""
    held = {
        step: channel
        for step, channel in _of_kind(dataset, name, ChannelKind.MARK).items()
        if len(channel)
    }
    step = Timeframe(bars.key.timeframe)
    above = [other for other in held if not other < step]
    if above:
        return held[min(above)]
    return held[max(held)] if held else None


def known_value(channel: Channel, at: int) -> float:
    """Return the value of a series that was known at an instant; NaN before the first."""
    row = int(as_of_rows(channel, np.array([at], dtype=np.int64))[0])
    return float(channel["value"][row]) if row >= 0 else float("nan")


def closes(markets: Iterable[InstrumentData], start: int, end: int) -> NDArray[np.int64]:
    """Return the distinct instants of a window at which a bar closes, in order.

    A bar that closes at the window's first instant counts, though nothing can fill in it.
    """
    times = [market.bars["closed_at"] for market in markets]
    found = [at[(at >= start) & (at <= end)] for at in times]
    return np.unique(np.concatenate(found)) if found else np.zeros(0, dtype=np.int64)
