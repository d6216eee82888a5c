"""Load the read-only dataset of one run from a catalog or the embedded data."""

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from data_feeds.align import as_of_rows, resample_bars
from data_feeds.calendar import ALWAYS_OPEN, in_session
from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, utc_text
from data_feeds.dataset import Dataset
from data_feeds.default_data import EMBEDDED, how_to_get_data
from data_feeds.errors import CoverageError
from data_feeds.gate.time_grid import on_grid
from data_feeds.instrument import Instrument
from data_feeds.scenario_path import ScenarioPath
from data_feeds.schema import Channel, ChannelKey, ChannelKind, validate
from data_feeds.splits import (
    SPLIT_KINDS,
    FirstShares,
    first_shares,
    in_first_shares,
    told_dividends,
    told_shares,
)
from data_feeds.timeframe import Timeframe
from data_feeds.trading_end import ended_by, trading_end, until_delisting

_BAR_KINDS = (ChannelKind.BARS, ChannelKind.MARK)
# The last row of these kinds before the window is still the state at its start.
_STATE_KINDS = (ChannelKind.SERIES, ChannelKind.OPEN_INTEREST, ChannelKind.FUNDING)
# Bars may end this long before a window's edge: an outage, a weekend with holidays.
_OUTAGE_NS = DAY_NS
_CLOSURE_NS = 5 * DAY_NS


def open_source(name: Path | str) -> Catalog:
    """Return the data that a config or ``--data`` names: ``embedded`` or a catalog's folder.

    Raises
    ------
    CoverageError : there is no catalog in the folder, or the name is that of an invented path.
    """
    invented = ScenarioPath.named(str(name))
    if invented is not None:
        raise CoverageError(invented.refusal)
    if str(name) == EMBEDDED:
        # Imported here: what makes these data needs numba, and catalogs on disk do not.
        from data_feeds.embedded import embedded_catalog  # noqa: PLC0415

        return embedded_catalog()
    catalog = Catalog(name)
    if not catalog.exists():
        raise CoverageError(f"{catalog.path}: no catalog here; {how_to_get_data(catalog.path)}")
    return catalog


def held_keys(source: Catalog | Dataset) -> list[ChannelKey]:
    """Return the names of all channels of a source, sorted."""
    if isinstance(source, Dataset):
        return sorted(source.channels)
    return [entry.key for entry in source.entries()]


def stored_keys(
    source: Catalog | Dataset, keys: Iterable[ChannelKey]
) -> dict[ChannelKey, ChannelKey | None]:
    """Return the stored channel from which :func:`load_dataset` makes each key, None without one.

    It is the key itself, or bars of a shorter timeframe that it is resampled from.
    """
    held = held_keys(source)
    instruments = source.instruments if isinstance(source, Dataset) else source.instruments()
    found: dict[ChannelKey, ChannelKey | None] = {}
    for key in keys:
        origin = _stored_key(key, held)
        fits = origin is not None and _fits(key, origin, instruments)
        found[key] = origin if fits else None
    return found


def load_dataset(
    source: Catalog | Dataset,
    keys: Iterable[ChannelKey],
    start: int,
    end: int,
    warmup_ns: int = 0,
    *,
    optional: Iterable[ChannelKey] = (),
    shorter: Mapping[ChannelKey, int] | None = None,
    late: frozenset[ChannelKey] = frozenset(),
) -> Dataset:
    """Return the channels of one run, from the warm-up's first row to the window's end.

    Bars and marks lie inside ``[start - warmup_ns, end]``. Series, open interest and funding also
    include the last row known before. A timeframe that is not stored is resampled from the longest
    stored timeframe that divides it. Bars outside an exchange's sessions are left out, see
    :func:`traded_hours`, and so are bars after a delisting.

    Parameters
    ----------
    source : an open catalog or a dataset
    keys : required channels
    start, end : window, int64 ns UTC
    warmup_ns : history that the playbook needs before ``start``, ns
    optional : channels loaded where the source has them
    shorter : required channels that may begin later, and the history that each must have, ns
    late : required bars that may begin inside the window or after it; they must cover the rest

    Raises
    ------
    CoverageError : a required channel is missing, or the required bars do not cover the window and
        its warm-up; the text gives the coverage.
    """
    held = held_keys(source)
    required = set(keys)
    instruments = source.instruments if isinstance(source, Dataset) else source.instruments()
    channels: dict[ChannelKey, Channel] = {}
    for key in sorted(required | set(optional)):
        origin = _stored_key(key, held)
        if origin is None or not _fits(key, origin, instruments):
            if key in required:
                raise _missing(key, held, source)
            continue
        whole = _rows(source, origin, key, (start - warmup_ns, end))
        whole = traded_hours(whole, instruments[key.instrument].calendar)
        whole = until_delisting(whole, instruments[key.instrument])
        if origin != key:
            stored, whole = whole, resample_bars(whole, Timeframe(key.timeframe))
            if key in required and _is_finest(key, required):
                _refuse_lost_end(key, stored, whole, instruments[key.instrument], end)
        part = _window(whole, start - warmup_ns, end)
        if key in required and key.kind is ChannelKind.BARS:
            held_rows = _Held.of(source, origin, instruments[key.instrument])
            needed = min((shorter or {}).get(key, warmup_ns), warmup_ns)
            if key in late and held_rows.stretches:
                begins_at = held_rows.stretches[0][0]
                # Bars that begin late need not cover the time before their first bar.
                needed = min(needed, start - min(begins_at, end))
                has_begun = begins_at < start or bool((whole["closed_at"] <= end).any())
            else:
                has_begun = True
            if has_begun:
                covered = _window(whole, start - needed, end)
                item = instruments[key.instrument]
                _check_coverage(key, covered, held_rows, (start, end, needed), item)
        channels[key] = part
    used = sorted({key.instrument for key in channels})
    shares = _shares_of(source, used, end)
    told = source.shares if isinstance(source, Dataset) else {}
    return Dataset(
        {
            name: _settled_in_first_shares(instruments[name], shares.get(name))
            if name not in told
            else instruments[name]
            for name in used
        },
        channels,
        shares,
    )


def _is_finest(key: ChannelKey, required: set[ChannelKey]) -> bool:
    """Return whether a key names the finest bars of its instrument: orders fill in those."""
    named = (key.instrument, ChannelKind.BARS)
    same = [other for other in required if (other.instrument, other.kind) == named]
    return key == min(same, key=lambda other: Timeframe(other.timeframe), default=None)


def _refuse_lost_end(
    key: ChannelKey, stored: Channel, made: Channel, instrument: Instrument, end: int
) -> None:
    """Refuse bars that lack the end of a delisted instrument's stored bars.

    A bar that trading left unfinished is not made, and the price of a settlement lies in it.
    """
    if ended_by(instrument, end) is None or not len(stored):
        return
    last_at = int(stored["closed_at"][-1])
    if not len(made) or int(made["closed_at"][-1]) < last_at:
        raise CoverageError(
            f"{key}: trading in {instrument.id} ended at {utc_text(last_at)}, inside a bar of "
            f"{key.timeframe}, which is therefore not made; read bars of "
            f"{stored.key.timeframe}, which are stored, or end the window before the last day"
        )


def _settled_in_first_shares(instrument: Instrument, shares: FirstShares | None) -> Instrument:
    """Return a record whose final price is per share of the first bar, as its rows are."""
    ended, at = instrument.delisted, trading_end(instrument)
    if ended is None or at is None or ended.final_price is None or shares is None:
        return instrument
    factor = math.prod(ratio for split_at, ratio in shares.splits if split_at <= at)
    price = ended.final_price * factor
    return instrument.model_copy(
        update={"delisted": ended.model_copy(update={"final_price": price})}
    )


def traded_hours(channel: Channel, calendar: str) -> Channel:
    """Return the bars that lie wholly inside the exchange's sessions.

    A bar before the open, after the close (early closes too) or across one of them holds prices of
    another market. No run fills an order, touches a stop, marks or decides in such a bar, and no
    signal reads it: a decision never uses a price at which it could not trade.
    """
    if channel.key.kind not in _BAR_KINDS or calendar == ALWAYS_OPEN:
        return channel
    if Timeframe(channel.key.timeframe).ns >= DAY_NS:
        # These bars cover whole sessions or weeks.
        return channel
    inside = in_session(calendar, channel["opened_at"], channel["closed_at"])
    return channel if bool(inside.all()) else channel.take(inside)


def mark_key(source: Catalog | Dataset, instrument: str, timeframe: str) -> ChannelKey | None:
    """Return the mark channel that fits bars of a timeframe best; None without marks.

    The first choice is marks of that timeframe, stored or resampled from finer marks. The second
    choice is the finest stored marks, which ``align.marks_on_bars`` joins.
    """
    held = held_keys(source)
    wanted = ChannelKey(instrument, ChannelKind.MARK, timeframe)
    if _stored_key(wanted, held) is not None:
        return wanted
    marks = [key for key in held if (key.instrument, key.kind) == (instrument, ChannelKind.MARK)]
    return min(marks, key=lambda key: Timeframe(key.timeframe), default=None)


def _stored_key(key: ChannelKey, held: list[ChannelKey]) -> ChannelKey | None:
    """Return the stored channel for ``key``: the same one, or bars whose timeframe divides it."""
    if key in held:
        return key
    if key.kind not in _BAR_KINDS or not key.timeframe:
        return None
    wanted = Timeframe(key.timeframe)
    finer = [
        (Timeframe(other.timeframe), other)
        for other in held
        if (other.instrument, other.kind) == (key.instrument, key.kind)
    ]
    fitting = [(step, other) for step, other in finer if wanted.ns % step.ns == 0]
    return max(fitting)[1] if fitting else None


def _fits(key: ChannelKey, origin: ChannelKey, instruments: Mapping[str, Instrument]) -> bool:
    """Return whether a stored channel can give ``key``; session bars cannot be resampled."""
    return origin == key or instruments[key.instrument].calendar == ALWAYS_OPEN


def _missing(key: ChannelKey, held: list[ChannelKey], source: Catalog | Dataset) -> CoverageError:
    names = [str(other) for other in held]
    near = difflib.get_close_matches(str(key), names, n=3, cutoff=0.3)
    same = [str(other) for other in held if other.instrument == key.instrument]
    shown = ", ".join(near or same or names[:5]) or "nothing"
    ways = f"; {how_to_get_data(source.path)}" if isinstance(source, Catalog) else ""
    return CoverageError(f"{key}: not in the data; nearest held: {shown}{ways}")


def _window(channel: Channel, first_at: int, end: int) -> Channel:
    """Return the rows of ``[first_at, end]`` and, for state kinds, the state at the start."""
    if channel.key.kind in _BAR_KINDS:
        begin = np.searchsorted(channel["opened_at"], first_at, side="left")
        stop = np.searchsorted(channel["closed_at"], end, side="right")
    else:
        event = channel["event_at"]
        begin = np.searchsorted(event, first_at, side="left")
        stop = np.searchsorted(event, end, side="right")
        if channel.key.kind in _STATE_KINDS:
            # Rows after the state's row were not published at that time, so the window includes
            # them.
            state = as_of_rows(channel, np.array([first_at], dtype=np.int64))[0]
            begin = np.minimum(begin, np.maximum(state, 0))
    return channel.take(slice(int(begin), max(int(begin), int(stop))))


@dataclass(frozen=True)
class _Held:
    """Stretches of time that a source's bars cover, ignoring short outages and closures."""

    calendar: str
    stretches: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, source: Catalog | Dataset, origin: ChannelKey, instrument: Instrument) -> "_Held":
        """Return the coverage of a stored channel from the index, or of a channel in memory."""
        calendar = instrument.calendar
        slack = _slack(origin, calendar)
        if isinstance(source, Catalog):
            entry = source.entry(origin)
            holes = [(gap.started_at, gap.ended_at) for gap in entry.gaps]
            edges = (entry.first_at, entry.last_at)
        else:
            rows = source.channels[origin]
            if len(rows) == 0:
                return cls(calendar, ())
            pairs = zip(
                rows["closed_at"][:-1].tolist(), rows["opened_at"][1:].tolist(), strict=True
            )
            holes = [(closed, opened) for closed, opened in pairs if opened - closed > slack]
            edges = (int(rows["opened_at"][0]), int(rows["closed_at"][-1]))
        wide = [hole for hole in holes if hole[1] - hole[0] > slack]
        firsts = [edges[0], *(opened for _, opened in wide)]
        lasts = [*(closed for closed, _ in wide), edges[1]]
        return cls(calendar, tuple(zip(firsts, lasts, strict=True)))

    def __str__(self) -> str:
        shown = [f"{utc_text(first)} to {utc_text(last)}" for first, last in self.stretches]
        return (", ".join(shown[:6]) or "nothing") + (" and more" if len(shown) > 6 else "")


def _slack(key: ChannelKey, calendar: str) -> int:
    return max(Timeframe(key.timeframe).ns, _OUTAGE_NS if calendar == ALWAYS_OPEN else _CLOSURE_NS)


def _rows(
    source: Catalog | Dataset, origin: ChannelKey, key: ChannelKey, window: tuple[int, int]
) -> Channel:
    """Return at least the stored rows from which the window's rows of ``key`` are built."""
    if isinstance(source, Dataset):
        return _admitted(source, origin)
    if key.kind not in _BAR_KINDS:
        # The state at the window's start may be old.
        return source.read(origin)
    around = 2 * Timeframe(key.timeframe).ns
    rows = source.read(origin, window[0] - around, window[1] + around)
    if origin != key and (len(rows) == 0 or rows["closed_at"][-1] < window[1]):
        # The row that proves the end of the last bucket lies beyond a hole.
        rows = source.read(origin, window[0] - around)
    return rows


def _admitted(source: Dataset, key: ChannelKey) -> Channel:
    """Return rows in memory as a catalog returns stored rows: on their grid, per first share."""
    rows = on_grid(source.channels[key])[0]
    validate(rows)
    splits = _splits_in_memory(source, key.instrument)
    first_at = _first_bar_at(source, key.instrument)
    if splits is None or first_at is None or key.kind not in SPLIT_KINDS:
        return rows
    bars = rows
    if key.kind is ChannelKind.DIVIDENDS:
        held = [
            channel
            for other, channel in source.channels.items()
            if (other.instrument, other.kind) == (key.instrument, ChannelKind.BARS)
        ]
        bars = max(held, key=lambda channel: Timeframe(channel.key.timeframe))
    shares = told_shares(bars, splits)
    if key.kind is ChannelKind.DIVIDENDS:
        shares = told_dividends(rows, splits, shares)
    return in_first_shares(rows, splits, first_at, shares)


def _splits_in_memory(source: Dataset, instrument: str) -> Channel | None:
    """Return the splits for which rows in memory are not yet adjusted; None without any."""
    if instrument in source.shares:
        return None
    return source.channels.get(ChannelKey(instrument, ChannelKind.SPLITS))


def _first_bar_at(source: Dataset, instrument: str) -> int | None:
    firsts = [
        int(channel["opened_at"][0])
        for key, channel in source.channels.items()
        if (key.instrument, key.kind) == (instrument, ChannelKind.BARS) and len(channel)
    ]
    return min(firsts, default=None)


def _shares_of(
    source: Catalog | Dataset, instruments: Iterable[str], end: int
) -> dict[str, FirstShares]:
    """Return the share unit of each instrument with recorded splits."""
    if isinstance(source, Catalog):
        return source.first_shares(instruments, end)
    found = {}
    for name in instruments:
        splits, first_at = _splits_in_memory(source, name), _first_bar_at(source, name)
        if name in source.shares:
            found[name] = source.shares[name]
        elif splits is not None and first_at is not None:
            found[name] = first_shares(splits, first_at, end)
    return found


def _check_coverage(
    key: ChannelKey,
    part: Channel,
    held: _Held,
    window: tuple[int, int, int],
    instrument: Instrument,
) -> None:
    """Check that bars cover the warm-up and the window, ignoring short outages.

    Of a delisted instrument they must reach its last day.
    """
    start, end, warmup_ns = window
    slack = _slack(key, held.calendar)
    asked = f"{utc_text(start)} to {utc_text(end)}"
    ended_at = ended_by(instrument, end)
    remedy, inside = _ended_words(instrument, start, end), part["opened_at"] >= start
    if not inside.any():
        raise CoverageError(f"{key}: no bars from {asked}; the data cover {held}{remedy}")
    edge = Timeframe(key.timeframe).ns if held.calendar == ALWAYS_OPEN else _CLOSURE_NS
    first_edge = edge
    if ended_at is not None:
        # Trading may stop at any hour of the last day.
        end, edge = ended_at, slack
    if held.stretches[-1][1] < end - edge or part["closed_at"][-1] < end - slack:
        remedy = remedy or (
            f"; if trading in {key.instrument} ended there, write delisted with its last_day into "
            "the instrument's record, or end the window at its last bar"
        )
        raise CoverageError(
            f"{key}: the window {asked} ends after the bars; the data cover {held}{remedy}"
        )
    first_at = start - warmup_ns
    if held.stretches[0][0] > first_at + first_edge or part["opened_at"][0] > first_at + slack:
        raise CoverageError(
            f"{key}: the window from {utc_text(start)} needs {warmup_ns / DAY_NS:.3g} days "
            f"of warm-up, from {utc_text(first_at)}; the data cover {held}; start later or "
            "shorten the warm-up"
        )
    holes = part["opened_at"][1:] - part["closed_at"][:-1]
    if len(holes) and holes.max() > slack:
        at = int(part["closed_at"][int(np.argmax(holes))])
        raise CoverageError(
            f"{key}: the window {asked} with its warm-up has a hole of "
            f"{holes.max() / DAY_NS:.3g} days from {utc_text(at)}; the data cover {held}"
        )


def _ended_words(instrument: Instrument, start: int, end: int) -> str:
    """Return the remedy of a window that a delisted instrument does not fill; else empty."""
    ended, at = instrument.delisted, trading_end(instrument)
    if ended is None or at is None:
        return ""
    if start >= at:
        remedy = "begin the window before that day, or leave the instrument out"
    elif end < at:
        remedy = f"end it at {utc_text(at)} or later, or import the bars to its end"
    else:
        remedy = f"import the bars up to {utc_text(at)}, or correct its record"
    return f"; {instrument.id} was delisted after {ended.last_day}: {remedy}"
