"""List a run's trades and refused setups with the numbers that ``explain`` takes."""

from pathlib import Path

from engine.answers.instant import explain_at
from engine.answers.refusals import chooses_weights
from engine.decision_terms import BlockKind
from engine.errors import ReportError
from engine.formatting import columns, number, percent, signed
from engine.results.journal import best_of_setups
from engine.run_folder.read import AccountFolder, Row, RunFolder, is_account, moment, run_title
from engine.run_folder.schema import SLEEVES

SHOWN_TRADES = 40
SHOWN_SETUPS = 20


def explain_run(run_folder: Path, shown_as: str) -> str:
    """Return the run's trades and refused setups, numbered; of an account, its sleeves.

    ``shown_as`` is the run as the reader named it. :func:`refused_setups` defines a refused setup.

    Raises
    ------
    ReportError : the folder is not a run's, or it is damaged.
    """
    if is_account(run_folder):
        return _account_text(run_folder, shown_as)
    run = RunFolder(run_folder)
    trades, refused = run.rows("trades"), refused_setups(run)
    lines = [run_title(run, f"{len(trades)} trades, {len(refused)} refused setups"), ""]
    lines += ["Trades", *_trade_lines(trades), ""]
    lines += ["Refused setups", *_setup_lines(refused), ""]
    lines += [
        f"One trade: riskoff explain {shown_as} --trade N; "
        f"one refused setup: riskoff explain {shown_as} --setup N",
    ]
    return "\n".join(lines) + "\n"


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
        raise ReportError(f"{run.folder}: no refused setup {number_}; {held}")
    return explain_at(run_folder, refused[number_ - 1]["at"].to_pydatetime())


def refused_setups(run: RunFolder) -> list[Row]:
    """Return the row nearest to an entry of each refused setup, by time.

    A setup is refused when no entry was approved at any of its rows. For rules without setups, a
    UTC day counts as one when conditions or the risk module refused an entry on it. For
    weights that conditions choose, or rules without conditions, only a refusal by risk counts.
    """
    journal = run.rows("journal_conditions")
    entered = {row["setup"] for row in journal if not row["blocked_kind"]}
    refused = [row for row in journal if row["blocked_kind"]]
    if any(row["setup"] for row in journal):
        refused = [row for row in refused if row["setup"] and row["setup"] not in entered]
    else:
        kinds = {BlockKind.RISK}
        if any(item["required"] for item in run.conditions) and not chooses_weights(run):
            kinds |= {BlockKind.CONDITION, BlockKind.PLAYBOOK}
        refused = [row for row in refused if row["blocked_kind"] in kinds]
    return sorted(best_of_setups(refused), key=lambda row: row["at"])


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
