"""Download what a plan names into a catalog; killed at any moment, it goes on where it stopped."""

from data_feeds.fetch.engine import JobReport, Progress, fetch
from data_feeds.fetch.jobs import Job, jobs_of, missing_spans
from data_feeds.fetch.plan import FetchPlan, load_plan

__all__ = [
    "FetchPlan",
    "Job",
    "JobReport",
    "Progress",
    "fetch",
    "jobs_of",
    "load_plan",
    "missing_spans",
]
