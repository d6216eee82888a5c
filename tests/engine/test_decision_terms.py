import pytest

from engine.decision_terms import (
    ACCOUNT_CAPS,
    ACCOUNT_GUARD_OF,
    Cap,
    CapScope,
    EndReason,
    GuardName,
)
from engine.records import OrderRole


def test_a_cap_of_the_account_carries_its_scope_in_its_text():
    assert Cap.ACCOUNT_NET == "account_net"
    assert (Cap.ACCOUNT_NET.rule, Cap.ACCOUNT_NET.scope) == ("net", CapScope.ACCOUNT)
    assert (Cap.NET, Cap.NET.scope) == ("net", CapScope.SLEEVE)


def test_every_cap_of_the_account_bounds_what_a_cap_of_a_sleeve_bounds():
    sleeve = {cap.rule for cap in Cap if cap.scope is CapScope.SLEEVE}
    assert {cap.rule for cap in ACCOUNT_CAPS} <= sleeve


@pytest.mark.parametrize("cap", list(Cap))
def test_a_cap_is_found_by_its_text(cap):
    assert Cap.named(cap.value) is cap


def test_an_unknown_cap_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="'lot_floor' is no cap; known: risk, volatility"):
        Cap.named("lot_floor")


def test_each_guard_of_the_account_has_a_name_of_its_own_in_its_sleeves():
    # An account has no cool-down and counts no trades: it enters nothing itself.
    assert set(ACCOUNT_GUARD_OF) == set(GuardName) - set(ACCOUNT_GUARD_OF.values()) - {
        GuardName.COOL_DOWN,
        GuardName.MAX_TRADES,
    }
    assert len(set(ACCOUNT_GUARD_OF.values())) == len(ACCOUNT_GUARD_OF)


def test_every_order_that_can_close_a_position_names_the_end_of_the_others():
    # A liquidation and a settlement at expiry have ends of their own.
    closing = set(OrderRole) - {OrderRole.ENTRY, OrderRole.LIQUIDATION, OrderRole.SETTLEMENT}
    ends = {EndReason.flat_after(role) for role in closing}
    assert ends == {end for end in EndReason if end.startswith("flat after")}
    with pytest.raises(ValueError, match="flat after entry"):
        EndReason.flat_after(OrderRole.ENTRY)
