"""Trials: every set counts once, across sweeps, and not per file."""

import shutil

import pytest

from engine.errors import ReportError
from engine.sweep import sweep_inputs
from engine.sweep.trials import TrialLedger, TrialNames, TrialRow
from tests.engine.sweep.conftest import SMALL, SWEEP

ROW = TrialRow(
    trial="a",
    playbook="m:P",
    synthetic=True,
    seen="2026-01-02T00:00:00+00:00 2026-01-30T00:00:00+00:00",
    traded="QQQ,SPY",
    adaptive=False,
    sharpe=0.1,
)


def changed(**values):
    return TrialRow(**(ROW.__dict__ | values))


def names_of(job):
    names = TrialNames(job, sweep_inputs(job))
    return [names.name(item) for item in job.space.grid()]


def test_a_set_has_one_name_whatever_its_file_windows_and_neighbours(toy):
    one = toy.job()
    text = SWEEP.replace("name: toy", "name: other").replace("2026-03-02", "2026-02-27")
    text = text.replace("[0.005, 0.01]", "{from: 0.01, to: 0.02, count: 2}")
    other = toy.job(text=text, name="other.yaml")
    # Shared are the three sets with a risk fraction of 0.01.
    assert len(set(names_of(one)) & set(names_of(other))) == 3


def test_another_fee_is_another_trial(toy):
    text = SWEEP.replace("over:", "settings: {venue.commission_bps: 9.0}\nover:")
    assert not set(names_of(toy.job())) & set(names_of(toy.job(text=text)))


@pytest.mark.parametrize(
    ("other", "counts"),
    [
        (changed(trial="b"), True),
        # A set counts once.
        (changed(), False),
        (changed(trial="b", playbook="m:Q"), False),
        (changed(trial="b", synthetic=False), False),
        (changed(trial="b", traded="IEF"), False),
        (changed(trial="b", traded="SPY,IEF"), True),
        (changed(trial="b", seen="2026-01-30T00:00:00+00:00 2026-02-27T00:00:00+00:00"), False),
        (changed(trial="b", seen="2026-01-29T00:00:00+00:00 2026-02-27T00:00:00+00:00"), True),
    ],
)
def test_a_trial_counts_on_the_same_rules_data_days_and_instruments(tmp_path, other, counts):
    ledger = TrialLedger(tmp_path)
    ledger.write("earlier", [other])
    ledger.write("own", [ROW])
    found = ledger.count("own", [ROW])
    assert (found.count, found.earlier) == ((2, 1) if counts else (1, 0))


def test_adaptive_trials_count_but_give_no_variance(tmp_path):
    ledger = TrialLedger(tmp_path)
    own = [ROW, changed(trial="b", adaptive=True, sharpe=9.0), changed(trial="c", sharpe=0.3)]
    ledger.write("own", own)
    found = ledger.count("own", own)
    assert (found.count, found.sharpes) == (3, (0.1, 0.3))


def test_a_ledger_that_cannot_be_read_is_an_error_and_not_zero_trials(tmp_path):
    ledger = TrialLedger(tmp_path)
    ledger.folder.mkdir()
    (ledger.folder / "x.parquet").write_bytes(b"no parquet")
    with pytest.raises(ReportError, match=r"x\.parquet: cannot be read"):
        ledger.rows()


def test_stored_results_count_again_after_the_ledger_was_deleted(toy):
    toy.run(text=SMALL)
    shutil.rmtree(toy.root / "trials")
    again = toy.run(text=SMALL)
    assert (again.reused, again.trials.count) == (3, 3)


def test_trials_of_an_earlier_sweep_deflate_a_later_one(toy):
    first = toy.run()
    text = SWEEP.replace("name: toy", "name: other").replace("[0.005, 0.01]", "[0.01, 0.02]")
    second = toy.run(text=text, name="other.yaml")
    assert (first.trials.count, first.trials.earlier) == (6, 0)
    # Nine different sets; three of the six earlier ones are among the second sweep's own.
    assert (second.trials.count, second.trials.earlier) == (9, 3)
    assert toy.run(text=text, name="other.yaml").trials == second.trials
