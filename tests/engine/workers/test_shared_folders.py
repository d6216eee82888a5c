"""The test that workers see the same folders."""

import shutil

from engine.workers.shared_folders import SharedFolders, print_of, unlike


def test_the_same_folders_are_recognized_and_leave_nothing_behind(tmp_path):
    shared = SharedFolders.of(written=[tmp_path / "out"], sources=["embedded"])
    with shared.marked("token") as prints:
        assert len(prints) == 1
        assert unlike(prints) == []
    assert list((tmp_path / "out").iterdir()) == []


def test_another_folder_of_the_same_path_is_named(tmp_path):
    with SharedFolders.of(written=[tmp_path / "out"]).marked("token") as prints:
        shutil.rmtree(tmp_path / "out")
        (tmp_path / "out").mkdir()
        assert unlike(prints) == [f"{tmp_path / 'out'}: no such folder there, or not the same one"]


def test_other_content_of_a_read_folder_is_named(tmp_path):
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "index.json").write_text("1")
    with SharedFolders.of(sources=[tmp_path / "catalog"]).marked("token") as prints:
        (tmp_path / "catalog" / "index.json").write_text("2")
        assert unlike(prints) == [f"{tmp_path / 'catalog'}: has other content there"]


def test_locks_and_compiled_code_do_not_count(tmp_path):
    (tmp_path / "rules.py").write_text("A = 1")
    before = print_of(tmp_path)
    (tmp_path / ".lock").touch()
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "rules.pyc").write_text("compiled")
    assert print_of(tmp_path) == before
    (tmp_path / "more.parquet").write_text("rows")
    assert print_of(tmp_path) != before
