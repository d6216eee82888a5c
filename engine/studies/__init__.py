"""Event studies over the episodes: what markets did around flushes, reclaims and verdicts.

They look into the future by construction and are for reports only; nothing that decides can import
this package.
"""

from engine.studies.path_chart import study_picture
from engine.studies.sightings import CHECKLIST_KINDS, EventKind, Sightings, Unseen, find_sightings
from engine.studies.study import Study, StudyRules, run_study
from engine.studies.study_tables import paths_table, study_document, study_text

__all__ = [
    "CHECKLIST_KINDS",
    "EventKind",
    "Sightings",
    "Study",
    "StudyRules",
    "Unseen",
    "find_sightings",
    "paths_table",
    "run_study",
    "study_document",
    "study_picture",
    "study_text",
]
