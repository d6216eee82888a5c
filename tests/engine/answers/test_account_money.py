"""Answers about a run whose wallet holds bitcoin and whose equity is in dollars."""

import pytest

from data_feeds.schema import ChannelKey, ChannelKind
from engine.answers.day import explain_day
from engine.answers.instant import explain_at
from engine.answers.trade import explain_trade
from engine.intents import Enter, Exit
from engine.results.contents import write_files, write_run
from engine.results.finished import RunRecord
from engine.run_folder.seals import write_seals
from tests.engine.audit.simulated import scripted
from tests.engine.test_wallet_rates import ETHBTC, FLAT, IN_DOLLARS, market

# As in tests/engine/test_wallet_rates.py: 4 ETH for 0.2 BTC at 100, sold for 0.24 BTC at 110.
PRICES = [100.0, 100.0, 110.0, 120.0, 130.0, 125.0]
ROWS = [FLAT, FLAT, (0.05, 0.06, 0.05, 0.06), (0.06, 0.06, 0.06, 0.06), FLAT, FLAT]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    data = market(PRICES, ROWS)
    finished = scripted(
        data,
        {0: [Enter(ETHBTC.id, 1, 0.01, "in")], 2: [Exit(ETHBTC.id, "out")]},
        ChannelKey(ETHBTC.id, ChannelKind.BARS, "1h"),
        account={**IN_DOLLARS, "venue_cash": 2.0},
        risk={"risk_fraction": 0.2, "notional_cap": 20.0},
        venue={"taker_fee_bps": 100.0},
    )
    path = tmp_path_factory.mktemp("runs") / "run"
    path.mkdir()
    write_files(RunRecord(finished), path)
    write_seals(path)
    return path


def told(text):
    return " ".join(text.split())


def test_a_day_names_the_currency_and_the_revaluation_of_the_cash(folder):
    text = told(explain_day(folder, "2026-02-02"))
    # 1.998 BTC less 0.2 while 100, then with 0.24 less a fee of 0.0024.
    cash = 2 * 25 - 0.202 * 25 + (0.24 - 0.0024) * 15
    assert f"revaluation of the cash at other rates +{cash:.2f} " in text
    assert " USDT" in text.split("revaluation")[0]
    # 1% of 0.2 BTC at 100, and of 0.24 BTC at 110.
    assert f"fees -{0.2 + 0.264:.2f} " in text
    assert "fee 0.20, realized 0.00 USDT, position then 4" in text


def test_an_instant_and_a_trade_name_the_currency(folder):
    assert "equity 200.00 USDT." in told(explain_at(folder, "2026-02-02T01:00"))
    text = told(explain_trade(folder, 1))
    # 26.4 - 20 less the fees; R = 0.04 BTC x 4 x 100.
    assert "Result +5.94 USDT = +0.37 R (16.00 USDT at risk to the stop at 0.01)" in text
    assert "Slippage of 0.00 USDT" in text
    assert "fee 0.26, realized +4.40 USDT, position then 0" in text


def test_a_day_at_par_has_no_line_of_revaluation(tmp_path, make_run):
    text = explain_day(write_run(make_run(), tmp_path), "2026-02-02")
    assert "revaluation" not in text
