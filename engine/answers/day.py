"""Explain one UTC day of a run: account, guards, decisions, orders, fills, best setups."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from data_feeds.clock import datetime_ns
from engine.answers.account_money import account_currency, value_of
from engine.answers.refusals import chooses_weights
from engine.answers.row_sentences import STATES, fill_lines, order_line
from engine.answers.time_window import TimeWindow, parse_day, traded_part
from engine.answers.why_not import TRUE, UNKNOWN, action_line
from engine.equity_curve import EquityCurve
from engine.formatting import money, percent, signed, wrapped
from engine.records import FactKind
from engine.results.failing import required_groups
from engine.results.nearness import best_of_setups
from engine.run_folder.read import Row, RunFolder, moment, run_title

SHOWN = 6
SETUPS = 4
FEES = (FactKind.FEE.value, FactKind.LIQUIDATION_FEE.value)
TRUTHS = (TRUE, "false", UNKNOWN)


@dataclass(frozen=True)
class DaySection:
    """A heading with its lines; ``more`` counts the lines left out, which ``file`` holds."""

    heading: str
    lines: tuple[str, ...]
    more: int = 0
    file: str = ""


@dataclass(frozen=True)
class DayStory:
    """One UTC day as sections of lines; :meth:`text` joins them for a terminal."""

    title: str
    window: TimeWindow
    sections: tuple[DaySection, ...]

    def text(self) -> str:
        """Return the day in plain words, about 40 lines at most."""
        lines = [self.title]
        for section in self.sections:
            if not section.lines:
                lines.append(f"{section.heading}: none.")
                continue
            lines += [section.heading, *(line for text in section.lines for line in wrapped(text))]
            if section.more:
                lines.append(f"  and {section.more} more in {section.file}")
        return "\n".join(lines) + "\n"


def explain_day(run_folder: Path, day: str) -> str:
    """Return one UTC day in plain words; see :func:`day_story`."""
    return day_story(run_folder, day).text()


def day_story(run_folder: Path, day: str) -> DayStory:
    """Return a run's account, acts, decisions, orders, fills and best setups of one UTC day.

    Parameters
    ----------
    run_folder : folder that ``riskoff run`` wrote
    day : for example ``2026-02-05``

    Raises
    ------
    ConfigError : the text is not a day.
    ReportError : not a run folder, or the run did not trade on that day.
    """
    run = RunFolder(run_folder)
    window = traded_part(parse_day(day), run)
    guards = [row for row in run.rows("guards") if window.holds(row["at"])]
    decisions = [row for row in run.rows("journal_decisions") if window.holds(row["decided_at"])]
    orders = _orders(run, window)
    fills = [row for row in run.rows("fills") if window.holds_fill(row)]
    told = fill_lines(run, fills)
    sections = [
        DaySection("Account", tuple(_account_lines(run, window))),
        _section("Guards", [_guard_line(row) for row in guards], "guards.parquet"),
        _section("Decisions", [action_line(row) for row in decisions], "journal_decisions.parquet"),
        _section("Orders", [_named(row, order_line(row)) for row in orders], "orders.parquet"),
        _section("Fills", [_named(row, told[row["fill_id"]]) for row in fills], "fills.parquet"),
        _setups(run, window),
    ]
    return DayStory(run_title(run, f"day {day}"), window, tuple(sections))


def _section(heading: str, lines: Sequence[str], file: str) -> DaySection:
    return DaySection(heading, tuple(lines[:SHOWN]), max(len(lines) - SHOWN, 0), file)


def _orders(run: RunFolder, window: TimeWindow) -> list[Row]:
    """Return the orders that were decided, filled or otherwise ended in the window."""
    fills = run.rows("fills")
    inside = {fill["order_id"] for fill in fills if window.holds_fill(fill)}
    filled = {fill["order_id"] for fill in fills}

    def concerns(order: Row) -> bool:
        if window.holds(order["decided_at"]) or order["order_id"] in inside:
            return True
        ended = order["ended_at"]
        return order["order_id"] not in filled and ended is not None and window.holds(ended)

    return [order for order in run.rows("orders") if concerns(order)]


def _named(row: Row, line: str) -> str:
    return f"{row['instrument']}  {line.strip()}"


def _account_lines(run: RunFolder, window: TimeWindow) -> list[str]:
    # The curve's point of an instant comes before the events at that instant's open.
    before, last = run.equity_at(window.begins), run.equity_at(window.until)
    lines = [] if last is None else [_equity_line(before, last, account_currency(run))]
    lines += _payment_lines(run, window) + _revaluation_lines(run, window)
    for row in run.rows("journal_account"):
        if not window.overlaps(row):
            continue
        until = window.until if row["until_at"] is None else row["until_at"]
        detail = f" ({row['detail']})" if row["detail"] else ""
        plan = f" (plan {row['plan_id']})" if row["plan_id"] else ""
        lines.append(
            f"{row['instrument']} {STATES[row['state']]}{detail}{plan}: "
            f"{moment(max(row['from_at'], window.begins))} to {moment(min(until, window.until))}"
        )
    return lines


def _equity_line(before: float | None, last: float, currency: str) -> str:
    if before is None:
        return f"equity {money(last)} {currency}"
    change = f"{money(before)} to {money(last)} {currency} ({signed(last - before)}"
    return f"equity {change}, {percent(last / before - 1)})"


def _revaluation_lines(run: RunFolder, window: TimeWindow) -> list[str]:
    """Return the part of the change of equity that the rates of the cash made; none at par."""
    if not run.curve.revaluation.any():
        return []
    first, last = (_revaluation_at(run.curve, at) for at in (window.begins, window.until))
    return [f"revaluation of the cash at other rates {signed(last - first)}"]


def _revaluation_at(curve: EquityCurve, at: datetime) -> float:
    place = int(np.searchsorted(curve.at, datetime_ns(at), side="right")) - 1
    return float(curve.revaluation[place]) if place >= 0 else 0.0


def _payment_lines(run: RunFolder, window: TimeWindow) -> list[str]:
    """Return the sums of the fills' fees and of funding, account currency; positive: received."""
    filled = {fill["fill_id"] for fill in run.rows("fills") if window.holds_fill(fill)}
    facts = run.rows("ledger")
    fees = [value_of(row) for row in facts if row["kind"] in FEES and row["fill_id"] in filled]
    funding = [
        value_of(row)
        for row in facts
        if row["kind"] == FactKind.FUNDING.value and window.holds_open(row["at"])
    ]
    groups = (("fees", fees), ("funding", funding))
    return [f"{name} {signed(sum(paid))}" for name, paid in groups if paid]


def _guard_line(row: Row) -> str:
    until = f" until {moment(row['until'])}" if row["until"] is not None else ""
    detail = f": {row['detail']}" if row["detail"] else ""
    return f"{moment(row['at'])}  {row['guard']} {row['event']}{until}{detail}"


def _setups(run: RunFolder, window: TimeWindow) -> DaySection:
    """Return each setup's best row of the day and its block, the nearest to an entry first."""
    journal = [row for row in run.rows("journal_conditions") if window.holds(row["at"])]
    if journal and (chooses_weights(run) or not any(i["required"] for i in run.conditions)):
        return _statements(run, journal[-1])
    groups = required_groups(run.conditions)
    best = best_of_setups(journal)
    lines = [_setup_line(groups[row.get("nearest_group") or ""], row) for row in best[:SETUPS]]
    more = max(len(best) - SETUPS, 0)
    return DaySection(
        "Best setups, and what blocked them", tuple(lines), more, "journal_conditions.parquet"
    )


def _statements(run: RunFolder, row: Row) -> DaySection:
    """Return the conditions at a row by truth, for a playbook that requires none."""
    names = [item["name"] for item in run.conditions]
    held = {truth: [name for name in names if row[name] == truth] for truth in TRUTHS}
    lines = tuple(f"{truth}: {', '.join(group)}" for truth, group in held.items() if group)
    return DaySection(f"Conditions at {moment(row['at'])}", lines)


def _setup_line(required: Sequence[str], row: Row) -> str:
    failing = [name for name in required if row[name] != TRUE]
    name = f"setup {row['setup']}" if row["setup"] else "no setup running"
    verdict = f"{row['blocked_kind']}: {row['blocked_by']}" if row["blocked_kind"] else "ENTERED"
    text = f"{moment(row['at'])}  {name}; {verdict}"
    if failing:
        group = f" of {row['nearest_group']}" if row.get("nearest_group") else ""
        text += f"; {len(failing)} of {len(required)} required{group} failed: {', '.join(failing)}"
    if row["nearest_miss"]:
        text += f"; nearest {row['nearest_miss']}, {percent(row['nearest_miss_distance'], 1)} off"
    return text
