"""Import files of a well-known format: draft the mapping, show it, store it, import by it."""

import contextlib
import shlex
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_feeds.default_data import DEFAULT_CATALOG
from engine.config.locations import CONFIGS_FOLDER
from engine.errors import ConfigError

if TYPE_CHECKING:
    from data_feeds.catalog import Catalog, CatalogEntry
    from data_feeds.instrument import Instrument
    from data_feeds.sources.drafts import DraftAnswers
    from data_feeds.sources.local_files import ImportReport

MAPPINGS = "mappings"


def answers_of(instrument: str, given: Mapping[str, Any]) -> "DraftAnswers":
    """Return the user's statements about the files.

    Raises
    ------
    ConfigError : a value is of another type than its option's.
    """
    from pydantic import ValidationError

    from data_feeds.sources.drafts import DraftAnswers

    try:
        return DraftAnswers.model_validate({"instrument": instrument, **given})
    except ValidationError as error:
        problem = error.errors()[0]
        option = f"--{str(problem['loc'][0]).replace('_', '-')}"
        raise ConfigError(f"{option} {problem['input']}: {problem['msg']}") from error


def import_drafted(
    files: Sequence[Path],
    form: str,
    answers: "DraftAnswers",
    data: Path,
    *,
    replace: bool,
    dry_run: bool,
) -> None:
    """Print how files are understood, then import them by a drafted mapping that is kept.

    With ``dry_run`` the import goes into a catalog that is thrown away, and nothing is kept.

    Raises
    ------
    ConfigError : the format is unknown, or the kept mapping differs and ``replace`` is not given.
    DataError : as by an import.
    """
    from data_feeds.catalog import Catalog
    from data_feeds.errors import DataError
    from data_feeds.sources.drafts import FORMATS, draft_mapping, draft_name, understood
    from data_feeds.sources.local_files import import_mapping

    if form not in FORMATS:
        raise ConfigError(f"--as {form}: no such format; take one of {', '.join(FORMATS)}")
    catalog = Catalog(data)
    draft = draft_mapping(files, form, answers, _known(catalog))
    for line in understood(draft):
        print(line)
    place = data / MAPPINGS / draft_name(draft.mapping)
    if dry_run:
        with tempfile.TemporaryDirectory() as folder:
            mapping = Path(folder) / place.name
            mapping.write_text(draft.text, encoding="utf-8")
            try:
                reports = import_mapping(mapping, Catalog(Path(folder) / "catalog"))
            except DataError as error:
                # The thrown-away file's name would send the user nowhere.
                text = str(error).replace(str(mapping), str(place))
                raise type(error)(text) from error
            print_imported(reports)
        print(f"nothing was written (--dry-run); the mapping would be {place}:")
        print(draft.text, end="")
        return
    if place.is_file() and place.read_text(encoding="utf-8") != draft.text and not replace:
        raise ConfigError(
            f"{place}: a mapping of this channel is kept already and differs: import by it with "
            f"'{_again(place, data)}', or draft it anew with --replace (name all files of the "
            "channel: rows of the others would be lost)"
        )
    print(f"mapping: {place}")
    with _kept(place, draft.text):
        print_imported(import_mapping(place, catalog, replace=replace))
    print(f"written to {data}; again, or after a change of the mapping: {_again(place, data)}")


@contextlib.contextmanager
def _kept(place: Path, text: str) -> Iterator[None]:
    """Write a mapping; if the block fails, an earlier mapping is put back.

    Without an earlier one the draft stays, so that the user can mend it.
    """
    from data_feeds.atomic import storage_errors, write_atomically

    before = place.read_bytes() if place.is_file() else None
    with storage_errors(place, "nothing was imported"):
        write_atomically(place, text.encode("utf-8"))
    try:
        yield
    except BaseException:
        if before is not None:
            write_atomically(place, before)
        raise


def _again(place: Path, data: Path) -> str:
    words = ["riskoff", "data", "import", str(place)]
    return shlex.join(words + ([] if data == DEFAULT_CATALOG else ["--data", str(data)]))


def _known(catalog: "Catalog") -> "dict[str, Instrument]":
    """Return the shipped records and those of the catalog, which come first."""
    from data_feeds.sources.mapping import InstrumentFile
    from data_feeds.sources.model_problems import parse_model
    from data_feeds.yaml_text import load_yaml

    shipped = {
        record.id: record
        for path in sorted((CONFIGS_FOLDER / "instruments").glob("*.yaml"))
        for record in parse_model(InstrumentFile, load_yaml(path)).instruments
    }
    return shipped | (catalog.instruments() if catalog.exists() else {})


def print_imported(reports: "Sequence[ImportReport]", *, holes: bool = True) -> None:
    """Print each imported channel: rows, coverage, files, notes and its longest hole."""
    from data_feeds.catalog import coverage_text

    for done in reports:
        names = ", ".join(dict.fromkeys(file.name for file in done.files))
        print(f"{done.key}: {done.entry.rows} rows, {coverage_text(done.entry)}, from {names}")
        for note in done.notes:
            print(f"  {note}")
        if done.entry.last_at > time.time_ns():
            print(
                "  the last row ends in the future: it was not complete when the file was written"
            )
        if holes:
            print(f"  holes: {_holes(done.entry)}")


def _holes(entry: "CatalogEntry") -> str:
    from data_feeds.clock import utc_text

    if not entry.gaps:
        return "none"
    worst = max(entry.gaps, key=lambda gap: gap.rows)
    return (
        f"{len(entry.gaps)}, rows missing: {entry.missing_rows}; the longest ({worst.rows}) from "
        f"{utc_text(worst.started_at)} to {utc_text(worst.ended_at)}"
    )
