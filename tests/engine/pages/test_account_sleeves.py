"""Check the ladders of an account of several clocks against the guards of its sleeves."""

from types import SimpleNamespace

import numpy as np
import pytest

from data_feeds.clock import DAY_NS
from engine.account.folder import AccountRecord
from engine.answers.ladder_history import LadderHistory
from engine.config.models import DrawdownConfig
from engine.equity_curve import EquityCurve
from engine.pages.account_rows import (
    ladders_of,
    rung_rows,
    shared_assumptions,
)
from engine.results.finished import RunRecord
from engine.risk.guards import Guards
from tests.engine.joint import random_account


@pytest.fixture(scope="module")
def record() -> AccountRecord:
    return AccountRecord(random_account((15, 16, 17)))


def factors(sleeve: RunRecord, closes) -> list[float]:
    """Return the guards' factor after each own close, at the last one before each of ``closes``."""
    curve = sleeve.run.outcome.curve
    guards = Guards(sleeve.run.config.risk, start_equity=sleeve.start_equity, ny_days=False)
    own = [1.0]
    for at, equity in zip(curve.at.tolist(), curve.equity.tolist(), strict=True):
        guards.on_mark(at, equity, at % DAY_NS == 0)
        own.append(guards.tier(equity)[1])
    return [own[sum(curve.at <= at)] for at in closes.tolist()]


def test_a_sleeves_ladder_reads_the_closes_that_its_guards_see(record):
    closes = record.curve.at
    ladders = {
        name: ladder for names, ladder in ladders_of(record).items() for name in names.split(", ")
    }
    above = ladders.get("account")
    for name, sleeve in record.records.items():
        if sleeve.run.config.risk.drawdown is not None:
            own = np.array(factors(sleeve, closes))
            expected = own if above is None else np.minimum(own, above.factor)
            assert ladders[name].factor.tolist() == expected.tolist()


def test_a_fall_between_a_sleeves_own_closes_is_no_rung():
    # The account closes every hour, the sleeve every second one; hour 3 is 6% below the peak.
    def curve(hours, equity) -> EquityCurve:
        return EquityCurve(np.array(hours), np.array(equity), *[np.zeros(len(hours))] * 6)

    outcome = SimpleNamespace(curve=curve([2, 4], [100.0, 100.0]), guard_events=())
    rules = SimpleNamespace(risk=SimpleNamespace(drawdown=DrawdownConfig()))
    sleeve = SimpleNamespace(run=SimpleNamespace(config=rules, outcome=outcome), start_equity=100.0)
    whole = curve([1, 2, 3, 4], [100.0, 100.0, 94.0, 100.0])
    account = SimpleNamespace(
        joint=SimpleNamespace(guard_events=(), curves=(whole,)),
        config=SimpleNamespace(risk=SimpleNamespace(drawdown=None)),
    )
    record = SimpleNamespace(account=account, records={"one": sleeve}, curve=whole)
    assert ladders_of(record)["one"].factor.tolist() == [1.0] * 4


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
