import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq

from tests.engine.cli.command import Command, Done, assert_one_clear_line


def only_run(out: Path) -> str:
    (folder,) = out.iterdir()
    return str(folder)


def test_an_audit_prints_what_it_checked_and_json_says_the_same(
    toy_project: Path, toy_run: Callable[..., Done], command: Command
) -> None:
    assert toy_run().returncode == 0
    folder = only_run(toy_project / "runs")
    plain = command("audit", folder)
    document = json.loads(command("audit", folder, "--json").stdout)
    assert (plain.returncode, plain.stderr, document["findings"]) == (0, "", [])
    for what, count in document["checks"].items():
        assert f"{count:,} {what}" in plain.stdout


def test_an_audit_of_books_with_a_missing_fill_ends_with_5(
    toy_project: Path, toy_run: Callable[..., Done], command: Command
) -> None:
    assert toy_run().returncode == 0
    folder = only_run(toy_project / "runs")
    fills = Path(folder) / "fills.parquet"
    table = pq.read_table(fills)
    pq.write_table(table.slice(1), fills)
    done = command("audit", folder)
    assert done.returncode == 5
    assert "fills" in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {folder}: the audit found ")


def test_a_broken_config_in_a_run_folder_is_one_line_that_counts_the_rest(
    toy_project: Path, toy_run: Callable[..., Done], command: Command
) -> None:
    assert toy_run().returncode == 0
    folder = only_run(toy_project / "runs")
    config = Path(folder) / "config.resolved.yaml"
    text = config.read_text().replace("risk_fraction: 0.01", "risk_fraction: -1")
    config.write_text(text.replace("seed: 0", "seed: -1\nstray: 1"))
    line = assert_one_clear_line(command("audit", folder), 6)
    assert line.startswith(f"{config}: line ")
    assert "risk.risk_fraction = -1: must be above 0" in line
    assert "(and 2 more); the audit needs a whole run folder" in line


def test_explain_of_a_text_that_is_no_instant_ends_with_2(
    toy_project: Path, toy_run: Callable[..., Done], command: Command
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
