"""Stage the pages of the site: ``docs/``, the README as its home, and the files that pages link to.

A page of ``docs/`` is written for a reader of the repository: it links to configurations, tests and
the README. The staged copy leads to the same content inside the site, where such a file is a page
under ``repository/`` with its text.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from doc_tables.blocks import DOCS, ROOT

ASSETS = Path(__file__).with_name("assets")
HOME = "README.md"
# Pages of the repository that the site always has.
KEPT = ("CONTRIBUTING.md", "CHANGELOG.md")
REPOSITORY, NOTEBOOK = "repository", ".ipynb"
LINK = re.compile(r"(\]\()([^)#:\s]+)((?:#[^)\s]*)?\))")
FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
LANGUAGES = {".py": "python", ".yaml": "yaml", ".json": "json", ".toml": "toml", ".css": "css"}


def stage(folder: Path) -> int:
    """Write all pages into a new folder and return their number.

    Raises
    ------
    SystemExit : a link leads to no file, or ``docs/index.md`` takes the home page's place.
    """
    if (DOCS / "index.md").exists():
        raise SystemExit(f"docs/index.md: the home page is {HOME}; move the text there")
    shutil.rmtree(folder, ignore_errors=True)
    sources = [DOCS / path for path in sorted(DOCS.rglob("*")) if path.is_file()]
    waiting = [ROOT / HOME, *(ROOT / name for name in KEPT), *sources]
    known = set(waiting)
    while waiting:
        source = waiting.pop()
        place = folder / site_path(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix != ".md":
            _copy(source, place)
            continue
        text = source.read_text(encoding="utf-8")
        place.write_text(site_text(text, source), encoding="utf-8")
        found = set(targets(text, source)) - known
        known |= found
        waiting += sorted(found)
    shutil.copytree(ASSETS, folder / "assets")
    return len(known)


def site_path(source: Path) -> PurePosixPath:
    """Return a file's path in the site: of its page, of a picture, or of a notebook itself."""
    if source == ROOT / HOME:
        return PurePosixPath("index.md")
    if source.is_relative_to(DOCS):
        return PurePosixPath(source.relative_to(DOCS).as_posix())
    path = PurePosixPath(REPOSITORY, source.relative_to(ROOT).as_posix())
    return path if path.suffix == ".md" else path.with_name(f"{path.name}.md")


def targets(text: str, source: Path) -> Iterator[Path]:
    """Yield the file behind each relative link of a page.

    Raises
    ------
    SystemExit : a link leads to no file of the repository.
    """
    for line in outside_fences(text):
        for link in LINK.finditer(line):
            yield _target(link[2], source)


def site_text(text: str, source: Path) -> str:
    """Return a page with each relative link leading to the same file inside the site."""
    here = site_path(source).parent

    def led(link: re.Match[str]) -> str:
        path = site_path(_target(link[2], source))
        # A notebook is a page here, which leads to the file.
        if path.suffix == NOTEBOOK:
            path = path.with_suffix(".md")
        return f"{link[1]}{_relative(path, here)}{link[3]}"

    lines, inside = [], ""
    for line in text.split("\n"):
        inside, fenced = _fence(line, inside)
        lines.append(line if fenced else LINK.sub(led, line))
    return "\n".join(lines)


def outside_fences(text: str) -> Iterator[str]:
    """Yield the lines of a page that stand in no code block between fences."""
    inside = ""
    for line in text.split("\n"):
        inside, fenced = _fence(line, inside)
        if not fenced:
            yield line


def _fence(line: str, inside: str) -> tuple[str, bool]:
    """Return (the fence open after a line, True when the line belongs to a code block)."""
    found = FENCE.match(line)
    if not inside:
        return (found[1], True) if found else ("", False)
    closes = found is not None and found[1].startswith(inside) and line.strip() == found[1]
    return ("" if closes else inside), True


def _target(name: str, source: Path) -> Path:
    path = (source.parent / name).resolve()
    if not path.is_file() or not path.is_relative_to(ROOT):
        raise SystemExit(
            f"{source.relative_to(ROOT)}: the link to {name} leads to no file of the repository; "
            "name a file, relative to the page"
        )
    return path


def _relative(path: PurePosixPath, here: PurePosixPath) -> str:
    shared = 0
    for mine, other in zip(here.parts, path.parts[:-1], strict=False):
        if mine != other:
            break
        shared += 1
    return "/".join([".."] * (len(here.parts) - shared) + list(path.parts[shared:]))


def _copy(source: Path, place: Path) -> None:
    """Copy a picture; make a page with the text of any other file."""
    if source.is_relative_to(DOCS):
        shutil.copy(source, place)
        return
    language = LANGUAGES.get(source.suffix, "text")
    name = source.relative_to(ROOT).as_posix()
    body = source.read_text(encoding="utf-8").rstrip("\n")
    place.write_text(f"# `{name}`\n\n````{language}\n{body}\n````\n", encoding="utf-8")
