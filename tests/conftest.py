"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from data_feeds.catalog import Catalog
from data_feeds.sources.local_files import import_mapping
from tests.data_feeds.guard import forbid_network

# A loaded machine draws slowly, which is no fault of the data drawn.
SLOW = [HealthCheck.too_slow]
# Every run draws the same cases; `make soak` draws more, and new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None, suppress_health_check=SLOW)
settings.register_profile("soak", max_examples=5_000, deadline=None, suppress_health_check=SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

REPOSITORY = Path(__file__).resolve().parents[1]
# Tests write nothing into the user's own cache.
os.environ.setdefault("RISKOFF_CACHE", str(REPOSITORY / ".data" / "cache"))
MAPPING = REPOSITORY / "tests" / "real_data" / "mapping.yaml"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_network(monkeypatch)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of the real data; skip the test where there is none."""
    root = os.environ.get("RISKOFF_REAL_DATA")
    if not root or not Path(root).is_dir():
        pytest.skip(f"RISKOFF_REAL_DATA={root!r} is no folder; set it to the real data's")
    return Path(root)


@pytest.fixture(scope="session")
def real_catalog(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Return a catalog of the real data, imported once a session."""
    catalog = Catalog(tmp_path_factory.mktemp("real") / "catalog")
    import_mapping(MAPPING, catalog, root=real_data)
    return catalog
