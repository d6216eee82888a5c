"""Format the tables of ``data list`` and ``data verify``."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

from data_feeds.catalog import CatalogEntry, VerifyRow, coverage_text
from data_feeds.instrument import Instrument
from data_feeds.quality import QualityFinding
from data_feeds.schema import ChannelKind
from engine.cli.coverage_bar import BLOCKS, coverage_bar, stretches_of, year_marks

Columns = tuple[tuple[str, Callable[[CatalogEntry], str]], ...]

_BETWEEN = 2  # blanks between two columns
_BAR_CELLS = 40
_FEWEST_CELLS = 10


def listed(
    entries: Sequence[CatalogEntry], width: int, since: int | None, *, levels: str = BLOCKS
) -> list[tuple[str, ...]]:
    """Return a table of channels, its first row the headings, that fits ``width`` characters.

    What does not fit goes in this order: the source; the hours of the coverage and cells of its
    bar; the labels; the dates; the gaps. ``since`` (ns UTC) is where the axis of the bars begins,
    None for :func:`axis`.
    """
    first_at, last_at = axis(entries)
    first_at = min(first_at if since is None else since, last_at)
    columns, cells = _layout(entries, width)

    def bar(entry: CatalogEntry) -> str:
        return coverage_bar(stretches_of(entry), first_at, last_at, cells, levels)

    before, after = columns[:2], columns[2:]
    head = (*(n for n, _ in before), year_marks(first_at, last_at, cells), *(n for n, _ in after))
    rows = [
        (*(text(entry) for _, text in before), bar(entry), *(text(entry) for _, text in after))
        for entry in entries
    ]
    return [head, *rows]


def delisted(instruments: Mapping[str, Instrument]) -> list[str]:
    """Return a line for each delisted instrument: its last day, why, and the final price."""
    lines = []
    for name, item in sorted(instruments.items()):
        ended = item.delisted
        if ended is not None:
            price = "its last close" if ended.final_price is None else f"{ended.final_price:g}"
            why = f" ({ended.reason})" if ended.reason else ""
            lines.append(f"{name}: delisted after {ended.last_day}{why}, settled at {price}")
    return lines


def axis(entries: Sequence[CatalogEntry]) -> tuple[int, int]:
    """Return the ends of the time that coverage bars show, ns UTC.

    It begins with the first row of any channel that is not a series: one of 1954 would leave the
    markets of this decade no room.
    """
    dated = [entry for entry in entries if entry.kind is not ChannelKind.SERIES] or entries
    return (
        min((entry.first_at for entry in dated), default=0),
        max((entry.last_at for entry in entries), default=0),
    )


def _layout(entries: Sequence[CatalogEntry], width: int) -> tuple[Columns, int]:
    """Return the columns beside the bar that fit, and how many cells are left for the bar."""
    spare = 0
    for columns, least in _LAYOUTS:
        taken = sum(
            _BETWEEN + max([len(name), *(len(text(entry)) for entry in entries)])
            for name, text in columns
        )
        spare = width - taken
        if spare >= least:
            return columns, min(spare, _BAR_CELLS)
    return _LAYOUTS[-1][0], max(spare, _FEWEST_CELLS)


def _days(entry: CatalogEntry) -> str:
    return " to ".join(end[: len("2020-01-01")] for end in coverage_text(entry).split(" to "))


def _gaps(entry: CatalogEntry) -> str:
    return f"{len(entry.gaps)} ({entry.missing_rows} rows)" if entry.gaps else "none"


def _labels(entry: CatalogEntry) -> str:
    """Return the counts of observed, inferred and synthetic values, one word if all agree."""
    held = {label: count for label, count in entry.labels.items() if count}
    if len(held) == 1:
        return next(iter(held))
    return ", ".join(f"{count} {label}" for label, count in held.items())


_NAMED: Columns = (("channel", lambda entry: str(entry.key)), ("rows", lambda e: str(e.rows)))
_HOLES: Columns = (("gaps", _gaps),)
_COVERED: Columns = (("coverage", coverage_text), *_HOLES)
_SHORT: Columns = (("coverage", _days), *_HOLES)
_LABELLED: Columns = (("values", _labels),)
_SOURCE: Columns = (("source", lambda entry: entry.origin.source),)

# From the widest to the narrowest, with the fewest cells that leave a bar readable beside them.
_LAYOUTS: tuple[tuple[Columns, int], ...] = (
    ((*_NAMED, *_COVERED, *_LABELLED, *_SOURCE), _BAR_CELLS),
    ((*_NAMED, *_COVERED, *_LABELLED), _BAR_CELLS),
    ((*_NAMED, *_SHORT, *_LABELLED), 20),
    ((*_NAMED, *_SHORT), _FEWEST_CELLS),
    ((*_NAMED, *_HOLES), _FEWEST_CELLS),
    (_NAMED, _FEWEST_CELLS),
)


def verified(
    rows: Sequence[VerifyRow],
    found: Mapping[str, Sequence[QualityFinding]] | None,
    shown: int | None,
) -> Iterator[str]:
    """Yield a line per channel, under it the first ``shown`` findings of each kind (None: all).

    ``found`` is None when nothing was searched. A channel in it that has no row should be there
    and is not.
    """
    verdicts = {
        row.key: f"{row.rows} rows, {'sound' if row.is_sound else 'BROKEN'}" for row in rows
    }
    for key in found or {}:
        verdicts.setdefault(key, "not there")
    for key, verdict in verdicts.items():
        held = () if found is None else found.get(key, ())
        count = f", {_counted(len(held), 'finding')}" if held else ""
        yield f"{key}: {verdict}{', not searched' if found is None else count}"
        yield from _by_kind(held, shown)
    sound = sum(row.is_sound for row in rows)
    outcome = "not searched for bad data" if found is None else found_text(found)
    yield f"{sound} of {_counted(len(rows), 'channel')} sound, {outcome}"


def found_text(found: Mapping[str, Sequence[QualityFinding]]) -> str:
    """Return the number of findings in words, for example ``3 findings in 1 channel``."""
    total = sum(len(held) for held in found.values())
    return f"{_counted(total, 'finding')} in {_counted(len(found), 'channel')}"


def _by_kind(held: Sequence[QualityFinding], shown: int | None) -> Iterator[str]:
    def name(finding: QualityFinding) -> str:
        return finding.kind.value

    for kind, group in groupby(sorted(held, key=name), key=name):
        listed_here = list(group)
        yield f"  {kind.replace('_', ' ')}: {len(listed_here)}"
        for finding in listed_here[:shown]:
            yield f"    {finding.text()}"
        if shown is not None and len(listed_here) > shown:
            yield f"    and {len(listed_here) - shown} more; --all prints them"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
