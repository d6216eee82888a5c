"""Check that playbooks cannot bypass the risk module or read later rows."""

from dataclasses import dataclass

import pytest

from engine.errors import PlaybookContractError, PlaybookError
from engine.intents import Enter
from engine.records import OrderKind, OrderRequest, OrderRole
from engine.testing import PERP, ScriptedPlaybook, ScriptParams, candles, play_playbook, table

MARKET = table(candles([(100.0, 101.0, 99.0, 100.0)] * 6))
KEY = next(iter(MARKET.channels))
ORDER = OrderRequest(
    plan_id=1,
    decision_id=1,
    instrument=PERP.id,
    role=OrderRole.ENTRY,
    kind=OrderKind.MARKET,
    side=1,
    quantity=1_000.0,
    price=float("nan"),
    fraction=float("nan"),
    leverage_setting=1,
    slippage_multiplier=1.0,
    reason="mine",
)


class Honest(ScriptedPlaybook):
    """Enter once, so that there is a position to tamper with."""

    name = "bypass"

    def __init__(self, params):
        super().__init__(params, {0: [Enter(PERP.id, 1, stop=95.0, reason="in")]}, {})

    def on_bar(self, market, account):
        if market.row == 2:
            return self.attempt(market, account)
        return super().on_bar(market, account)

    def attempt(self, market, account):
        return ()


@dataclass(frozen=True, slots=True)
class EnterWithQuantity(Enter):
    """Add a quantity to an entry."""

    quantity: float = 1_000.0


def play_attempt(attempt):
    """Run a playbook that makes the attempt at its third row."""
    cheat = type("Cheat", (Honest,), {"attempt": attempt})
    params = ScriptParams(clock=KEY, channels=frozenset({KEY}), traded=(PERP.id,))
    return play_playbook(MARKET, cheat(params))


def set_now(self, market, account):
    market.now = 2**62
    return ()


def set_row(self, market, account):
    market.row = 5
    return ()


def set_equity(self, market, account):
    account.equity = 1e9
    return ()


def set_quantity(self, market, account):
    account.position(PERP.id).quantity = 50.0
    return ()


def drop_position(self, market, account):
    account.positions.clear()
    return ()


def add_position(self, market, account):
    account.positions["ETH"] = account.position(PERP.id)
    return ()


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (lambda self, market, account: [ORDER], "an intent is Enter"),
        (lambda self, market, account: [("buy", 1_000.0)], "an intent is Enter"),
        (lambda self, market, account: [{"buy": 1_000.0}], "an intent is Enter"),
        (lambda self, market, account: ORDER, "return a list or tuple of intents"),
        (set_now, "now of the market view cannot be set"),
        (set_row, "row of the market view cannot be set"),
        (set_equity, "equity of the account view cannot be set"),
        (set_quantity, "quantity of the position view cannot be set"),
        (drop_position, "positions of the account view cannot be changed"),
        (add_position, "positions of the account view cannot be changed"),
    ],
)
def test_an_attempt_to_get_past_risk_is_a_contract_error(attempt, words):
    with pytest.raises(PlaybookContractError, match=words):
        play_attempt(attempt)


@pytest.mark.parametrize("name", ["broker", "submit", "ledger", "buy", "cerebro"])
def test_no_view_leads_to_the_broker(name):
    for view in (0, 1):
        with pytest.raises(PlaybookError, match=rf"bypass: on_bar raised.*{name}"):
            play_attempt(lambda self, *views, at=view: getattr(views[at], name))


def test_market_data_cannot_be_written():
    def write(self, market, account):
        market.channel(PERP.id, KEY.kind, KEY.timeframe)["close"][-1] = 1.0
        return ()

    with pytest.raises(PlaybookError, match="read-only"):
        play_attempt(write)


def test_a_quantity_on_an_intent_changes_nothing():
    params = ScriptParams(clock=KEY, channels=frozenset({KEY}), traded=(PERP.id,))

    def run(intent):
        return play_playbook(MARKET, ScriptedPlaybook(params, {0: [intent]}, {}))

    plain, sized = (
        run(Enter(PERP.id, 1, stop=95.0, reason="in")),
        run(EnterWithQuantity(PERP.id, 1, stop=95.0, reason="in")),
    )
    assert [f.quantity for f in plain.fills] == [f.quantity for f in sized.fills] == [10.0]


def test_what_a_playbook_does_to_its_own_copies_reaches_nobody():
    def scribble(self, market, account):
        dict(account.positions).clear()
        account._replace(equity=1e9)
        return ()

    outcome = play_attempt(scribble)
    assert outcome.curve.equity[-1] == 100_000.0


def test_the_same_playbook_without_an_attempt_runs():
    assert len(play_attempt(lambda self, market, account: ()).fills) == 1
