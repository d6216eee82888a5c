"""List a run's trades and refused setups with the numbers that ``explain`` takes.

Rules without setups have days without an entry in their place, and weights that conditions choose
have the changes of weights.
"""

import math
from collections import defaultdict
from pathlib import Path

from engine.answers.instant import explain_at
from engine.answers.refusals import chooses_weights
from engine.answers.weight_changes import change_lines, weight_changes
from engine.decision_terms import BlockKind
from engine.errors import ReportError
from engine.formatting import columns, number, percent, signed
from engine.results.failing import gap
from engine.results.nearness import best_of_setups
from engine.run_folder.read import AccountFolder, Row, RunFolder, is_account, moment, run_title
from engine.run_folder.schema import SLEEVES

SHOWN_TRADES = 40
SHOWN_SETUPS = 20


def explain_run(run_folder: Path, shown_as: str) -> str:
    """Return the run's trades and refused setups, numbered; of an account, its sleeves.

    ``shown_as`` is the run as the reader named it. :func:`refused_setups` defines a refused setup,
    and the day that stands in its place.

    Raises
    ------
    ReportError : the folder is not a run's, or it is damaged.
    """
    if is_account(run_folder):
        return _account_text(run_folder, shown_as)
    run = RunFolder(run_folder)
    trades, refused = run.rows("trades"), refused_setups(run)
    if chooses_weights(run):
        return _weights_text(run, shown_as, trades, refused)
    has_days = _has_days(run)
    refusals = "day without an entry" if has_days else "refused setup"
    told = f"{_count(len(trades), 'trade')}, {_count(len(refused), refusals)}"
    lines = [run_title(run, told), "", "Trades", *_trade_lines(trades), ""]
    lines += (
        ["Days without an entry; days in a position are left out", *_day_lines(refused)]
        if has_days
        else ["Refused setups"]
    )
    one = "one of these days" if has_days else "one refused setup"
    lines += [*_setup_lines(refused), ""]
    lines += [
        f"One trade: riskoff explain {shown_as} --trade N; "
        f"{one}: riskoff explain {shown_as} --setup N",
    ]
    return "\n".join(lines) + "\n"


def _weights_text(run: RunFolder, shown_as: str, trades: list[Row], refused: list[Row]) -> str:
    changes = weight_changes(run)
    told = f"{_count(len(trades), 'trade')}, weights set {_count(len(changes), 'time')}"
    lines = [run_title(run, told), "", "Trades", *_trade_lines(trades), ""]
    lines += ["Changes of weights", *change_lines(changes), ""]
    if refused:
        lines += ["Refused by risk; one: --setup N", *_setup_lines(refused), ""]
    lines += [
        f"One trade: riskoff explain {shown_as} --trade N; "
        f"one change: riskoff explain {shown_as} --at INSTANT",
    ]
    return "\n".join(lines) + "\n"


def _count(count: int, thing: str) -> str:
    """Return a number of things: ``1 trade``, ``4 days without an entry``."""
    first, _, rest = thing.partition(" without ")
    plural = first if count == 1 else f"{first}s"
    return f"{count} {plural}{' without ' + rest if rest else ''}"


def _account_text(folder: Path, shown_as: str) -> str:
    sleeves = AccountFolder(folder).records(SLEEVES)
    table = [("sleeve", "playbook", "trades", "net", "ask with")]
    table += [
        (
            line.sleeve,
            line.playbook,
            str(line.trades),
            signed(line.end_equity - line.start_equity),
            f"riskoff explain {shown_as.rstrip('/')}/{line.sleeve}",
        )
        for line in sleeves
    ]
    lines = [f"{folder.name}: an account of {len(table) - 1} sleeves", *columns(table, left=2)]
    return "\n".join(lines) + "\n"


def explain_setup(run_folder: Path, number_: int) -> str:
    """Return every condition and the block at the row of a refused setup nearest to an entry.

    Raises
    ------
    ReportError : not a run folder, or no refused setup of that number.
    """
    run = RunFolder(run_folder)
    refused = refused_setups(run)
    if not 1 <= number_ <= len(refused):
        held = f"it has 1 to {len(refused)}" if refused else "it has none"
        thing = "day without an entry" if _has_days(run) else "refused setup"
        raise ReportError(f"{run.folder}: no {thing} {number_}; {held}")
    return explain_at(run_folder, refused[number_ - 1]["at"])


def refused_setups(run: RunFolder) -> list[Row]:
    """Return the row nearest to an entry of each refused setup, by time.

    A setup is refused when no entry was approved at any of its rows. For rules without setups, a
    UTC day without an approved entry counts as one when conditions or the risk module refused an
    entry on it. For weights that conditions choose, or rules without conditions, only a refusal by
    risk counts.
    """
    journal = run.rows("journal_conditions")
    refused = [row for row in journal if row["blocked_kind"]]
    if _has_setups(journal):
        entered = {row["setup"] for row in journal if not row["blocked_kind"]}
        refused = [row for row in refused if row["setup"] and row["setup"] not in entered]
    elif _has_days(run):
        days = {row["at"].date() for row in journal if not row["blocked_kind"]}
        kinds = {BlockKind.RISK, BlockKind.CONDITION, BlockKind.PLAYBOOK}
        refused = [
            row for row in refused if row["blocked_kind"] in kinds and row["at"].date() not in days
        ]
    else:
        refused = [row for row in refused if row["blocked_kind"] == BlockKind.RISK]
    return sorted(best_of_setups(refused), key=lambda row: row["at"])


def _has_setups(journal: list[Row]) -> bool:
    return any(row["setup"] for row in journal)


def _has_days(run: RunFolder) -> bool:
    """Return whether days stand in the place of setups: rules that decide by conditions alone."""
    has_conditions = any(item["required"] for item in run.conditions) and not chooses_weights(run)
    return has_conditions and not _has_setups(run.rows("journal_conditions"))


def _day_lines(refused: list[Row]) -> list[str]:
    """Return how many days each condition or refusal blocked at the row nearest to an entry.

    ``alone`` counts the days on which nothing else was missing; ``closest`` is the smallest
    distance of the condition's number from its threshold on those days.
    """
    if not refused:
        return []
    blocked: dict[str, list[Row]] = defaultdict(list)
    for row in refused:
        blocked[f"{row['blocked_kind']}: {row['blocked_by']}"].append(row)
    table = [("blocked by", "days", "alone", "closest")]
    for name, rows in sorted(blocked.items(), key=lambda item: (-len(item[1]), item[0])):
        alone = [row for row in rows if row["required_failing"] <= 1]
        distances = [gap(1, row["nearest_miss_distance"]) for row in alone]
        closest = min(distances, default=math.inf)
        told = percent(closest, 1) if math.isfinite(closest) else "-"
        table.append((name, str(len(rows)), str(len(alone)), told))
    return [*columns(table, left=1), ""]


def _trade_lines(trades: list[Row]) -> list[str]:
    if not trades:
        return ["  none"]
    table = [("#", "in", "side", "instrument", "size", "R", "net", "out by")]
    table += [
        (
            str(row["trade_id"]),
            moment(row["entered_at"]),
            "long" if row["direction"] > 0 else "short",
            row["instrument"],
            number(row["quantity"], 5),
            signed(row["r_multiple"]),
            signed(row["net_pnl"]),
            "open" if row["open_at_end"] else row["exit_roles"],
        )
        for row in trades[:SHOWN_TRADES]
    ]
    return columns(table, left=4) + _more(len(trades) - SHOWN_TRADES, "trades.parquet")


def _setup_lines(refused: list[Row]) -> list[str]:
    if not refused:
        return ["  none"]
    nearest = best_of_setups(refused)[:SHOWN_SETUPS]
    kept = {id(row) for row in nearest}
    table = [("#", "nearest at", "blocked by", "failing", "nearest miss", "distance")]
    table += [
        (
            str(place),
            moment(row["at"]),
            f"{row['blocked_kind']}: {row['blocked_by']}",
            str(row["required_failing"]),
            row["nearest_miss"] or "-",
            percent(row["nearest_miss_distance"], 1),
        )
        for place, row in enumerate(refused, start=1)
        if id(row) in kept
    ]
    more = _more(len(refused) - SHOWN_SETUPS, "journal_conditions.parquet", "farther from an entry")
    return columns(table, left=3) + more


def _more(count: int, file: str, which: str = "") -> list[str]:
    return [f"  and {count} more{f' {which}' if which else ''} in {file}"] if count > 0 else []
