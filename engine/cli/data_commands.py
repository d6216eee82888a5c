"""Define the commands ``data import``, ``data fetch``, ``data list`` and ``data verify``."""

import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from data_feeds.default_data import DEFAULT_CATALOG
from engine.cli.completion import import_formats
from engine.cli.drafted_import import answers_of, import_drafted, print_imported
from engine.cli.fetch_command import fetch_command
from engine.cli.options import CatalogOption, JsonOption
from engine.cli.output import print_columns, print_json, working

if TYPE_CHECKING:
    from data_feeds.catalog import Catalog, CatalogEntry, VerifyRow
    from data_feeds.instrument import Instrument
    from data_feeds.quality import Pair, QualityFinding

# Wide enough for every column of `data list`.
_WIDE = 1_000
_SHOWN_OF_A_KIND = 3

app = typer.Typer(help="Import, fetch, list and verify market data.", no_args_is_help=True)
app.command("fetch")(fetch_command)


def _of_draft(*names: str, **settings: Any) -> Any:
    """Return an option that only a drafted import has, in a panel of its own."""
    return typer.Option(*names, rich_help_panel="With --as", **settings)


@app.command("import")
def import_command(
    *,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="MAPPING | FILE...", help="A mapping; or with --as, files"),
    ],
    data: CatalogOption = DEFAULT_CATALOG,
    root: Annotated[
        Path | None,
        typer.Option("--root", metavar="DIR", help="Folder of the files, not the mapping's own"),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Allow stored rows to be lost or changed")
    ] = False,
    form: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="FORMAT",
            autocompletion=import_formats,
            help="Draft the mapping: binance, yahoo, tradingview, freqtrade or fred",
        ),
    ] = None,
    instrument: Annotated[
        str | None, _of_draft("--instrument", metavar="ID", help="Instrument of the rows")
    ] = None,
    kind: Annotated[
        str | None,
        _of_draft("--kind", metavar="KIND", help="Of a new id: etf, perp, spot, index or series"),
    ] = None,
    calendar: Annotated[
        str | None,
        _of_draft("--calendar", metavar="NAME", help="Of a new ETF or index, e.g. XNYS or 24/7"),
    ] = None,
    quote: Annotated[
        str | None,
        _of_draft("--quote", metavar="UNIT", help="Currency of prices; percent, ... of a series"),
    ] = None,
    tick: Annotated[
        float | None, _of_draft("--tick", metavar="STEP", help="Price step of a new id")
    ] = None,
    lot: Annotated[
        float | None, _of_draft("--lot", metavar="STEP", help="Quantity step of a new id")
    ] = None,
    timeframe: Annotated[
        str | None,
        _of_draft("--timeframe", metavar="LENGTH", help="Bar length; else the file's usual step"),
    ] = None,
    release_days: Annotated[
        int | None,
        _of_draft("--release-days", metavar="N", min=0, help="From a value's date to publication"),
    ] = None,
    dividend_adjusted: Annotated[
        bool | None,
        _of_draft(
            "--dividend-adjusted/--no-dividend-adjusted", help="Whether prices contain dividends"
        ),
    ] = None,
    dry_run: Annotated[bool, _of_draft("--dry-run", help="Show all, write nothing")] = False,
) -> None:
    """Import CSV, Parquet, Feather and JSON files into the catalog.

    A channel replaces its older version. If that would lose or change stored rows, the import
    names them and stops, unless --replace is given. With --as the mapping is drafted, shown and
    kept in the catalog's folder "mappings".
    """
    from engine.errors import ConfigError

    answers = {
        "kind": kind, "calendar": calendar, "quote": quote, "tick_size": tick, "lot_size": lot,
        "timeframe": timeframe, "release_days": release_days,
        "dividend_adjusted": dividend_adjusted,
    }  # fmt: skip
    given = {name: value for name, value in answers.items() if value is not None}
    if form is None:
        if given or instrument is not None or dry_run:
            raise ConfigError("options of a draft go with --as FORMAT; a mapping says them itself")
        _import_by(files, data, root, replace=replace)
        return
    if instrument is None or root is not None:
        raise ConfigError(
            f"--as {form}: add --instrument ID, whose rows these are, e.g. --instrument SPY"
            if instrument is None
            else "--root goes with a mapping: name the files where they are"
        )
    import_drafted(
        files, form, answers_of(instrument, given), data, replace=replace, dry_run=dry_run
    )


def _import_by(files: Sequence[Path], data: Path, root: Path | None, *, replace: bool) -> None:
    """Import by one mapping and print the channels."""
    from data_feeds.catalog import Catalog
    from data_feeds.sources.drafts import FORMATS
    from data_feeds.sources.local_files import import_mapping
    from engine.errors import ConfigError

    tables = [path for path in files if path.suffix.lower() not in (".yaml", ".yml")]
    if len(files) > 1 or tables:
        raise ConfigError(
            f"{(tables or files)[0]}: name one mapping (.yaml), or add --as with a format "
            f"({', '.join(FORMATS)}) and --instrument"
        )
    with working("importing") as report:
        reports = import_mapping(
            files[0],
            Catalog(data),
            root,
            progress=lambda _, n, total: report((n - 1) / total),
            replace=replace,
        )
    print_imported(reports, holes=False)
    print(f"{_counted(len(reports), 'channel')} written to {data}")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


@app.command("list")
def list_command(
    data: CatalogOption = DEFAULT_CATALOG,
    since: Annotated[
        datetime | None,
        typer.Option("--since", formats=["%Y-%m-%d"], metavar="DATE", help="Draw coverage from"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List channels: rows, coverage, gaps, counts of observed values, sources.

    The bar shows which part of the time on the axis above it a channel covers. The axis begins
    with the first bar, settlement or position of any channel; older series reach beyond it.
    """
    from data_feeds.clock import datetime_ns
    from engine.cli.listing import delisted, listed

    catalog = _existing(data)
    entries, instruments = catalog.entries(), catalog.instruments()
    if as_json:
        print_json([_document(entry, instruments.get(entry.instrument)) for entry in entries])
        return
    start = None if since is None else datetime_ns(since.replace(tzinfo=UTC))
    # A file or a pipe has no width, so every column is printed.
    width = shutil.get_terminal_size((_WIDE, 24)).columns
    print_columns(listed(entries, width, start, levels=_levels()))
    for line in delisted(instruments):
        print(line)


@app.command("verify")
def verify_command(
    *,
    data: CatalogOption = DEFAULT_CATALOG,
    hashes_only: Annotated[
        bool, typer.Option("--hashes-only", help="Check only checksums and channel rules")
    ] = False,
    peer: Annotated[
        list[str] | None,
        typer.Option("--peer", metavar="A=B", help="Compare channel A with B; may be repeated"),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on any finding")] = False,
    show_all: Annotated[bool, typer.Option("--all", help="Print every finding")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check every file against its checksum and its channel's rules, then look for bad data.

    Holes, bars without volume, missing funding, prices that differ from a second source and
    spikes that none confirms are listed; they are no error unless --strict is given.
    """
    from data_feeds.errors import DataError, IntegrityError
    from engine.cli.listing import found_text, verified
    from engine.errors import ConfigError

    if hashes_only and (strict or peer):
        raise ConfigError(
            f"--hashes-only searches for nothing and {'--strict' if strict else '--peer'} needs "
            "a search; leave out one of the two"
        )
    catalog = _existing(data)
    peers = _peers(catalog, peer or [])
    rows = _checked(catalog)
    broken = [row for row in rows if not row.is_sound]
    found = None if hashes_only or broken else _found(catalog, peers)
    if as_json:
        print_json(_verdicts(rows, found))
    else:
        for line in verified(rows, found, None if show_all else _SHOWN_OF_A_KIND):
            print(line)
    if broken:
        raise IntegrityError("\n".join(row.problem for row in broken))
    if strict and found:
        raise DataError(
            f"{data}: {found_text(found)}; look at each, then import the channel from a better "
            "source or run without --strict"
        )


def _checked(catalog: "Catalog") -> "list[VerifyRow]":
    rows = []
    total = max(sum(entry.rows for entry in catalog.entries()), 1)
    done = 0
    with working("verifying") as report:
        for row in catalog.verify():
            rows.append(row)
            done += row.rows
            report(done / total)
    return rows


def _found(catalog: "Catalog", peers: "Sequence[Pair]") -> "dict[str, list[QualityFinding]]":
    """Return the findings by channel; channels without any are left out."""
    from data_feeds.quality import findings

    found: dict[str, list[QualityFinding]] = {}
    with working("comparing") as report:
        for finding in findings(catalog, peers=peers, progress=report):
            found.setdefault(str(finding.key), []).append(finding)
    return found


def _verdicts(
    rows: "Sequence[VerifyRow]", found: "dict[str, list[QualityFinding]] | None"
) -> list[dict[str, Any]]:
    """Return each channel's check and findings, null where nothing was searched.

    A channel that should be there and is not has no files.
    """
    checks = {row.key: row.model_dump(mode="json") for row in rows}
    for key in found or {}:
        checks.setdefault(key, {"key": key, "files": 0, "rows": 0, "problem": ""})
    return [
        check | {"findings": None if found is None else [f.document() for f in found.get(key, [])]}
        for key, check in checks.items()
    ]


def _peers(catalog: "Catalog", pairs: Sequence[str]) -> "list[Pair]":
    from engine.errors import ConfigError

    keys = {str(entry.key): entry.key for entry in catalog.entries()}
    found = []
    for pair in pairs:
        one, _, other = pair.partition("=")
        for name in (one, other):
            if name not in keys:
                near = get_close_matches(name, keys, 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                raise ConfigError(
                    f"--peer {pair}: {name!r} is no channel of {catalog.path}{hint}; "
                    "write CHANNEL=CHANNEL with names of riskoff data list"
                )
        found.append((keys[one], keys[other]))
    return found


def _document(entry: "CatalogEntry", instrument: "Instrument | None") -> dict[str, Any]:
    """Return one channel for JSON, with instants as ns UTC and as text.

    Channels of a delisted instrument also have its record.
    """
    from data_feeds.clock import utc_text

    stored = entry.model_dump(mode="json", exclude={"parts", "seams"})
    derived = {
        "rows": entry.rows,
        "first_at": entry.first_at,
        "last_at": entry.last_at,
        "first_at_utc": utc_text(entry.first_at),
        "last_at_utc": utc_text(entry.last_at),
        "first_available_at": entry.first_available_at,
        "last_available_at": entry.last_available_at,
        "labels": entry.labels,
        "gaps": [gap.model_dump() for gap in entry.gaps],
        "idle": [run.model_dump() for run in entry.idle],
        "missing_rows": entry.missing_rows,
        "parts": len(entry.parts),
        "files": [part.file for part in entry.parts],
    }
    if instrument is not None and instrument.delisted is not None:
        derived["delisted"] = instrument.delisted.model_dump(mode="json")
    return stored | derived


def _existing(folder: Path) -> "Catalog":
    from data_feeds.catalog import Catalog
    from data_feeds.load import open_source
    from engine.errors import ConfigError

    source = open_source(folder)
    if not isinstance(source, Catalog):
        raise ConfigError(f"--data {folder}: not a catalog; name the folder of one")
    return source


def _levels() -> str:
    """Return characters for coverage that stdout can print."""
    from engine.cli.coverage_bar import ASCII, BLOCKS

    try:
        BLOCKS.encode(sys.stdout.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return ASCII
    return BLOCKS
