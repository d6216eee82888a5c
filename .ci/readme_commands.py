"""Run the README's commands in order, as a reader would, and stop at the first that fails.

    python .ci/readme_commands.py README BIN CATALOG_READY

BIN is the folder that stands for ``.venv/bin``; CATALOG_READY is ``yes`` when ``.data/catalog``
holds what ``data fetch`` would have brought. A command is left out for a printed reason only.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
PLACEHOLDER = re.compile(r"\b(MAPPING\.yaml|FOLDER|FILE)\b")
# From here on commands read the catalog.
FETCH = "riskoff data fetch"


def commands(text: str) -> list[str]:
    """Return the commands of the README's shell blocks without their comments."""
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    return [found for line in lines if (found := re.split(r"\s+#\s", line)[0].strip())]


def reason_to_leave_out(command: str, *, past_fetch: bool, catalog_ready: bool) -> str:
    """Return why a command is not run here, "" when it is."""
    if command == "make test":
        return "run before"
    if FETCH in command:
        return "asks venues over the network"
    if PLACEHOLDER.search(command):
        return "names a file of the reader's own"
    if past_fetch and not catalog_ready:
        return "needs the data that the fetch brings"
    return ""


def main() -> int:
    readme, bin_folder, ready = sys.argv[1:]
    found = commands(Path(readme).read_text(encoding="utf-8"))
    if len(found) < 10:
        print(f"{readme}: only {len(found)} commands found; the blocks must begin with ```sh")
        return 1
    past_fetch, ran = False, 0
    for command in found:
        past_fetch = past_fetch or FETCH in command
        why = reason_to_leave_out(command, past_fetch=past_fetch, catalog_ready=ready == "yes")
        if why:
            print(f"-- left out, {why}: {command}", flush=True)
            continue
        print(f"-- {command}", flush=True)
        began = time.monotonic()
        line = command.replace(".venv/bin/", f"{bin_folder}/")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line], capture_output=True, text=True, check=False
        )
        if done.returncode:
            print(done.stdout[-2_000:], done.stderr[-2_000:], sep="\n")
            print(f"{command}: exit {done.returncode}")
            return 1
        if not done.stdout.strip():
            print(f"{command}: printed nothing")
            return 1
        print(f"   {time.monotonic() - began:.0f} s", flush=True)
        ran += 1
    print(f"{ran} commands of the README ran in order")
    return 0


if __name__ == "__main__":
    sys.exit(main())
