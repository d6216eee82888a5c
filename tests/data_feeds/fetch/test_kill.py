"""A fetch killed at any moment continues where it stopped, with the same final bytes.

The child process is killed with SIGKILL: no handler and no ``finally`` runs.
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data_feeds.catalog import Catalog
from data_feeds.fetch import fetch
from tests.data_feeds.fetch.made_source import FUNDING, KEY, MadeSource, job
from tests.data_feeds.fetch.test_fetcher import NOW, stored

REPOSITORY = Path(__file__).resolve().parents[3]
KILLED = -9
# Twenty random moments with `make soak`, five otherwise.
MOMENTS = 20 if os.environ.get("RISKOFF_SOAK") else 5

# Kills its own process before or after the n-th call of one step of a write.
CHILD = """
import os, signal, sys
from pathlib import Path
folder, step, nth, when = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
calls = 0

def watched(real):
    def call(*arguments, **named):
        global calls
        calls += 1
        if calls == nth and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*arguments, **named)
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return call

if step in ("fsync", "replace"):
    setattr(os, step, watched(getattr(os, step)))
elif step == "sweep":
    Path.unlink = watched(Path.unlink)
from data_feeds.catalog import Catalog
from data_feeds.fetch import fetch
from tests.data_feeds.fetch.made_source import FUNDING, MadeSource, job
from tests.data_feeds.fetch.test_fetcher import NOW
print("ready", flush=True)
reports = fetch([job(MadeSource()), job(MadeSource(), key=FUNDING)], Catalog(folder), lambda: NOW)
assert not any(report.problem for report in reports)
print(calls)
"""


def child(folder: Path, step: str = "none", nth: int = 0, when: str = "before") -> list[str]:
    return [sys.executable, "-c", CHILD, str(folder), step, str(nth), when]


def fetch_again(folder: Path) -> None:
    """Fetch in this process, which needs no second to start."""
    jobs = [job(MadeSource()), job(MadeSource(), key=FUNDING)]
    assert not any(report.problem for report in fetch(jobs, Catalog(folder), lambda: NOW))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed")
    subprocess.run(child(folder), check=True, cwd=REPOSITORY, capture_output=True)
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
    killed = subprocess.run(
        child(tmp_path, step, nth, when), check=False, cwd=REPOSITORY, capture_output=True
    )
    assert killed.returncode == KILLED
    assert all(row.is_sound for row in Catalog(tmp_path).verify())
    fetch_again(tmp_path)
    assert stored(tmp_path) == undisturbed


def test_a_fetch_that_stores_nothing_removes_what_a_killed_one_left(
    tmp_path: Path, undisturbed: dict[str, bytes]
) -> None:
    counted = subprocess.run(
        child(tmp_path / "counted", "sweep"), check=True, cwd=REPOSITORY, capture_output=True
    )
    last = int(counted.stdout.split()[-1])
    folder = tmp_path / "killed"
    killed = subprocess.run(child(folder, "sweep", last), check=False, cwd=REPOSITORY)
    assert killed.returncode == KILLED
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
        process = subprocess.Popen(
            child(tmp_path), cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        with process, process.stdout:
            assert process.stdout.readline() == "ready\n"
            begun = time.monotonic()
            try:
                process.wait(timeout=draw.uniform(0.0, 0.15 + fetching))
            except subprocess.TimeoutExpired:
                process.kill()
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
