"""A run's records as CSV: every cell of the stored tables, and nothing a spreadsheet would run."""

import csv
import io
import math
from datetime import datetime

import pytest

from engine.errors import ReportError
from engine.results.contents import write_run
from engine.run_folder.csv_files import ABOUT, TABLES, csv_files, safe_text
from engine.run_folder.read import RunFolder


@pytest.fixture(scope="module")
def folder(make_run, tmp_path_factory):
    return write_run(make_run(hours=200), tmp_path_factory.mktemp("runs"))


def read(content):
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def same(text, value):
    """Return whether a cell's text says a stored value, with all its digits."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return text == ""
    if isinstance(value, bool):
        return text == str(value).lower()
    if isinstance(value, datetime):
        return datetime.fromisoformat(text) == value
    if isinstance(value, int | float):
        return float(text) == value
    return text == safe_text(str(value))


def test_every_cell_of_every_table_is_written(folder):
    files = csv_files(folder)
    assert files.keys() == {ABOUT, *(f"{table.name}.csv" for table in TABLES)}
    cells = 0
    for table in TABLES:
        lines, rows = read(files[f"{table.name}.csv"]), RunFolder(folder).rows(table.name)
        assert len(lines) == len(rows) > 0, table.name
        for line, row in zip(lines, rows, strict=True):
            assert list(line) == list(row)
            wrong = [name for name in line if not same(line[name], row[name])]
            assert wrong == [], (table.name, line)
            cells += len(line)
    assert cells > 500


def test_the_run_and_its_data_are_named(folder):
    about = {line["what"]: line["value"] for line in read(csv_files(folder)[ABOUT])}
    manifest = RunFolder(folder).manifest
    assert about["run"] == folder.name
    assert about["data"] == manifest["data_label"]
    assert about["window start"] == manifest["window"]["start"]


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_text_that_begins_like_a_formula_begins_with_an_apostrophe(sign):
    assert safe_text(f"{sign}1+1") == f"'{sign}1+1"
    assert safe_text(f"a{sign}") == f"a{sign}"
    assert safe_text("") == ""


def test_a_reason_that_is_a_formula_is_escaped_in_its_file(make_run, tmp_path):
    run = make_run(hours=200)
    for order in run.outcome.orders:
        object.__setattr__(order, "reason", '=HYPERLINK("x")')
    lines = read(csv_files(write_run(run, tmp_path))["orders.csv"])
    assert {line["reason"] for line in lines} == {'\'=HYPERLINK("x")'}


def test_numbers_below_zero_stay_numbers(folder):
    quantities = [line["quantity"] for line in read(csv_files(folder)["fills.csv"])]
    assert any(float(text) < 0 for text in quantities)


def test_an_altered_folder_is_refused(make_run, tmp_path):
    folder = write_run(make_run(hours=200), tmp_path)
    (folder / "fills.parquet").write_bytes(b"")
    with pytest.raises(ReportError, match=r"fills\.parquet"):
        csv_files(folder)
