"""Compiled code on disk follows the code of everything that it calls."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.broker import resolve, search
from engine.code_digest import code_digest
from engine.compiled_function import compiled, compiled_without_checks
from engine.costs import arithmetic
from engine.kept_code import kept
from engine.screening.loop import run_sets

ROOT = Path(__file__).resolve().parents[2]
FORMULA = "FACTOR = {factor}\n\ndef scaled(value):\n    return FACTOR * value {more}\n"
LOOP = """
from numba.extending import register_jitable
from numba import njit
from engine.kept_code import kept
from formula import scaled

register_jitable(scaled)

def total(values):
    found = 0.0
    for value in values:
        found += scaled(value)
    return found

by_numba, ours = njit(cache=True)(total), kept(total)
"""
CALL = "import numpy as np, loop; print(loop.{name}(np.array([1.0, 2.0])), loop.{name}.stats)"


def _called(folder: Path, name: str) -> str:
    found = subprocess.run(
        [sys.executable, "-B", "-c", CALL.format(name=name)],
        cwd=folder,
        env={"PYTHONPATH": f"{folder}:{ROOT}", "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout


def test_an_edit_of_a_called_formula_in_another_file_is_compiled_again(tmp_path: Path) -> None:
    # arrange: (1 + 2) x 3 = 9 is compiled and kept
    (tmp_path / "loop.py").write_text(LOOP)
    (tmp_path / "formula.py").write_text(FORMULA.format(factor=3.0, more=""))
    for name in ("by_numba", "ours"):
        assert _called(tmp_path, name).startswith("9.0 ")
    # act: a constant changes, (1 + 2) x 4 = 12, and the loop's file does not
    (tmp_path / "formula.py").write_text(FORMULA.format(factor=4.0, more=""))
    # assert: numba's own cache gives the old number
    assert _called(tmp_path, "by_numba").startswith("9.0 ")
    assert _called(tmp_path, "ours").startswith("12.0 ")
    # unchanged code is read from disk: no signature was missing in the cache
    again = _called(tmp_path, "ours")
    assert again.startswith("12.0 ")
    assert "cache_misses={}" in again or "cache_misses=Counter()" in again


FIRST, SECOND = 2.0, 3.0


def _inner(value: float) -> float:
    return FIRST * value


def _outer(value: float) -> float:
    return _inner(value) + 1.0


def _inner_at_module(value: float) -> float:
    return resolve.TICK_SHARE * value


def test_digest_reads_called_functions_and_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    first = code_digest(_outer)
    assert code_digest(_outer) == first
    monkeypatch.setitem(globals(), "FIRST", SECOND)
    assert code_digest(_outer) != first


def test_digest_reads_how_a_called_function_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "_inner", compiled(_inner))
    first = code_digest(_outer)
    monkeypatch.setitem(globals(), "_inner", compiled_without_checks(_inner.py_func))
    assert code_digest(_outer) != first


def test_digest_reads_the_constants_of_another_module(monkeypatch: pytest.MonkeyPatch) -> None:
    first = code_digest(_inner_at_module)
    monkeypatch.setattr(resolve, "TICK_SHARE", 1.0)
    assert code_digest(_inner_at_module) != first


@pytest.mark.parametrize("function", [run_sets, search._next_instant])
def test_digest_is_the_same_in_another_process(function: Callable[..., object]) -> None:
    name = getattr(function, "py_func", function).__name__
    module = function.__module__
    text = f"import {module} as m; from engine.code_digest import code_digest as d"
    found = subprocess.run(
        [sys.executable, "-B", "-c", f"{text}; print(d(m.{name}))"],
        env={"PYTHONPATH": str(ROOT), "PATH": "", "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == code_digest(function)


def test_digest_of_the_kernel_reads_the_formulas_of_the_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = code_digest(run_sets)
    monkeypatch.setattr(arithmetic, "STEP_TOLERANCE", 1e-8)
    assert code_digest(run_sets) != first


def test_no_function_of_the_engine_is_kept_by_its_own_file_alone() -> None:
    named = re.compile(r"njit\([^)]*cache=True")
    files = [*ROOT.glob("engine/**/*.py"), *ROOT.glob("strategies/**/*.py")]
    assert len(files) > 100
    assert [file.name for file in files if named.search(file.read_text())] == []


def test_arrays_are_constants_by_their_values() -> None:
    def of(values: np.ndarray) -> str:
        def read() -> float:
            return float(values[0])

        return code_digest(read)

    assert of(np.array([1.0])) == of(np.array([1.0]))
    assert of(np.array([1.0])) != of(np.array([2.0]))


def test_a_function_made_from_a_text_is_compiled_without_being_kept() -> None:
    namespace: dict[str, Any] = {}
    exec("def total(a, b):\n    return a + b\n", namespace)
    assert kept(namespace["total"])(1, 2) == 3
