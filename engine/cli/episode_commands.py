"""Define the commands ``episodes list`` and ``episodes show``."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.options import DataOption, JsonOption
from engine.cli.output import print_columns, print_json, working

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
        str, typer.Argument(metavar="EPISODE", help="A YAML file, or the name of a shipped episode")
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
