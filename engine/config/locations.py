"""Find files of the shipped ``configs`` folder, installed or in the checkout."""

from difflib import get_close_matches
from pathlib import Path

from engine.errors import ConfigError

# site-packages/configs beside site-packages/engine, or configs beside engine in the checkout.
CONFIGS_FOLDER = Path(__file__).resolve().parents[2] / "configs"
VENUES_FOLDER = CONFIGS_FOLDER / "venues"
ACCOUNTS_FOLDER = CONFIGS_FOLDER / "accounts"
COMPARE_FOLDER = CONFIGS_FOLDER / "compare"
SWEEPS_FOLDER = CONFIGS_FOLDER / "sweeps"
SWEEP_SCHEMA_FILE = CONFIGS_FOLDER / "schema" / "sweep.schema.json"
COMPARE_SCHEMA_FILE = CONFIGS_FOLDER / "schema" / "compare.schema.json"
ACCOUNT_SCHEMA_FILE = CONFIGS_FOLDER / "schema" / "account.schema.json"
SCHEMA_FILE = CONFIGS_FOLDER / "schema" / "run.schema.json"


def find_config(text: str, kind: str = "runs") -> Path:
    """Return the file of a config argument.

    A path that exists is taken as it is. Otherwise ``configs/...`` means the shipped copy, so the
    examples run from any folder, and a bare name such as ``demo`` the shipped file of that name in
    ``configs/<kind>``; the runs of ``configs/rules`` are found with those of ``configs/runs``.

    Raises
    ------
    ConfigError : there is no such file; names the nearest shipped one.
    """
    written = Path(text)
    candidates = [written]
    if written.parts[:1] == ("configs",) and ".." not in written.parts:
        candidates.append(CONFIGS_FOLDER.joinpath(*written.parts[1:]))
    if len(written.parts) == 1 and not written.suffix:
        candidates += [folder / f"{text}.yaml" for folder in _folders(kind)]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    problem = "is a folder" if written.is_dir() else "no such file"
    beside = Path(f"{text}.yaml")
    if beside.is_file():
        raise ConfigError(f"{text}: {problem}; did you mean {beside}?")
    raise ConfigError(f"{text}: {problem}; {_nearest(written.stem, kind)}")


def find_venue(name: str) -> Path:
    """Return the file of a shipped venue.

    Raises
    ------
    ConfigError : there is no such venue; names the nearest one.
    """
    if name in _names(VENUES_FOLDER):
        return VENUES_FOLDER / f"{name}.yaml"
    raise ConfigError(f"no such venue; {_nearest(name, 'venues')}, or write the venue inline")


def _names(folder: Path) -> list[str]:
    return sorted(file.stem for file in folder.glob("*.yaml"))


def _folders(kind: str) -> list[Path]:
    return [CONFIGS_FOLDER / name for name in (("runs", "rules") if kind == "runs" else (kind,))]


def _nearest(name: str, kind: str) -> str:
    names = [found for folder in _folders(kind) for found in _names(folder)]
    close = get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"{kind} that ship with riskoff: {', '.join(names) or 'none'}"
