"""Event studies over the episodes: market moves around flushes, reclaims and verdicts.

A study looks into the future by construction and serves reports only; no module that decides
imports this package.
"""

from engine.studies.path_chart import study_picture
from engine.studies.sightings import CHECKLIST_KINDS, EventKind, Sightings, Unseen, find_sightings
from engine.studies.study import Study, StudyRules, run_study
from engine.studies.study_page import PAGE_FILE, study_page
from engine.studies.study_tables import paths_table, study_document, study_text

__all__ = [
    "CHECKLIST_KINDS",
    "PAGE_FILE",
    "EventKind",
    "Sightings",
    "Study",
    "StudyRules",
    "Unseen",
    "find_sightings",
    "paths_table",
    "run_study",
    "study_document",
    "study_page",
    "study_picture",
    "study_text",
]
