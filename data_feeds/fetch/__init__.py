"""Download a plan's channels into a catalog; a killed fetch continues where it stopped."""

from data_feeds.fetch.fetcher import FetchProgress, JobReport, fetch
from data_feeds.fetch.jobs import Job, jobs_of, missing_spans
from data_feeds.fetch.plan import FetchPlan, load_plan

__all__ = [
    "FetchPlan",
    "FetchProgress",
    "Job",
    "JobReport",
    "fetch",
    "jobs_of",
    "load_plan",
    "missing_spans",
]
