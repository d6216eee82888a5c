"""Which Python files a playbook's behaviour can depend on: ours, its own, and what those import."""

import ast
import site
import sys
import sysconfig
from collections.abc import Iterator
from importlib import util
from pathlib import Path

OUR_PACKAGES = ("data_feeds", "engine", "strategies")

LabelledFile = tuple[str, Path]


def code_files(playbook: type) -> list[LabelledFile]:
    """Return (stable name, path) of our packages' files, the playbook's own, and its helpers'.

    Helpers are the modules beside the playbook's, in a folder that is not one of installed
    packages, that its files import or name in a text, and what these import in turn. What else the
    folder holds, and what else this process has loaded, changes nothing.
    """
    files = [file for name in OUR_PACKAGES for file in _files_of(name)]
    top = playbook.__module__.partition(".")[0]
    if top in OUR_PACKAGES:
        return files
    own = _files_of(top)
    folder = _folder_of(top)
    if folder is None:
        return files + own
    found = {top: own}
    waiting = list(own)
    while waiting:
        _, path = waiting.pop()
        for name in sorted(_names_in(path) - found.keys() - {*OUR_PACKAGES}):
            found[name] = _files_beside(folder, name)
            waiting += found[name]
    return files + [file for name in sorted(found) for file in found[name]]


def _files_of(package: str) -> list[LabelledFile]:
    """Return the Python files of a package or of one module, wherever it was loaded from."""
    loaded = sys.modules.get(package)
    spec = getattr(loaded, "__spec__", None) or (None if loaded else util.find_spec(package))
    if spec is not None and spec.submodule_search_locations:
        return sorted(
            file
            for root in map(Path, spec.submodule_search_locations)
            for file in _files_under(package, root)
        )
    source = getattr(loaded, "__file__", None) or getattr(spec, "origin", None)
    return [(package, Path(source))] if source else []


def _files_under(package: str, root: Path) -> list[LabelledFile]:
    return sorted(
        (f"{package}/{path.relative_to(root).as_posix()}", path) for path in root.rglob("*.py")
    )


def _files_beside(folder: Path, name: str) -> list[LabelledFile]:
    """Return the files of the module or package of a name in a folder; none if there is none."""
    if (folder / f"{name}.py").is_file():
        return [(name, folder / f"{name}.py")]
    return _files_under(name, folder / name) if (folder / name).is_dir() else []


def _folder_of(top: str) -> Path | None:
    """Return the folder that a module or package lies in; None among installed packages."""
    loaded = sys.modules.get(top)
    spec = getattr(loaded, "__spec__", None)
    places = list(getattr(spec, "submodule_search_locations", None) or ())
    source = places[0] if places else getattr(loaded, "__file__", None)
    if source is None:
        return None
    folder = Path(source).resolve().parent
    libraries = {
        *sysconfig.get_paths().values(),
        *site.getsitepackages(),
        site.getusersitepackages(),
    }
    return None if folder in {Path(library).resolve() for library in libraries} else folder


def _names_in(path: Path) -> set[str]:
    """Return the first part of every module name that a file imports, or could by a text."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return set()
    names = {name.partition(".")[0] for node in ast.walk(tree) for name in _modules(node)}
    return {name for name in names if name.isidentifier()}


def _modules(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        yield node.module
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
