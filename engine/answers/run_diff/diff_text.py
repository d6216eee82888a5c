"""Write the difference of two runs in plain words for a terminal, and as JSON values."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from engine.answers.row_sentences import condition_lines, decision_lines, order_lines
from engine.answers.run_diff.diff_side import DiffSide
from engine.answers.run_diff.input_changes import InputChange
from engine.answers.run_diff.net_parts import PARTS
from engine.answers.run_diff.two_runs import HeadlineChange, RunDiff, TradeDifference, TradeVerdict
from engine.errors import ReportError
from engine.formatting import adding_up, columns, json_number, signed, signed_percent, wrapped
from engine.metrics import METRICS, MetricUnit
from engine.run_folder.read import Row, moment

SHOWN_INPUTS, SHOWN_TRADES = 6, 5
SHORT_HEADLINE = ("end_equity", "total_return", "max_drawdown_bars", "trades")
LONGEST_VALUE = 40
COMPARED = ("config", "data", "code", "versions")
_FRACTIONS = (MetricUnit.FRACTION, MetricUnit.FRACTION_A_YEAR)


def diff_text(diff: RunDiff, shown_as: tuple[str, str], *, every: bool = False) -> str:
    """Return the difference in about 20 lines, or with ``every`` in full.

    ``shown_as`` are the two runs as the reader named them.
    """
    lines = [_title(diff, shown_as), *diff.notes]
    if diff.is_same:
        lines.append(_no_difference(diff))
    lines += _input_lines(diff.inputs, every=every)
    if not diff.is_same:
        lines += ["", *_headline_lines(diff.headline, every=every)]
        lines += ["", *_trade_lines(diff, every=every)]
        lines += ["", *_money_lines(diff)]
        names = " ".join(shown_as)
        lines.append(f"One trade: riskoff diff {names} --trade N; everything: --all")
    return "\n".join(lines) + "\n"


def trade_text(diff: RunDiff, wanted: int) -> str:
    """Return one trade of the list in full: both versions, the causes, decisions and fills.

    Raises
    ------
    ReportError : the list has no such number.
    """
    trade = next((line for line in diff.trades if line.number == wanted), None)
    if trade is None:
        held = f"it has 1 to {len(diff.trades)}" if diff.trades else "it is empty"
        raise ReportError(
            f"the list of trades of {diff.a.files.folder} and {diff.b.files.folder} has no "
            f"number {wanted}; {held}"
        )
    lines = [_trade_title(trade)]
    lines += [line for cause in trade.causes for line in wrapped(f"{cause.label}: {cause.text}")]
    if trade.changes:
        table = [("", "A", "B"), *((item.name, item.a, item.b) for item in trade.changes)]
        lines += ["", *columns(table)]
    if trade.parts:
        shown = adding_up(trade.net, *trade.parts.values(), digits=2)
        pairs = zip(("net result, B - A", *trade.parts), shown, strict=True)
        rows = [(name, signed(amount)) for name, amount in pairs if amount or name in PARTS[:3]]
        lines += ["", *columns(rows)]
    for side, row in ((diff.a, trade.a), (diff.b, trade.b)):
        lines += ["", *_side_lines(side, row, trade)]
    return "\n".join(lines) + "\n"


def diff_document(diff: RunDiff, shown_as: tuple[str, str]) -> dict[str, Any]:
    """Return the difference as JSON values; a number that does not exist is null."""
    return {
        "a": _run_document(diff.a, shown_as[0]),
        "b": _run_document(diff.b, shown_as[1]),
        "same": diff.is_same,
        "notes": list(diff.notes),
        "inputs": [asdict(change) for change in diff.inputs],
        "headline": [
            {"name": line.name, "a": json_number(line.a), "b": json_number(line.b)}
            for line in diff.headline
        ],
        "counts": {str(verdict): count for verdict, count in diff.counts().items()},
        "trades": [_trade_document(trade) for trade in diff.trades],
        "money": {name: json_number(amount) for name, amount in diff.money.items()},
        "end_equity_change": json_number(diff.end_equity_change),
    }


def _run_document(side: DiffSide, shown_as: str) -> dict[str, Any]:
    manifest = side.files.manifest
    return {
        "run": shown_as,
        "folder": str(side.files.folder),
        "id": manifest.get("run_id"),
        "format": side.format,
        "window": manifest["window"],
        "data_label": manifest["data_label"],
    }


def _trade_document(trade: TradeDifference) -> dict[str, Any]:
    return {
        "number": trade.number,
        "verdict": str(trade.verdict),
        "decided_at": trade.at.isoformat(),
        "instrument": trade.instrument,
        "direction": trade.direction,
        "trade_a": None if trade.a is None else trade.a["trade_id"],
        "trade_b": None if trade.b is None else trade.b["trade_id"],
        "net_a": None if trade.a is None else json_number(trade.a["net_pnl"]),
        "net_b": None if trade.b is None else json_number(trade.b["net_pnl"]),
        "net_change": json_number(trade.net),
        "parts": {name: json_number(amount) for name, amount in trade.parts.items()},
        "changes": [asdict(change) for change in trade.changes],
        "causes": [
            {"kind": str(cause.kind), "name": cause.name, "text": cause.text}
            for cause in trade.causes
        ],
    }


def _title(diff: RunDiff, shown_as: tuple[str, str]) -> str:
    told = []
    for side, name in zip((diff.a, diff.b), shown_as, strict=True):
        run_id = str(side.files.manifest.get("run_id", ""))
        told.append(f"{side.letter} = {name}" + (f" ({run_id})" if run_id not in name else ""))
    return f"{told[0]}, {told[1]}"


def _no_difference(diff: RunDiff) -> str:
    trades = len(diff.trades)
    told = "no trades" if not trades else f"{trades} trade{'' if trades == 1 else 's'}"
    also = ", with the inputs below changed" if diff.inputs else ""
    return f"No difference: {told} and {len(diff.headline)} headline numbers are the same{also}."


def _input_lines(inputs: Sequence[InputChange], *, every: bool) -> list[str]:
    if not inputs:
        return ["The inputs are the same: configuration, data, code and versions."]
    ordered = sorted(inputs, key=lambda change: change.rank)
    shown = ordered if every else ordered[:SHOWN_INPUTS]
    rows = [
        (change.part, change.name, f"{_cut(change.a, every)} -> {_cut(change.b, every)}")
        for change in shown
    ]
    more = len(inputs) - len(shown)
    rest = [f"  and {more} more; --all lists them"] if more else []
    same = [part for part in COMPARED if part not in {change.part for change in inputs}]
    told = [f"  the same: {', '.join(same)}"] if same else []
    return ["Inputs that differ", *columns(rows, left=3), *rest, *told]


def _cut(text: str, every: bool) -> str:
    return text if every or len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def _headline_lines(headline: Sequence[HeadlineChange], *, every: bool) -> list[str]:
    metrics = {metric.name: metric for metric in METRICS}
    rows = [("", "A", "B", "B - A")]
    for line in headline:
        if line.name not in metrics or not (every or line.name in SHORT_HEADLINE):
            continue
        metric = metrics[line.name]
        pair = metric.text(line.a), metric.text(line.b)
        rows.append((line.title, *pair, _change_text(line.b - line.a, metric.unit)))
    return columns(rows)


def _change_text(change: float, unit: MetricUnit) -> str:
    if unit in _FRACTIONS:
        return signed_percent(change)
    if unit is MetricUnit.COUNT:
        return "-" if math.isnan(change) else f"{change:+,.0f}" if change else "0"
    return signed(change)


def _trade_lines(diff: RunDiff, *, every: bool) -> list[str]:
    counts = diff.counts()
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    differing = [trade for trade in diff.trades if trade.verdict is not TradeVerdict.SAME]
    lines = [f"Trades: {told}"]
    if not diff.trades:
        return ["Trades: none in either run"]
    lines += [line for verdict in TradeVerdict for line in _cause_lines(diff, verdict)]
    shown = list(diff.trades) if every else _weightiest(differing)
    if not shown:
        return lines
    table: list[tuple[str, ...]]
    table = [("#", "decided", "side", "instrument", "", "net A", "net B", "B - A", "first cause")]
    table += [_trade_row(trade) for trade in shown]
    cells = columns([row[:-1] for row in table], left=5)
    # The cause is the last column, flush left and cut to the width of the page.
    width = max(len(cell) for cell in cells)
    lines += [f"{cell.ljust(width)}  {row[-1]}" for cell, row in zip(cells, table, strict=True)]
    hidden = len(differing) - len(shown)
    return lines + ([f"  and {hidden} smaller ones; --all lists them"] if hidden > 0 else [])


def _cause_lines(diff: RunDiff, verdict: TradeVerdict) -> list[str]:
    """Return one line of counts of the first causes of the trades of a verdict."""
    causes = [trade.cause for trade in diff.trades if trade.verdict is verdict]
    counted = Counter(cause.label for cause in causes if cause is not None)
    if not counted:
        return []
    told = ", ".join(f"{label} ({count})" for label, count in counted.most_common())
    return wrapped(f"{verdict}: {told}")


def _weightiest(trades: Sequence[TradeDifference]) -> list[TradeDifference]:
    """Return the first trade that differs and the largest differences, by time."""
    largest = sorted(trades[1:], key=lambda trade: -abs(trade.net))[: SHOWN_TRADES - 1]
    return [*trades[:1], *sorted(largest, key=lambda trade: trade.number)]


def _trade_row(trade: TradeDifference) -> tuple[str, ...]:
    return (
        str(trade.number),
        moment(trade.at),
        "long" if trade.direction > 0 else "short",
        trade.instrument,
        str(trade.verdict),
        "-" if trade.a is None else signed(trade.a["net_pnl"]),
        "-" if trade.b is None else signed(trade.b["net_pnl"]),
        signed(trade.net),
        "" if trade.cause is None else trade.cause.label,
    )


def _money_lines(diff: RunDiff) -> list[str]:
    """Return the parts of the change of the equity at the end; the rounded parts add up."""
    whole = diff.end_equity_change
    total, *shown = adding_up(whole, *diff.money.values(), digits=2)
    rows = [
        (name, signed(amount)) for name, amount in zip(diff.money, shown, strict=True) if amount
    ]
    return ["Money, B - A", *columns([*rows, ("sum: equity at the end", signed(total))])]


def _trade_title(trade: TradeDifference) -> str:
    side = "long" if trade.direction > 0 else "short"
    which = ", ".join(
        f"{letter} trade {row['trade_id']}" if row is not None else f"no trade of {letter}"
        for letter, row in (("A", trade.a), ("B", trade.b))
    )
    head = f"{trade.number}: {side} {trade.instrument} decided {moment(trade.at)}, {trade.verdict}"
    return f"{head} ({which}), net {signed(trade.net)}"


def _side_lines(side: DiffSide, row: Row | None, trade: TradeDifference) -> list[str]:
    """Return one run's decision, orders and fills; without a trade its journal row."""
    if row is not None:
        decision = side.decision_of(row)
        sizing = [] if decision is None else decision_lines(decision, side.ladder)
        return [f"{side.letter}:", *sizing, *order_lines(side.files, row["plan_id"])]
    asked = side.asked_at.get((trade.instrument, trade.at), [])
    lines = [line for decision in asked for line in decision_lines(decision, side.ladder)]
    for decision in asked:
        if decision["plan_id"]:
            lines += order_lines(side.files, decision["plan_id"])
    journal = side.journal_at.get(trade.at)
    if journal is not None:
        lines += condition_lines(side.files.conditions, journal)
    return [f"{side.letter} at {moment(trade.at)}:", *(lines or ["  nothing in the journal"])]
