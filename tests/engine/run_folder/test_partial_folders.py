"""Hidden folders of dead processes are removed by the next writer; those of live ones stay."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.run_folder.partial_folders import partial_folder, remove_leftovers
from engine.run_folder.write import check_writable, staged

# Writes half a result into the folder of the first argument, says so, and waits to be killed.
HALF = """
import sys
from pathlib import Path
from engine.run_folder.write import staged
with staged(Path(sys.argv[1]) / "result") as folder:
    (folder / "half.txt").write_text("half")
    print("written", flush=True)
    sys.stdin.read()
"""


def hidden(root: Path) -> set[str]:
    return {path.name for path in root.iterdir() if path.name.startswith(".")}


@pytest.fixture
def writer(tmp_path):
    """Start a process that stands in the middle of a result; yield it."""
    with subprocess.Popen(
        [sys.executable, "-c", HALF, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "written\n"
        yield process
        process.kill()


def test_the_folder_of_a_live_process_stays(tmp_path, writer):
    before = hidden(tmp_path)
    assert len(before) == 2, "a folder and its lock"
    remove_leftovers(tmp_path)
    with staged(tmp_path / "other") as folder:
        (folder / "whole.txt").write_text("whole")
    assert hidden(tmp_path) == before
    writer.communicate("")
    # It goes on and publishes its own result.
    assert (tmp_path / "result" / "half.txt").read_text() == "half"
    assert hidden(tmp_path) == set()


@pytest.mark.parametrize("clean", [remove_leftovers, check_writable])
def test_the_folder_of_a_killed_process_is_removed(tmp_path, writer, clean):
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    assert len(hidden(tmp_path)) == 2
    clean(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_result_that_was_being_replaced_returns_to_its_place(tmp_path):
    # Killed between the two renames: the earlier result lies in the hidden folder alone.
    left = tmp_path / ".partial-dead"
    (left / "replaced" / "result").mkdir(parents=True)
    (left / "replaced" / "result" / "whole.txt").write_text("whole")
    (tmp_path / ".partial-dead.lock").touch()
    remove_leftovers(tmp_path)
    assert (tmp_path / "result" / "whole.txt").read_text() == "whole"
    assert hidden(tmp_path) == set()


def test_a_result_that_was_replaced_is_not_brought_back(tmp_path):
    left = tmp_path / ".partial-dead"
    (left / "replaced" / "result").mkdir(parents=True)
    (tmp_path / "result").mkdir()
    (tmp_path / "result" / "new.txt").write_text("new")
    (tmp_path / ".partial-dead.lock").touch()
    remove_leftovers(tmp_path)
    assert (tmp_path / "result" / "new.txt").read_text() == "new"


def test_an_error_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), partial_folder(tmp_path):
        1 / 0  # noqa: B018
    assert list(tmp_path.iterdir()) == []
