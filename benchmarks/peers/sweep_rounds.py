"""Run one sweep in Riskoff's screening and in vectorbt, by turns; refuse unequal trades."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.rounds import OWN, UnequalOrdersError, printed_by

SCREENING, VECTORBT = "Riskoff, screening", "vectorbt"
PROGRAMS = {SCREENING: ("riskoff_sweep", OWN), VECTORBT: ("vectorbt_sweep", "vectorbt")}


@dataclass(frozen=True)
class SweepMeasure:
    """All sets of one program in one process; ``trades`` is the sum over the sets."""

    sets: int
    trades: int
    cpu_seconds: float
    peak_mib: float


@dataclass(frozen=True)
class SweptRow:
    """The medians of one program; ``ratio``: its CPU seconds over Riskoff's."""

    title: str
    sets: int
    trades: int
    cpu_seconds: float
    ratio: float
    peak_mib: float


MeasureSweep = Callable[[str, Path, int], SweepMeasure]


def swept(title: str, bars: Path, sets: int) -> SweepMeasure:
    """Run a program in a process of its own."""
    program, environment = PROGRAMS[title]
    found = printed_by(program, environment, "--bars", str(bars), "--sets", str(sets))
    return SweepMeasure(**found)


def check_trades(found: Mapping[str, SweepMeasure]) -> None:
    """Refuse programs that did not make the same trades.

    Raises
    ------
    UnequalOrdersError : names both numbers.
    """
    own, other = found[SCREENING], found[VECTORBT]
    if own.trades == 0 or (own.sets, own.trades) != (other.sets, other.trades):
        raise UnequalOrdersError(
            f"sweep: Riskoff made {own.trades} trades in {own.sets} sets, vectorbt {other.trades} "
            f"in {other.sets}; their times are not comparable"
        )


def run_sweep_rounds(
    bars: Path, sets: int, rounds: int, measure: MeasureSweep = swept
) -> list[SweptRow]:
    """Return a row a program, checked."""
    made = []
    for number in range(rounds):
        found = {title: measure(title, bars, sets) for title in PROGRAMS}
        check_trades(found)
        made.append(found)
        print(f"sweep round {number + 1} of {rounds}", flush=True)
    return [
        SweptRow(
            title,
            made[0][title].sets,
            made[0][title].trades,
            statistics.median(found[title].cpu_seconds for found in made),
            statistics.median(
                found[title].cpu_seconds / found[SCREENING].cpu_seconds for found in made
            ),
            statistics.median(found[title].peak_mib for found in made),
        )
        for title in PROGRAMS
    ]
