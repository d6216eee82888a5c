"""Names: a class name is unique in the repository, a module name in the engine."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("engine", "strategies", "data_feeds", "doc_tables", "benchmarks", "tests")
# Modules of the engine that share a name because they mean the same thing.
SAME_IDEA = {
    "account": "the account of several sleeves, and its settings in config",
    "compare": "the comparison, and its settings in config",
    "market": "the readings of the market state, and its settings in config",
    "metrics": "the headline numbers, and the audit's own derivation",
    "run": "one run, and the run of an account",
    "sweep": "the sweep, and its settings in config",
    "trades": "the trades, and the audit's own derivation",
}


def python_files() -> Iterator[tuple[str, ast.Module]]:
    """Yield (path, tree) of every file of code, and of the modules at the root."""
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    for path in sorted([*paths, *ROOT.glob("*.py")]):
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def repeated(places: dict[str, list[str]]) -> list[str]:
    """Return a line for each name with several places."""
    return [f"{name}: {', '.join(held)}" for name, held in places.items() if len(held) > 1]


def test_every_class_has_a_name_of_its_own():
    places = defaultdict(list)
    for path, tree in python_files():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(f"{path}:{node.lineno}")
    assert len(places) > 500
    assert repeated(places) == []


def test_every_module_of_the_engine_has_a_name_of_its_own():
    places = defaultdict(list)
    for path in (ROOT / "engine").rglob("*.py"):
        named = path.parent if path.name == "__init__.py" else path
        if named != ROOT / "engine":
            places[named.stem].append(named.relative_to(ROOT).as_posix())
    assert SAME_IDEA.keys() <= places.keys()
    assert all(len(places[name]) > 1 for name in SAME_IDEA)
    unexplained = {name: held for name, held in places.items() if name not in SAME_IDEA}
    assert repeated(unexplained) == []
