"""Parquet catalog: a few files per channel, one index, and no partial writes."""

from data_feeds.catalog.batch import Batch
from data_feeds.catalog.catalog import Catalog, VerifyRow, coverage_text
from data_feeds.catalog.index import (
    CatalogEntry,
    GapRow,
    Origin,
    StoredPart,
    TimeSpan,
    merged_spans,
)

__all__ = [
    "Batch",
    "Catalog",
    "CatalogEntry",
    "GapRow",
    "Origin",
    "StoredPart",
    "TimeSpan",
    "VerifyRow",
    "coverage_text",
    "merged_spans",
]
