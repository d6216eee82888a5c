"""A cut of the data that ends a day changes nothing before it: interest, and the carry of shorts.

A run pays at a day's last close, and cut data do not hold the close after it.
"""

import pytest

from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS
from data_feeds.schema import ChannelKey, ChannelKind
from engine.playbook import Signals
from engine.playbook_checks import event_cuts, prefix_difference, simulated
from engine.testing import ScriptedPlaybook, ScriptParams, table_config
from tests.engine.short_market import BILL, flat, hold, hours, sections

CLOCK = ChannelKey("AAA", ChannelKind.BARS, "1h")
PRICES = [100.0] * 72 + [95.0] * 72
CARRIED = {"interest", "rebate", "borrow_fee"}


class AfterTheClose(ScriptedPlaybook):
    """Decides half an hour after each close, when a day's last close is past."""

    def prepare(self, data):
        return Signals(data.channels[self.params.clock]["closed_at"] + 30 * MINUTE_NS, {})


def day_market():
    """Return bars of 10:00 to 16:00, so that a day's last close lies hours before its midnight."""
    market = hours({"AAA": flat(*PRICES)})
    bars = market.channels[CLOCK]
    hour = bars["opened_at"] % DAY_NS // HOUR_NS
    kept = bars.take((hour >= 10) & (hour < 16))
    return market.having({**market.channels, CLOCK: kept})


def whole_run(market, script, **changes):
    params = ScriptParams(clock=CLOCK, channels=frozenset(market.channels), traded=("AAA",))
    playbook = AfterTheClose(params, script, {})
    config = table_config(market, **sections(**changes))
    return playbook, config, simulated(playbook, market, config)


def differences(market, script, *, told=True, **changes):
    """Return the differences at the cuts of a run; ``told``: it knows the next close."""
    playbook, config, whole = whole_run(market, script, **changes)
    found = set()
    for at in event_cuts(whole):
        follows = whole.next_close(at) if told else None
        part = simulated(playbook, market.cut(at), config, next_close=follows)
        found.add(prefix_difference(whole, part, at))
    return found - {""}


@pytest.mark.parametrize(("weight", "paid"), [(0.5, {"interest"}), (-0.5, CARRIED)])
def test_the_payments_of_a_day_are_those_of_the_whole_run(weight, paid):
    market, script = day_market(), {5: hold(a=weight), 11: hold(a=weight / 2), 17: hold(a=0)}
    account = {"interest_series": BILL}
    _, _, whole = whole_run(market, script, account=account)
    assert {fact.kind for fact in whole.outcome.facts} & CARRIED == paid
    # Without the next close, cash of the day's payment is missing: a false alarm.
    assert differences(market, script, told=False, account=account) == {"decisions"}
    assert differences(market, script, account=account) == set()
