"""Funds that can be sold short, for tests: hours around the clock, a borrow fee and a bill.

A fee of 0.36% and a bill of 3.6% are 0.1 and 1 a day on 10,000.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data_feeds.clock import HOUR_NS
from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import ChannelKey, ChannelKind
from engine.bt import SimulationInputs, simulate
from engine.causality import prepare
from engine.config.models import RunMode
from engine.intents import Rebalance
from engine.playbook import Signals
from engine.testing import (
    START,
    ScriptedPlaybook,
    ScriptParams,
    candles,
    dividends,
    play,
    series,
    table,
    table_config,
)
from tests.engine.audit.simulated import ScriptedRun

BILL = "DGS3MO"
A = Instrument(id="AAA", kind=InstrumentKind.ETF, quote="USD", tick_size=0.01, lot_size=1.0)
B = Instrument(id="BBB", kind=InstrumentKind.ETF, quote="USD", tick_size=0.01, lot_size=1.0)
C = Instrument(id="CCC", kind=InstrumentKind.ETF, quote="USD", tick_size=0.01, lot_size=1.0)
CASH = {"venue_cash": 0.0, "brokerage_cash": 10_000.0}
LENT = {"borrow_fee_bps": 36.0}
Row = Sequence[float]


def flat(*closes: float) -> list[Row]:
    """Return bars that open at the previous close and have no other prices, volume a million."""
    opens = (closes[0], *closes[:-1])
    return [(o, max(o, c), min(o, c), c, 1e6) for o, c in zip(opens, closes, strict=True)]


def hours(rows: Mapping[str, Sequence[Row]], paid: Mapping[str, Sequence[tuple[int, float]]] = {}):
    """Return a market of hourly bars by fund, with dividends (hour, amount) and the bill."""
    bars = [candles(each, instrument=name) for name, each in rows.items()]
    given = [
        dividends([(START + hour * HOUR_NS, amount) for hour, amount in each], instrument=name)
        for name, each in paid.items()
    ]
    bill = series([(START - HOUR_NS, 3.6)], BILL)
    return table(*bars, *given, bill, instruments=(A, B, C))


def sections(**changes: Any) -> dict[str, Any]:
    """Return account and venue that lend; ``account`` and ``venue`` add to them."""
    account = {**CASH, "short_sales": {"rebate_series": BILL}, **changes.pop("account", {})}
    venue = {**LENT, **changes.pop("venue", {})}
    return {"notional": None, "account": account, "venue": venue, **changes}


def run(market: Dataset, script: Mapping[int, Sequence[Any]], **changes: Any):
    """Play a script sparse and dense with 10,000 at a brokerage that lends."""
    return play(market, script, **sections(**changes))


def hold(**weights: float) -> list[Rebalance]:
    """Return a rebalancing to weights by the first letter of each fund: a, b, c."""
    return [Rebalance({name.upper() * 3: weight for name, weight in weights.items()}, "to target")]


def kinds(outcome, *wanted: str) -> list[tuple[float, str, float]]:
    """Return (hours after the start, kind, amount) of the ledger's facts of some kinds."""
    return [
        ((fact.at - START) / HOUR_NS, fact.kind, round(fact.amount, 9))
        for fact in outcome.facts
        if fact.kind in wanted
    ]


class RareScript(ScriptedPlaybook):
    """Decides at the rows of its script only, so that the search has stretches to skip."""

    def prepare(self, data: Dataset) -> Signals:
        """Return the rows of the clock with a mask of the script's."""
        decided_at = data.channels[self.params.clock]["closed_at"]
        wake = np.zeros(len(decided_at), np.bool_)
        wake[[row for row in self._script if row < len(wake)]] = True
        return Signals(decided_at, {}, wake_flat=wake, wake_in_position=wake)


def finished(market: Dataset, script: Mapping[int, Sequence[Any]], mode: RunMode, **changes: Any):
    """Return a finished run of a rare script over all funds of a market."""
    keys = [key for key in market.channels if key.kind is ChannelKind.BARS]
    params = ScriptParams(
        clock=ChannelKey("AAA", ChannelKind.BARS, "1h"),
        channels=frozenset(market.channels),
        traded=tuple(key.instrument for key in keys),
    )
    playbook = RareScript(params, script, {})
    required = playbook.requirements(params)
    config = table_config(market, **sections(**changes), mode=mode)
    signals = prepare(playbook, market, required)
    outcome = simulate(SimulationInputs(config, market, playbook, signals, required))
    # The hash of the code would read every test of the class's package.
    written = ScriptedPlaybook(params, script, {})
    return ScriptedRun(config, market, written, required, signals, outcome)
