"""Define the command ``init``."""

from pathlib import Path
from typing import Annotated

import typer


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make or to complete")],
) -> None:
    """Write a working folder: runs, a rule, a comparison, a playbook, a mapping of your own data.

    Everything in it runs at once, without a download. A file that is there already is kept.
    """
    from data_feeds.atomic import storage_errors, write_atomically
    from engine.working_folder import working_files

    with storage_errors(folder):
        for name, content in working_files().items():
            path = folder / name
            if path.exists():
                print(f"{path}: kept")
                continue
            write_atomically(path, content)
            print(path)
    print(f"next: cd {folder}, riskoff run first_run.yaml; README.md says what each file is for")
    print(folder / "README.md")
