"""Define the command ``checklist``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.options import DataOption, JsonOption, SetOption
from engine.cli.output import print_json, working

if TYPE_CHECKING:
    import numpy as np

    from data_feeds.catalog import Catalog
    from engine.market_state import MarketState

EMBEDDED = "embedded"


def checklist(
    *,
    asof: Annotated[
        str | None, typer.Option("--asof", metavar="DATE", help="One day, e.g. 2026-02-05")
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="First day of a history")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Last day of a history")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Folder of a history (default: checklist); with --asof of the day's page",
        ),
    ] = None,
    config: Annotated[
        str, typer.Option("--config", metavar="CONFIG", help="Thresholds: a YAML file or its name")
    ] = "default",
    overrides: SetOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the risk-off checklist of a day: hedge, reduce or wait, and the reasons.

    With --from and --to write the history of every day as a page, Parquet and a picture; with
    --asof and --out the page of the day.
    """
    one_day = asof is not None and first is None and last is None
    history = asof is None and first is not None and last is not None
    if not (one_day or history):
        raise typer.TyperException("give --asof DATE, or --from DATE and --to DATE")

    from data_feeds.load import open_source
    from data_feeds.schema import Provenance
    from engine.checklist import history_page, read_state
    from engine.config.load import load_state_config
    from engine.config.locations import find_config
    from engine.errors import ConfigError

    begin, end = _day(asof or first), _day(asof or last)
    if end < begin:
        raise ConfigError(f"--to {end} lies before --from {begin}; swap them")
    rules = load_state_config(find_config(config, "checklist"), overrides or ())
    with working("reading data"):
        source = open_source(data or EMBEDDED)
        state, provenance = read_state(source, rules, begin, end)
    synthetic = provenance is Provenance.SYNTHETIC
    label = f"{data or EMBEDDED}{' (SYNTHETIC DATA)' if synthetic else ''}"
    last_day = _last_day(source)
    if last_day < end:
        label += f"; the data end on {last_day}, before this day"
    if history:
        page = history_page(state, data=label, is_synthetic=synthetic)
        _write_history(state, out or Path("checklist"), page, label=label, as_json=as_json)
        return

    from dataclasses import asdict

    from engine.checklist import day_page, day_report, format_day

    report, clock = day_report(state, len(state) - 1, rules.conditions()), rules.decide_at
    pages: list[Path] = []
    if out is not None:
        page = day_page(report, clock=clock, data=label, is_synthetic=synthetic)
        pages.append(_write_page(page, out / f"{report.date}.html"))
    if as_json:
        print_json(
            {
                **asdict(report),
                "data": str(data or EMBEDDED),
                "synthetic": synthetic,
                "last_day": str(last_day),
                **({"page": str(pages[0])} if pages else {}),
            }
        )
        return
    print(format_day(report, clock=clock, data=label), end="")
    for path in pages:
        print(path)


def _write_page(page: str, path: Path) -> Path:
    """Write a page in one step and return its path."""
    from data_feeds.atomic import storage_errors, write_atomically

    with storage_errors(path.parent):
        write_atomically(path, page.encode())
    return path


def _write_history(
    state: "MarketState", out: Path, page: str, *, label: str, as_json: bool
) -> None:
    """Write the page, ``history.parquet`` and ``history.png``, and print their contents."""
    from io import BytesIO

    import pyarrow.parquet as pq

    from data_feeds.atomic import storage_errors, write_atomically
    from engine.checklist import history_picture, history_table, summary_lines

    table, picture = BytesIO(), BytesIO()
    pq.write_table(history_table(state), table)
    figure = history_picture(state, title=f"Risk-off checklist, data: {label}")
    figure.savefig(picture, format="png", dpi=110)
    files = {
        out / "history.parquet": table.getvalue(),
        out / "history.png": picture.getvalue(),
        # Last: a page never lies beside the days of another history for long.
        out / "index.html": page.encode(),
    }
    with storage_errors(out):
        for path, content in files.items():
            write_atomically(path, content)
    if as_json:
        print_json({"days": len(state), "files": [str(path) for path in files]})
        return
    for line in (*summary_lines(state), *(str(path) for path in files)):
        print(line)


def _last_day(source: "Catalog") -> "np.datetime64":
    """Return the UTC day of the last row of any channel; a close at midnight ends its day."""
    from data_feeds.clock import utc_day

    return utc_day(max(entry.last_at for entry in source.entries()) - 1)


def _day(text: str | None) -> "np.datetime64":
    """Return a date.

    Raises
    ------
    ConfigError : the text is none.
    """
    from datetime import date

    import numpy as np

    from engine.errors import ConfigError

    try:
        return np.datetime64(date.fromisoformat(str(text)), "D")
    except ValueError as error:
        raise ConfigError(f"{text!r} is no date; write one as 2026-02-05") from error
