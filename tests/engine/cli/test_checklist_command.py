import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from engine.config.load import load_state_config
from engine.config.locations import find_config
from engine.config.market import MarketStateConfig
from tests.engine.cli.command import Command, assert_one_clear_line


def test_a_day_prints_five_steps_and_one_action(command: Command) -> None:
    done = command("checklist", "--asof", "2026-02-05")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Risk-off checklist of 2026-02-05, as known at 18:30 New York")
    assert "SYNTHETIC DATA" in lines[1]
    # The narrative below the table may begin a line with a number too.
    table = lines[: next(i for i, line in enumerate(lines) if line.startswith("Action "))]
    assert [line[0] for line in table if line[:2] in {f"{n} " for n in range(1, 6)}] == list(
        "12345"
    )
    (action,) = [line.split()[3] for line in lines if line.startswith("5 one action")]
    assert action in ("hedge", "reduce", "wait")
    assert f"Action     {action} (4 of 4 steps are known)" in lines
    assert f"{action}. Risk tier:" in " ".join(lines)


def test_json_says_the_same_as_the_table(command: Command) -> None:
    document = json.loads(command("checklist", "--asof", "2026-02-05", "--json").stdout)
    table = command("checklist", "--asof", "2026-02-05").stdout
    assert f"5 one action: {document['action']}" in table
    assert document["synthetic"] is True
    assert document["known_steps"] == 4
    step, read = document["steps"][2]
    assert step["name"] == "step_crypto"
    by_name = {line["name"]: line for line in read}
    assert by_name["bitcoin_falls"]["threshold"] == -0.03
    assert by_name["bitcoin_falls"]["age_days"] < 0.1
    # The reconstructions hold no Fear & Greed index.
    assert by_name["extreme_fear"]["truth"] == "unknown"
    assert by_name["extreme_fear"]["measured"] is None


def test_a_history_has_a_row_a_day_a_picture_and_a_page(command: Command, tmp_path: Path) -> None:
    done = command("checklist", "--from", "2026-01-25", "--to", "2026-02-08", "--out", "kept")
    assert (done.returncode, done.stderr) == (0, "")
    table = pq.read_table(tmp_path / "kept" / "history.parquet")
    assert table.num_rows == 15
    flush = table.to_pylist()[11]
    assert str(flush["date"]) == "2026-02-05"
    assert (flush["action"], flush["known_steps"]) == ("hedge", 4)
    assert flush["extreme_fear"] is None
    assert (tmp_path / "kept" / "history.png").read_bytes().startswith(b"\x89PNG")
    assert done.stdout.splitlines()[-1] == "kept/index.html"
    assert "Of 15 days:" in (tmp_path / "kept" / "index.html").read_text()


def test_a_day_with_a_folder_becomes_a_page(command: Command, tmp_path: Path) -> None:
    done = command("checklist", "--asof", "2026-02-05", "--out", "kept")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "kept/2026-02-05.html"
    page = (tmp_path / "kept" / "2026-02-05.html").read_text()
    assert "hedge: the checklist of 2026-02-05" in page
    told = command("checklist", "--asof", "2026-02-05", "--out", "kept", "--json").stdout
    assert json.loads(told)["page"] == "kept/2026-02-05.html"


def test_a_threshold_changes_what_holds(command: Command) -> None:
    strict = ("--set", "crypto.day_fall=0.5", "--set", "crypto.price_fall=0.9")
    document = json.loads(command("checklist", "--asof", "2026-02-05", "--json", *strict).stdout)
    step, _ = document["steps"][2]
    assert step["truth"] == "no"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give --asof DATE, or --from DATE and --to DATE"),
        (("--asof", "2026-02-05", "--to", "2026-02-06"), "give --asof DATE"),
        (("--asof", "yesterday"), "'yesterday' is no date; write one as 2026-02-05"),
        (("--from", "2026-02-05", "--to", "2026-02-01"), "lies before --from"),
        (("--asof", "2026-02-05", "--set", "rates.speed=-1"), "rates.speed"),
        (("--asof", "2026-02-05", "--set", "rates.sped=1"), "rates.sped"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(
    command: Command, arguments: tuple[str, ...], words: str
) -> None:
    assert words in assert_one_clear_line(command("checklist", *arguments), 2)


def test_days_without_data_are_refused(command: Command) -> None:
    line = assert_one_clear_line(command("checklist", "--asof", "2015-02-05"), 3)
    assert "none of the checklist's channels has rows before 2015-02-05" in line


def test_the_shipped_thresholds_are_the_defaults() -> None:
    assert load_state_config(find_config("default", "checklist")) == MarketStateConfig()


def test_the_shipped_file_names_every_threshold() -> None:
    with find_config("default", "checklist").open(encoding="utf-8") as file:
        written = YAML(typ="safe").load(file)
    # The model takes what is left out from its defaults: only the file itself can show a lack.
    assert names_of(written) == names_of(MarketStateConfig().model_dump(mode="json"))


def names_of(settings: dict[str, object]) -> set[str]:
    """Return every setting with its section."""
    sections = {k: v for k, v in settings.items() if isinstance(v, dict)}
    return {*settings, *(f"{k}.{name}" for k, names in sections.items() for name in names)}


def test_a_day_past_the_end_of_the_data_says_where_they_end(command: Command) -> None:
    # The reconstructions end at midnight after 2026-04-15, which ends that day.
    last, after = (command("checklist", "--asof", f"2026-04-{day}") for day in (15, 16))
    assert "the data end" not in last.stdout
    line = "Data: embedded (SYNTHETIC DATA); the data end on 2026-04-15, before this day"
    assert after.stdout.splitlines()[1] == line
    document = json.loads(command("checklist", "--asof", "2026-04-16", "--json").stdout)
    assert document["last_day"] == "2026-04-15"
