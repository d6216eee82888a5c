"""Orders that move, end or came too late are told and counted; amounts have their currency."""

from dataclasses import replace
from pathlib import Path

import pytest

from data_feeds.catalog import Catalog
from data_feeds.clock import HOUR_NS
from engine.config.models import RunConfig
from engine.config_files import read_config
from engine.today.answer_data import CashToSend, InstrumentNow, OrderNow, PlaybookDay
from engine.today.orders_now import OrdersNow
from engine.today.playbook_day import playbook_day, traded_bars
from engine.today.sentences import (
    begun,
    instrument_row,
    order_lines,
    sent_lines,
    summary_line,
    transfer_line,
)
from engine.today.to_last_bar import run_to_last_bar
from tests.data_feeds.factory import ns
from tests.engine.today.market_of_days import made_catalog, made_run

EMPTY = PlaybookDay("own", "rules", "2026-01-01T00:00Z", 10.0, 0.0, "USD", "BTC", "USD")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    return made_catalog(tmp_path_factory.mktemp("made") / "catalog")


def with_stop(folder: Path, catalog: Catalog, stop: str) -> RunConfig:
    """Return the breakout whose long trade has another stop."""
    made_run("break", folder, catalog)
    text = (folder / "break.yaml").read_text()
    file = folder / "stopped.yaml"
    file.write_text(text.replace("stop: btc.close - 2 * atr(btc, 12 bars)", stop))
    return read_config(str(file), None, None)


@pytest.mark.parametrize(
    "stop",
    [
        "stop: 0.97 * btc.close\n        trailing_stop: {percent: 3%}",
        "stop: btc.close - 2 * atr(btc, 12 bars)\n        trail: btc.close - 2 * atr(btc, 12 bars)",
    ],
)
def test_a_stop_that_moved_at_the_last_close_is_to_be_sent(
    stop: str, stored: Catalog, tmp_path: Path
) -> None:
    config = with_stop(tmp_path, stored, stop)
    moved = rested = 0
    before = None
    for hour in range(16):
        day = playbook_day(config, stored, ns("2026-02-04T10:00") + hour * HOUR_NS)
        stops = [o for o in (*day.to_send, *day.working) if o.role == "stop" and o.side == "sell"]
        (now,) = stops or (None,)
        if now is not None and before is not None:
            if now.moved_from is not None:
                # The level before is the one that the answer an hour earlier showed.
                assert now in day.to_send
                assert now.moved_from == before.price
                assert now.price is not None
                assert now.price > now.moved_from
                assert sent_lines(day)[0][0].startswith("move stop of ")
                moved += 1
            elif now in day.working:
                assert now.price == before.price
                rested += 1
        before = now
    assert moved
    assert rested


def test_an_order_that_the_rules_give_up_is_to_be_cancelled(
    stored: Catalog, tmp_path: Path
) -> None:
    at = ns("2026-02-05T12:00")
    result = run_to_last_bar(made_run("break", tmp_path, stored), stored, at).result
    row = result.outcome.orders[-1]
    rests = replace(
        row, role="entry", kind="limit", side=1, quantity=2.0, price=80_000.0, status="cancelled",
        decided_at=at - HOUR_NS, ended_at=at, end_reason="exit requested",
    )  # fmt: skip
    filled = replace(rests, status="filled", end_reason="filled")
    never_sent = replace(rests, decided_at=at)
    older = replace(rests, ended_at=at - HOUR_NS, decided_at=at - 2 * HOUR_NS)
    outcome = replace(result.outcome, orders=[rests, filled, never_sent, older])
    bars, instruments = traded_bars(result), result.dataset.instruments
    (told,) = OrdersNow(outcome, bars, instruments, at, {}).to_cancel(at)
    day = replace(EMPTY, to_cancel=(told,))
    assert sent_lines(day) == [
        ["cancel buy 2 BTCUSDT-PERP, entry, limit at 80,000, since 2026-02-05T11:00Z"]
    ]
    assert summary_line(day) == "own: flat; 1 cancellation to send"


def order(**values: object) -> OrderNow:
    known = {
        "instrument": "SPY", "role": "exit", "side": "sell", "kind": "market", "quantity": 2.0,
        "price": None, "decided_at": "2026-02-05T23:30Z", "opens_at": "2026-02-06T14:30Z",
        "has_opened": True, "reason": "",
    }  # fmt: skip
    return OrderNow(**(known | values))  # type: ignore[arg-type]


def test_orders_whose_open_has_passed_are_counted_as_such() -> None:
    late, stop = order(), order(role="stop", kind="stop", price=1.0)
    told = summary_line(replace(EMPTY, to_send=(late, late, stop)))
    assert told == "own: flat; 3 orders, of which 2 at opens that have passed to send"
    assert summary_line(replace(EMPTY, to_send=(stop,))) == "own: flat; 1 order to send"


def test_amounts_name_their_currency_and_an_option_its_contract() -> None:
    assert begun(EMPTY).endswith("with 10.00 BTC at the venue")
    assert begun(replace(EMPTY, equity=5.0, in_transit=2.0)).endswith(
        "2.00 USD is in transit between the wallets"
    )
    assert transfer_line(CashToSend("venue", 5.0, "why"), "USD").startswith("transfer 5.00 USD to")
    entry = order(role="entry", stop=1.0, risk_at_stop=7.0)
    assert "7.00 USD lost at the stop" in order_lines(entry, "USD")[1]
    put = InstrumentNow(
        "PUT", "flat", "", 0.0, None, False, None, 512.0, "then", "USD per contract"
    )
    assert instrument_row(put, "USD")[2] == "close 512 USD per contract at then"
