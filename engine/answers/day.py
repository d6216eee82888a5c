"""Everything of one UTC day of a run: account, guards, decisions, orders, fills, best setups."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.answers.row_sentences import STATES, fill_line, order_line
from engine.answers.time_window import TimeWindow, checked, parse_day
from engine.answers.why_not import TRUE, UNKNOWN, action_line
from engine.formatting import money, percent, signed, wrapped
from engine.records import FactKind
from engine.results.journal import best_of_setups
from engine.run_folder.read import Row, RunFolder, moment, run_title

SHOWN = 6
SETUPS = 4
FEES = (FactKind.FEE.value, FactKind.LIQUIDATION_FEE.value)
TRUTHS = (TRUE, "false", UNKNOWN)


@dataclass(frozen=True)
class DaySection:
    """A heading and its lines; ``more`` lines were left out, they are in ``file``."""

    heading: str
    lines: tuple[str, ...]
    more: int = 0
    file: str = ""


@dataclass(frozen=True)
class DayStory:
    """One day, for a page; :meth:`text` is the same for a terminal."""

    title: str
    span: TimeWindow
    parts: tuple[DaySection, ...]

    def text(self) -> str:
        """Return the day in plain words, about 40 lines at most."""
        lines = [self.title]
        for part in self.parts:
            if not part.lines:
                lines.append(f"{part.heading}: none.")
                continue
            lines += [part.heading, *(line for text in part.lines for line in wrapped(text))]
            if part.more:
                lines.append(f"  and {part.more} more in {part.file}")
        return "\n".join(lines) + "\n"


def explain_day(run_folder: Path, day: str) -> str:
    """Return one UTC day in plain words; see :func:`day_story`."""
    return day_story(run_folder, day).text()


def day_story(run_folder: Path, day: str) -> DayStory:
    """Return everything that a run did and considered on one UTC day.

    Parameters
    ----------
    run_folder : what ``riskoff run`` wrote
    day : for example ``2026-02-05``

    Raises
    ------
    ConfigError : not a day.
    ReportError : not a run folder, or the run did not trade on that day.
    """
    files = RunFolder(run_folder)
    span = checked(parse_day(day), files)
    guards = [row for row in files.rows("guards") if span.holds(row["at"])]
    decisions = [row for row in files.rows("journal_decisions") if span.holds(row["decided_at"])]
    orders = _orders(files, span)
    fills = [row for row in files.rows("fills") if span.holds_fill(row)]
    parts = [
        DaySection("Account", tuple(_account_lines(files, span))),
        _part("Guards", [_guard_line(row) for row in guards], "guards.parquet"),
        _part("Decisions", [action_line(row) for row in decisions], "journal_decisions.parquet"),
        _part("Orders", [_named(row, order_line(row)) for row in orders], "orders.parquet"),
        _part("Fills", [_named(row, fill_line(row)) for row in fills], "fills.parquet"),
        _setups(files, span),
    ]
    return DayStory(run_title(files, f"day {day}"), span, tuple(parts))


def _part(heading: str, lines: Sequence[str], file: str) -> DaySection:
    return DaySection(heading, tuple(lines[:SHOWN]), max(len(lines) - SHOWN, 0), file)


def _orders(files: RunFolder, span: TimeWindow) -> list[Row]:
    """The orders that were decided, filled or otherwise ended in it."""
    fills = files.rows("fills")
    inside = {fill["order_id"] for fill in fills if span.holds_fill(fill)}
    filled = {fill["order_id"] for fill in fills}

    def concerns(order: Row) -> bool:
        if span.holds(order["decided_at"]) or order["order_id"] in inside:
            return True
        ended = order["ended_at"]
        return order["order_id"] not in filled and ended is not None and span.holds(ended)

    return [order for order in files.rows("orders") if concerns(order)]


def _named(row: Row, line: str) -> str:
    return f"{row['instrument']}  {line.strip()}"


def _account_lines(files: RunFolder, span: TimeWindow) -> list[str]:
    # The curve's point of an instant comes before what happens at that instant's open.
    before, last = files.equity_at(span.begins), files.equity_at(span.until)
    lines = [] if last is None else [_equity_line(before, last)]
    lines += _payment_lines(files, span)
    for row in files.rows("journal_account"):
        if not span.overlaps(row):
            continue
        until = span.until if row["until_at"] is None else row["until_at"]
        detail = f" ({row['detail']})" if row["detail"] else ""
        plan = f" (plan {row['plan_id']})" if row["plan_id"] else ""
        lines.append(
            f"{row['instrument']} {STATES[row['state']]}{detail}{plan}: "
            f"{moment(max(row['from_at'], span.begins))} to {moment(min(until, span.until))}"
        )
    return lines


def _equity_line(before: float | None, last: float) -> str:
    if before is None:
        return f"equity {money(last)}"
    change = f"{money(before)} to {money(last)} ({signed(last - before)}"
    return f"equity {change}, {percent(last / before - 1)})"


def _payment_lines(files: RunFolder, span: TimeWindow) -> list[str]:
    """The sums of the fills' fees and of funding, quote; positive: received."""
    filled = {fill["fill_id"] for fill in files.rows("fills") if span.holds_fill(fill)}
    facts = files.rows("ledger")
    fees = [row["amount"] for row in facts if row["kind"] in FEES and row["fill_id"] in filled]
    funding = [
        row["amount"]
        for row in facts
        if row["kind"] == FactKind.FUNDING.value and span.holds_open(row["at"])
    ]
    groups = (("fees", fees), ("funding", funding))
    return [f"{name} {signed(sum(paid))}" for name, paid in groups if paid]


def _guard_line(row: Row) -> str:
    until = f" until {moment(row['until'])}" if row["until"] is not None else ""
    detail = f": {row['detail']}" if row["detail"] else ""
    return f"{moment(row['at'])}  {row['guard']} {row['event']}{until}{detail}"


def _setups(files: RunFolder, span: TimeWindow) -> DaySection:
    """Each setup's best row of the day, the nearest to an entry first, and what blocked it."""
    told = [row for row in files.rows("journal_conditions") if span.holds(row["at"])]
    required = [item["name"] for item in files.conditions if item["required"]]
    if told and not required:
        return _statements(files, told[-1])
    best = best_of_setups(told)
    lines = [_setup_line(required, row) for row in best[:SETUPS]]
    more = max(len(best) - SETUPS, 0)
    return DaySection(
        "Best setups, and what blocked them", tuple(lines), more, "journal_conditions.parquet"
    )


def _statements(files: RunFolder, row: Row) -> DaySection:
    """What the conditions of a playbook that requires none said at a row."""
    names = [item["name"] for item in files.conditions]
    held = {truth: [name for name in names if row[name] == truth] for truth in TRUTHS}
    lines = tuple(f"{truth}: {', '.join(group)}" for truth, group in held.items() if group)
    return DaySection(f"What its conditions said, {moment(row['at'])}", lines)


def _setup_line(required: Sequence[str], row: Row) -> str:
    failing = [name for name in required if row[name] != TRUE]
    name = f"setup {row['setup']}" if row["setup"] else "no setup running"
    verdict = f"{row['blocked_kind']}: {row['blocked_by']}" if row["blocked_kind"] else "ENTERED"
    text = f"{moment(row['at'])}  {name}; {verdict}"
    if failing:
        text += f"; {len(failing)} of {len(required)} required failed: {', '.join(failing)}"
    if row["nearest_miss"]:
        text += f"; nearest {row['nearest_miss']}, {percent(row['nearest_miss_distance'], 1)} off"
    return text
