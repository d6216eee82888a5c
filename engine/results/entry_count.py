"""The number of entries of a run: its trades or, of a book of weights, its rebalancings."""

from collections.abc import Collection, Iterable
from typing import NamedTuple


class BookDecision(NamedTuple):
    """A risk decision on a rebalancing; ``decided_at`` in ns UTC."""

    decision_id: int
    plan_id: int
    decided_at: int


def count_entries(
    book: Collection[BookDecision], filled: Collection[int], trades: Iterable[int]
) -> int:
    """Return the number of trades or, of a book of weights, of rebalancings that traded.

    Parameters
    ----------
    book : the decisions on rebalancings; those of one instant are one rebalancing
    filled : decisions of which an order filled
    trades : the plan of each trade; a trade of the book is no entry of its own

    >>> book = [BookDecision(1, 11, 0), BookDecision(2, 12, 0), BookDecision(3, 12, 9)]
    >>> count_entries(book, {1, 2}, [11, 12, 13])
    2
    """
    plans = {decision.plan_id for decision in book}
    others = sum(plan not in plans for plan in trades)
    return others + len({item.decided_at for item in book if item.decision_id in filled})
