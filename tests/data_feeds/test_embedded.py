"""The embedded catalog is generated once, completely, in a folder that the user can choose."""

import errno
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from multiprocessing.synchronize import Event
from pathlib import Path
from types import SimpleNamespace

import filelock
import pytest

from data_feeds import embedded
from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.default_data import how_to_get_data
from data_feeds.embedded import CACHE_VARIABLE, cache_folder, embedded_catalog
from data_feeds.errors import StorageError
from data_feeds.load import open_source
from data_feeds.schema import ChannelKey, ChannelKind
from tests.data_feeds.factory import PERP, bars, ns
from tests.patience import HANGS_S

KEY = ChannelKey(PERP.id, ChannelKind.BARS, "1h")
REPOSITORY = Path(__file__).resolve().parents[2]


def small() -> Dataset:
    """Return one bar instead of three episodes."""
    return Dataset({PERP.id: PERP}, {KEY: bars([ns("2020-03-12T10:00")], [(1, 2, 1, 2, 3)])})


def refuse() -> Dataset:
    raise AssertionError("the catalog was made again")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty cache folder; reconstruct one bar only."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(embedded, "reconstruct", small)
    return tmp_path / "cache"


def catalogs(folder: Path) -> list[Path]:
    return sorted(folder.glob("reconstructions-*"))


def test_the_first_call_makes_the_catalog_and_the_second_reads_it(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not cache.exists()
    first = embedded_catalog()
    assert first.read(KEY)["close"].tolist() == [2.0]
    monkeypatch.setattr(embedded, "reconstruct", refuse)
    second = embedded_catalog()
    assert second.path == first.path
    assert second.read(KEY)["close"].tolist() == [2.0]


def test_a_finished_catalog_is_read_without_a_lock(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So it can lie in a folder that the user may only read.
    made = embedded_catalog()

    def refused(_: str) -> None:
        raise PermissionError("the folder is read-only")

    monkeypatch.setattr(embedded, "filelock", SimpleNamespace(FileLock=refused))
    assert embedded_catalog().path == made.path


def test_a_config_reaches_the_same_catalog_by_name(cache: Path) -> None:
    source = open_source("embedded")
    assert isinstance(source, Catalog)
    assert source.path == embedded_catalog().path


def test_the_catalog_says_that_it_is_no_record(cache: Path) -> None:
    origin = embedded_catalog().entry(KEY).origin
    assert "synthetic" in origin.source
    assert "no record" in origin.licence


def test_the_variable_names_the_folder(cache: Path) -> None:
    assert cache_folder() == cache
    assert embedded_catalog().path.parent == cache


@pytest.mark.parametrize("value", [None, ""])
def test_without_the_variable_it_is_the_users_cache(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is None:
        monkeypatch.delenv(CACHE_VARIABLE)
    else:
        monkeypatch.setenv(CACHE_VARIABLE, value)
    assert cache_folder().name == "riskoff"
    assert cache_folder().is_absolute()


def test_other_code_gives_another_catalog(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = embedded_catalog().path
    monkeypatch.setattr(embedded, "_fingerprint", lambda: "0" * 64)
    new = embedded_catalog().path
    assert new != old
    assert catalogs(cache) == sorted([old, new])


@pytest.mark.parametrize("source", [*embedded._SOURCES, "simulation/episode_parameters.py"])
def test_the_fingerprint_follows_the_code_that_makes_rows(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "package"
    shutil.copytree(embedded._PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(embedded, "_PACKAGE", package)
    # The function under the cache: each call reads the files.
    fingerprint = embedded._fingerprint.__wrapped__
    before = fingerprint()
    assert fingerprint() == before
    place = package / source
    changed = place if place.is_file() else sorted(place.glob("*.py"))[-1]
    changed.write_text(changed.read_text(encoding="utf-8") + "\n# another\n", encoding="utf-8")
    assert fingerprint() != before


@pytest.mark.parametrize("package", embedded._PACKAGES)
def test_the_fingerprint_follows_the_packages_below(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprint = embedded._fingerprint.__wrapped__
    before, installed = fingerprint(), embedded.version

    def newer(name: str) -> str:
        return "99.0" if name == package else installed(name)

    monkeypatch.setattr(embedded, "version", newer)
    assert fingerprint() != before


@pytest.mark.parametrize("lost", ["*.parquet", "index.json", "broken index"])
def test_a_damaged_catalog_is_made_again(cache: Path, lost: str) -> None:
    made = embedded_catalog()
    if lost == "broken index":
        (made.path / "index.json").write_text("{", encoding="utf-8")
    else:
        for file in list(made.path.rglob(lost)):
            file.unlink()
    healed = embedded_catalog()
    assert healed.path == made.path
    assert healed.read(KEY)["close"].tolist() == [2.0]


def test_others_may_read_a_shared_cache(cache: Path) -> None:
    assert embedded_catalog().path.stat().st_mode & 0o777 == 0o755


def test_a_cache_that_may_not_be_looked_into_is_a_storage_error(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Catalog) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(embedded.Catalog, "exists", refused)
    with pytest.raises(StorageError, match="Permission denied") as error:
        embedded_catalog()
    assert CACHE_VARIABLE in str(error.value)


def test_a_failure_while_making_leaves_no_catalog(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> Dataset:
        raise KeyboardInterrupt

    monkeypatch.setattr(embedded, "reconstruct", interrupted)
    with pytest.raises(KeyboardInterrupt):
        embedded_catalog()
    assert catalogs(cache) == []
    monkeypatch.setattr(embedded, "reconstruct", small)
    assert embedded_catalog().read(KEY)["close"].tolist() == [2.0]


def test_an_interrupt_while_writing_leaves_no_catalog(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", interrupted)
        with pytest.raises(KeyboardInterrupt):
            embedded_catalog()
    assert catalogs(cache) == []
    assert list(cache.glob("making-*")) == []
    assert embedded_catalog().exists()


KILLED = """
import os, signal, sys
from data_feeds import embedded
from tests.data_feeds.test_embedded import small
class Killing(embedded.Catalog):
    def batch(self):
        outer = super().batch()
        class Stop:
            def __enter__(inner):
                batch = outer.__enter__()
                replace = batch.replace
                def once(*arguments):
                    replace(*arguments)
                    os.kill(os.getpid(), signal.SIGKILL)
                batch.replace = once
                return batch
            def __exit__(inner, *error):
                return outer.__exit__(*error)
        return Stop()
embedded.reconstruct = small
embedded.Catalog = Killing
embedded.embedded_catalog()
"""


def test_a_killed_process_leaves_nothing_that_a_later_call_takes(cache: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED], cwd=REPOSITORY, timeout=HANGS_S, check=False
    )
    assert done.returncode == -signal.SIGKILL
    (left,) = cache.glob("making-*")
    assert any(left.rglob("*.parquet"))
    assert catalogs(cache) == []
    # The lock ended with its process, and the unfinished folder is removed.
    assert embedded_catalog().read(KEY)["close"].tolist() == [2.0]
    assert list(cache.glob("making-*")) == []


def making(asked: Event, started: Event, go: Event, note: Path) -> None:
    """Generate the catalog in a child process; write a line to ``note`` a reconstruction."""

    def slow() -> Dataset:
        with note.open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")
        started.set()
        assert go.wait(HANGS_S)
        return small()

    def lock(path: str) -> filelock.BaseFileLock:
        asked.set()
        return filelock.FileLock(path)

    embedded.reconstruct = slow
    embedded.filelock = SimpleNamespace(FileLock=lock)
    assert embedded_catalog().read(KEY)["close"].tolist() == [2.0]


def test_two_processes_at_once_generate_one_catalog(cache: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    asked, started, go = [context.Event(), context.Event()], context.Event(), context.Event()
    note = tmp_path / "made"
    children = [context.Process(target=making, args=(event, started, go, note)) for event in asked]
    children[0].start()
    assert started.wait(HANGS_S)
    # The first process still holds the lock: the second finds no catalog and waits.
    children[1].start()
    assert asked[1].wait(HANGS_S)
    assert catalogs(cache) == []
    go.set()
    for child in children:
        child.join(HANGS_S)
    assert [child.exitcode for child in children] == [0, 0]
    assert len(note.read_text(encoding="utf-8").splitlines()) == 1
    assert len(catalogs(cache)) == 1


def test_a_folder_that_cannot_be_made_is_a_storage_error_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a file"
    file.write_text("", encoding="utf-8")
    monkeypatch.setenv(CACHE_VARIABLE, str(file / "cache"))
    monkeypatch.setattr(embedded, "reconstruct", small)
    with pytest.raises(StorageError) as error:
        embedded_catalog()
    assert str(file / "cache") in str(error.value)
    assert CACHE_VARIABLE in str(error.value)


def test_a_disk_that_refuses_is_a_storage_error_and_leaves_no_catalog(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(embedded.Catalog, "batch", full)
        with pytest.raises(StorageError, match="No space left on device") as error:
            embedded_catalog()
    assert str(cache) in str(error.value)
    assert CACHE_VARIABLE in str(error.value)
    assert catalogs(cache) == []
    assert embedded_catalog().exists()


def test_an_error_about_the_reconstructions_never_sends_real_rows_into_them() -> None:
    ways = how_to_get_data(embedded_catalog().path)
    assert str(embedded_catalog().path) not in ways
    assert "take a catalog of real data" in ways
    # Another catalog is filled by name.
    assert "--data other" in how_to_get_data("other")
