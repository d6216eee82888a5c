"""Define the commands ``episodes list``, ``episodes show`` and ``episodes find``."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data_feeds.default_data import DEFAULT_CATALOG
from engine.cli.completion import files_of
from engine.cli.options import CatalogOption, DataOption, JsonOption
from engine.cli.output import print_columns, print_json, working

if TYPE_CHECKING:
    from engine.sell_offs import FoundSellOffs, SellOff

EMBEDDED = "embedded"

app = typer.Typer(help="Show the sell-offs of the comparisons.", no_args_is_help=True)


@app.command("list")
def list_episodes(*, as_json: JsonOption = False) -> None:
    """List the episodes that ship with riskoff."""
    from engine.episodes import shipped_episodes

    episodes = shipped_episodes()
    if as_json:
        print_json([episode.model_dump(mode="json") for episode in episodes])
        return
    head = ("episode", "first day", "last day", "phases", "title")
    print_columns(
        [
            head,
            *((e.name, str(e.start), str(e.end), str(len(e.phases)), e.title) for e in episodes),
        ]
    )


@app.command("show")
def show(
    episode: Annotated[
        str,
        typer.Argument(
            metavar="EPISODE",
            help="A YAML file, or the name of a shipped episode",
            autocompletion=files_of("episodes"),
        ),
    ],
    *,
    data: DataOption = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE", help="Also write a PNG picture here")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show an episode's phases with their market moves, its events and its inputs."""
    from data_feeds.atomic import storage_errors, write_atomically
    from data_feeds.load import open_source
    from engine.episodes import find_episode
    from engine.errors import ConfigError
    from engine.pages.episode_picture import (
        episode_lines,
        episode_picture,
        episode_text,
        phase_records,
    )

    shown = find_episode(episode)
    with working("reading data"):
        lines = episode_lines(open_source(data or EMBEDDED), shown)
    label = str(data) if data else f"{EMBEDDED} (SYNTHETIC DATA)"
    if picture is not None:
        if not lines:
            raise ConfigError(f"--picture: the data hold none of its markets in {shown.name}")
        with storage_errors(picture.parent):
            write_atomically(picture, episode_picture(shown, lines, data=label))
    if as_json:
        print_json(
            {
                **shown.model_dump(mode="json"),
                "phases": phase_records(shown, lines),
                "data": str(data or EMBEDDED),
                "synthetic": data is None,
            }
        )
        return
    print(episode_text(shown, lines, data=label))
    if picture is not None:
        print(picture)


@app.command("find")
def find(
    market: Annotated[
        list[str] | None,
        typer.Option(
            "--market",
            metavar="MARKET",
            help="A YAML file, or a shipped market; may be repeated [default: all shipped]",
        ),
    ] = None,
    *,
    data: CatalogOption = DEFAULT_CATALOG,
    until: Annotated[
        datetime | None,
        typer.Option(
            "--until", formats=["%Y-%m-%d"], metavar="DATE", help="Known at this day's end"
        ),
    ] = None,
    number: Annotated[
        int | None, typer.Option("--number", metavar="N", help="Show this sell-off of one market")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find every sell-off of a market by one dating rule, in total-return closes."""
    from data_feeds.load import open_source
    from engine.sell_offs import (
        find_market,
        find_sell_offs,
        found_document,
        found_text,
        one_text,
        shipped_markets,
    )

    chosen = [find_market(text) for text in market or ()] or shipped_markets()
    source = open_source(data)
    last = None if until is None else until.date()
    found = [find_sell_offs(source, item, until=last) for item in chosen]
    if number is not None:
        print(one_text(*_numbered(found, number), source))
    elif as_json:
        print_json([found_document(item, source, data=str(data)) for item in found])
    else:
        print("\n\n".join(found_text(item, source, data=str(data)) for item in found))


def _numbered(found: "list[FoundSellOffs]", number: int) -> "tuple[FoundSellOffs, SellOff]":
    """Return one market's sell-off by its number.

    Raises
    ------
    ConfigError : several markets were asked for, or the market has no sell-off of that number.
    """
    from engine.errors import ConfigError

    if len(found) != 1:
        raise ConfigError(f"--number {number}: name one market, --market {found[0].market.name}")
    held = found[0].sell_offs
    if not 1 <= number <= len(held):
        raise ConfigError(f"--number {number}: {found[0].market.name} has 1 to {len(held)}")
    return found[0], held[number - 1]
