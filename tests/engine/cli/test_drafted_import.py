"""`riskoff data import FILE --as FORMAT`: drafted, shown, kept beside the catalog, repeatable."""

from pathlib import Path

import pytest

from tests.engine.cli.command import Command, assert_one_clear_line

ROWS = """\
Date,Open,High,Low,Close,Adj Close,Volume
2026-01-05,10,12,9,11,8,5
2026-01-06,11,13,10,12,9,6
2026-01-08,11,13,10,12,9,7
"""
AS = ("--as", "yahoo", "--instrument", "MINE", "--kind", "etf", "--calendar", "XNYS")
TO = ("--data", "catalog")


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    (tmp_path / "prices.csv").write_text(ROWS)
    return tmp_path / "prices.csv"


def test_a_draft_is_shown_kept_and_imported(prices: Path, command: Command) -> None:
    done = command("data", "import", "prices.csv", *AS, *TO)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "prices.csv: 3 rows, MINE/bars/1d"
    assert "  clock: Date is the date of a session of XNYS; known at its close" in lines
    assert lines[-4:-2] == [
        "mapping: catalog/mappings/MINE_bars_1d.yaml",
        "MINE/bars/1d: 3 rows, 2026-01-05T14:30Z to 2026-01-08T21:00Z, from prices.csv",
    ]
    # 7 January is a Wednesday.
    assert lines[-2] == (
        "  holes: 1, rows missing: 1; the longest (1) from 2026-01-06T21:00Z to 2026-01-08T14:30Z"
    )
    assert lines[-1].endswith(
        "riskoff data import catalog/mappings/MINE_bars_1d.yaml --data catalog"
    )
    again = command("data", "import", "catalog/mappings/MINE_bars_1d.yaml", *TO)
    assert again.stdout.splitlines()[-1] == "1 channel written to catalog"
    assert "MINE/bars/1d" in command("data", "verify", *TO).stdout


def test_a_dry_run_shows_the_mapping_and_writes_nothing(
    prices: Path, command: Command, tmp_path: Path
) -> None:
    done = command("data", "import", "prices.csv", *AS, *TO, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert "MINE/bars/1d: 3 rows" in done.stdout
    assert "  stamp: session_date\n" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["prices.csv"]


def test_a_kept_mapping_that_was_edited_is_not_replaced_unasked(
    prices: Path, command: Command, tmp_path: Path
) -> None:
    command("data", "import", "prices.csv", *AS, *TO)
    kept = tmp_path / "catalog" / "mappings" / "MINE_bars_1d.yaml"
    kept.write_text(kept.read_text() + "# mine\n")
    refused = command("data", "import", "prices.csv", *AS, *TO)
    assert refused.returncode == 2
    assert "is kept already and differs" in refused.stderr
    assert kept.read_text().endswith("# mine\n")
    assert command("data", "import", "prices.csv", *AS, *TO, "--replace").returncode == 0
    assert not kept.read_text().endswith("# mine\n")


def test_a_refused_draft_does_not_replace_a_mapping_that_worked(
    prices: Path, command: Command, tmp_path: Path
) -> None:
    command("data", "import", "prices.csv", *AS, *TO)
    kept = tmp_path / "catalog" / "mappings" / "MINE_bars_1d.yaml"
    worked = kept.read_text()
    (tmp_path / "other.csv").write_text(ROWS.replace("10,12,9,11", "10,8,9,11"))
    assert command("data", "import", "other.csv", *AS, *TO, "--replace").returncode == 3
    assert kept.read_text() == worked


def test_a_further_file_joins_the_first(prices: Path, command: Command, tmp_path: Path) -> None:
    command("data", "import", "prices.csv", *AS, *TO)
    (tmp_path / "more.csv").write_text(ROWS.replace("-01-0", "-02-0").replace("02-08", "02-09"))
    done = command("data", "import", "prices.csv", "more.csv", *AS, *TO, "--replace")
    assert (done.returncode, done.stderr) == (0, "")
    assert "MINE/bars/1d: 6 rows, 2026-01-05T14:30Z to 2026-02-09T21:00Z" in done.stdout


def test_a_refused_import_keeps_the_draft_to_be_edited(
    prices: Path, command: Command, tmp_path: Path
) -> None:
    prices.write_text(ROWS.replace("10,12,9,11", "10,8,9,11"))
    done = command("data", "import", "prices.csv", *AS, *TO)
    assert done.returncode == 3
    assert "high 8 is below low" in done.stderr
    assert "mapping: catalog/mappings/MINE_bars_1d.yaml" in done.stdout
    assert not (tmp_path / "catalog" / "index.json").exists()


def test_a_shipped_instrument_needs_no_answers(prices: Path, command: Command) -> None:
    done = command("data", "import", "prices.csv", "--as", "yahoo", "--instrument", "SPY", *TO)
    assert done.returncode == 0, done.stderr
    assert "note: SPY is known: its record is taken (etf, XNYS)" in done.stdout
    # The catalog's own record is read back with all keys and gives the same draft.
    again = command("data", "import", "prices.csv", "--as", "yahoo", "--instrument", "SPY", *TO)
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--as", "yahoo"), 2, "--as yahoo: add --instrument ID"),
        (("--as", "bloomberg", "--instrument", "X"), 2, "--as bloomberg: no such format"),
        (("--as", "yahoo", "--instrument", "X"), 3, "a new id; say what it is with --kind"),
        (("--as", "yahoo", "--instrument", "X", "--kind", "bond"), 2, "--kind bond: Input should"),
        (("--as", "yahoo", "--instrument", "X", "--root", "."), 2, "--root goes with a mapping"),
        (AS[2:], 2, "options of a draft go with --as"),
        ((), 2, "prices.csv: name one mapping (.yaml), or add --as"),
    ],
)
def test_a_missing_answer_is_asked_for_in_one_line(
    prices: Path, command: Command, words: tuple[str, ...], code: int, message: str
) -> None:
    done = command("data", "import", "prices.csv", *words, *TO)
    assert message in assert_one_clear_line(done, code)


def test_a_dry_run_that_fails_names_the_mapping_that_would_be_kept(
    prices: Path, command: Command
) -> None:
    prices.write_text(ROWS.replace("11,13,10,12,9,6", "11,13,1o,12,9,6"))
    done = command("data", "import", "prices.csv", *AS, *TO, "--dry-run")
    assert done.returncode == 3
    assert "(mapping catalog/mappings/MINE_bars_1d.yaml:" in done.stderr


def test_rows_that_are_left_out_are_counted(command: Command, tmp_path: Path) -> None:
    rows = "observation_date,X\n2026-01-05,4.1\n2026-01-06,.\n2026-01-07,.\n2026-01-08,4.2\n"
    (tmp_path / "x.csv").write_text(rows)
    words = ("--as", "fred", "--instrument", "X", "--quote", "percent", "--release-days", "1")
    done = command("data", "import", "x.csv", *words, *TO)
    assert (done.returncode, done.stderr) == (0, "")
    assert "x.csv: 4 rows" in done.stdout
    assert "  x.csv: 2 rows without a value left out\n" in done.stdout


def test_an_etf_without_calendar_is_asked_for_one_by_a_mapping_too(
    prices: Path, command: Command, tmp_path: Path
) -> None:
    command("data", "import", "prices.csv", *AS, *TO)
    kept = tmp_path / "catalog" / "mappings" / "MINE_bars_1d.yaml"
    kept.write_text(kept.read_text().replace("calendar: XNYS", "venue: nyse"))
    done = command("data", "import", str(kept), *TO)
    assert "'MINE' is an ETF without calendar: name the exchange" in assert_one_clear_line(done, 2)


def test_a_bar_that_ends_in_the_future_is_pointed_out(command: Command, tmp_path: Path) -> None:
    # 2090-01-01T00:00Z: a chart that is exported while it trades ends with such a bar.
    rows = "".join(f"{3786912000 + 3600 * i},10,12,9,11,5\n" for i in range(2))
    (tmp_path / "chart.csv").write_text("time,open,high,low,close,Volume\n" + rows)
    form = ("--as", "tradingview", "--instrument", "COIN", "--kind", "spot")
    done = command("data", "import", "chart.csv", *form, *TO)
    assert (done.returncode, done.stderr) == (0, "")
    assert "  the last row ends in the future: it was not complete" in done.stdout
