"""The contents of the distribution, checked without building it; `.ci/run` installs the wheel."""

import re
import tomllib
from fnmatch import fnmatch
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[A-Za-z0-9.!+]+)")


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    found = [PIN.fullmatch(line) for line in lines if line and not line.startswith("#")]
    assert all(found), "a constraint is not an exact pin"
    return {canonical(match["name"]): match["version"] for match in found if match}


def requirements() -> list[str]:
    project = PROJECT["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["dev"]]


@pytest.mark.parametrize("requirement", requirements())
def test_every_dependency_is_pinned(requirement: str) -> None:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None
    assert canonical(name[0]) in pins()


def test_the_constraints_name_no_host_and_no_local_file() -> None:
    text = (ROOT / "constraints.txt").read_text()
    assert not re.search(r"://|@|^-|file:", text, re.MULTILINE)


@pytest.mark.parametrize("package", ["engine", "strategies", "data_feeds"])
def test_every_package_folder_is_importable_and_typed(package: str) -> None:
    folders = {path.parent for path in (ROOT / package).rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []
    assert (ROOT / package / "py.typed").is_file()


def test_every_shipped_file_matches_the_package_data() -> None:
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["*"]
    packages = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    files = [path for path in (ROOT / "configs").rglob("*") if path.is_file()]
    assert files
    assert any(fnmatch("configs", pattern) for pattern in packages)
    left_out = [
        path for path in files if not any(fnmatch(path.name, pattern) for pattern in patterns)
    ]
    assert left_out == []


def test_the_python_door_is_in_the_wheel() -> None:
    assert PROJECT["tool"]["setuptools"]["py-modules"] == ["riskoff"]
    assert (ROOT / "riskoff.py").is_file()


def test_tests_stay_out_of_the_wheel() -> None:
    include = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    assert not any(fnmatch("tests", pattern) for pattern in include)


def entry_points() -> list[EntryPoint]:
    project = PROJECT["project"]
    named = [("console_scripts", project["scripts"])]
    named += list(project["entry-points"].items())
    return [EntryPoint(name, value, group) for group, of in named for name, value in of.items()]


@pytest.mark.parametrize("point", entry_points(), ids=lambda point: point.name)
def test_every_entry_point_leads_somewhere(point: EntryPoint) -> None:
    assert callable(point.load())


def test_the_makefile_has_every_documented_target() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"demo", "test", "lint", "real-data", "pages", "bench", "soak", "wheel"} <= set(targets)
