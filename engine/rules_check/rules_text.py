"""Write a report on rules as lines of plain text, 100 columns wide."""

import textwrap
from collections.abc import Iterator, Sequence

from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS, utc_text
from engine.formatting import MISSING, WIDTH, columns, wrapped
from engine.rules_check.channel_needs import OPTIONAL, ChannelNeed
from engine.rules_check.condition_counts import ConditionCount, WindowCounts
from engine.rules_check.rules_report import RulesReport
from engine.rules_check.window_text import range_lines, share, state_lines

# Columns of the table of pairs that fit beside the names.
PAIRS_BESIDE = 8
# Optional channels without a limit that are still listed in the table.
MOST_OTHERS = 8


def report_lines(report: RulesReport) -> Iterator[str]:
    """Yield the rules, what they need, how often their conditions were true, and the guards."""
    synthetic = " (SYNTHETIC DATA)" if report.synthetic else ""
    yield f"{report.run}: rules of the playbook {report.playbook}"
    yield f"{report.start[:10]} to {report.end[:10]}, data: {report.source}{synthetic}"
    if report.sentences:
        yield ""
        for sentence in report.sentences:
            yield from indented(sentence)
    yield ""
    yield from _need_lines(report)
    if report.counts is not None:
        yield ""
        yield from _count_lines(report, report.counts)
    for remark in report.remarks:
        yield from wrapped(remark)
    if report.guards:
        yield ""
        for sentence in report.guards:
            yield from indented(sentence)


def indented(sentence: str) -> list[str]:
    """Return a sentence wrapped, its later lines two columns right of its first one."""
    text = sentence.lstrip(" ")
    indent = " " * (len(sentence) - len(text))
    below = f"{indent}  "
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=below, break_on_hyphens=False
    ) or [""]


def _need_lines(report: RulesReport) -> Iterator[str]:
    before = f"{report.warmup_bars:,} row{'' if report.warmup_bars == 1 else 's'}"
    yield f"Needs (decisions at the closes of {report.clock}; {before} before the window)"
    limited = [item for item in report.needs if item.max_age_ns is not None]
    # The many inputs of the market state would hide what the rules themselves name.
    own = [item for item in report.needs if item.use != OPTIONAL or item in limited]
    others = [item for item in report.needs if item not in own]
    folded = len(others) > MOST_OTHERS
    if not report.has_data:
        for use in dict.fromkeys(item.use for item in report.needs):
            names = ", ".join(item.channel for item in report.needs if item.use == use)
            yield from wrapped(f"{use}: {names}")
        return
    yield from _need_table(own if folded else report.needs)
    if folded:
        yield from _other_lines(others)
    for item in own if folded else report.needs:
        if item.stored and item.stored != item.channel:
            yield from wrapped(f"{item.channel} is made from {item.stored}.")
    absent = [item for item in report.needs if not item.stored]
    optional = [item.channel for item in absent if item.use == OPTIONAL]
    required = [item.channel for item in absent if item.use != OPTIONAL]
    if optional:
        yield from wrapped(
            f"Not in the data: {', '.join(optional)}. A condition that reads nothing else is "
            "unknown at every row."
        )
    if required:
        yield from wrapped(
            f"Not in the data, and required: {', '.join(required)}. The run cannot start."
        )


def _need_table(needs: Sequence[ChannelNeed]) -> Iterator[str]:
    counted = any(item.unknown is not None for item in needs)
    limited = any(item.max_age_ns is not None for item in needs)
    head = ("channel", "use", "in the data")
    rows = [head + ("no row yet",) * counted + ("too old", "limit") * limited]
    for item in needs:
        cells = (item.channel, item.use, _held(item))
        unknown = (share(item.unknown),) * counted
        rows.append(cells + unknown + (share(item.stale), _age(item.max_age_ns)) * limited)
    yield from columns(rows, left=3)
    if counted and limited:
        yield from wrapped(
            "no row yet, too old: share of the window's decisions; a value older than its limit is "
            "unknown"
        )
    elif counted:
        yield from wrapped("no row yet: share of the window's decisions")


def _other_lines(others: Sequence[ChannelNeed]) -> Iterator[str]:
    """Yield optional channels whose ages the rules do not limit, without a table of them."""
    begun = [item.channel for item in others if item.stored and not item.unknown]
    later = [
        f"{item.channel} ({share(item.unknown)})" for item in others if item.stored and item.unknown
    ]
    if begun:
        yield from wrapped(f"Read besides, where there: {', '.join(begun)}.")
    if later:
        yield from wrapped(
            f"Read besides, without a row yet at a share of the decisions: {', '.join(later)}."
        )


def _held(item: ChannelNeed) -> str:
    if not item.stored:
        return "no"
    if item.first_at is None or item.last_at is None:
        return "no rows"
    return f"{utc_text(item.first_at)[:10]} to {utc_text(item.last_at)[:10]}"


def _age(limit: int | None) -> str:
    if limit is None:
        return MISSING
    for unit, length in (("d", DAY_NS), ("h", HOUR_NS)):
        if limit % length == 0:
            return f"{limit // length}{unit}"
    return f"{limit / MINUTE_NS:g}m"


def _count_lines(report: RulesReport, counts: WindowCounts) -> Iterator[str]:
    if not counts.rows:
        yield f"No close of {report.clock} lies in the window: nothing is decided."
        return
    span = f"{utc_text(counts.first_at)} to {utc_text(counts.last_at)}"
    yield f"How often, of {counts.rows:,} decisions from {span}"
    if not counts.conditions:
        yield from wrapped("The rules name no conditions.")
        return
    numbered = list(enumerate(counts.conditions, start=1))
    for required, title in ((True, "required"), (False, "not required")):
        chosen = [(place, item) for place, item in numbered if item.required is required]
        if chosen:
            yield from _table(chosen, counts.rows, title)
    yield from _pointed_out(counts)
    yield from range_lines(counts)
    yield from _passing_lines(counts)
    if report.states is not None:
        yield from state_lines(report.states)
    yield from _pair_lines(counts)


def _table(chosen: Sequence[tuple[int, ConditionCount]], rows: int, title: str) -> Iterator[str]:
    groups = [item.group for _, item in chosen]
    # Alone says nothing where each group has one condition.
    required = title == "required" and len(groups) > len(set(groups))
    head = ["", title, "true", "false", "unknown", *(["alone"] if required else [])]
    table = [(*head, "spells", "longest", "first known")]
    for place, item in chosen:
        shares = [share(count / rows) for count in (item.true, item.false, item.unknown)]
        first = MISSING if item.first_known_at is None else utc_text(item.first_known_at)
        alone = [f"{item.alone:,}"] if required else []
        spells = (f"{item.spells:,}", f"{item.longest:,}", first)
        table.append((str(place), _named(item), *shares, *alone, *spells))
    yield from columns(table, left=2)
    if required:
        yield from wrapped("alone: decisions at which no other required condition fails")
    if title == "required":
        yield from wrapped("spells: runs of true rows; longest: rows of the longest run")


def _named(item: ConditionCount) -> str:
    return f"{item.name} (left out)" if item.left_out else item.name


def _passing_lines(counts: WindowCounts) -> Iterator[str]:
    """Yield when all required conditions were true, a line a group."""
    if not counts.passing:
        return
    yield ""
    yield "All required conditions true together (an open plan or risk may still forbid to act)"
    rows: list[tuple[str, ...]] = [("", "decisions", "spells", "first", "last")]
    for item in counts.passing:
        ends = [MISSING if at is None else utc_text(at) for at in (item.first_at, item.last_at)]
        rows.append((item.group or "all", f"{item.rows:,}", f"{item.spells:,}", *ends))
    yield from columns(rows)


def _pointed_out(counts: WindowCounts) -> Iterator[str]:
    """Yield a sentence for conditions that decide nothing in this window."""
    for words, chosen in (
        ("never true", [i.name for i in counts.conditions if i.true == 0 and i.unknown == 0]),
        ("always true", [i.name for i in counts.conditions if i.true == counts.rows]),
        (
            "never true, and unknown at some rows",
            [i.name for i in counts.conditions if i.true == 0 and 0 < i.unknown < counts.rows],
        ),
        ("unknown at every row", [i.name for i in counts.conditions if i.unknown == counts.rows]),
    ):
        if chosen:
            yield from wrapped(f"Here {words}: {', '.join(chosen)}.")


def _pair_lines(counts: WindowCounts) -> Iterator[str]:
    """Yield the rows at which two conditions are both true, each pair once.

    A condition that is always or never true is left out, and of many conditions those that are not
    required; the JSON document has all pairs.
    """
    varying = [place for place, item in enumerate(counts.conditions) if 0 < item.true < counts.rows]
    required = [place for place in varying if counts.conditions[place].required]
    shown = varying if len(varying) <= PAIRS_BESIDE else required
    if len(shown) < 2:
        return
    yield ""
    yield "Decisions at which two are both true (numbers as above)"
    for begin in range(0, len(shown) - 1, PAIRS_BESIDE):
        beside = shown[begin : min(begin + PAIRS_BESIDE, len(shown) - 1)]
        table = [("", "", *(str(place + 1) for place in beside))]
        for row in shown[begin + 1 :]:
            cells = [f"{counts.together[row, at]:,}" if at < row else "" for at in beside]
            table.append((str(row + 1), counts.conditions[row].name, *cells))
        yield from columns(table, left=2)
