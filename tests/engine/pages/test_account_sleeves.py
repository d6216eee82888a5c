"""Check the ladders of an account of several clocks against the guards of its sleeves."""

import numpy as np
import pytest

from data_feeds.clock import DAY_NS
from engine.account.folder import AccountRecord
from engine.answers.ladder_history import LadderHistory
from engine.pages.account_rows import (
    ladders_of,
    rung_rows,
    shared_assumptions,
)
from engine.risk.guards import Guards
from tests.engine.joint import random_account


@pytest.fixture(scope="module")
def record() -> AccountRecord:
    return AccountRecord(random_account((6, 7, 8)))


def test_a_sleeves_ladder_reads_the_closes_that_its_guards_see(record):
    closes = record.curve.at
    apart = [
        name
        for name, sleeve in record.records.items()
        if len(sleeve.run.outcome.curve.at) < len(closes)
    ]
    # Two clocks: otherwise all sleeves would see the same closes.
    assert apart
    ladders = {
        name: ladder for names, ladder in ladders_of(record).items() for name in names.split(", ")
    }
    above = ladders.get("account")
    for name, sleeve in record.records.items():
        rules = sleeve.run.config.risk
        if rules.drawdown is None:
            continue
        curve = sleeve.run.outcome.curve
        guards = Guards(rules, start_equity=sleeve.start_equity, ny_days=False)
        own = []
        for at, equity in zip(curve.at.tolist(), curve.equity.tolist(), strict=True):
            guards.on_mark(at, equity, at % DAY_NS == 0)
            own.append(guards.tier(equity)[1])
        # A slow loop: each close of the account takes the sleeve's last one.
        for place, at in enumerate(closes.tolist()):
            last = [factor for close, factor in zip(curve.at, own, strict=True) if close <= at]
            joint = 1.0 if above is None else above.factor[place]
            assert ladders[name].factor[place] == min(last[-1] if last else 1.0, joint)


def test_rungs_have_a_row_each_and_a_short_time_is_not_none():
    at, factor = np.arange(3_001) * DAY_NS, np.ones(3_001)
    factor[[10, -1]] = 0.5, 0.0
    heading, *rows = rung_rows({"calm": LadderHistory(at, factor, np.zeros(3_001))})
    assert rows == [
        ("calm", "full", ">99.9%", "1", "1970-01-12T00:00Z"),
        ("calm", "50% of full", "<0.1%", "1", "1970-01-11T00:00Z"),
        ("calm", "none: halted", "0.0%", "1", "1978-03-20T00:00Z"),
    ]
    assert len(heading) == 5


def test_an_assumption_of_some_sleeves_names_them(record):
    told = shared_assumptions(record)
    assert len(told) == len(set(told))
    assert any(line.startswith("If one bar touches several levels") for line in told)
    named = [line for line in told if line.split(":")[0].split(", ")[0] in record.records]
    assert named
