"""Run the rules in Riskoff and in other libraries, by turns; refuse unequal orders.

Every measurement is a process of its own. In a round all programs run one after the other, so that
a busy machine slows all of them; a ratio is taken inside a round, and the median of the rounds is
told.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.event_loop import price_columns
from benchmarks.peers.environments import pinned_version, python_of
from benchmarks.peers.measured_run import RULES

ROOT = Path(__file__).parents[2]
OWN = ""


class UnequalOrdersError(RuntimeError):
    """Two programs that ought to do the same work filled different numbers of orders."""


@dataclass(frozen=True)
class Contender:
    """A program that runs the rules.

    Attributes
    ----------
    title : its name in the table
    program : the module below ``benchmarks.peers``, without ``_program``
    variant : of the program
    environment : the pinned file; empty: this process's environment
    package : whose version is told
    """

    title: str
    program: str
    variant: str = "plain"
    environment: str = OWN
    package: str = ""

    @property
    def version(self) -> str:
        """The pinned version of the library."""
        return pinned_version(self.environment, self.package) if self.environment else ""


SPARSE = Contender("Riskoff", "riskoff", "sparse")
DENSE = Contender("Riskoff, every bar visited", "riskoff", "dense")
CONTENDERS = (
    SPARSE,
    DENSE,
    Contender("Backtrader", "backtrader", "plain", "backtrader", "backtrader"),
    Contender("Backtrader, the same work", "backtrader", "work", "backtrader", "backtrader"),
    Contender("NautilusTrader", "nautilus", "plain", "nautilus", "nautilus_trader"),
    Contender("bt", "bt", "plain", "bt", "bt"),
    Contender("backtesting.py", "backtesting", "plain", "backtesting", "backtesting"),
    Contender("vectorbt", "vectorbt", "plain", "vectorbt", "vectorbt"),
    Contender("vectorbt, stops and statistics", "vectorbt", "work", "vectorbt", "vectorbt"),
)


@dataclass(frozen=True)
class RuleMeasure:
    """One rule in one process."""

    orders: int
    cpu_seconds: float
    peak_mib: float


Round = Mapping[Contender, Mapping[str, RuleMeasure]]
Measure = Callable[[Contender, Path], Mapping[str, RuleMeasure]]


@dataclass(frozen=True)
class ContenderRow:
    """The medians of one program and one rule; ``ratio``: its CPU seconds over Riskoff's."""

    contender: Contender
    rule: str
    orders: int
    cpu_seconds: float
    ratio: float
    peak_mib: float


def store_bars(count: int, path: Path) -> None:
    """Write the bars that all programs read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.array(list(price_columns(count).values())))


def printed_by(program: str, environment: str, *arguments: str) -> Any:
    """Run a program in a process of its own and return the JSON in the last line it printed.

    Raises
    ------
    RuntimeError : the program failed; the text has the end of what it said.
    """
    python = sys.executable if environment == OWN else str(python_of(environment))
    done = subprocess.run(
        [python, "-m", f"benchmarks.peers.{program}_program", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
    )
    if done.returncode or not done.stdout.strip():
        said = "\n".join(done.stderr.splitlines()[-15:])
        raise RuntimeError(f"{program} ended with {done.returncode} and no result:\n{said}")
    return json.loads(done.stdout.splitlines()[-1])


def measured(contender: Contender, bars: Path) -> dict[str, RuleMeasure]:
    """Run a program in a process of its own and return what it measured, by rule."""
    arguments = ("--bars", str(bars), "--variant", contender.variant)
    found = printed_by(contender.program, contender.environment, *arguments)
    return {rule: RuleMeasure(**values) for rule, values in found.items()}


def check_orders(found: Round) -> None:
    """Refuse a round in which a program filled another number of orders than Riskoff.

    Raises
    ------
    UnequalOrdersError : names the programs, the rule and both numbers.
    """
    for rule, own in found[SPARSE].items():
        if own.orders == 0:
            raise UnequalOrdersError(f"{rule}: Riskoff filled no order; nothing was compared")
        for contender, measures in found.items():
            if measures[rule].orders != own.orders:
                raise UnequalOrdersError(
                    f"{rule}: {contender.title} filled {measures[rule].orders} orders, Riskoff "
                    f"{own.orders}; their times are not comparable"
                )


def run_rounds(
    contenders: Sequence[Contender], bars: Path, rounds: int, measure: Measure = measured
) -> list[ContenderRow]:
    """Return a row a rule and program, checked and by rule."""
    made: list[Round] = []
    for number in range(rounds):
        found = {contender: measure(contender, bars) for contender in contenders}
        check_orders(found)
        made.append(found)
        print(f"round {number + 1} of {rounds}", flush=True)
    return [row_of(made, contender, rule) for rule in RULES for contender in contenders]


def row_of(rounds: Sequence[Round], contender: Contender, rule: str) -> ContenderRow:
    """Return the medians of the rounds."""
    measures = [found[contender][rule] for found in rounds]
    own = [found[SPARSE][rule].cpu_seconds for found in rounds]
    ratios = [item.cpu_seconds / seconds for item, seconds in zip(measures, own, strict=True)]
    return ContenderRow(
        contender,
        rule,
        measures[0].orders,
        statistics.median(item.cpu_seconds for item in measures),
        statistics.median(ratios),
        statistics.median(item.peak_mib for item in measures),
    )
