import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engine.run_folder.seals import write_seals
from tests.engine.cli.command import Command, FinishedCommand, assert_one_clear_line


def only_run(out: Path) -> str:
    (folder,) = out.iterdir()
    return str(folder)


def test_an_audit_prints_what_it_checked_and_json_says_the_same(
    toy_project: Path, toy_run: Callable[..., FinishedCommand], command: Command
) -> None:
    assert toy_run().returncode == 0
    folder = only_run(toy_project / "runs")
    plain = command("audit", folder)
    document = json.loads(command("audit", folder, "--json").stdout)
    assert (plain.returncode, plain.stderr, document["findings"]) == (0, "", [])
    for what, count in document["checks"].items():
        assert f"{count:,} {what}" in plain.stdout


def test_an_audit_of_a_run_whose_fill_was_taken_out_says_what_differs_and_ends_with_6(
    toy_project: Path, toy_run: Callable[..., FinishedCommand], command: Command
) -> None:
    assert toy_run().returncode == 0
    folder = only_run(toy_project / "runs")
    fills = Path(folder) / "fills.parquet"
    table = pq.read_table(fills)
    pq.write_table(table.slice(1), fills)
    done = command("audit", folder)
    assert done.returncode == 6
    assert "expected the sealed file" in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {fills}: is not the file that was written")


def test_an_audit_of_sealed_books_with_a_missing_fill_ends_with_5(
    toy_project: Path, toy_run: Callable[..., FinishedCommand], command: Command
) -> None:
    assert toy_run().returncode == 0
    folder = only_run(toy_project / "runs")
    fills = Path(folder) / "fills.parquet"
    pq.write_table(pq.read_table(fills).slice(1), fills)
    write_seals(Path(folder))
    done = command("audit", folder)
    assert done.returncode == 5
    assert "fills" in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {folder}: the audit found ")


def test_a_broken_config_in_a_run_folder_is_one_line_that_counts_the_rest(
    toy_project: Path, toy_run: Callable[..., FinishedCommand], command: Command
) -> None:
    assert toy_run().returncode == 0
    folder = only_run(toy_project / "runs")
    config = Path(folder) / "config.resolved.yaml"
    text = config.read_text().replace("risk_fraction: 0.01", "risk_fraction: -1")
    config.write_text(text.replace("seed: 0", "seed: -1\nstray: 1"))
    line = assert_one_clear_line(command("audit", folder), 6)
    assert line.startswith(f"{config}: line ")
    assert "risk.risk_fraction = -1: must be above 0" in line
    assert "(and 2 more); run again" in line


def test_explain_of_a_text_that_is_no_instant_ends_with_2(
    toy_project: Path, toy_run: Callable[..., FinishedCommand], command: Command
) -> None:
    assert toy_run().returncode == 0
    folder = only_run(toy_project / "runs")
    for text in ("NaT", "now", ""):
        assert "not an instant" in assert_one_clear_line(
            command("explain", folder, "--at", text), 2
        )
    for option in ("--day", "--why-not"):
        line = assert_one_clear_line(command("explain", folder, option, "yesterday"), 2)
        assert line == "'yesterday' is not a day; write it as 2026-02-05"


READERS = (
    ("audit",),
    ("explain",),
    ("explain", "--setup", "1"),
    ("explain", "--trade", "1"),
    ("explain", "--at", "2026-02-03T00:00Z"),
    ("explain", "--day", "2026-02-03"),
    ("explain", "--why-not", "2026-02-03"),
)


@pytest.mark.parametrize("name", ["equity.parquet", "metrics.json", "fills.parquet"])
@pytest.mark.parametrize("harm", ["cut", "edit", "remove", "add"])
def test_a_damaged_folder_ends_every_reader_with_6_and_the_files_name(
    toy_project: Path,
    toy_run: Callable[..., FinishedCommand],
    command: Command,
    name: str,
    harm: str,
) -> None:
    assert toy_run().returncode == 0
    folder = Path(only_run(toy_project / "runs"))
    path = folder / name
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:20])
    elif harm == "edit" and path.suffix == ".json":
        numbers = json.loads(path.read_text()) | {"total_return": 9.99}
        path.write_text(json.dumps(numbers))
    elif harm == "edit":
        pq.write_table(pq.read_table(path).slice(1), path)
    elif harm == "remove":
        path.unlink()
    else:
        path = folder / f"again.{name}"
        path.write_bytes((folder / name).read_bytes())
    for command_name, *options in READERS:
        done = command(command_name, str(folder), *options)
        assert done.returncode == 6
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"error: {path}: ")


def test_a_folder_of_another_format_ends_with_6_and_the_command_that_works(
    toy_project: Path, toy_run: Callable[..., FinishedCommand], command: Command
) -> None:
    assert toy_run().returncode == 0
    folder = Path(only_run(toy_project / "runs"))
    seals = folder / "seals.json"
    seals.write_text(json.dumps(json.loads(seals.read_text()) | {"format": 1}))
    told = {command(*reader[:1], str(folder), *reader[1:]).stderr for reader in READERS}
    (line,) = told
    assert "the folder has format 1" in line
    _, _, remedy = line.strip().partition("; run again: riskoff ")
    again = command(*remedy.split(), "--plugin-path", "plugins")
    assert again.returncode == 0
    assert command("audit", str(folder)).returncode == 0


def test_a_run_under_the_name_of_another_ends_every_reader_with_6(
    toy_project: Path, toy_run: Callable[..., FinishedCommand], command: Command
) -> None:
    assert toy_run().returncode == 0
    folder = Path(only_run(toy_project / "runs"))
    moved = folder.rename(folder.with_name(f"other-{folder.name[-12:]}"))
    for command_name, *options in READERS:
        done = command(command_name, str(moved), *options)
        assert done.returncode == 6
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"error: {moved}/manifest.json: is of another run ({folder.name})")
