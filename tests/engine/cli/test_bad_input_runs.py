"""Check that failing runs give one clear line and leave earlier runs and catalog intact."""

import errno
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import filelock
import pytest

from data_feeds.catalog import Catalog, Origin
from tests.embedded import PERP, embedded_dataset
from tests.engine.cli.command import (
    COMMAND,
    Command,
    FinishedCommand,
    assert_one_clear_line,
    environment,
    interruptible,
)

FIRST_CLOSE = "2026-02-03T00:"


def fault(name: str) -> tuple[str, str]:
    return ("--set", f"playbook.params.fault={name}")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
    }


def test_a_failed_run_leaves_the_earlier_one_untouched(
    toy_project: Path, toy_run: Callable[..., FinishedCommand]
) -> None:
    assert toy_run().returncode == 0
    before = contents(toy_project / "runs")
    assert_one_clear_line(toy_run(*fault("on_bar")), 4)
    assert contents(toy_project / "runs") == before


def test_a_playbook_that_raises_is_named_with_instrument_and_bar_time(
    toy_run: Callable[..., FinishedCommand],
) -> None:
    line = assert_one_clear_line(toy_run(*fault("on_bar")), 4)
    for part in ("toy", PERP, FIRST_CLOSE, "ZeroDivisionError: division by zero"):
        assert part in line


def test_a_playbook_that_raises_in_prepare_is_named(
    toy_run: Callable[..., FinishedCommand],
) -> None:
    line = assert_one_clear_line(toy_run(*fault("prepare")), 4)
    for part in ("toy", PERP, "KeyError", "no such column"):
        assert part in line


@pytest.mark.parametrize("method", ["prepare", "on_bar", "on_fill"])
def test_a_playbook_cannot_end_the_process(
    toy_run: Callable[..., FinishedCommand], method: str
) -> None:
    line = assert_one_clear_line(toy_run(*fault(f"{method}_exit")), 4)
    assert f"playbook toy: {method} raised SystemExit: 0" in line


def test_an_exception_of_several_lines_is_told_in_one(
    toy_run: Callable[..., FinishedCommand],
) -> None:
    line = assert_one_clear_line(toy_run(*fault("lines")), 4)
    assert "ValueError: first second" in line


def test_a_stop_written_as_text_is_the_authors_to_mend(
    toy_run: Callable[..., FinishedCommand],
) -> None:
    line = assert_one_clear_line(toy_run(*fault("text_stop")), 4)
    assert "playbook toy: on_bar raised ValueError: stop must be a number, not '0.97'" in line
    assert FIRST_CLOSE in line


def test_a_missing_required_channel_is_named(toy_run: Callable[..., FinishedCommand]) -> None:
    line = assert_one_clear_line(toy_run(*fault("channel")), 3)
    assert f"{PERP}/dividends: not in the data" in line


@pytest.mark.parametrize(
    "window",
    [
        ("data.start=2018-01-01", "data.end=2018-02-01"),
        ("data.start=2026-02-01", "data.end=2027-02-01"),
    ],
)
def test_a_window_outside_the_data_is_refused_with_what_there_is(
    toy_run: Callable[..., FinishedCommand], window: tuple[str, str]
) -> None:
    line = assert_one_clear_line(toy_run("--set", window[0], "--set", window[1]), 3)
    assert f"{PERP}/bars/15m" in line
    assert "2024-10-01" in line
    assert "2026-04-16" in line


def test_a_warm_up_longer_than_the_data_is_refused(toy_run: Callable[..., FinishedCommand]) -> None:
    # 560 days from 2024-10-01 to 2026-04-15 hold 53,760 bars of 15 minutes.
    line = assert_one_clear_line(toy_run("--set", "playbook.params.warmup_bars=60000"), 3)
    assert "warm-up" in line


@pytest.fixture
def catalog(toy_project: Path) -> Path:
    """Return the embedded data as a catalog in the project."""
    data = embedded_dataset()
    folder = toy_project / "catalog"
    stored = [channel for key, channel in data.channels.items() if key.instrument == PERP]
    Catalog(folder).write(data.instruments[PERP], stored, Origin(source="test"))
    return folder


@pytest.mark.parametrize("harm", ["missing", "truncated", "changed"])
def test_a_harmed_data_file_stops_the_run_and_is_named(
    catalog: Path, toy_run: Callable[..., FinishedCommand], harm: str
) -> None:
    for stored in catalog.rglob("*.parquet"):
        whole = stored.read_bytes()
        if harm == "missing":
            stored.unlink()
        elif harm == "truncated":
            stored.write_bytes(whole[: len(whole) // 2])
        else:
            stored.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    line = assert_one_clear_line(toy_run("--data", "catalog"), 3)
    assert ".parquet" in line


def test_a_folder_without_a_catalog_stops_the_run(toy_run: Callable[..., FinishedCommand]) -> None:
    line = assert_one_clear_line(toy_run("--data", "nowhere"), 3)
    assert line.startswith("nowhere: no catalog here")


def test_an_output_folder_that_is_a_file_is_refused_before_the_work(
    toy_project: Path, toy_run: Callable[..., FinishedCommand]
) -> None:
    (toy_project / "taken").write_text("mine")
    # The playbook would raise; it does not, so the folder is checked first.
    line = assert_one_clear_line(toy_run("--out", "taken", *fault("on_bar")), 6)
    assert "taken" in line
    assert (toy_project / "taken").read_text() == "mine"


def test_a_read_only_output_folder_is_refused_before_the_work(
    toy_run: Callable[..., FinishedCommand], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    # Root may write anywhere, so the test fakes the system's error.
    monkeypatch.setattr(filelock.FileLock, "acquire", read_only)
    line = assert_one_clear_line(toy_run(*fault("on_bar")), 6)
    assert "Read-only file system" in line
    assert "--out" in line


def test_a_disk_that_fills_up_leaves_nothing_half_written(toy_project: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    python, flag, code = COMMAND
    arguments = ("run", "run.yaml", "--plugin-path", "plugins")
    finished = subprocess.run(
        [python, flag, f"{limit}; {code}", *arguments],
        cwd=toy_project,
        # Compiled code is cached on disk too; this disk is full.
        env=environment(NUMBA_DISABLE_CACHING="1", PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        check=False,
    )
    done = FinishedCommand(finished.returncode, finished.stdout, finished.stderr)
    assert "File too large" in assert_one_clear_line(done, 6)
    assert list((toy_project / "runs").iterdir()) == []


def test_ctrl_c_leaves_no_run_and_spares_the_earlier_ones_and_the_catalog(
    toy_project: Path, catalog: Path, toy_run: Callable[..., FinishedCommand]
) -> None:
    assert toy_run("--data", "catalog").returncode == 0
    before = contents(toy_project / "runs") | contents(catalog)
    arguments = ("run", "run.yaml", "--plugin-path", "plugins", "--data", "catalog")
    finished = subprocess.run(
        [*COMMAND, *arguments, *fault("interrupt")],
        cwd=toy_project,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=interruptible,
    )
    done = FinishedCommand(finished.returncode, finished.stdout, finished.stderr)
    assert assert_one_clear_line(done, 130) == "interrupted; nothing half-written is left"
    assert contents(toy_project / "runs") | contents(catalog) == before


def test_a_polite_kill_leaves_nothing_half_written(toy_project: Path, toy_name: str) -> None:
    text = (toy_project / "plugins" / f"{toy_name}.py").read_text()
    (toy_project / "plugins" / f"{toy_name}.py").write_text(text.replace("SIGINT", "SIGTERM"))
    arguments = ("run", "run.yaml", "--plugin-path", "plugins", *fault("interrupt"))
    finished = subprocess.run(
        [*COMMAND, *arguments],
        cwd=toy_project,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 128 + signal.SIGTERM
    assert (finished.stdout, finished.stderr) == ("", "")
    assert list((toy_project / "runs").iterdir()) == []


def test_audit_of_a_folder_that_is_no_run_is_refused(toy_project: Path, command: Command) -> None:
    assert (toy_project / "plugins").is_dir()
    assert "plugins" in assert_one_clear_line(command("audit", "plugins"), 6)
