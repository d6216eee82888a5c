"""List a run's trades and what it did not trade, from the run folder alone."""

from dataclasses import replace

import numpy as np
import pytest

from engine.answers.run_lists import explain_run, explain_setup
from engine.conditions import condition
from engine.errors import ReportError
from engine.playbook import Signals
from engine.results.contents import write_run


def compared(name, values, threshold):
    """Return a condition that holds where its value reaches the threshold."""
    measured = np.array(values, dtype=float)
    return condition(
        name,
        measured >= threshold,
        known=np.ones(len(measured), dtype=bool),
        measured=measured,
        threshold=threshold,
        unit="x",
        description=f"{name} is large",
    )


# Hours of the decisions, and whether a and b reach 10. The fake run enters at hour 40 (day 2).
HOURS = (1, 5, 25, 30, 40, 49, 80, 97)
A = (10, 10, 10, 9, 10, 10, 5, 10)
B = (9, 8, 5, 9, 9, 9, 5, 7)


@pytest.fixture
def days(make_run, tmp_path):
    """Return a run without setups: journal rows on five days, an entry on the second one."""
    run = make_run(hours=120, plans=1)
    rows = [hour - 1 for hour in HOURS]
    # The entry's row is the one at which it was decided.
    (entry,) = run.outcome.decisions
    at = run.signals.decided_at
    rows[4] = int(np.searchsorted(at, entry.decided_at))
    signals = Signals(
        at[rows],
        {},
        (compared("a", A, 10.0), compared("b", B, 10.0)),
        notable=np.ones(len(rows), bool),
    )
    return write_run(replace(run, signals=signals), tmp_path)


def test_days_without_an_entry_are_counted_by_the_condition_that_was_missing(days):
    told = explain_run(days, "fake")
    assert told.splitlines()[0].endswith("1 trade, 3 days without an entry")
    # Nearest rows: hour 1 b alone (9 of 10), hour 80 a and b, hour 97 b alone (7). The second day
    # entered; at hour 49 the position is still open.
    table = told.partition("Days without an entry")[2].splitlines()
    rows = [line.split() for line in table if line.split()[:1] == ["condition:"]]
    assert rows == [
        ["condition:", "b", "2", "2", "10.0%"],
        ["condition:", "a", "1", "0", "-"],
    ]


def test_the_day_of_an_entry_is_not_listed_and_the_numbers_are_those_of_setup(days):
    told = explain_run(days, "fake")
    listed = told.partition("nearest at")[2].splitlines()
    numbered = {line.split()[0]: line.split()[1] for line in listed if line.strip()[:1].isdecimal()}
    assert numbered == {
        "1": "2026-02-02",
        "2": "2026-02-05",
        "3": "2026-02-06",
    }
    assert "one of these days: riskoff explain fake --setup N" in told
    assert "2026-02-05" in explain_setup(days, 2)
    with pytest.raises(ReportError, match="no day without an entry 4; it has 1 to 3"):
        explain_setup(days, 4)
