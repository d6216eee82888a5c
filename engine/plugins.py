"""Load playbooks by name: entry points, ``package.module:Class``, or a local folder.

Only the module of the wanted name is imported, and a local folder only when the caller passes it.
"""

import importlib
import importlib.util
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from numbers import Integral
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from data_feeds.instrument import Instrument
from data_feeds.trading_end import without_delistings
from engine.code_versions import OUR_PACKAGES
from engine.config.models import PlaybookConfig
from engine.config.problems import param_problem_texts, problem_lines, validate_strict
from engine.config.yaml_source import WrittenParams, given_params
from engine.errors import (
    ConfigError,
    ParamProblem,
    ParamsError,
    PlaybookContractError,
    PlaybookError,
    RiskoffError,
)
from engine.playbook import API_VERSION, Playbook, PlaybookParams, Requirements
from engine.playbook_risk import check_risk_defaults
from engine.reads import Reads, watching

ENTRY_POINT_GROUP = "riskoff.strategies"
# Beside the engine in a checkout; an installation has the entry points themselves.
PROJECT_FILE = Path(__file__).resolve().parents[1] / "pyproject.toml"
PROJECT = "riskoff"
MAX_WARMUP_BARS = 10_000_000
# By the first part of a module's name; see _remember.
_at_import: dict[str, Reads] = {}

AnyPlaybook = Playbook[Any]


@dataclass(frozen=True)
class PlaybookEntry:
    """Describe one playbook that YAML can name.

    Attributes
    ----------
    name : name in YAML
    target : ``package.module:Class``
    origin : the distribution or folder that brings it
    """

    name: str
    target: str
    origin: str


def list_playbooks(plugin_path: Path | None = None) -> tuple[PlaybookEntry, ...]:
    """Return all named playbooks, sorted by name, without importing them."""
    return tuple(sorted(_entries(plugin_path), key=lambda entry: (entry.name, entry.target)))


def load_playbook_class(name: str, plugin_path: Path | None = None) -> type[AnyPlaybook]:
    """Return the class of a playbook by name.

    Parameters
    ----------
    name : an entry point's name, ``package.module:Class``, or with ``plugin_path`` the name of a
        file or package in that folder that holds one playbook
    plugin_path : folder of local plugins; the only one searched

    Raises
    ------
    ConfigError : no playbook or more than one answers to the name.
    PlaybookError : the plugin's code could not be imported.
    PlaybookContractError : the object found is no playbook of a supported ``api_version``.
    """
    if plugin_path is not None and not plugin_path.is_dir():
        raise ConfigError(f"--plugin-path {plugin_path}: no such folder")
    if ":" in name:
        return _check(name, _import(name, name, plugin_path))
    found = [entry for entry in _entries(plugin_path) if entry.name == name]
    if len(found) > 1:
        both = " and ".join(f"{entry.target} ({entry.origin})" for entry in found)
        raise ConfigError(
            f"two playbooks answer to {name!r}: {both}; write the one you mean as "
            "package.module:Class"
        )
    if not found:
        raise ConfigError(f"no such playbook; {_nearest(name, plugin_path)}")
    return _check(name, _import(name, found[0].target, plugin_path))


def configured_playbook(config: PlaybookConfig, plugin_path: Path | None = None) -> AnyPlaybook:
    """Return the playbook that a config describes; errors are those of :func:`load_playbook`."""
    return load_playbook(
        config.name, config.params, plugin_path, ignore=config.ignore, written=config.written
    )


def load_playbook(
    name: str,
    params: Mapping[str, Any],
    plugin_path: Path | None = None,
    *,
    ignore: Iterable[str] = (),
    written: WrittenParams | None = None,
) -> AnyPlaybook:
    """Return a playbook with its parameters checked; see :func:`load_playbook_class`.

    ``ignore`` names conditions that it treats as true; ``written`` says where the parameters come
    from.

    Raises
    ------
    ConfigError : also when a parameter is unknown or out of range; one line a problem.
    PlaybookError : also when the playbook's ``__init__`` raised.
    """
    playbook = load_playbook_class(name, plugin_path)
    given = written or given_params(name, params)
    try:
        checked = validate_strict(playbook.Params, params)
    except ValidationError as error:
        lines = problem_lines(error, playbook.Params, given.source, given.prefix)
        raise ConfigError("\n".join(lines)) from error
    problems = param_problems(playbook, checked)
    if problems:
        raise ConfigError("\n".join(param_problem_texts(problems, given)))
    return new_playbook(playbook, checked, ignore)


def param_problems(playbook: type[AnyPlaybook], params: PlaybookParams) -> tuple[ParamProblem, ...]:
    """Return the problems that a playbook finds in parameters that fit its model.

    Raises
    ------
    PlaybookError : its ``problems`` raised.
    PlaybookContractError : it returned something else than problems.
    """
    try:
        found = tuple(playbook.problems(params))
    except RiskoffError:
        raise
    except (Exception, SystemExit) as error:
        raise _raised(playbook.name, "problems", error) from error
    for problem in found:
        if not isinstance(problem, ParamProblem):
            raise PlaybookContractError(
                f"playbook {playbook.name}: problems returned a {type(problem).__name__}, not a "
                "ParamProblem"
            )
    return found


def new_playbook(
    playbook: type[AnyPlaybook], params: PlaybookParams, ignore: Iterable[str] = ()
) -> AnyPlaybook:
    """Return a fresh instance of a playbook that treats the conditions of ``ignore`` as true.

    Raises
    ------
    PlaybookError : its ``__init__`` raised.
    """
    try:
        with watching() as watch:
            made = playbook(params)
    except RiskoffError:
        raise
    except (Exception, SystemExit) as error:
        raise _raised(playbook.name, "__init__", error) from error
    made.ignored = frozenset(ignore)
    at_import = _at_import.get(playbook.__module__.partition(".")[0], Reads())
    made.reads = at_import | remember_modules(playbook, watch.reads)
    return made


def settled_params(
    playbook: type[AnyPlaybook],
    params: PlaybookParams,
    instruments: Mapping[str, Instrument],
    written: WrittenParams | None = None,
) -> PlaybookParams:
    """Return the parameters completed from the instruments' records, their delistings hidden.

    ``written`` says where the parameters come from.

    Raises
    ------
    ConfigError : the records show that parameters are wrong.
    PlaybookError : its ``settle`` raised.
    PlaybookContractError : it returned something else than parameters.
    """
    try:
        settled = playbook.settle(params, without_delistings(instruments))
    except ParamsError as error:
        given = written or given_params(playbook.name, params.model_dump(mode="json"))
        raise ConfigError("\n".join(param_problem_texts(error.problems, given))) from error
    except RiskoffError:
        raise
    except (Exception, SystemExit) as error:
        raise _raised(playbook.name, "settle", error) from error
    if not isinstance(settled, playbook.Params):
        raise PlaybookContractError(
            f"playbook {playbook.name}: settle returned {type(settled).__name__}, not its Params"
        )
    return settled


def requirements_of(playbook: AnyPlaybook) -> Requirements:
    """Return the requirements that a playbook declares, checked.

    Raises
    ------
    PlaybookError : its ``requirements`` raised.
    PlaybookContractError : it declared something else, an impossible warm-up, or ``late`` channels
        that are not required or hold the clock.
    """
    try:
        with watching() as watch:
            declared = playbook.requirements(playbook.params)
        playbook.reads |= remember_modules(type(playbook), watch.reads)
    except RiskoffError:
        raise
    except (Exception, SystemExit) as error:
        raise _raised(playbook.name, "requirements", error) from error
    if not isinstance(declared, Requirements):
        raise PlaybookContractError(
            f"playbook {playbook.name}: requirements returned {type(declared).__name__}, "
            "not Requirements"
        )
    bars: object = declared.warmup_bars
    if not isinstance(bars, Integral) or not 0 <= int(bars) <= MAX_WARMUP_BARS:
        raise PlaybookContractError(
            f"playbook {playbook.name}: warmup_bars = {bars!r}; it must be a whole number from 0 "
            f"to {MAX_WARMUP_BARS:,}"
        )
    _check_late(playbook.name, declared)
    # By name, so that the order of a file's keys decides nothing.
    return replace(declared, traded=tuple(sorted(declared.traded)))


def _check_late(name: str, declared: Requirements) -> None:
    """Refuse the clock and channels that are not required among the ``late`` ones."""
    if declared.clock in declared.late:
        raise PlaybookContractError(
            f"playbook {name}: late names its clock {declared.clock}; nothing is decided before "
            "the clock begins: leave it out of late"
        )
    stray = sorted(map(str, declared.late - declared.channels))
    if stray:
        raise PlaybookContractError(
            f"playbook {name}: late names {stray[0]}, which is not among its channels; late holds "
            "required channels that may begin inside the window: add it to channels"
        )


def _raised(name: str, method: str, error: BaseException) -> PlaybookError:
    return PlaybookError(f"playbook {name}: {method} raised {type(error).__name__}: {error}")


def _entries(plugin_path: Path | None) -> Iterator[PlaybookEntry]:
    installed = {(point.name, point.value): point for point in _points()}
    for (name, target), point in installed.items():
        yield PlaybookEntry(name, target, point.dist.name if point.dist else "installed")
    for name, target in shipped_playbooks().items():
        if (name, target) not in installed:
            yield PlaybookEntry(name, target, PROJECT)
    if plugin_path is not None:
        for module in _local_modules(plugin_path):
            yield PlaybookEntry(module, module, str(plugin_path))


@cache
def shipped_playbooks() -> Mapping[str, str]:
    """Return name and target of the playbooks that a checkout's project file lists.

    A checkout that was never installed finds its playbooks this way.
    """
    if not PROJECT_FILE.is_file():
        return {}
    project = tomllib.loads(PROJECT_FILE.read_text(encoding="utf-8")).get("project", {})
    if project.get("name") != PROJECT:
        return {}
    listed: dict[str, str] = project.get("entry-points", {}).get(ENTRY_POINT_GROUP, {})
    return listed


def _points() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=ENTRY_POINT_GROUP))


def _local_modules(folder: Path) -> Iterator[str]:
    """Yield the names of the files and packages in a folder, without opening them."""
    for path in sorted(folder.iterdir()):
        if path.suffix == ".py" and path.stem.isidentifier() and path.stem != "__init__":
            yield path.stem
        elif path.name.isidentifier() and (path / "__init__.py").is_file():
            yield path.name


def _nearest(name: str, plugin_path: Path | None) -> str:
    names = [entry.name for entry in list_playbooks(plugin_path)]
    close = get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"known: {', '.join(names)}; or write package.module:Class, or pass --plugin-path"


def _import(name: str, target: str, plugin_path: Path | None) -> object:
    """Return the class of ``package.module:Class``, or a local module's only playbook."""
    module_name, _, class_name = target.partition(":")
    try:
        with watching() as watch:
            module = _module(module_name, plugin_path)
        _remember(module_name, watch.reads)
    except ModuleNotFoundError as error:
        # The plugin's author fixes a missing import inside it, the trader a wrong name.
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise PlaybookError(f"playbook {name}: cannot import {module_name}: {error}") from error
        raise ConfigError(
            f"no module {error.name!r}; local plugins need --plugin-path FOLDER"
        ) from error
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:
        raise PlaybookError(
            f"playbook {name}: importing {module_name} raised {type(error).__name__}: {error}"
        ) from error
    if not class_name:
        return _only_playbook(name, module)
    if not hasattr(module, class_name):
        close = get_close_matches(class_name, dir(module), n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise ConfigError(f"{module_name} has no {class_name!r}{hint}")
    found: object = getattr(module, class_name)
    return found


def _remember(module_name: str, reads: Reads) -> None:
    """Store the reads of a module's import, which happens once a process."""
    top = module_name.partition(".")[0]
    own = {name for name in reads.modules if name.partition(".")[0] == top}
    # A module imported again has read again; its own modules are hashed in any case.
    before = Reads() if own else _at_import.get(top, Reads())
    _at_import[top] = before | replace(reads, modules=reads.modules - own)


def remember_modules(playbook: type[AnyPlaybook], reads: Reads) -> Reads:
    """Return these reads with all local modules that the playbook imported in this process.

    A module is imported once, but its code decides in every later run.
    """
    top = playbook.__module__.partition(".")[0]
    known = _at_import.get(top, Reads())
    _at_import[top] = known | Reads(modules=reads.modules)
    return reads | Reads(modules=_at_import[top].modules)


def _module(name: str, plugin_path: Path | None) -> object:
    """Import a module with the plugin folder first in ``sys.path`` for this import only."""
    top = name.partition(".")[0]
    if plugin_path is None:
        _refuse_shadow(top)
        return importlib.import_module(name)
    folder = str(plugin_path.resolve())
    loaded = sys.modules.get(top)
    if top in set(_local_modules(plugin_path)) and loaded is not None:
        where = getattr(loaded, "__file__", None) or ""
        if not Path(where).is_relative_to(folder):
            raise ConfigError(
                f"{folder}/{top} has the name of a module already loaded from {where}; rename it"
            )
    sys.path.insert(0, folder)
    try:
        importlib.invalidate_caches()
        _refuse_shadow(top)
        return importlib.import_module(name)
    finally:
        sys.path.remove(folder)


def _refuse_shadow(top: str) -> None:
    """Refuse a folder or file that hides one of our own packages from this import.

    Raises
    ------
    ConfigError : names the folder or file.
    """
    if top not in OUR_PACKAGES:
        return
    spec = importlib.util.find_spec(top)
    searched = list(spec.submodule_search_locations or ()) if spec is not None else []
    place = searched[0] if searched else getattr(spec, "origin", None)
    if place is not None and Path(place).resolve().parent != PROJECT_FILE.parent:
        raise ConfigError(
            f"{place} hides riskoff's own package {top}; rename it (your own playbooks belong into "
            "a folder called playbooks)"
        )


def _only_playbook(name: str, module: object) -> object:
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Playbook)
        and value.__module__.partition(".")[0] == name
        and hasattr(value, "Params")
    ]
    if len(own) != 1:
        names = ", ".join(sorted(value.__name__ for value in own)) or "none"
        raise ConfigError(f"{name} must hold one playbook, holds: {names}; write {name}:Class")
    return own[0]


def _check(name: str, found: object) -> type[AnyPlaybook]:
    if not (isinstance(found, type) and issubclass(found, Playbook)):
        raise PlaybookContractError(f"playbook {name}: not a subclass of engine.api.Playbook")
    if found.api_version != API_VERSION:
        raise PlaybookContractError(
            f"playbook {name}: api_version {found.api_version}; this riskoff supports {API_VERSION}"
        )
    params = getattr(found, "Params", None)
    if not (isinstance(params, type) and issubclass(params, PlaybookParams)):
        raise PlaybookContractError(f"playbook {name}: Params must be a subclass of PlaybookParams")
    own_name = getattr(found, "name", None)
    if not (isinstance(own_name, str) and own_name.strip()):
        raise PlaybookContractError(
            f'playbook {name}: the class has no name; write name = "..." in its body'
        )
    check_risk_defaults(name, found.risk_defaults)
    return found
