"""Format the lists of ``rules functions`` and ``rules values``, 100 columns wide."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from data_feeds.clock import utc_text
from data_feeds.schema import ChannelKey
from engine.formatting import WIDTH, columns
from engine.rule_language import FunctionEntry, ValueEntry

# First and last row of each stored channel, ns UTC.
Coverage = Mapping[ChannelKey, tuple[int, int]]

_LABELS = ("meaning", "formula", "unit", "memory", "source")
# A word longer than this does not push the meanings of its whole list to the right.
_NAME_WIDTH = 34


def function_lines(entries: Sequence[FunctionEntry]) -> Iterator[str]:
    """Yield each call with its meaning; of a single function everything."""
    if len(entries) == 1:
        yield from _whole_function(entries[0])
        return
    yield from _described([(item.call, item.meaning) for item in entries], "")
    yield ""
    yield "riskoff rules functions NAME prints formula, unit, memory and source"


def _whole_function(item: FunctionEntry) -> Iterator[str]:
    yield item.call
    for label in _LABELS:
        yield from _hanging(getattr(item, label), f"  {label.ljust(9)}")


def value_lines(entries: Sequence[ValueEntry], coverage: Coverage) -> Iterator[str]:
    """Yield the values group by group, with the stored rows they are read from."""
    for place, (group, items) in enumerate(groupby(entries, key=lambda item: item.group)):
        listed = list(items)
        if place:
            yield ""
        yield group
        if any(item.channels for item in listed):
            yield from _stored(listed, coverage)
        else:
            yield from _made(listed)


def value_document(entries: Sequence[ValueEntry], coverage: Coverage) -> list[dict[str, object]]:
    """Return the values for JSON; first and last row are null where the data lack the channel."""
    return [
        {
            "group": item.group,
            "name": item.name,
            "unit": item.unit,
            "meaning": item.meaning,
            "channels": [_channel(key, coverage) for key in item.channels],
        }
        for item in entries
    ]


def _channel(key: ChannelKey, coverage: Coverage) -> dict[str, str | None]:
    first, last = map(utc_text, coverage[key]) if key in coverage else (None, None)
    return {"channel": str(key), "first_at": first, "last_at": last}


def _stored(items: Sequence[ValueEntry], coverage: Coverage) -> Iterator[str]:
    """Yield values of channels; those of the same channels share a line and its coverage."""
    rows = []
    for keys, group in groupby(items, key=lambda item: item.channels):
        named = [(item.name, item.unit) for item in group]
        spans = [_span(key, coverage, several=len(keys) > 1) for key in keys]
        told = [f"{names} ({unit})" for unit, names in _by_unit(named)]
        for line in range(max(len(told), len(spans))):
            left = told[line] if line < len(told) else ""
            rows.append((left, spans[line] if line < len(spans) else ""))
    yield from columns(rows, left=2)


def _by_unit(named: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for unit, group in groupby(named, key=lambda pair: pair[1]):
        yield unit, " ".join(name for name, _ in group)


def _span(key: ChannelKey, coverage: Coverage, *, several: bool) -> str:
    name = f"{key.timeframe or key.kind.value} " if several or key.timeframe else ""
    if key not in coverage:
        return f"{name}not in the data"
    first, last = coverage[key]
    return f"{name}{utc_text(first)[:10]} to {utc_text(last)[:10]}"


def _made(items: Sequence[ValueEntry]) -> Iterator[str]:
    """Yield values with their meanings; values without a meaning of their own share lines."""
    told = [item for item in items if item.meaning]
    units = max((len(item.unit) for item in told), default=0)
    rows = [(item.name, f"{item.unit.ljust(units)}  {item.meaning}") for item in told]
    yield from _described(rows, hang=units + 2)
    for unit, group in groupby((i for i in items if not i.meaning), key=lambda item: item.unit):
        names = ", ".join(item.name for item in group)
        yield from _hanging(f"{names} ({unit})", "  ")


def _described(
    rows: Sequence[tuple[str, str]], indent: str = "  ", *, hang: int = 0
) -> Iterator[str]:
    """Yield names and their meanings in two columns; ``hang`` indents a meaning's next lines."""
    width = max((len(name) for name, _ in rows if len(name) <= _NAME_WIDTH), default=0)
    for name, meaning in rows:
        head = f"{indent}{name.ljust(width)}  "
        if len(name) > width:
            yield f"{indent}{name}"
            head = f"{indent}{' ' * width}  "
        yield from _hanging(meaning, head, hang)


def _hanging(text: str, head: str, hang: int = 0) -> list[str]:
    """Return a text wrapped to the right of its heading."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * (len(head) + hang),
        break_on_hyphens=False,
        break_long_words=False,
    ) or [head.rstrip()]
