"""Each playbook on one real episode at its own clock, from a warm catalog.

    make real-data
    .venv/bin/python -m benchmarks.playbooks

Prints CPU seconds of loading, signals, simulation and causality check (reports apart), and how many
instants of the window were visited. Machines are noisy: two rows say more than either.
"""

import time
from pathlib import Path

from data_feeds.load import open_source
from engine.config.load import load_run_config
from engine.run import run

ROOT = Path(__file__).parent.parent
RUNS = {
    "A, 5-minute bars": ("reclaim_2022_5m", ()),
    "B, daily with hourly BTC": ("swing_2022", ()),
    "C, daily with hourly BTC": ("hedged_2022", ()),
    "C with puts and SH": (
        "hedged_2022",
        ('playbook.params={"hedges": {"puts": {}, "inverse": {}}}',),
    ),
}


def main() -> None:
    """Run each twice and show the second: compiled code and files are warm then."""
    source = open_source(ROOT / ".data" / "catalog")
    print("| run | CPU seconds | instants | visited | orders |\n|---|---|---|---|---|")
    for title, (name, overrides) in RUNS.items():
        config = load_run_config(ROOT / "configs" / "runs" / f"{name}.yaml", overrides)
        run(config, source)
        started = time.process_time()
        outcome = run(config, source).outcome
        spent = time.process_time() - started
        visited = outcome.instants_visited / outcome.instants_total
        print(
            f"| {title} | {spent:.2f} | {outcome.instants_total:,} | {visited:.0%} | "
            f"{len(outcome.orders)} |"
        )


if __name__ == "__main__":
    main()
