"""Seals: a damaged folder is refused with the name of the file and the command to repeat."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_feeds.embedded import embedded_catalog
from engine.answers.day import explain_day
from engine.answers.instant import explain_at
from engine.answers.trade import explain_trade
from engine.answers.why_not_text import explain_why_not
from engine.audit import audit_run
from engine.config.load import load_run_config
from engine.config.locations import find_config
from engine.errors import ReportError
from engine.pages.publish import publish
from engine.results.contents import write_run
from engine.run import run
from engine.run_folder.schema import FORMAT, SEALS_FILE
from engine.run_folder.seals import broken_seals, check_seals, write_seals

READERS = {
    "trade": lambda folder: explain_trade(folder, 1),
    "at": lambda folder: explain_at(folder, "2026-02-03T00:00Z"),
    "day": lambda folder: explain_day(folder, "2026-02-03"),
    "why-not": lambda folder: explain_why_not(folder, "2026-02-03"),
}


@pytest.fixture(scope="module")
def original(make_run, tmp_path_factory):
    return publish(make_run(hours=200), tmp_path_factory.mktemp("runs"), timing={"seconds": 1.0})


@pytest.fixture
def folder(original, tmp_path):
    """A copy of a finished run."""
    copy = tmp_path / original.name
    copy.mkdir()
    for path in original.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


def test_seals_cover_every_data_file_and_no_page(original):
    document = json.loads((original / SEALS_FILE).read_text())
    there = {path.name for path in original.iterdir()}
    pages = {"summary.txt", "tearsheet.html", "timing.json"}
    assert pages < there
    assert set(document["files"]) == there - pages - {SEALS_FILE}
    assert document["format"] == FORMAT
    assert json.loads((original / "manifest.json").read_text())["format"] == FORMAT
    assert broken_seals(original) == {}


def test_seals_are_the_last_file_written(make_run, tmp_path):
    def add(record, folder):
        assert not (folder / SEALS_FILE).exists()
        (folder / "audit.json").write_text("{}")
        (folder / "page.html").write_text("")

    written = write_run(make_run(hours=100), tmp_path, add_reports=add)
    assert "audit.json" in json.loads((written / SEALS_FILE).read_text())["files"]
    assert "page.html" not in json.loads((written / SEALS_FILE).read_text())["files"]


def test_pages_and_timing_may_change(folder):
    for name in ("summary.txt", "tearsheet.html", "timing.json"):
        (folder / name).write_text("mine")
    (folder / "notes.txt").write_text("mine")
    check_seals(folder)


def altered(path):
    if path.suffix != ".parquet":
        path.write_text(path.read_text() + " ")
        return
    table = pq.read_table(path)
    pq.write_table(table.slice(1) if len(table) else pa.table({"x": [1]}), path)


DAMAGE = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "empty": lambda path: path.write_bytes(b""),
    "altered": altered,
    "missing": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}
FILES = (
    "equity.parquet", "fills.parquet", "trades.parquet", "ledger.parquet", "guards.parquet",
    "orders.parquet", "overlays.parquet", "hedges.parquet", "decision_rows.parquet",
    "trail_distances.parquet",
    "journal_account.parquet", "journal_conditions.parquet", "journal_decisions.parquet",
    "metrics.json", "manifest.json", "conditions.json", "config.resolved.yaml",
)  # fmt: skip


def refused(folder, reader, name):
    with pytest.raises(ReportError) as error:
        reader(folder)
    assert str(folder / name) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("harm", DAMAGE)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named_by_every_reader(folder, name, harm):
    DAMAGE[harm](folder / name)
    for reader in READERS.values():
        text = refused(folder, reader, name)
        if name != "config.resolved.yaml":
            assert f"run again: riskoff run {folder}/config.resolved.yaml" in text


@pytest.mark.parametrize("name", ["extra.parquet", "more.json", "deep/er.yaml"])
def test_a_file_that_no_run_wrote_is_named_by_every_reader(folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("{}")
    for reader in READERS.values():
        assert "is no file of this folder" in refused(folder, reader, name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "earlier format, or damaged"),
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"format": 4}', "cannot be read"),
        ('{"format": 2, "files": {}}', "format 2, this riskoff reads format"),
        ('{"format": "two", "files": {}}', "format 'two'"),
    ],
)
def test_seals_that_are_missing_or_of_another_format_name_the_command(folder, text, said):
    (folder / SEALS_FILE).unlink()
    if text is not None:
        (folder / SEALS_FILE).write_text(text)
    for reader in READERS.values():
        told = refused(folder, reader, SEALS_FILE)
        assert said in told
        assert told.endswith(f"run again: riskoff run {folder}/config.resolved.yaml")


def test_several_damaged_files_are_all_named(folder):
    (folder / "fills.parquet").unlink()
    (folder / "equity.parquet").write_bytes(b"")
    with pytest.raises(ReportError, match=r"fills\.parquet: is missing \(and 1 more: equity"):
        check_seals(folder)


def test_a_file_nobody_may_read_is_named_not_a_bug(folder, monkeypatch):
    opened = Path.open

    def refuse(path, *rest, **more):
        if path.name == "orders.parquet":
            raise PermissionError(13, "Permission denied")
        return opened(path, *rest, **more)

    monkeypatch.setattr(Path, "open", refuse)
    assert broken_seals(folder) == {"orders.parquet": "cannot be read (Permission denied)"}


def test_the_audit_finds_each_table_that_is_not_the_runs(tmp_path):
    written = write_run(run(load_run_config(find_config("demo")), embedded_catalog()), tmp_path)
    # Tables that the audit does not derive: signals, state of guards, hedges.
    tables = ("guards", "journal_account", "journal_conditions", "decision_rows", "overlays")
    assert audit_run(written, embedded_catalog()).findings == ()
    for table in tables:
        path = written / f"{table}.parquet"
        whole = path.read_bytes()
        rows = pq.read_table(path)
        pq.write_table(pa.concat_tables([rows, rows.slice(0, 1)]), path)
        if len(rows) == 0:
            path.write_bytes(whole + b" ")
        found = audit_run(written, embedded_catalog()).findings
        assert {(f.table, f.rule) for f in found} >= {(path.name, "as it was written")}
        path.write_bytes(whole)
    write_seals(written)
    assert audit_run(written, embedded_catalog()).findings == ()


def resealed(folder, **values):
    document = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(document | values))
    write_seals(folder)


@pytest.mark.parametrize(
    ("name", "run_id"), [("mine", None), (None, "0" * 12), ("mine", "0" * 12), ("a-b", None)]
)
def test_a_whole_folder_under_the_name_of_another_run_is_refused(folder, name, run_id):
    held_name, _, held_id = folder.name.rpartition("-")
    moved = folder.rename(folder.with_name(f"{name or held_name}-{run_id or held_id}"))
    for reader in READERS.values():
        text = refused(moved, reader, "manifest.json")
        assert f"is of another run ({held_name}-{held_id}) than the folder's name says" in text
        # The folder's own config would make the other run again.
        assert text.endswith("; run again from your own run file, this folder out of the way")
    findings = audit_run(moved, embedded_catalog()).findings
    assert ("manifest.json", "as it was written") in {(f.table, f.rule) for f in findings}


@pytest.mark.parametrize("name", ["mine", "mine-0123", "0123456789ab"])
def test_a_copy_under_a_name_of_ones_own_is_read(folder, name):
    check_seals(folder.rename(folder.with_name(name)))


@pytest.mark.parametrize("name", [None, "mine"])
@pytest.mark.parametrize("changed", ["run_id", "inputs"])
def test_an_id_that_is_not_the_hash_of_its_inputs_is_refused(folder, changed, name):
    inputs = json.loads((folder / "manifest.json").read_text())["inputs"]
    values = {"run_id": "0" * 12, "inputs": inputs | {"data_sha256": "f" * 64}}
    resealed(folder, **{changed: values[changed]})
    moved = folder.rename(folder.with_name(name or folder.name))
    for reader in READERS.values():
        assert "and the inputs give" in refused(moved, reader, "manifest.json")
