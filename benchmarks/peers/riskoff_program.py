"""Run the rules in Riskoff: signals, sizing, costs, stops, margin, ledger and journal.

The proof that decisions are causal is timed apart; ``dense`` visits every bar.
"""

from functools import partial

from benchmarks.event_loop import PLAYBOOKS, bar_channel, filled_orders, simulated
from benchmarks.peers.measured_run import PeerBars, PeerProgram, main
from data_feeds.schema import Channel


def held(bars: PeerBars) -> Channel:
    """Return the bars as a channel."""
    return bar_channel(bars.columns)


def run(bars: Channel, rule: str, *, mode: str) -> int:
    """Run a rule and return its filled orders."""
    return filled_orders(simulated(bars, PLAYBOOKS[rule], mode))


PROGRAMS = {mode: PeerProgram(held, partial(run, mode=mode)) for mode in ("sparse", "dense")}

if __name__ == "__main__":
    main(PROGRAMS)
