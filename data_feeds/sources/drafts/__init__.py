"""Draft a mapping for files of five well-known formats; the import then reads the mapping."""

from data_feeds.sources.drafts.draft import (
    FORMATS,
    DraftAnswers,
    MappingDraft,
    draft_mapping,
    draft_name,
)
from data_feeds.sources.drafts.understood import understood

__all__ = [
    "FORMATS",
    "DraftAnswers",
    "MappingDraft",
    "draft_mapping",
    "draft_name",
    "understood",
]
