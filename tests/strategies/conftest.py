"""Fixtures of the playbooks' tests."""

from collections.abc import Callable
from functools import lru_cache

import pytest

from data_feeds.catalog import Catalog
from engine.config_files import read_config
from engine.run import RunResult, run
from tests.quantstats_pictures import no_pictures_of_quantstats  # noqa: F401

RealRun = Callable[..., RunResult]


@pytest.fixture(scope="session")
def real_run(real_catalog: Catalog) -> RealRun:
    """Return a function that runs a file with settings on real data, once a session."""

    @lru_cache(maxsize=16)
    def made(name: str, *settings: str) -> RunResult:
        return run(read_config(name, settings, None), real_catalog)

    return made
