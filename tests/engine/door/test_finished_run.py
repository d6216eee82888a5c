"""The Python door on the demo: the same numbers as the folder's, with UTC indexes and units."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import riskoff
from engine.answers.trade import explain_trade
from engine.door import finished_run
from engine.door.column_units import UNIT_OF, unit_of, with_units
from tests.data_feeds.factory import replaced

TABLES = ("trades", "fills", "orders", "decisions", "ledger", "conditions", "daily", "guards")


def test_settings_replace_values_of_the_file(demo: riskoff.Run) -> None:
    assert demo.config.risk.risk_fraction == 0.005


def test_metrics_are_those_of_the_folder_each_with_a_unit(demo: riskoff.Run) -> None:
    stored = json.loads((demo.folder / "metrics.json").read_text())
    assert {k: v for k, v in demo.metrics.items() if np.isfinite(v)} == {
        k: v for k, v in stored.items() if v is not None
    }
    assert set(demo.metrics.attrs["units"]) == set(stored)
    assert demo.metrics.attrs["units"]["total_return"] == "fraction"


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_a_utc_index_and_a_unit_for_every_number(
    demo: riskoff.Run, name: str
) -> None:
    frame: pd.DataFrame = getattr(demo, name)
    assert isinstance(frame.index, pd.DatetimeIndex)
    assert str(frame.index.tz) == "UTC"
    if name != "conditions":
        reals = [c for c, kind in frame.dtypes.items() if kind == np.float64]
        assert [column for column in reals if not frame.attrs["units"].get(column)] == []


def test_the_ledger_adds_up_to_the_equity(demo: riskoff.Run) -> None:
    # No position is open at the end of the demo, so cash is all there is.
    cash = demo.ledger.loc[~demo.ledger["memo"], "amount"].sum()
    assert len(demo.trades) > 0
    assert demo.equity.iloc[-1] == pytest.approx(cash, abs=1e-6)
    assert demo.equity.attrs["units"] == {"equity": "account currency"}


def test_answers_are_those_of_the_command_line(demo: riskoff.Run) -> None:
    assert demo.explain(trade=1) == explain_trade(demo.folder, 1)
    assert repr(demo.explain(trade=1)) == explain_trade(demo.folder, 1).rstrip("\n")
    assert "2026-02-05" in demo.why_not("2026-02-05")
    with pytest.raises(ValueError, match="one question"):
        demo.explain(trade=1, day="2026-02-05")


def test_the_audit_finds_nothing(demo: riskoff.Run) -> None:
    assert demo.audit().ok


def test_the_plot_draws_prices_equity_and_drawdown(demo: riskoff.Run, tmp_path: Path) -> None:
    picture = demo.plot()
    assert picture._repr_svg_().startswith("<svg")
    for text in ("BTCUSDT-PERP, USDT", "equity, USDT", "drawdown, %"):
        assert text in picture.svg
    assert picture.save(tmp_path / "demo.svg").read_text() == picture.svg
    with pytest.raises(ValueError, match=r"ends in \.svg"):
        picture.save(tmp_path / "demo.png")


def test_the_plot_without_the_data_draws_equity_alone(
    demo: riskoff.Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = demo.config.data.model_copy(update={"source": str(tmp_path / "gone")})
    config = demo.config.model_copy(update={"data": data})
    monkeypatch.setattr(type(demo), "config", config)
    picture = demo.plot()
    assert "equity, USDT" in picture.svg
    assert "BTCUSDT-PERP" not in picture.svg
    assert "no prices of BTCUSDT-PERP" in repr(picture)


def test_the_plot_leaves_out_prices_that_do_not_explain_the_fills(
    demo: riskoff.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = finished_run.load_dataset

    def other_data(*args, **options):
        held = real(*args, **options)
        channels = {
            key: replaced(channel, low=channel["low"] * 1.5, high=channel["high"] * 1.5)
            for key, channel in held.channels.items()
        }
        return dataclasses.replace(held, channels=channels)

    assert demo.plot().note == ""
    monkeypatch.setattr(finished_run, "load_dataset", other_data)
    picture = demo.plot()
    assert "BTCUSDT-PERP" not in picture.svg
    assert picture.note == "no prices of BTCUSDT-PERP: not in the data, or changed"


def test_the_size_of_a_transfer_is_cash_and_its_unit_says_so() -> None:
    frame = pd.DataFrame({"intent": ["transfer"], "quantity": [5.0], "cap_cash": [9.0]})
    units = with_units(frame).attrs["units"]
    assert units == dict.fromkeys(
        ("quantity", "cap_cash"), "base units; currency of the wallet for a transfer"
    )
    assert with_units(frame[["quantity"]]).attrs["units"] == {"quantity": "base units"}


def test_the_folder_has_the_files_that_the_command_writes(demo: riskoff.Run) -> None:
    timing = json.loads((demo.folder / "timing.json").read_text())
    assert timing["seconds"] > 0


def test_a_notebook_shows_the_headline_numbers(demo: riskoff.Run) -> None:
    shown = demo._repr_html_()
    assert shown.startswith("<table")
    assert "total_return" in shown
    assert repr(demo).startswith(f"Run {demo.folder.name}: return ")


def test_open_finds_a_run_by_name_and_refuses_a_changed_one(
    demo: riskoff.Run, scratch: Path
) -> None:
    again = riskoff.open("demo", root=scratch)
    assert isinstance(again, riskoff.Run)
    assert again.run_id == demo.run_id
    pd.testing.assert_frame_equal(again.trades, demo.trades)
    with pytest.raises(riskoff.RiskoffError, match="no such run"):
        riskoff.open("nothing", root=scratch)


def test_every_unit_is_of_a_column_that_some_table_has(demo: riskoff.Run) -> None:
    paths = list(demo.folder.glob("*.parquet"))
    held = {name for path in paths for name in pq.read_schema(path).names}
    assert set(UNIT_OF) <= held


def test_a_cap_is_in_base_units_and_an_identity_has_no_unit() -> None:
    assert unit_of("cap_leverage") == "base units"
    assert unit_of("r_multiple") == "R"
    assert unit_of("order_id") == ""
