"""The effect of each condition of a playbook, as numbers, as text and as a page."""

from engine.attribution.attribution_folder import write_attribution
from engine.attribution.attribution_page import PAGE_FILE
from engine.attribution.effects import (
    Attribution,
    ConditionEffect,
    RunFigures,
    attribute,
    rows_failed_alone,
)

__all__ = [
    "PAGE_FILE",
    "Attribution",
    "ConditionEffect",
    "RunFigures",
    "attribute",
    "rows_failed_alone",
    "write_attribution",
]
