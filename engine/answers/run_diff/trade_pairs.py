"""The trades of two runs in pairs: the same decision, the same entry, or the nearest one."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from datetime import datetime

from engine.answers.run_diff.diff_side import DiffSide
from engine.run_folder.read import Row

Key = Callable[[DiffSide, Row], Hashable]


@dataclass(frozen=True)
class TradePair:
    """A trade of run A and its counterpart in run B; one of them may be None.

    ``at`` is the instant of the decision, of the earlier one where they differ.
    """

    a: Row | None
    b: Row | None
    at: datetime


def trade_pairs(a: DiffSide, b: DiffSide) -> list[TradePair]:
    """Return every trade of both runs once, by the instant of the decision.

    Trades of one instrument and one direction are paired in three passes: decided at the same
    instant; entered at the same instant; then the nearest decisions of trades that cannot both be
    held: of one setup, or with times in position that overlap.
    """
    left_a, left_b = list(a.trades), list(b.trades)
    matched: list[tuple[Row, Row]] = []
    for key in (_decision_key, _entry_key):
        found = list(_matched_by(key, a, left_a, b, left_b))
        matched += found
        taken_a, taken_b = _ids(row for row, _ in found), _ids(row for _, row in found)
        left_a = [row for row in left_a if row["trade_id"] not in taken_a]
        left_b = [row for row in left_b if row["trade_id"] not in taken_b]
    found = _nearest(a, left_a, b, left_b)
    matched += found
    taken_a, taken_b = _ids(row for row, _ in found), _ids(row for _, row in found)
    pairs = [TradePair(x, y, min(a.decided_at(x), b.decided_at(y))) for x, y in matched]
    pairs += [TradePair(x, None, a.decided_at(x)) for x in left_a if x["trade_id"] not in taken_a]
    pairs += [TradePair(None, y, b.decided_at(y)) for y in left_b if y["trade_id"] not in taken_b]
    return sorted(pairs, key=_order)


def _order(pair: TradePair) -> tuple[datetime, str, int, int]:
    numbers = [0 if row is None else row["trade_id"] for row in (pair.a, pair.b)]
    row = pair.a if pair.a is not None else pair.b
    return pair.at, "" if row is None else row["instrument"], numbers[0], numbers[1]


def _ids(rows: Iterator[Row]) -> set[int]:
    return {row["trade_id"] for row in rows}


def _decision_key(side: DiffSide, trade: Row) -> Hashable:
    return trade["instrument"], trade["direction"], side.decided_at(trade)


def _entry_key(side: DiffSide, trade: Row) -> Hashable:
    return trade["instrument"], trade["direction"], trade["entered_at"]


def _matched_by(
    key: Key, a: DiffSide, left_a: list[Row], b: DiffSide, left_b: list[Row]
) -> Iterator[tuple[Row, Row]]:
    """Yield the trades with one key; several of one key are paired in their order."""
    waiting: dict[Hashable, list[Row]] = defaultdict(list)
    for row in left_b:
        waiting[key(b, row)].append(row)
    for row in left_a:
        others = waiting.get(key(a, row))
        if others:
            yield row, others.pop(0)


def _nearest(
    a: DiffSide, left_a: list[Row], b: DiffSide, left_b: list[Row]
) -> list[tuple[Row, Row]]:
    """Return pairs of trades that exclude each other, the nearest decisions first."""
    candidates = sorted(
        (
            (abs(a.decided_at(x) - b.decided_at(y)), x["trade_id"], y["trade_id"], x, y)
            for x in left_a
            for y in left_b
            if x["instrument"] == y["instrument"]
            and x["direction"] == y["direction"]
            and _exclude_each_other(a, x, b, y)
        ),
        key=lambda found: found[:3],
    )
    taken_a: set[int] = set()
    taken_b: set[int] = set()
    pairs = []
    for _, number_a, number_b, x, y in candidates:
        if number_a not in taken_a and number_b not in taken_b:
            taken_a.add(number_a)
            taken_b.add(number_b)
            pairs.append((x, y))
    return pairs


def _exclude_each_other(a: DiffSide, x: Row, b: DiffSide, y: Row) -> bool:
    if x["setup"] and x["setup"] == y["setup"]:
        return True
    end_x, end_y = x["exited_at"] or a.end, y["exited_at"] or b.end
    return bool(a.decided_at(x) < end_y and b.decided_at(y) < end_x)
