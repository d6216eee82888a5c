"""Define the command ``sell-offs``."""

from pathlib import Path
from typing import Annotated

import typer

from data_feeds.default_data import DEFAULT_CATALOG
from engine.cli.completion import DEFAULT_RUNS, files_of, run_names
from engine.cli.options import CatalogOption, JsonOption, RunsOption
from engine.cli.output import print_json, working


def sell_offs(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Finished runs over many years: names, ids or folders",
            autocompletion=run_names,
        ),
    ],
    *,
    market: Annotated[
        str,
        typer.Option(
            "--market",
            metavar="MARKET",
            help="A YAML file, or a shipped market",
            autocompletion=files_of("sell_offs"),
        ),
    ] = "QQQ",
    data: CatalogOption = DEFAULT_CATALOG,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the page goes")] = Path(
        "sell-offs"
    ),
    root: RunsOption = DEFAULT_RUNS,
    as_json: JsonOption = False,
) -> None:
    """Judge finished runs over every sell-off of a market; write a page.

    The sell-offs are found by one rule. Calm days and sell-offs are told apart, and each row is
    tested against a static book of its own beta, with a cluster of sell-offs as one observation.
    """
    from data_feeds.catalog import Catalog
    from data_feeds.load import open_source
    from engine.run_folder.run_names import find_run
    from engine.sell_off_report import judge_runs, report_text, write_report
    from engine.sell_offs import find_market

    chosen = find_market(market)
    source = open_source(data)
    assert isinstance(source, Catalog), "a folder opens as a catalog"
    folders = [find_run(text, root) for text in runs]
    with working("judging runs"):
        report = judge_runs(folders, source, chosen, data=str(data))
        page = write_report(report, source, out)
    if as_json:
        import json

        text = (out / "sell-offs.json").read_text(encoding="utf-8")
        print_json({"page": str(page), **json.loads(text)})
        return
    print(report_text(report), end="")
    print(page)
