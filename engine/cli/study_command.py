"""Define the command ``study``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.completion import files_of
from engine.cli.options import DataOption, JsonOption
from engine.cli.output import print_json, working

if TYPE_CHECKING:
    from engine.studies import EventKind, Study

EMBEDDED = "embedded"
EVENTS = ("flush", "reclaim", "stabilization", "checklist", "all")


def study(
    episodes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[EPISODE]...",
            help="YAML files or names [default: all shipped]",
            autocompletion=files_of("episodes"),
        ),
    ] = None,
    *,
    event: Annotated[
        str, typer.Option("--event", metavar="KIND", help=f"One of {', '.join(EVENTS)}")
    ] = "all",
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files go")] = Path(
        "study"
    ),
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show market moves around flushes, reclaims, stabilizations and checklist signals.

    Writes a page, study.json, paths.parquet and study.png. It reads later rows: no signal.
    """
    kinds = _kinds(event)

    from data_feeds.load import open_source
    from data_feeds.schema import Provenance
    from engine.episodes import find_episode, shipped_episodes
    from engine.studies import run_study, study_document, study_text

    chosen = [find_episode(text) for text in episodes or ()] or shipped_episodes()
    with working("studying events") as report:
        found = run_study(open_source(data or EMBEDDED), chosen, kinds, on_progress=report)
    synthetic = found.provenance is Provenance.SYNTHETIC
    label = f"{data or EMBEDDED}{' (SYNTHETIC DATA)' if synthetic else ''}"
    document = study_document(found, data=label)
    paths = _write(found, document, out, label=label)
    if as_json:
        print_json({**document, "files": [str(path) for path in paths]})
        return
    print(study_text(found, data=label))
    for path in paths:
        print(path)


def _kinds(event: str) -> "frozenset[EventKind]":
    """Return the event kinds of an option.

    Raises
    ------
    ConfigError : there is no such event.
    """
    from engine.errors import ConfigError
    from engine.studies import CHECKLIST_KINDS, EventKind

    if event not in EVENTS:
        raise ConfigError(f"--event {event!r} is none of {', '.join(EVENTS)}")
    if event == "all":
        return frozenset(EventKind)
    return frozenset(CHECKLIST_KINDS if event == "checklist" else [EventKind(event)])


def _write(found: "Study", document: dict[str, object], out: Path, *, label: str) -> list[Path]:
    """Write the study's files and return their paths."""
    import json
    from io import BytesIO

    import pyarrow.parquet as pq

    from data_feeds.atomic import storage_errors, write_atomically
    from engine.studies import PAGE_FILE, paths_table, study_page, study_picture

    table = BytesIO()
    pq.write_table(paths_table(found), table)
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    files = {
        out / "study.json": text.encode(),
        out / "paths.parquet": table.getvalue(),
        out / "study.png": study_picture(found, data=label),
        # The page last: the files that it links to are then already replaced.
        out / PAGE_FILE: study_page(found, data=label).encode(),
    }
    with storage_errors(out):
        for path, content in files.items():
            write_atomically(path, content)
    return list(files)
