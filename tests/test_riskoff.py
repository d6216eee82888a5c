"""The names that ``import riskoff`` exports: adding or removing one is a decision."""

import subprocess
import sys

import riskoff

EXPORTED = [
    "Account",
    "Comparison",
    "DayAnswer",
    "Difference",
    "RiskOffDay",
    "RiskoffError",
    "Run",
    "Sweep",
    "account",
    "checklist",
    "compare",
    "diff",
    "episodes",
    "load",
    "open",
    "run",
    "sweep",
    "today",
]


def test_the_exported_names() -> None:
    assert riskoff.__all__ == EXPORTED
    assert sorted(name for name in vars(riskoff) if not name.startswith("_")) == EXPORTED


def test_every_exported_name_has_a_docstring() -> None:
    assert [name for name in EXPORTED if not getattr(riskoff, name).__doc__] == []


def test_importing_riskoff_loads_neither_quantstats_nor_venue_clients() -> None:
    heavy = ("quantstats", "ccxt", "yfinance", "QuantLib")
    code = f"import sys, riskoff; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_classes_and_functions_are_exported_and_no_module() -> None:
    assert [name for name in EXPORTED if not callable(getattr(riskoff, name))] == []
