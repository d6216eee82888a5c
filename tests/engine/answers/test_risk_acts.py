"""Check that every act of the risk module is listed: tripped, sized, cut, refused, sold."""

from dataclasses import replace

import pytest

from engine.answers.risk_acts import HEADING, acts
from engine.records import Decision, GuardEvent, OrderRow

HOUR = 3_600 * 10**9
NAN = float("nan")
APPROVED = Decision(
    1, 1, HOUR, "SPY", "enter", 1, "approved", "", "", 92_000.0, -0.08, "cautious",
    100.0, 95.0, 5.0, (), "risk", 0.5, 10.0, 1, "",
)  # fmt: skip


def tripped(guard, at):
    return GuardEvent(at, guard, "tripped", 92_000.0, 100_000.0, at + HOUR, "")


def guard_sale(reason, at):
    return OrderRow(
        1, 1, 1, "SPY", "guard", "market", -1, NAN, NAN, NAN, 1, 1.0, at, "filled", 10.0, at, "",
        reason,
    )  # fmt: skip


def test_an_account_in_drawdown_whose_sizes_were_halved_says_so():
    # No guard tripped: at -8% the ladder halves every new position.
    later = replace(APPROVED, decided_at=5 * HOUR)
    assert acts((), (APPROVED, later), ()) == [
        HEADING,
        (
            "sized at account tier cautious (drawdown ladder)",
            "2",
            "1970-01-01T01:00Z",
            "1970-01-01T05:00Z",
        ),
    ]


def test_a_flatten_names_its_guard_and_its_sales():
    found = acts((tripped("daily loss", HOUR),), (), (guard_sale("daily loss", HOUR),))
    assert [row[0] for row in found[1:]] == ["daily loss tripped", "sold or closed: daily loss"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"tier": "normal"}, []),
        ({"tier": ""}, []),
        ({"tier": "normal", "market_tier": "defensive"}, ["sized at market tier defensive"]),
        ({"tier": "normal", "market_tier": "normal"}, []),
        ({"tier": "normal", "binding_cap": "account_crypto"}, ["cut by account_crypto"]),
        ({"outcome": "blocked", "blocked_by": "cool-down"}, ["refused by cool-down"]),
        ({"outcome": "rejected", "blocked_by": "lot"}, []),  # told among the blocked
        ({"intent": "exit"}, []),  # closing is not made smaller
        ({"intent": "rebalance"}, ["sized at account tier cautious (drawdown ladder)"]),
    ],
)
def test_an_entry_made_smaller_or_refused_names_its_reason(changes, told):
    assert [row[0] for row in acts((), (replace(APPROVED, **changes),), ())[1:]] == told


def test_a_release_is_not_an_act():
    assert acts((replace(tripped("drawdown halt", 1), event="released"),), (), ()) == [HEADING]
