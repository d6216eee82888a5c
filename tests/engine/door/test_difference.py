"""The difference of two runs as pandas tables."""

import pandas as pd
import pytest

import riskoff


def test_the_tables_of_a_difference_agree_with_each_other(demo, tmp_path) -> None:
    later = riskoff.run(
        "demo", {"risk.risk_fraction": 0.005, "data.start": "2025-12-01"}, out=tmp_path
    )
    found = riskoff.diff(demo, later)
    assert not found.is_same
    assert set(found.trades["verdict"]) <= {"same", "changed", "vanished", "appeared"}
    assert "window" in set(found.trades["cause_kind"])
    assert found.trades.index.tz is not None
    assert found.trades.attrs["units"]["net_change"] == "account currency"
    change = found.headline.loc["end_equity", "change"]
    assert found.money.sum() == pytest.approx(change)
    parts = found.trades.filter(like="of_").sum(axis=1)
    changed = found.trades["verdict"] == "changed"
    assert parts[changed].to_numpy() == pytest.approx(found.trades.loc[changed, "net_change"])
    assert "data.start" in set(found.inputs["name"])
    assert "vanished: window" in repr(found)
    assert "SYNTHETIC DATA in A and B." in found.explain()
    assert found.explain(trade=1).startswith("1: long")


def test_a_run_has_no_difference_from_itself_by_name_or_object(demo, scratch) -> None:
    found = riskoff.diff(demo.run_id, demo, root=scratch)
    assert found.is_same
    assert len(found.trades) == len(demo.trades)
    assert found.inputs.empty
    assert isinstance(found.trades.index, pd.DatetimeIndex)
    assert found.trades["net_change"].abs().max() == 0.0
