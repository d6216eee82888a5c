"""A comparison that continues: known runs are not prepared, kept answers are not computed again."""

import json
import shutil

import pytest

from engine.compare import cell_answers, cell_runs, comparison, run_comparison
from engine.compare.kept_results import KEPT_FILE
from engine.run_folder.seals import document_digest
from engine.workers import Workers
from tests.engine.compare.conftest import load, write_files


@pytest.fixture
def again(small, tmp_path):
    """Return a copy of the finished comparison's folder."""
    return shutil.copytree(small.folder, tmp_path / "again")


@pytest.fixture
def idle(monkeypatch):
    """Refuse every preparation of a run and every slow answer."""

    def refuse(*_, **__):
        raise AssertionError("computed again")

    monkeypatch.setattr(cell_runs, "prepare_run", refuse)
    for name in ("cell_answer", "drawing_answer", "family_answer"):
        monkeypatch.setattr(cell_answers, name, refuse)


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_finished_comparison_prepares_nothing_and_writes_nothing(small, again, idle, monkeypatch):
    monkeypatch.setattr(comparison, "write_comparison", None)
    before = files_of(again)
    matrix = run_comparison(small.config, again)
    assert all(outcome.reused for outcome in matrix.outcomes)
    assert files_of(again) == before


@pytest.mark.parametrize("name", ["index.html", "matrix.csv"])
def test_an_edited_file_is_written_again_from_kept_answers(small, again, idle, name):
    before = files_of(again)
    (again / name).write_bytes(before[name] + b" ")
    run_comparison(small.config, again)
    assert files_of(again) == before


def test_an_edited_template_or_stylesheet_writes_the_page_again(small, again, idle, monkeypatch):
    written = []
    monkeypatch.setattr(comparison, "write_comparison", lambda *_: written.append(1))
    monkeypatch.setattr(comparison, "house_digest", lambda: "of other templates")
    run_comparison(small.config, again)
    assert written == [1]


def test_without_the_kept_results_the_same_files_are_made_from_the_runs(small, again):
    before = files_of(again)
    (again / KEPT_FILE).unlink()
    assert all(outcome.reused for outcome in run_comparison(small.config, again).outcomes)
    assert files_of(again) == before


def kept(folder):
    return json.loads((folder / KEPT_FILE).read_text())


def test_edited_kept_results_are_not_used(small, again, monkeypatch):
    before = files_of(again)
    document = kept(again)
    key = next(key for key, answer in document["answers"].items() if "statistics" in answer)
    document["answers"][key]["statistics"][3] = "+999%"
    (again / KEPT_FILE).write_text(json.dumps(document))
    (again / "index.html").unlink()
    run_comparison(small.config, again)
    assert files_of(again) == before


def test_a_known_run_that_is_another_run_is_not_used(small, again):
    """Swap two known runs of one name, as a mistake of ours would, under a checksum that holds."""
    document = kept(again)
    names = {key: name for key, name in document["runs"].items() if name.startswith("cash-crash-")}
    (key,) = names
    other = next(name for name in document["runs"].values() if name.startswith("balanced-crash-"))
    document["runs"][key] = other
    parts = {name: document[name] for name in ("runs", "answers", "page")}
    (again / KEPT_FILE).write_text(json.dumps({"checksum": document_digest(parts), **parts}))
    matrix = run_comparison(small.config, again)
    assert matrix.records["cash", "crash"].folder.name == names[key]
    assert kept(again)["runs"][key] == names[key]


def test_a_damaged_known_run_is_set_aside_and_run_again(small, again):
    folder = again / "runs" / small.matrix.records["cash", "crash"].folder.name
    honest = (folder / "metrics.json").read_bytes()
    (folder / "metrics.json").write_bytes(honest.replace(b"0", b"9", 1))
    matrix = run_comparison(small.config, again)
    (outcome,) = [outcome for outcome in matrix.outcomes if not outcome.reused]
    assert "metrics.json" in outcome.set_aside
    assert (folder / "metrics.json").read_bytes() == honest
    assert outcome.set_aside in (again / "index.html").read_text()
    run_comparison(small.config, again)
    assert (again / "index.html").read_bytes() == files_of(small.folder)["index.html"]


def test_another_setting_of_the_statistics_asks_again_and_runs_nothing(small, again, monkeypatch):
    monkeypatch.setattr(cell_runs, "prepare_run", None)
    config = small.config.model_copy(update={"level": 0.8})
    asked = []
    monkeypatch.setattr(cell_answers, "cell_answer", lambda *_: asked.append(1))
    monkeypatch.setattr(comparison, "write_comparison", lambda *_: None)
    run_comparison(config, again)
    assert asked


@pytest.fixture(scope="module")
def plain(small, tmp_path_factory):
    """The comparison of two cheap rows without tearsheets, by two processes."""
    root = tmp_path_factory.mktemp("plain")
    rows = {name: small.config.rows[name] for name in ("balanced", "cash")}
    config = small.config.model_copy(update={"rows": rows})
    return config, root, run_comparison(config, root, workers=Workers(2), tearsheets=False)


def test_two_processes_give_the_numbers_and_answers_of_one(small, plain):
    _, root, matrix = plain
    mine, theirs = (json.loads((f / "matrix.json").read_text())["cells"]
                    for f in (root, small.folder))  # fmt: skip
    assert mine == [cell for cell in theirs if cell["row"] in ("balanced", "cash")]
    for key, record in matrix.records.items():
        for name in ("metrics.json", "equity.parquet", "manifest.json", "audit.json"):
            one = small.matrix.records[key].folder / name
            assert (record.folder / name).read_bytes() == one.read_bytes(), (key, name)


def test_without_tearsheets_the_page_says_so_and_links_to_none(plain):
    config, root, matrix = plain
    page = (root / "index.html").read_text()
    assert "4 cells have no tearsheet" in page
    assert 'tearsheet.html">' not in page
    for record in matrix.records.values():
        assert not record.has_tearsheet
        assert "tearsheet.html" not in (record.folder / "summary.txt").read_text()
    # Asked again the same way, the runs are known; the other way, they are made with their pages.
    assert all(o.reused for o in run_comparison(config, root, tearsheets=False).outcomes)
    whole = run_comparison(config, root)
    assert not any(outcome.reused or outcome.set_aside for outcome in whole.outcomes)
    assert all(record.has_tearsheet for record in whole.records.values())
    assert "no tearsheet" not in (root / "index.html").read_text()
    # A page that is there is kept and linked, also when none is asked for.
    assert all(o.reused for o in run_comparison(config, root, tearsheets=False).outcomes)
    assert (root / "index.html").read_text().count('tearsheet.html">') == 4


def test_a_change_of_the_file_runs_the_changed_cells_alone(tmp_path, small):
    path = write_files(tmp_path, "A")
    config = load(path)
    rows = {name: config.rows[name] for name in ("balanced", "cash")}
    folder = shutil.copytree(small.folder, tmp_path / "copy")
    changed = config.model_copy(update={"rows": rows})
    item = rows["cash"].model_copy(update={"title": "Money"})
    changed = changed.model_copy(update={"rows": {**rows, "cash": item}})
    assert all(outcome.reused for outcome in run_comparison(changed, folder).outcomes)
    assert "Money" in (folder / "index.html").read_text()
