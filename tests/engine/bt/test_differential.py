"""The bridge against plain Backtrader, with the orders that both support.

One instrument, one unit, no costs, no lot, no volume cap, no bracket: the fills of the bridge must
be those of Backtrader's own ``BackBroker``, bar by bar and to the last bit, on random prices of a
coarse tick grid, where ties between prices and levels are frequent.

Every plan is one of five: a market, stop or limit entry left by a market order, and a market entry
left by a standalone stop or limit. Backtrader activates an order in the bar after it is sent, so
the exits are levels that the entry's own bar does not decide: the stop is sent after the entry bar,
the limit lies beyond it.
"""

from collections import Counter
from dataclasses import dataclass

import backtrader as bt
import numpy as np
import pytest

from data_feeds.instrument import Instrument, InstrumentKind
from engine.intents import Enter, Exit, MoveStop, Target
from engine.records import OrderKind
from engine.testing import ScriptedPlaybook, ScriptParams, candles, fill_lines, play_playbook, table

TICK = 0.5
BARS = 12_000
SEEDS = (1, 2, 3, 4)
MINIMUM = 1_000
UNIT = Instrument(id="UNIT-PERP", kind=InstrumentKind.PERP, tick_size=TICK, lot_size=1.0)
SHAPES = ("market", "stop entry", "limit entry", "stop exit", "limit exit")


@dataclass(frozen=True)
class Wish:
    """The shape and direction of one plan, and the distance of its level in ticks."""

    shape: str
    direction: int
    ticks: int


@dataclass(frozen=True)
class StockOrOwnFill:
    """One fill: its kind, its bar, its side and its price."""

    what: str
    bar: int
    side: int
    price: float


def prices(seed):
    """Return rows of open, high, low, close on the tick grid that keep returning to 100."""
    rng = np.random.default_rng(seed)
    level, rows = 200, []  # in ticks
    for _ in range(BARS):
        opened = level + int(rng.integers(-2, 3))
        closed = opened + int(rng.integers(-9, 10)) + (200 - opened) // 4
        high = max(opened, closed) + int(rng.integers(0, 4))
        low = min(opened, closed) - int(rng.integers(0, 4))
        rows.append(tuple(TICK * x for x in (opened, high, low, closed)))
        level = closed
    return rows


def wishes(seed):
    rng = np.random.default_rng([seed, 99])
    picks = zip(
        rng.integers(0, len(SHAPES), BARS),
        rng.choice([-1, 1], BARS),
        rng.integers(0, 5, BARS),
        strict=True,
    )
    return [Wish(SHAPES[shape], int(side), int(ticks)) for shape, side, ticks in picks]


def entry_level(wish, close):
    """Stop entries lie beyond the market, limit entries before it; zero ticks are at the close."""
    sign = wish.direction if wish.shape == "stop entry" else -wish.direction
    return close + sign * wish.ticks * TICK


def stop_level(wish, close):
    return close - wish.direction * wish.ticks * TICK


def limit_level(wish, rows, bar):
    """At least one tick beyond the entry's own bar, ``bar + 1``, and the decision's close."""
    _, high, low, _ = rows[min(bar + 1, BARS - 1)]
    close = rows[bar][3]
    edge = max(high, close) if wish.direction > 0 else min(low, close)
    return edge + wish.direction * (wish.ticks // 2 + 1) * TICK


# Ours.


class OurPlaybook(ScriptedPlaybook):
    """Decides from its own account what the plain strategy decides from Backtrader's."""

    def __init__(self, params, rows, plan):
        super().__init__(params, {}, {})
        self.rows, self.plan, self.number, self.moved = rows, plan, -1, False

    def on_bar(self, market, account):
        bar = market.row
        if account.is_flat(UNIT.id):
            self.number += 1
            self.moved = False
            return [self.enter(self.plan[self.number], bar)]
        if account.position(UNIT.id) is None:
            return []
        wish = self.plan[self.number]
        if wish.shape == "stop exit":
            if self.moved:
                return []
            self.moved = True
            return [MoveStop(UNIT.id, stop_level(wish, self.rows[bar][3]), "tested level")]
        return [] if wish.shape == "limit exit" else [Exit(UNIT.id, "next open")]

    def enter(self, wish, bar):
        far = TICK if wish.direction > 0 else 180.0
        kind, price, targets = OrderKind.MARKET, None, ()
        if wish.shape in ("stop entry", "limit entry"):
            kind = OrderKind.STOP if wish.shape == "stop entry" else OrderKind.LIMIT
            price = entry_level(wish, self.rows[bar][3])
        if wish.shape == "limit exit":
            targets = (Target(limit_level(wish, self.rows, bar), 1.0),)
        return Enter(UNIT.id, wish.direction, far, "test", targets=targets, kind=kind, price=price)


def ours(seed):
    market = table(candles(prices(seed), instrument=UNIT.id, timeframe="1h"), instruments=[UNIT])
    clock = next(iter(market.channels))
    params = ScriptParams(clock=clock, channels=frozenset([clock]), traded=(UNIT.id,))
    playbook = OurPlaybook(params, prices(seed), wishes(seed))
    outcome = play_playbook(
        market,
        playbook,
        # One unit whatever the price: 150 buys one unit at 76 to 150.
        notional=150.0,
        account={"venue_cash": 1e9, "leverage_setting": 1},
        # Plain Backtrader fills a limit that the price touches.
        venue={"limit_fill": "touch"},
    )
    names = {order.order_id: f"{order.kind} {order.role}" for order in outcome.orders}
    done = []
    for fill, line in zip(outcome.fills, fill_lines(outcome), strict=True):
        assert abs(fill.quantity) == 1.0
        # A fill inside a bar carries its close: the next hour.
        bar = round(line[0]) - (fill.stage == "range")
        role = "entry" if fill.role == "entry" else "exit"
        what = f"{names[fill.order_id].split()[0]} {role}"
        done.append(StockOrOwnFill(what, bar, int(fill.quantity), fill.price))
    return done


# Plain Backtrader.


class PlainStrategy(bt.Strategy):
    """The same wishes through ``buy`` and ``sell``."""

    params = (("plan", ()),)

    def __init__(self):
        self.number, self.pending, self.exit_sent, self.done = -1, None, False, []

    def notify_order(self, order):
        if order.status == order.Completed:
            kinds = {order.Market: "market", order.Stop: "stop", order.Limit: "limit"}
            role = "entry" if order.ref == self.pending else "exit"
            side = 1 if order.isbuy() else -1
            what = f"{kinds[order.exectype]} {role}"
            self.done.append(StockOrOwnFill(what, len(self.data) - 1, side, order.executed.price))
            if role == "entry":
                self.pending = None

    def next(self):
        bar, close = len(self.data) - 1, self.data.close[0]
        if self.position.size == 0 and self.pending is None:
            self.number += 1
            self.exit_sent = False
            self.enter(self.p.plan[self.number], bar, close)
        elif self.position.size != 0 and not self.exit_sent:
            self.exit_sent = True
            self.leave(self.p.plan[self.number], bar, close)

    def send(self, side, **order):
        place = self.buy if side > 0 else self.sell
        return place(size=1, **order)

    def enter(self, wish, bar, close):
        order = {}
        if wish.shape in ("stop entry", "limit entry"):
            exectype = bt.Order.Stop if wish.shape == "stop entry" else bt.Order.Limit
            order = {"exectype": exectype, "price": entry_level(wish, close)}
        self.pending = self.send(wish.direction, **order).ref

    def leave(self, wish, bar, close):
        order = {}
        if wish.shape == "stop exit":
            order = {"exectype": bt.Order.Stop, "price": stop_level(wish, close)}
        elif wish.shape == "limit exit":
            # Decided one bar ago, with the entry.
            price = limit_level(wish, self.data.p.rows, bar - 1)
            order = {"exectype": bt.Order.Limit, "price": price}
        self.send(-wish.direction, **order)


@pytest.fixture(scope="module")
def both(plain):
    def theirs(seed):
        return plain(prices(seed), PlainStrategy, cash=1e9, plan=wishes(seed)).done

    return {seed: (ours(seed), theirs(seed)) for seed in SEEDS}


@pytest.mark.parametrize("seed", SEEDS)
def test_every_fill_has_the_bar_price_and_side_of_plain_backtrader(both, seed):
    mine, theirs = both[seed]
    for ours_at, theirs_at in zip(mine, theirs, strict=False):
        assert ours_at == theirs_at
    assert len(mine) == len(theirs)


@pytest.mark.parametrize(
    "what", ["market entry", "market exit", "stop entry", "limit entry", "stop exit", "limit exit"]
)
def test_at_least_a_thousand_fills_of_each_type_were_compared(both, what):
    counts = Counter(done.what for mine, _ in both.values() for done in mine)
    assert counts[what] >= MINIMUM, counts


def test_gaps_ties_and_levels_inside_the_bar_all_occur(both):
    # The comparison is worth nothing if every level is met in the same way.
    met = Counter()
    for seed, (mine, _) in both.items():
        rows = prices(seed)
        for done in mine:
            if not done.what.startswith("market"):
                opened, high, low, _ = rows[done.bar]
                met["open"] += done.price == opened
                met["extreme"] += done.price in (high, low)
                met["inside"] += low < done.price < high and done.price != opened
    assert min(met[name] for name in ("open", "extreme", "inside")) >= 500, met
