"""Ratios and averages of trades are blank where too few trades or days stand behind them."""

from engine.compare.too_few import BLANKED, CellSample, sample_of, too_few

ENOUGH = {"trades": 30, "entries": 30, "days": 250}


def test_only_ratios_and_averages_of_trades_are_ever_blank():
    assert BLANKED == ("sharpe", "sortino", "calmar", "hit_rate", "average_r")
    assert too_few(CellSample(**ENOUGH, is_baseline=False)) == {}


def test_a_playbook_needs_trades_and_days_for_a_ratio():
    few = too_few(CellSample(**{**ENOUGH, "entries": 29, "days": 249}, is_baseline=False))
    assert set(few) == {"sharpe", "sortino", "calmar"}
    assert few["calmar"] == "29 of 30 trades or rebalancings; 249 of 250 daily returns"


def test_a_baseline_needs_days_alone_for_a_ratio_and_trades_for_a_hit_rate():
    held = CellSample(trades=1, entries=1, days=250, is_baseline=True)
    assert too_few(held) == dict.fromkeys(("hit_rate", "average_r"), "1 of 30 trades")


def test_the_counts_are_those_of_the_run_folder(small):
    for cell in small.matrix.records.values():
        sample = sample_of(cell)
        assert sample.trades == cell.metrics["trades"]
        assert sample.days == cell.metrics["days"]
        # Both windows are a month: no ratio is shown.
        assert set(too_few(sample)) == set(BLANKED)
