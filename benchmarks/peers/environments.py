"""Make the environments of the other libraries from their pinned files, once a file.

``benchmarks/peers/NAME.txt`` pins a library and all that it needs; the environment lies in
``.data/peers/NAME``. An edited file makes the environment anew.
"""

import os
import shutil
import subprocess
import venv
from hashlib import sha256
from pathlib import Path

PINNED = Path(__file__).parent
ENVIRONMENTS = Path(__file__).parents[2] / ".data" / "peers"
STAMP = "installed.txt"


def python_of(name: str, folder: Path = ENVIRONMENTS, pinned_in: Path = PINNED) -> Path:
    """Return the Python of an environment; made if missing or made from another file."""
    pinned = pinned_in / f"{name}.txt"
    wanted = sha256(pinned.read_bytes()).hexdigest()
    home = folder / name
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    stamp = home / STAMP
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(home, ignore_errors=True)
    print(f"making the environment of {name}", flush=True)
    venv.create(home, with_pip=True)
    install = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    subprocess.run([str(python), *install, "--requirement", str(pinned)], check=True)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def pinned_version(name: str, package: str) -> str:
    """Return the version of a package in a library's pinned file."""
    for line in (PINNED / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        found, _, version = line.partition("==")
        if found == package:
            return version
    raise LookupError(f"{name}.txt pins no {package}")
