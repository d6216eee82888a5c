"""The cost and the benefit of each hedge, one line a hedge.

A traded hedge (options, an inverse fund, a fund sold short) is measured by its trades. A hedge that
reduces a weight is measured by month: change of weight (negative) x equity x the instrument's
return between closes, from one rebalancing to the next or to a guard that sells everything. An
avoided loss is positive, a missed gain negative. Interest on the cash and trading costs are not
part of it: they are in the account's interest and trades.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from data_feeds.align import as_of
from data_feeds.clock import DAY_NS
from engine.records import UNSET, OrderRole, Overlay, Trade
from engine.results.finished import RunRecord
from engine.run_folder.schema import HedgeLine

OPTIONS = "options"


@dataclass(frozen=True, slots=True)
class _HedgePiece:
    """A trade, or the part of a reduced weight inside one month, and its result, quote."""

    started_at: int
    ended_at: int
    result: float


def hedge_lines(record: RunRecord) -> tuple[HedgeLine, ...]:
    """Return a line for every hedge that was on, by name."""
    traded = _traded(record)
    pieces: dict[str, list[_HedgePiece]] = defaultdict(list)
    for hedge, piece in _held_back(record, {instrument for instrument, _ in traded}):
        pieces[hedge].append(piece)
    lines = [_line(name, "month", parts, _by_month(parts)) for name, parts in pieces.items()]
    trades: dict[str, list[_HedgePiece]] = defaultdict(list)
    for trade in record.trades:
        is_option = trade.instrument in record.options
        name = OPTIONS if is_option else traded.get((trade.instrument, trade.direction))
        if name is not None:
            trades[name].append(_of_trade(trade, record.end))
    for name, parts in trades.items():
        lines.append(_line(name, "trade", parts, [part.result for part in parts]))
    return tuple(sorted(lines, key=lambda line: line.hedge))


def _line(
    name: str, unit: str, pieces: Sequence[_HedgePiece], results: Sequence[float]
) -> HedgeLine:
    cost, benefit = sum(min(r, 0.0) for r in results), sum(max(r, 0.0) for r in results)
    covered, until = 0, 0
    for piece in sorted(pieces, key=lambda piece: piece.started_at):
        covered += max(piece.ended_at - max(piece.started_at, until), 0)
        until = max(until, piece.ended_at)
    return HedgeLine(name, unit, len(results), covered / DAY_NS, cost, benefit, cost + benefit)


def _by_month(pieces: Sequence[_HedgePiece]) -> list[float]:
    months: dict[int, float] = defaultdict(float)
    for piece in pieces:
        months[_month(piece.started_at)] += piece.result
    return list(months.values())


def _of_trade(trade: Trade, end: int) -> _HedgePiece:
    ended_at = end if trade.exited_at == UNSET else trade.exited_at
    return _HedgePiece(trade.entered_at, ended_at, trade.net_pnl)


def _traded(record: RunRecord) -> dict[tuple[str, int], str]:
    """Return the hedge by instrument and direction of the trades that an overlay adds to the book.

    A negative overlay of an instrument that is also held long is no trade of the book's own.
    """
    shorts = {trade.instrument for trade in record.trades if trade.direction < 0}
    return {
        (row.instrument, 1 if row.weight > 0 else -1): row.hedge
        for row in record.run.outcome.overlays
        if row.weight > 0 or (row.weight < 0 and row.instrument in shorts)
    }


def _held_back(record: RunRecord, traded: set[str]) -> Iterator[tuple[str, _HedgePiece]]:
    """Yield (hedge, piece) of every weight that a hedge reduced."""
    groups: dict[int, list[Overlay]] = defaultdict(list)
    for row in record.run.outcome.overlays:
        groups[row.at].append(row)
    # A guard that sells everything ends the reduced weights until the next rebalancing.
    sold = sorted(o.decided_at for o in record.run.outcome.orders if o.role == OrderRole.GUARD)
    for at, following in pairwise([*sorted(groups), record.end]):
        until = min([following, *(instant for instant in sold if instant > at)])
        for row in groups[at]:
            if row.weight != 0 and row.instrument not in traded:
                for piece in _pieces(record, row, at, until):
                    yield row.hedge, piece


def _pieces(record: RunRecord, row: Overlay, at: int, until: int) -> list[_HedgePiece]:
    """Return the pieces of a reduced weight between two rebalancings, one a month."""
    first, last = _month(at) + 1, _month(until)
    cuts = np.arange(first, last + 1).astype("datetime64[M]").astype("datetime64[ns]")
    edges = np.array([at, *cuts.astype(np.int64)[cuts.astype(np.int64) < until], until])
    prices = as_of(record.traded_bars[row.instrument], "close", edges).values
    results = row.weight * row.equity * np.diff(prices) / prices[0]
    spans = zip(edges[:-1].tolist(), edges[1:].tolist(), results.tolist(), strict=True)
    return [_HedgePiece(*span) for span in spans]


def _month(at: int) -> int:
    """Return the months since 1970 of an instant, UTC."""
    return int(np.datetime64(at, "ns").astype("datetime64[M]").astype(np.int64))
