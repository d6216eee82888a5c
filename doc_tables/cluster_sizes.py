"""Make the tables of docs/statistics.md on clusters: how often intervals hold the true mean.

Each sample is one sum a cluster, over lengths drawn from those of real sell-offs. Takes some
minutes on one core.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from doc_tables.blocks import PageBlock, table
from engine.statistics import LEAST_CLUSTERS, ClusterEffect, cluster_effect
from tests.engine.statistics.cluster_sums import KINDS, cluster_sums

PAGE, NAME = "statistics.md", "coverage"
# The least, some, and those of BTC and QQQ.
CLUSTERS = (LEAST_CLUSTERS, 8, 14, 21)
SAMPLES = {6: 2_000, 8: 2_000, 14: 1_000, 21: 100}
HEADING = ("clusters", "samples", *KINDS)


def coverage(kind: str, clusters: int, samples: int) -> tuple[float, float]:
    """Return the shares of 95% intervals that hold the true mean, by sign flips and by t."""
    draw = np.random.default_rng([clusters, len(kind)])
    flips = student = 0
    for seed in range(samples):
        found = cluster_effect(cluster_sums(draw, KINDS[kind], clusters), seed=seed)
        assert isinstance(found, ClusterEffect)
        flips += found.low <= 0.0 <= found.high
        student += found.t_low <= 0.0 <= found.t_high
    return flips / samples, student / samples


def blocks(catalog: Path) -> Iterator[PageBlock]:
    """Yield the whole table; it needs no data."""
    rows = [_cells(clusters, SAMPLES[clusters]) for clusters in CLUSTERS]
    yield PageBlock(PAGE, NAME, table(HEADING, rows))


def sample() -> Iterator[PageBlock]:
    """Yield the table's first row."""
    rows = [_cells(CLUSTERS[0], SAMPLES[CLUSTERS[0]])]
    yield PageBlock(PAGE, NAME, table(HEADING, rows))


def _cells(clusters: int, samples: int) -> tuple[str, ...]:
    found = [coverage(kind, clusters, samples) for kind in KINDS]
    shares = (f"{flips:.1%} ({student:.1%})" for flips, student in found)
    return (f"{clusters}", f"{samples:,}", *shares)
