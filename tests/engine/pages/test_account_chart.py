"""Check what the chart of an account draws, by the arrays that reach the axes."""

import numpy as np
import pytest

from data_feeds.clock import HOUR_NS
from engine.answers.ladder_history import LadderHistory, ladder_history
from engine.config.models import DrawdownConfig
from engine.equity_curve import EquityCurve
from engine.pages import account_chart as drawn
from engine.pages.account_chart import account_chart


def curve_of(*equity: float) -> EquityCurve:
    at = (np.arange(len(equity)) + 1) * HOUR_NS
    return EquityCurve(at, np.array(equity, dtype=float), *[np.zeros(len(equity))] * 6)


@pytest.fixture
def lines(monkeypatch):
    """Return the lines of net results and the falls that a chart draws."""
    seen = {"falls": [], "results": []}
    thin = drawn.thinned

    def thinned(at, values):
        seen["results"].append(values.tolist())
        return thin(at, values)

    def fall(axes, at, values):
        seen["falls"].append(values.tolist())

    monkeypatch.setattr(drawn, "thinned", thinned)
    monkeypatch.setattr(drawn, "draw_drawdown", fall)
    return seen


def test_results_and_drawdown_count_from_the_cash_at_the_start(lines):
    # 100,000 at the start, 95,000 at the first close, 96,000 at the last: a loss of 4,000.
    curve = curve_of(95_000.0, 96_000.0)
    account_chart(curve, {"one": curve}, "USD", starts={"one": 100_000.0}, rules=None, ladders={})
    assert lines["results"] == [[-5_000.0, -4_000.0]] * 2
    assert lines["falls"] == [pytest.approx([-0.05, -0.04])]


def test_the_drawdown_of_a_ladder_restarts_where_the_ladder_does(lines):
    curve, rules = curve_of(95_000.0, 90_000.0), DrawdownConfig()
    ladder = ladder_history(curve, (), rules, 100_000.0)
    picture = account_chart(
        curve, {"one": curve}, "USD",
        starts={"one": 100_000.0}, rules=rules, ladders={"account": ladder},
    )  # fmt: skip
    assert lines["falls"] == [pytest.approx([-0.05, -0.10])]
    assert "account: size of new positions by drawdown" in picture


def test_an_account_without_a_close_is_drawn_empty():
    curve, rules = curve_of(), DrawdownConfig()
    ladder = LadderHistory(*[np.zeros(0, dtype=np.int64)] * 3)
    picture = account_chart(
        curve, {"one": curve}, "USD",
        starts={"one": 100_000.0}, rules=rules, ladders={"account": ladder},
    )  # fmt: skip
    assert picture.startswith("<svg")
