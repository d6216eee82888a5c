"""Runs in an inverse perp whose account is in bitcoin: candle tables, and sparse against dense."""

from collections import Counter

import pytest

from engine.config.models import RunMode
from engine.costs import RangeSlippage
from engine.intents import Add, Enter, Exit, Target
from engine.playbook_checks import outcome_difference
from engine.records import SimulationOutcome
from engine.testing import candles, fill_lines, funding, hour, marks, play, table
from tests.engine.inverse_cases import inverse_case
from tests.engine.inverse_market import XBT
from tests.engine.test_search_mutations import RESOLVE_SOURCE, SEARCH_SOURCE, replaced, use
from tests.engine.test_sparse_equals_dense import count_events

FLAT = (8_000.0, 8_050.0, 7_950.0, 8_000.0, 1e6)
CASES = 60
BATCH = 15
# What the cases hold together, so that equality means something.
LEAST = {
    "market entries": 100,
    "limit entries": 60,
    "stop entries": 40,
    "stops inside a bar": 40,
    "stops at a gap": 30,
    "targets inside a bar": 45,
    "targets at the open": 15,
    "liquidations inside a bar": 12,
    "funding paid": 30,
    "funding received": 30,
    "partial fills": 20,
    "daily loss tripped": 15,
    "drawdown halt tripped": 6,
    "taken over": 8,
    "venue_loss": 5,
}


def rows(*bars, **options):
    return candles(bars, instrument=XBT.id, **options)


def market(*channels):
    return table(*channels, instruments=(XBT,))


def enter(direction=1, stop=None, **options):
    far = 4_000.0 if direction > 0 else 16_000.0
    return Enter(XBT.id, direction, far if stop is None else stop, "test", **options)


def run(data, script, **sections) -> SimulationOutcome:
    """Play a script with 100 BTC and the instrument's own maintenance.

    An entry has a value of 10 BTC at the close: 80,000 contracts at 8,000.
    """
    sections.setdefault("notional", 10.0)
    account = {"venue_cash": 100.0, "brokerage_cash": 0.0, **sections.pop("account", {})}
    venue = {"general": ("maintenance",), **sections.pop("venue", {})}
    return play(data, script, account=account, venue=venue, **sections)


def amounts_of(outcome, kind):
    return [fact.amount for fact in outcome.facts if fact.kind == kind]


def test_a_long_is_sized_in_contracts_and_gains_in_bitcoin():
    data = market(rows(FLAT, (8_000, 10_100, 7_990, 10_000, 1e6), FLAT))
    outcome = run(data, {0: [enter(targets=(Target(10_000.0, 1.0),))]})
    assert fill_lines(outcome) == [
        (1, "entry", 80_000.0, 8_000.0),
        (2, "target", -80_000.0, 10_000.0),
    ]
    # 80,000 x (1 / 8,000 - 1 / 10,000) = 10 - 8
    assert outcome.curve.equity[-1] == pytest.approx(102.0)


def test_a_short_is_stopped_and_loses_in_bitcoin():
    data = market(rows(FLAT, (8_000, 8_600, 7_990, 8_500, 1e6), FLAT))
    outcome = run(data, {0: [enter(-1, stop=8_500.0)]}, notional=None, risk={"risk_fraction": 0.01})
    (entry, stop) = outcome.fills
    # The budget of 1 BTC is a loss at the rate of the stop, 8,500 / 8,000 as dear: q x
    # (1 / 8,000 - 1 / 8,500) = 8,000 / 8,500, in whole contracts.
    assert entry.quantity == -128_000.0
    assert stop.realized == pytest.approx(-128_000 * (1 / 8_000 - 1 / 8_500))
    assert outcome.curve.equity[-1] == pytest.approx(100.0 + stop.realized)


def test_open_profit_is_valued_at_the_mark():
    data = market(
        rows(FLAT, FLAT, FLAT),
        marks([FLAT, (8_000, 10_000, 8_000, 10_000), FLAT], instrument=XBT.id),
    )
    outcome = run(data, {0: [enter()]})
    # 80,000 / 8,000 - 80,000 / 10,000 = 2 BTC; its exposure there is 8 BTC.
    assert outcome.curve.unrealized.tolist() == pytest.approx([0.0, 2.0, 0.0])
    assert outcome.curve.gross_notional.tolist() == pytest.approx([0.0, 8.0, 10.0])


@pytest.mark.parametrize(
    ("direction", "rate", "paid"),
    # 80,000 / 10,000 x 0.001 = 0.008 BTC at the mark of the funding instant
    [(1, 0.001, -0.008), (-1, 0.001, 0.008), (1, -0.001, 0.008), (-1, -0.001, -0.008)],
)
def test_funding_is_paid_in_bitcoin_on_the_value_at_the_mark(direction, rate, paid):
    data = market(
        rows(*[FLAT] * 4),
        marks([FLAT, FLAT, (10_000, 10_000, 8_000, 8_000), FLAT], instrument=XBT.id),
        funding([(hour(2), rate)], XBT.id),
    )
    outcome = run(data, {0: [enter(direction)]}, account={"margin_mode": "cross"})
    assert amounts_of(outcome, "funding") == [pytest.approx(paid)]
    assert outcome.curve.venue_cash[-1] == pytest.approx(100.0 + paid)


@pytest.mark.parametrize("gap", [False, True], ids=["inside a bar", "beyond it at the open"])
def test_an_isolated_long_is_taken_over_at_its_bankruptcy_price(gap):
    # Margin 1 BTC at setting 10, requirement 0.05: liquidated at 80,000 / 10.95 = 7,305.94, taken
    # over at 80,000 / 11 = 7,272.73 wherever the mark is. Exit fee: 11 BTC x 7.5 bp.
    crash = (7_000, 7_100, 6_900, 7_000, 1e6) if gap else (8_000, 8_000, 7_300, 7_900, 1e6)
    data = market(rows(FLAT, FLAT, crash, FLAT))
    outcome = run(data, {0: [enter()]}, venue={"taker_fee_bps": 7.5})
    _, taken = outcome.fills
    assert (taken.role, taken.price) == ("liquidation", pytest.approx(80_000 / 11))
    assert outcome.orders[-1].price == pytest.approx(80_000 / 10.95)
    assert taken.realized == pytest.approx(-1.0)
    assert taken.fee == pytest.approx(11 * 0.00075)
    assert outcome.curve.equity[-1] == pytest.approx(99.0 - (10 + 11) * 0.00075)
    assert amounts_of(outcome, "venue_loss") == []


def test_an_isolated_short_is_taken_over_at_its_bankruptcy_price():
    # 80,000 / 9.05 = 8,839.78 and 80,000 / 9 = 8,888.89; the exit fee is on 9 BTC.
    crash = (8_000, 8_850, 8_000, 8_000, 1e6)
    data = market(rows(FLAT, FLAT, crash, FLAT))
    outcome = run(data, {0: [enter(-1)]}, venue={"taker_fee_bps": 7.5})
    assert outcome.fills[-1].price == pytest.approx(80_000 / 9)
    assert outcome.curve.equity[-1] == pytest.approx(99.0 - (10 + 9) * 0.00075)


def test_a_mark_above_the_liquidation_price_leaves_the_position():
    near = (8_000, 8_000, 7_306.5, 7_900, 1e6)
    outcome = run(market(rows(FLAT, FLAT, near, FLAT)), {0: [enter()]})
    assert [fill.role for fill in outcome.fills] == ["entry"]


def test_a_cross_long_loses_the_wallet_and_the_venue_bears_the_exit_fee():
    # 10 BTC of value behind a wallet of 2.0075 BTC, less the entry fee of 0.0075: liquidated at
    # 80,000 / (10 + 2 - 0.05), taken over at 80,000 / 12. The gap passes the stop as well.
    crash = (6_000, 6_100, 5_900, 6_000, 1e6)
    outcome = run(
        market(rows(FLAT, FLAT, crash, FLAT)),
        {0: [enter(stop=7_900.0)]},
        venue={"taker_fee_bps": 7.5},
        account={"venue_cash": 2.0075, "margin_mode": "cross"},
    )
    taken = outcome.fills[-1]
    assert outcome.orders[-1].price == pytest.approx(80_000 / 11.95)
    assert taken.price == pytest.approx(80_000 / 12)
    assert outcome.curve.equity[-1] == pytest.approx(0.0, abs=1e-12)
    assert amounts_of(outcome, "venue_loss") == [pytest.approx(12 * 0.00075)]


def test_tranches_average_harmonically_and_part_exits_keep_the_average():
    tenth = (10_000.0, 10_050.0, 9_950.0, 10_000.0, 1e6)
    script = {
        0: [enter(fraction=0.5)],
        1: [Add(XBT.id, 0.5, "more")],
        2: [Exit(XBT.id, "half", 0.5)],
    }
    outcome = run(market(rows(FLAT, FLAT, tenth, tenth, tenth)), script)
    first, second, half = outcome.fills
    assert (first.quantity, second.quantity) == (40_000.0, 40_000.0)
    # 80,000 contracts for 5 + 4 BTC: 8,888.89
    assert second.average_entry_after == pytest.approx(80_000 / 9)
    assert half.quantity == -40_000.0
    assert half.realized == pytest.approx(4.5 - 4.0)
    assert half.average_entry_after == pytest.approx(80_000 / 9)


def test_the_volume_cap_counts_contracts():
    thin = (8_000.0, 8_050.0, 7_950.0, 8_000.0, 300_000.0)
    outcome = run(
        market(rows(thin, thin, thin, thin)), {0: [enter()]}, venue={"participation_cap": 0.1}
    )
    assert [fill.quantity for fill in outcome.fills] == [30_000.0, 30_000.0, 20_000.0]


def test_the_smallest_order_is_judged_in_dollars():
    item = XBT.model_copy(update={"min_notional": 100_000.0})
    data = table(rows(FLAT, FLAT, FLAT), instruments=(item,))
    outcome = run(data, {0: [enter()]})
    # 80,000 contracts of 1 USD
    assert outcome.decisions[0].blocked_by == "minimum size"
    # 4,000 USD are enough for a smallest order of 100 USD, though they are half a bitcoin.
    item = XBT.model_copy(update={"min_notional": 100.0})
    data = table(rows(FLAT, FLAT, FLAT), instruments=(item,))
    (entry,) = run(data, {0: [enter()]}, notional=0.5).fills
    assert entry.quantity == 4_000.0


def test_slippage_moves_the_price_and_costs_more_bitcoin_on_a_sale():
    # 1% on 8,000: bought at 8,080, sold at 7,920.
    costs = {"slippage": RangeSlippage(base_bps=100, range_share=0, impact=0)}
    data = market(rows(*[FLAT] * 4))
    outcome = run(data, {0: [enter()], 1: [Exit(XBT.id, "out")]}, venue=costs)
    bought, sold = outcome.fills
    assert (bought.price, sold.price) == (8_080.0, 7_920.0)
    assert sold.realized == pytest.approx(bought.quantity * (1 / 8_080 - 1 / 7_920))


# Sparse against dense.


def events_of(seed: int) -> Counter[str]:
    case = inverse_case(seed)
    outcome = case.run(RunMode.DENSE)
    counts = count_events(case, outcome)
    counts["taken over"] = sum(
        fill.role == "liquidation" and fill.price == fill.raw_price for fill in outcome.fills
    )
    return counts


@pytest.mark.parametrize("first", range(0, CASES, BATCH))
def test_sparse_equals_dense_on_inverse_perps(first):
    for seed in range(first, first + BATCH):
        case = inverse_case(seed)
        found = outcome_difference(case.run(RunMode.DENSE), case.run(RunMode.SPARSE))
        assert not found, f"case {seed}: {found} differ"


def test_the_inverse_cases_hold_every_kind_of_event():
    counts: Counter[str] = Counter()
    for seed in range(CASES):
        counts += events_of(seed)
    short = {name: counts[name] for name, least in LEAST.items() if counts[name] < least}
    assert not short, f"too few of {short}; all: {dict(counts)}"


MUTATIONS = {
    "valued as a linear perp": ("if kind == _INVERSE_PERP:", "if kind == -1:"),
    "valued without its size": (
        "_inverse_value(size, quantity, average, mark)",
        "_inverse_value(1.0, quantity, average, mark)",
    ),
    "valued with the other sign": (
        "_inverse_value(size, quantity, average, mark)",
        "_inverse_value(size, -quantity, average, mark)",
    ),
    "valued at its entry": (
        "_inverse_value(size, quantity, average, mark)",
        "_inverse_value(size, quantity, average, average)",
    ),
}


@pytest.mark.parametrize(("old", "new"), MUTATIONS.values(), ids=MUTATIONS)
def test_a_search_that_misvalues_an_inverse_perp_is_noticed(monkeypatch, old, new):
    use(monkeypatch, SEARCH_SOURCE, replaced(RESOLVE_SOURCE, old, new))
    assert any(
        outcome_difference(
            inverse_case(seed).run(RunMode.DENSE), inverse_case(seed).run(RunMode.SPARSE)
        )
        for seed in range(CASES)
    )
