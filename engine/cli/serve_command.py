"""Define the command ``serve``."""

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.options import DataOption

DEFAULT_PORT = 8642


def serve(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Working folder")] = Path(),
    *,
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65_535, help="Port; 0 for a free one")
    ] = DEFAULT_PORT,
    data: DataOption = None,
) -> None:
    """Show everything in a working folder as one page in a browser, until Ctrl-C.

    It answers on this machine alone and changes nothing. ``--data`` names the checklist's catalog.
    """
    from data_feeds.default_data import EMBEDDED
    from engine.errors import ConfigError
    from engine.serving import LocalServer

    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder")
    try:
        server = LocalServer(folder, str(data or EMBEDDED), port)
    except OSError as error:
        raise ConfigError(
            f"--port {port}: {error.strerror}; give another one, or 0 for a free one"
        ) from error
    with server:
        print(server.address, flush=True)
        server.serve_forever()
