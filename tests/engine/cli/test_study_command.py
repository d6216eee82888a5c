import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.engine.cli.command import Command, assert_one_clear_line


def test_a_study_prints_a_table_and_writes_its_files(command: Command, tmp_path: Path) -> None:
    done = command("study", "2026", "--event", "flush", "--out", "kept")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Event study of 2026; data: embedded (SYNTHETIC DATA)")
    assert "flush: 9 events (2026: 9)" in done.stdout
    assert "looks into the future by construction" in done.stdout
    row = next(line.split() for line in done.stdout.splitlines() if line.strip().startswith("BTC"))
    assert row[1:5] == ["1", "d", "9", "8"]
    folder = tmp_path / "kept"
    assert done.stdout.splitlines()[-1] == "kept/index.html"
    assert "Flush: 9 events" in (folder / "index.html").read_text()
    assert (folder / "study.png").read_bytes().startswith(b"\x89PNG")
    assert set(pq.read_table(folder / "paths.parquet")["kind"].to_pylist()) == {"flush"}
    document = json.loads((folder / "study.json").read_text())
    assert document["synthetic"] is True
    assert [kind["kind"] for kind in document["kinds"]] == ["flush"]
    first = document["kinds"][0]["markets"][0]["effects"][0]
    assert (first["days"], first["events"], first["clusters"]) == (1, 9, 8)
    assert first["mean_interval"]["low"] < first["mean"] < first["mean_interval"]["high"]


def test_json_is_the_file_with_the_paths_of_the_files(command: Command, tmp_path: Path) -> None:
    done = command("study", "2026", "--event", "checklist", "--json")
    document = json.loads(done.stdout)
    files = document.pop("files")
    assert document == json.loads((tmp_path / "study" / "study.json").read_text())
    assert files == [
        f"study/{name}" for name in ("study.json", "paths.parquet", "study.png", "index.html")
    ]
    assert [kind["kind"] for kind in document["kinds"]] == [
        "hedge",
        "reduce",
        "liquidity_shock",
        "single_risk_book",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--event", "crash"), "--event 'crash' is none of flush, reclaim, stabilization"),
        (("1987",), "1987"),
        (("2026", "2022", "2026"), "two episodes are named 2026"),
    ],
)
def test_what_cannot_be_studied_is_one_clear_line(
    command: Command, arguments: tuple[str, ...], words: str
) -> None:
    assert words in assert_one_clear_line(command("study", *arguments), 2)
