"""Make the table of docs/results.md: the headline numbers, from their registry."""

from collections.abc import Iterator
from pathlib import Path

from doc_tables.blocks import PageBlock, table
from engine.metrics import METRICS, Better, Metric

PAGE, NAME = "results.md", "metrics"
HEADING = ("name", "title", "unit", "better", "meaning", "interval from")
BETTER = {Better.MORE: "more", Better.LESS: "less", Better.NEITHER: "-"}


def blocks(_: Path) -> Iterator[PageBlock]:
    """Yield the whole table; it needs no data."""
    yield from sample()


def sample() -> Iterator[PageBlock]:
    """Yield the whole table."""
    yield PageBlock(PAGE, NAME, table(HEADING, map(_cells, METRICS)))


def _cells(metric: Metric) -> tuple[str, ...]:
    interval = metric.interval_from.value or "-"
    better = BETTER[metric.better]
    return (f"`{metric.name}`", metric.title, metric.unit.value, better, metric.says, interval)
