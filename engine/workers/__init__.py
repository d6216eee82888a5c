"""Run jobs in this process, in local processes or on a Dask cluster: the same results everywhere.

Comparison, stress, attribution and sweeps use :class:`Workers` and start no process of their own.
"""

from engine.workers.choice import Workers
from engine.workers.rounds import DiedJobsError, RunBatches, RunJobs
from engine.workers.shared_folders import SharedFolders

__all__ = ["DiedJobsError", "RunBatches", "RunJobs", "SharedFolders", "Workers"]
