"""Write what conditions measured in a window, and the states held in it, as plain text."""

from collections.abc import Iterator
from itertools import chain

from data_feeds.clock import utc_text
from engine.formatting import MISSING, columns, in_unit, percent, wrapped
from engine.rules_check.condition_counts import WindowCounts
from engine.rules_check.measured_ranges import MeasuredRange, NumberRange
from engine.rules_check.state_counts import StateCounts

# A part of a condition is named by its text; the table has no room for a longer one.
LONGEST_PART = 36
SIGNIFICANT = 5
# Stands for a threshold that differs between rows.
MOVES = "moves"


def share(part: float | None) -> str:
    """Return a share of the decisions in percent; ``never`` for none, ``always`` for all."""
    if part is None:
        return MISSING
    return "never" if part == 0 else "always" if part == 1 else _rounded(part)


def _rounded(part: float) -> str:
    """Return a share in percent that never looks like none or all of it.

    >>> _rounded(0.00001), _rounded(0.99999), _rounded(0.5)
    ('<0.1%', '>99.9%', '50.0%')
    """
    if 0 < part < 0.0005:
        return "<0.1%"
    if 0.9995 < part < 1:
        return ">99.9%"
    return percent(part, 1)


def range_lines(counts: WindowCounts) -> Iterator[str]:
    """Yield lowest, median and highest of what each condition compared, beside its threshold.

    Where the threshold changes from row to row, its own range follows, and that of measured less
    threshold. Nothing is yielded where no condition compares numbers.
    """
    table: list[tuple[str, ...]] = [
        ("", "compared", "lowest", "median", "highest", "threshold", "unit")
    ]
    listed = {item.name for item in counts.conditions}
    for place, item in enumerate(counts.conditions, start=1):
        # A part that is a condition of its own has its own line.
        parts = [part for part in item.parts if part.name not in listed]
        if item.measured is not None:
            table += _rows(str(place), item.name, item.measured)
        elif parts:
            table.append((str(place), item.name, "", "", "", "", ""))
        for part in parts:
            table += _rows("", f"  {_short(part.name)}", part.measured)
    if len(table) == 1:
        return
    yield ""
    yield "What the conditions measured, where numbers decided (numbers as above)"
    yield from columns(table, left=2)


def state_lines(counts: StateCounts) -> Iterator[str]:
    """Yield how often each state is held, and how often the state changes."""
    if not counts.rows:
        return
    yield ""
    yield "State held: the first true one, after unknown rows, leave_after and switch"
    table: list[tuple[str, ...]] = [("", "held", "spells", "longest", "first", "last")]
    for item in counts.states:
        ends = [MISSING if at is None else utc_text(at) for at in (item.first_at, item.last_at)]
        held = share(item.rows / counts.rows)
        table.append((item.name, held, f"{item.spells:,}", f"{item.longest:,}", *ends))
    if counts.none:
        none = share(counts.none / counts.rows)
        table.append(("none yet", none, MISSING, MISSING, MISSING, MISSING))
    yield from columns(table)
    yield from wrapped(_switches(counts))


def _switches(counts: StateCounts) -> str:
    if counts.first_switch_at is None or counts.last_switch_at is None:
        return "The state never changes."
    first, last = utc_text(counts.first_switch_at), utc_text(counts.last_switch_at)
    if counts.switches == 1:
        return f"The state changes once, at {first}."
    return f"The state changes {counts.switches:,} times, first at {first}, last at {last}."


def _rows(place: str, name: str, found: MeasuredRange) -> list[tuple[str, ...]]:
    """Return the lines of one comparison: one, or three where the threshold moves."""
    threshold, indent = found.threshold, " " * (len(name) - len(name.lstrip()))
    fixed = threshold.lowest == threshold.highest
    shown = [found.measured] if fixed else [found.measured, threshold, found.margin]
    last = threshold.lowest if fixed else 0.0
    numbers = [*chain.from_iterable(map(_ends, shown)), last]
    texts, unit = in_unit(numbers, found.unit, SIGNIFICANT)
    first = (place, name, *texts[:3], texts[-1] if fixed else MOVES, unit)
    if fixed:
        return [first]
    return [
        first,
        ("", f"{indent}  threshold", *texts[3:6], "", unit),
        ("", f"{indent}  measured less threshold", *texts[6:9], texts[-1], unit),
    ]


def _ends(found: NumberRange) -> tuple[float, float, float]:
    return found.lowest, found.median, found.highest


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_PART else f"{text[: LONGEST_PART - 3]}..."
