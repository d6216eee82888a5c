"""``data import``, ``data list``, ``data verify``."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.cli.options import DEFAULT_CATALOG, CatalogOption, JsonOption
from engine.cli.output import print_columns, print_json, working

if TYPE_CHECKING:
    from data_feeds.catalog import Catalog, CatalogEntry

app = typer.Typer(help="The catalog of market data.", no_args_is_help=True)


@app.command("import")
def import_command(
    mapping: Annotated[Path, typer.Argument(metavar="MAPPING", help="YAML that says what is what")],
    data: CatalogOption = DEFAULT_CATALOG,
    root: Annotated[
        Path | None,
        typer.Option("--root", metavar="DIR", help="Folder of the files, not the mapping's own"),
    ] = None,
) -> None:
    """Import CSV and Parquet files into the catalog; a channel replaces its older version."""
    from data_feeds.catalog import Catalog, coverage_text
    from data_feeds.sources.local_files import import_mapping

    with working("importing") as report:
        reports = import_mapping(
            mapping, Catalog(data), root, progress=lambda _, n, total: report((n - 1) / total)
        )
    for done in reports:
        entry = done.entry
        print(f"{done.key}: {entry.rows} rows, {coverage_text(entry)}, from {done.file.name}")
    print(f"{len(reports)} channels in {data}")


@app.command("list")
def list_command(data: CatalogOption = DEFAULT_CATALOG, as_json: JsonOption = False) -> None:
    """List channels: rows, coverage, gaps, how many values are observed, where they come from."""
    from data_feeds.catalog import coverage_text

    entries = _existing(data).entries()
    if as_json:
        print_json([_document(entry) for entry in entries])
        return
    rows = [
        (
            str(entry.key),
            str(entry.rows),
            coverage_text(entry),
            f"{len(entry.gaps)} ({entry.missing_rows} rows)" if entry.gaps else "none",
            _labels(entry.labels),
            entry.origin.source,
        )
        for entry in entries
    ]
    print_columns([("channel", "rows", "coverage", "gaps", "values", "source"), *rows])


@app.command("verify")
def verify_command(data: CatalogOption = DEFAULT_CATALOG, as_json: JsonOption = False) -> None:
    """Check every file against its checksum and its channel's rules."""
    from data_feeds.errors import IntegrityError

    catalog = _existing(data)
    rows = []
    with working("verifying") as report:
        total = sum(entry.rows for entry in catalog.entries())
        for row in catalog.verify():
            rows.append(row)
            report(sum(row.rows for row in rows) / max(total, 1))
    broken = [row for row in rows if not row.is_sound]
    if as_json:
        print_json([row.model_dump(mode="json") for row in rows])
    else:
        for row in rows:
            print(f"{row.key}: {row.rows} rows, {'sound' if row.is_sound else 'BROKEN'}")
    if broken:
        raise IntegrityError("\n".join(row.problem for row in broken))


def _document(entry: "CatalogEntry") -> dict[str, Any]:
    """Return one channel as other programs read it; instants are ns UTC."""
    stored = entry.model_dump(mode="json", exclude={"parts", "seams"})
    derived = {
        "rows": entry.rows,
        "first_at": entry.first_at,
        "last_at": entry.last_at,
        "first_available_at": entry.first_available_at,
        "last_available_at": entry.last_available_at,
        "labels": entry.labels,
        "gaps": [gap.model_dump() for gap in entry.gaps],
        "idle": [run.model_dump() for run in entry.idle],
        "files": [part.file for part in entry.parts],
    }
    return stored | derived


def _existing(folder: Path) -> "Catalog":
    from data_feeds.catalog import Catalog
    from data_feeds.load import open_source
    from engine.errors import ConfigError

    source = open_source(folder)
    if not isinstance(source, Catalog):
        raise ConfigError(f"--data {folder}: not a catalog; name the folder of one")
    return source


def _labels(counts: Mapping[str, int]) -> str:
    """Return how many values are observed, inferred, synthetic; only the word when all are one."""
    held = {label: count for label, count in counts.items() if count}
    if len(held) == 1:
        return next(iter(held))
    return ", ".join(f"{count} {label}" for label, count in held.items())
