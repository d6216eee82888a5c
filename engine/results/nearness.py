"""Order the rows of the journal by how near they came to an entry."""

from collections.abc import Iterable, Mapping
from typing import Any

from engine.decision_terms import BlockKind
from engine.results.failing import gap

NOTHING_DUE = "nothing due"
# Blocks of rows at which every required condition held, the nearest to an entry first.
_KINDS = (BlockKind.RISK, BlockKind.ACCOUNT, BlockKind.PLAYBOOK)


def nearness(row: Mapping[str, Any]) -> tuple[int, int, float, Any]:
    """Return the key that sorts journal rows by how near they came to an entry, nearest first.

    This is the only definition of the nearest miss. The key compares, in this order: the number of
    failed required conditions, in the group of the row that came nearest; if none failed, refused
    by risk before account not free before no intent; the distance of the failed number from its
    threshold, none last; the time.
    """
    failing, kind = row["required_failing"], row["blocked_kind"]
    order = _KINDS.index(kind) if not failing and kind in _KINDS else 0
    return failing, order, gap(failing, row["nearest_miss_distance"]), row["at"]


def best_of_setups(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return each setup's nearest row, the nearest first.

    Rows without a setup give one row a UTC day.
    """
    best: dict[object, Mapping[str, Any]] = {}
    for row in sorted(rows, key=nearness):
        best.setdefault(row["setup"] or row["at"].date(), row)
    return list(best.values())
