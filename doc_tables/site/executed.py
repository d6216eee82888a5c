"""Execute notebooks in a kernel of this environment, each in an empty folder of its own."""

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

SLOWEST_CELL_S = 300
# A kernel warns that it listens on loopback ports; its messages are signed.
ERRORS_ONLY = "--log-level=40"


def executed(path: Path) -> Mapping[str, Any]:
    """Return a notebook with its outputs.

    Raises
    ------
    nbclient.exceptions.CellExecutionError : a cell failed; the text has the cell and its traceback.
    """
    # nbformat has no types; `Any` is checked alike with and without the package.
    read: Any = nbformat.read
    notebook = read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        # `!riskoff` in a cell is the command of this environment; nothing is kept in the home.
        bin_folder = Path(sys.executable).parent
        environment = {
            **os.environ,
            "PATH": f"{bin_folder}{os.pathsep}{os.environ.get('PATH', '')}",
            "IPYTHONDIR": folder,
            "JUPYTER_CONFIG_DIR": folder,
            "NO_COLOR": "1",
            "COLUMNS": "100",
        }
        work = Path(folder) / "work"
        work.mkdir()
        client = NotebookClient(
            notebook,
            coalesce_streams=True,
            extra_arguments=[ERRORS_ONLY],
            timeout=SLOWEST_CELL_S,
            resources={"metadata": {"path": str(work)}},
        )
        client.execute(env=environment)
    found: Mapping[str, Any] = notebook
    return found
