"""A delisting is known to nothing that decides before the last close; some windows are refused."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError
from data_feeds.schema import ChannelKey, ChannelKind
from engine.bt import SimulationInputs
from engine.causality import prepare
from engine.playbook import Signals
from engine.run_data import refuse_early_ends
from engine.screening.support import market_reasons
from engine.testing import (
    ScriptedPlaybook,
    ScriptParams,
    hour,
    play_playbook,
    table_config,
)
from tests.engine.short_market import hold, run
from tests.engine.test_delistings import (
    funds,
)

# Nothing is known before --------------------------------------------------------------------------


class CuriousPlaybook(ScriptedPlaybook):
    """Writes down every delisting that it is shown."""

    name = "curious"
    told: list[object] = []

    @classmethod
    def settle(cls, params, instruments):
        """Note the records that complete the parameters."""
        cls.told += [item.delisted for item in instruments.values()]
        return params

    def prepare(self, data: Dataset) -> Signals:
        """Note the records beside the data."""
        self.told += [item.delisted for item in data.instruments.values()]
        return super().prepare(data)

    def on_bar(self, market, account):
        """Note the records behind the view of the market."""
        self.told += [item.delisted for item in market._data.instruments.values()]
        return super().on_bar(market, account)


def test_a_playbook_is_never_shown_a_delisting():
    market = funds([100.0] * 6, 0.0)
    params = ScriptParams(
        clock=ChannelKey("BBB", ChannelKind.BARS, "1h"),
        channels=frozenset(market.channels),
        traded=("AAA", "BBB"),
    )
    CuriousPlaybook.told.clear()
    play_playbook(market, CuriousPlaybook(params, {}, {}))
    # Once in settle, in prepare and in each repetition of it, and at every bar.
    assert len(CuriousPlaybook.told) > 2 * (1 + 1 + 30)
    assert set(CuriousPlaybook.told) == {None}
    assert market.instruments["AAA"].delisted is not None


class WatchfulPlaybook(ScriptedPlaybook):
    """Writes down which names the account shows as delisted, at every bar."""

    name = "watchful"
    seen: list[tuple[int, frozenset[str]]] = []

    def on_bar(self, market, account):
        """Note the instant and the names."""
        self.seen.append((market.now, account.delisted))
        return super().on_bar(market, account)


def test_the_account_names_a_delisted_fund_from_its_last_close_on():
    market = funds([100.0] * 6, 0.0)
    params = ScriptParams(
        clock=ChannelKey("BBB", ChannelKind.BARS, "1h"),
        channels=frozenset(market.channels),
        traded=("AAA", "BBB"),
    )
    WatchfulPlaybook.seen.clear()
    play_playbook(market, WatchfulPlaybook(params, {}, {}))
    assert dict(WatchfulPlaybook.seen) == {
        hour(row): frozenset() if row < 6 else frozenset({"AAA"}) for row in range(1, 31)
    }


def test_every_decision_before_the_last_close_is_that_of_a_market_that_goes_on():
    closes = [100.0, 101.0, 99.0, 102.0, 103.0, 104.0]
    script = {row: hold(a=0.1 + row / 20, b=0.3) for row in range(12)}
    clock = {"clock": ChannelKey("BBB", ChannelKind.BARS, "1h")}
    gone = run(funds(closes, 0.0), script, **clock)
    on = run(funds(closes + [150.0] * 24, trades_on=True), script, **clock)
    rows = [[repr(d) for d in o.decisions if d.decided_at < hour(6)] for o in (gone, on)]
    assert rows[0] == rows[1]
    assert len(rows[0]) > 5
    fills = [[repr(f) for f in o.fills if f.at < hour(6)] for o in (gone, on)]
    assert fills[0] == fills[1]
    np.testing.assert_array_equal(gone.curve.equity[:5], on.curve.equity[:5])


# What a run refuses -------------------------------------------------------------------------------


def inputs_of(market, *traded: str) -> SimulationInputs:
    params = ScriptParams(
        clock=ChannelKey("BBB", ChannelKind.BARS, "1h"),
        channels=frozenset(market.channels),
        traded=traded,
    )
    playbook = ScriptedPlaybook(params, {}, {})
    required = playbook.requirements(params)
    signals = prepare(playbook, market, required)
    return SimulationInputs(table_config(market), market, playbook, signals, required)


def test_a_run_that_trades_delisted_instruments_only_is_told_where_to_end():
    market = funds([100.0] * 6, hours=60)
    alone, both = inputs_of(market, "AAA"), inputs_of(market, "AAA", "BBB")
    refuse_early_ends(market, both.requirements, hour(60))
    # The day after the last one may be in the window: its end is that of the account too.
    refuse_early_ends(market, alone.requirements, hour(48))
    with pytest.raises(CoverageError, match="end the window at 2026-02-03T00:00Z") as caught:
        refuse_early_ends(market, alone.requirements, hour(60))
    assert "AAA: delisted inside the window" in str(caught.value)


def test_options_on_a_delisted_fund_are_refused():
    market = funds([100.0] * 6, hours=60)
    both = inputs_of(market, "AAA", "BBB").requirements
    hedged = replace(both, options=("AAA",))
    with pytest.raises(CoverageError, match="AAA: its options are priced by its bars"):
        refuse_early_ends(market, hedged, hour(60))
    refuse_early_ends(market, hedged, hour(23))


def test_sets_of_a_delisted_instrument_are_not_screened():
    reasons = market_reasons(inputs_of(funds([100.0] * 6), "AAA"))
    assert "AAA is delisted" in reasons
    # Unless the window ends before.
    later = market_reasons(inputs_of(funds([100.0] * 6, last_day=date(2027, 1, 1)), "AAA"))
    assert "AAA is delisted" not in later


def test_the_last_close_of_a_clock_ends_the_decisions_and_not_the_account():
    # The delisted fund is the clock: the rebalancing of its row 8 never comes.
    outcome = run(
        funds([100.0] * 6, 0.0),
        {0: hold(a=0.5, b=0.5), 8: hold(b=0.0)},
        clock=ChannelKey("AAA", ChannelKind.BARS, "1h"),
    )
    assert {d.decided_at for d in outcome.decisions} == {hour(1)}
    assert len(outcome.curve.at) == 30
    assert outcome.curve.equity[-1] == pytest.approx(5_000.0)
