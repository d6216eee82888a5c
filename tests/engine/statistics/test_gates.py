from engine.statistics import Missing, enough


def test_29_trades_are_not_enough():
    assert enough(29, 250) == Missing("29 trades, 30 needed")


def test_249_days_are_not_enough():
    assert enough(30, 249) == Missing("249 daily returns, 250 needed")


def test_30_trades_over_250_days_are_enough():
    assert enough(30, 250) is None


def test_both_reasons_are_given():
    assert enough(0, 0) == Missing("0 trades, 30 needed; 0 daily returns, 250 needed")
