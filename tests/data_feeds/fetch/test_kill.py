"""A fetch killed at any moment continues where it stopped, with the same final bytes.

The child process is killed with SIGKILL: no handler and no ``finally`` runs.
"""

import os
import random
import time
from pathlib import Path

import pytest

from data_feeds.catalog import Catalog
from data_feeds.fetch import fetch
from tests.data_feeds.fetch.killed import started
from tests.data_feeds.fetch.made_source import FUNDING, KEY, MadeSource, job
from tests.data_feeds.fetch.test_fetcher import NOW, stored
from tests.patience import HANGS_S

KILLED = -9
# Twenty random moments with `make soak`, five otherwise.
MOMENTS = 20 if os.environ.get("RISKOFF_SOAK") else 5


def exit_code(folder: Path, step: str = "none", nth: int = 0, when: str = "before") -> int | None:
    """Return the exit code of a fetch that may kill itself."""
    process, _ = started(folder, step, nth, when)
    process.join(HANGS_S)
    return process.exitcode


def fetch_again(folder: Path) -> None:
    """Fetch in this process, which needs no second to start."""
    jobs = [job(MadeSource()), job(MadeSource(), key=FUNDING)]
    assert not any(report.problem for report in fetch(jobs, Catalog(folder), lambda: NOW))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert exit_code(folder) == 0
    found = stored(folder)
    assert len(found) == 5  # the index, two months of bars, two years of funding
    return found


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("step", "nth"),
    # A write syncs its file and its folder and renames once; a step of a fetch writes one or two
    # parts and the index, then removes the versions that these replace.
    [("fsync", 1), ("fsync", 2), ("fsync", 4), ("fsync", 9), ("replace", 1), ("replace", 2),
     ("replace", 3), ("replace", 7), ("sweep", 1), ("sweep", 4)],
)  # fmt: skip
def test_a_fetch_killed_at_a_write_continues(
    tmp_path: Path, undisturbed: dict[str, bytes], step: str, nth: int, when: str
) -> None:
    assert exit_code(tmp_path, step, nth, when) == KILLED
    assert all(row.is_sound for row in Catalog(tmp_path).verify())
    fetch_again(tmp_path)
    assert stored(tmp_path) == undisturbed


def test_a_fetch_that_stores_nothing_removes_what_a_killed_one_left(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    _, counted = started(tmp_path / "counted", "sweep")
    last, folder = counted.recv(), tmp_path / "killed"
    assert exit_code(folder, "sweep", last) == KILLED
    # All rows are stored and named; one older version of a part was not removed.
    left = stored(folder)
    assert {name: left[name] for name in undisturbed} == undisturbed
    assert len(left) == len(undisturbed) + 1
    source = MadeSource()
    fetch([job(source), job(source, key=FUNDING)], Catalog(folder), lambda: NOW)
    assert (source.asked, stored(folder)) == ([], undisturbed)


@pytest.mark.parametrize("seed", range(MOMENTS))
def test_a_fetch_killed_at_a_random_moment_continues(
    tmp_path: Path, undisturbed: dict[str, bytes], seed: int
) -> None:
    draw = random.Random(seed)
    fetching = 0.0
    for _ in range(3):
        process, _ = started(tmp_path)
        begun = time.monotonic()
        process.join(draw.uniform(0.0, 0.15 + fetching))
        process.kill()
        process.join()
        fetching += time.monotonic() - begun
        assert all(row.is_sound for row in Catalog(tmp_path).verify())
    fetch_again(tmp_path)
    assert stored(tmp_path) == undisturbed


def test_the_child_s_catalog_is_the_one_made_here(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    fetch_again(tmp_path)
    assert stored(tmp_path) == undisturbed
    assert Catalog(tmp_path).entry(KEY).rows == 59 * 48
