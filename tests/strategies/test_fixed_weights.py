"""The baseline of fixed weights: when it restores them, and a run over a real year."""

from pathlib import Path

import numpy as np
import pytest

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.embedded import embedded_catalog
from data_feeds.instrument import Instrument, InstrumentKind
from engine.answers.trade import explain_trade
from engine.audit import audit_run
from engine.config.load import load_run_config
from engine.decision_terms import RefusalRule
from engine.intents import PutOff, Rebalance
from engine.pages.publish import publish
from engine.playbook_checks import playbook_checks
from engine.run import run
from engine.run_data import load_window
from engine.signals import period_starts
from engine.testing import candles, hour, play_playbook, table
from engine.views import AccountView, Cursor, MarketView, PositionView
from strategies.fixed_weights import FixedWeights, WeightsParams

CONFIG = Path(__file__).resolve().parents[2] / "configs" / "runs" / "weights_2020.yaml"
NAN = float("nan")


def instants(*dates):
    return np.array(dates, dtype="datetime64[ns]").astype(np.int64)


@pytest.mark.parametrize(
    ("calendar", "due"),
    [
        ("never", []),
        # Monday 2026-01-05 begins a week, Thursday 2026-01-01 a year, quarter and month.
        ("weekly", [3, 4]),
        ("monthly", [2, 4]),
        ("quarterly", [2]),
        ("yearly", [2]),
    ],
)
def test_the_first_session_of_a_period_restores_the_weights(calendar, due):
    dates = instants("2025-12-30", "2025-12-31", "2026-01-01", "2026-01-05", "2026-02-02")
    assert np.flatnonzero(period_starts(dates, calendar)).tolist() == due


def asked(params, held, due=0.0, pending=(), delisted=()):
    """Return the intents at a session with positions worth these shares of the equity."""
    names = params.get("weights", {})
    values = {"due": np.array([due]), **{f"begun {name}": np.array([1.0]) for name in names}}
    market = MarketView(Dataset({}, {}), frozenset(), values, {}, cursor=Cursor(0, 0))
    positions = {
        name: PositionView(
            name, 1, share * 100, 1.0, 10.0, 0.0, NAN, 0.0, NAN, 0, NAN, notional=share * 1000
        )
        for name, share in held.items()
    }
    account = AccountView(0, 1_000.0, 0.0, 0.0, 0.0, 0.0, positions, frozenset(pending))
    account = account._replace(delisted=frozenset(delisted))
    return list(FixedWeights(WeightsParams(**params)).on_bar(market, account))


HALF = {"weights": {"A": 0.5, "B": 0.5}}


def test_the_first_session_buys():
    (intent,) = asked(HALF, {})
    assert isinstance(intent, Rebalance)
    assert (intent.weights, intent.reason) == ({"A": 0.5, "B": 0.5}, "first purchase")


def test_between_dates_nothing_is_done_without_bands():
    assert asked(HALF, {"A": 0.7, "B": 0.3}) == []


def test_the_calendar_restores():
    (intent,) = asked(HALF, {"A": 0.7, "B": 0.3}, due=1.0)
    assert intent.reason == "monthly rebalancing"


@pytest.mark.parametrize(
    ("band", "held", "restores"),
    [
        ({"absolute_band": 0.05}, {"A": 0.56, "B": 0.44}, True),
        ({"absolute_band": 0.05}, {"A": 0.54, "B": 0.46}, False),
        ({"relative_band": 0.2}, {"A": 0.61, "B": 0.39}, True),
        ({"relative_band": 0.2}, {"A": 0.59, "B": 0.41}, False),
        # An instrument that was sold or never bought counts as 0.
        ({"absolute_band": 0.05}, {"A": 0.5}, True),
    ],
)
def test_a_band_restores_when_it_is_left(band, held, restores):
    found = asked(HALF | band, held)
    assert bool(found) == restores
    if restores:
        assert found[0].reason.startswith("band left: ")


def test_a_delisted_weight_leaves_no_band_and_is_no_first_purchase():
    band = HALF | {"absolute_band": 0.05}
    assert asked(band, {"A": 0.5}, delisted=["B"]) == []
    # The other weight still has its band, and the calendar still restores.
    (left,) = asked(band, {"A": 0.56}, delisted=["B"])
    assert left.reason.startswith("band left: A")
    assert len(asked(band, {"A": 0.5}, due=1.0, delisted=["B"])) == 1
    assert len(asked(band, {}, delisted=["B"])) == 1
    assert asked(band, {}, delisted=["A", "B"]) == []


def session(playbook, due=0.0, pending=(), leaving=0.0):
    """Return the intents at a session of a playbook that holds halves."""
    values = {"due": np.array([due]), "begun A": np.array([1.0]), "begun B": np.array([1.0])}
    market = MarketView(Dataset({}, {}), frozenset(), values, {}, cursor=Cursor(0, 0))
    positions = {
        name: PositionView(
            name, 1, 500.0, 1.0, 1.0, 0.0, NAN, 0.0, NAN, 0, NAN, leaving, notional=500.0
        )
        for name in ("A", "B")
    }
    account = AccountView(0, 1_000.0, 0.0, 0.0, 0.0, 0.0, positions, frozenset(pending))
    return list(playbook.on_bar(market, account))


@pytest.mark.parametrize(("pending", "leaving"), [(("B",), 0.0), ((), 3.0)])
def test_a_rebalancing_due_while_an_order_works_is_noted_and_made_later(pending, leaving):
    playbook = FixedWeights(WeightsParams(**HALF))
    notes = session(playbook, 1.0, pending, leaving)
    assert {type(note) for note in notes} == {PutOff}
    assert notes[-1] == PutOff("B", "order works", "monthly rebalancing: an order still works in B")
    assert session(playbook, 0.0, pending, leaving) == []
    (made_up,) = session(playbook)
    assert made_up.reason == "monthly rebalancing, put off while an order worked"
    assert session(playbook) == []


def test_periods_begin_on_the_dates_of_the_zone_that_decides():
    # 20:00 in New York on the last of March 2026 (00:00Z) and on the first of April.
    late = np.array(["2026-03-31T00:00", "2026-04-01T00:00", "2026-04-02T00:00"])
    at = late.astype("datetime64[ns]").astype(np.int64)
    assert period_starts(at, "monthly", zone="America/New_York").tolist() == [False, False, True]
    assert period_starts(at, "quarterly", zone="America/New_York").tolist() == [False, False, True]
    assert period_starts(at, "monthly").tolist() == [False, True, False]


def test_a_band_below_the_minimum_ticket_is_reported_at_every_session_outside_it():
    # 1,000: A gains 4%, 2 points off at 20 and 10 quote of change, below a ticket of 100.
    prices = [100.0] * 3 + [110.0] * 4
    fund = {"kind": InstrumentKind.ETF, "quote": "USD", "tick_size": 0.01, "lot_size": 0.001}
    data = table(
        candles([(p,) * 4 for p in prices], instrument="A", timeframe="1d"),
        candles([(100.0,) * 4] * 7, instrument="B", timeframe="1d"),
        instruments=[Instrument(id=name, **fund) for name in ("A", "B")],
    )
    params = {**HALF, "clock": "A", "rebalance": "never", "absolute_band": 0.02}
    outcome = play_playbook(
        data,
        FixedWeights(WeightsParams(**params)),
        account={"venue_cash": 0.0, "brokerage_cash": 1_000.0},
        notional=None,
    )
    # A 550 of 1,050 is 52.4%: 25 of A to sell and of B to buy, on each of the last sessions.
    small = [d.instrument for d in outcome.decisions if d.blocked_by == "minimum ticket"]
    assert len(outcome.fills) == 2
    assert small[:4] == ["A", "B", "A", "B"]


def late_market():
    """Two weights on daily bars: A trades from the start at 100, B from the fifth day at 50."""
    etfs = [
        Instrument(id=name, kind=InstrumentKind.ETF, quote="USD", tick_size=0.01, lot_size=1.0)
        for name in ("A", "B")
    ]
    later = [hour(24 * day) for day in range(4, 10)]
    return table(
        candles([(100.0,) * 4] * 10, instrument="A", timeframe="1d"),
        candles([(50.0,) * 4] * 6, instrument="B", timeframe="1d", opened_at=later),
        instruments=etfs,
    )


def late_run(**risk):
    params = {"weights": {"A": 0.4, "B": 0.5}, "clock": "A", "rebalance": "never"}
    return play_playbook(
        late_market(),
        FixedWeights(WeightsParams(**params, absolute_band=0.05)),
        account={"venue_cash": 0.0, "brokerage_cash": 100_000.0},
        notional=None,
        risk=risk,
    )


def test_before_its_first_bar_a_weight_stays_in_cash_and_joins_when_it_begins():
    outcome = late_run()
    # 40% of 100,000 at 100 are 400 of A from the start, never 90%; 50% at 50 are 1,000 of B. Its
    # first bar closes at midnight after the fifth day; that evening decides, the next open fills.
    assert [(f.instrument, f.quantity) for f in outcome.fills] == [("A", 400.0), ("B", 1_000.0)]
    bought_at = hour(24 * 6)
    assert outcome.fills[1].at == bought_at
    asked = [(d.instrument, d.outcome, d.blocked_by) for d in outcome.decisions]
    assert asked == [
        ("A", "approved", ""),
        ("B", "rejected", RefusalRule.NOT_BEGUN),
        ("B", "approved", ""),
    ]
    assert "its weight stays in cash of the brokerage wallet" in outcome.decisions[1].reason
    assert outcome.decisions[2].reason == "B begins"
    before = outcome.curve.at < bought_at
    assert set(outcome.curve.brokerage_cash[before][-3:]) == {60_000.0}


def test_a_cap_does_not_give_the_share_of_an_unpriced_weight_to_the_others():
    # 0.4 + 0.5 under a cap of 0.45: half of each, 20% of A, though B cannot be bought yet.
    outcome = late_run(leverage_cap=0.45)
    assert [(f.instrument, f.quantity) for f in outcome.fills] == [("A", 200.0), ("B", 500.0)]


def test_nothing_is_asked_while_orders_work_or_of_cash():
    assert asked(HALF, {}, pending=("A",)) == []
    assert asked({"weights": {}}, {}, due=1.0) == []


def test_weights_above_the_equity_are_refused():
    with pytest.raises(ValueError, match=r"sum to 1\.2"):
        WeightsParams(weights={"A": 0.7, "B": 0.5})


def test_it_passes_the_checks_for_playbooks():
    settings = ["data.start=2020-02-03", "data.end=2020-06-30"]
    config = load_run_config(CONFIG, settings)
    params = WeightsParams(**config.playbook.params)
    data = load_window(config, embedded_catalog(), FixedWeights.requirements(params))
    report = playbook_checks(FixedWeights, params, data, config=config)
    assert report.cuts >= 10


def test_a_real_year_audits_clean_and_cash_earns_exactly_the_bill(
    real_catalog: Catalog, tmp_path: Path
):
    result = run(load_run_config(CONFIG), real_catalog)
    assert {d.intent for d in result.outcome.decisions} == {"rebalance"}
    assert any(f.quantity < 0 for f in result.outcome.fills)
    folder = publish(result, tmp_path)
    assert audit_run(folder, real_catalog).findings == ()
    # A position without a stop has no R, so the column is empty.
    told = explain_trade(folder, 1)
    assert "Result +" in told
    assert " R (" not in told
    weights = 'playbook.params={"weights": {}, "clock": "SPY"}'
    cash = run(load_run_config(CONFIG, [weights]), real_catalog).outcome
    assert cash.fills == ()
    interest = sum(fact.amount for fact in cash.facts if fact.kind == "interest")
    assert interest > 0
    assert cash.curve.equity[-1] == pytest.approx(100_000.0 + interest)


@pytest.mark.parametrize("end", ["2026-03-10", "2026-03-14", "2026-03-14T12:00:00"])
def test_what_begins_after_the_window_stays_in_cash_to_its_end(tmp_path, end):
    """B's first bar is that of 2026-03-14: it has not closed by any of these ends."""
    etfs = [
        Instrument(id=name, kind=InstrumentKind.ETF, quote="USD", tick_size=0.01, lot_size=1.0)
        for name in ("A", "B")
    ]
    flat, later = (100.0, 100.0, 100.0, 100.0, 1e6), [hour(24 * day) for day in range(40, 60)]
    market = table(
        candles([flat] * 60, instrument="A", timeframe="1d"),
        candles([flat] * 20, instrument="B", timeframe="1d", opened_at=later),
        instruments=etfs,
    )
    path = tmp_path / "run.yaml"
    path.write_text(
        f"name: late\ndata: {{source: x, start: 2026-03-01, end: {end}}}\n"
        "playbook: {name: fixed_weights, params: {clock: A, weights: {A: 0.4, B: 0.5}}}\n"
        "account: {venue_cash: 0, brokerage_cash: 100000}\n"
        "venue: binance_usdm\nreport: {benchmark: A}\n"
    )
    result = run(load_run_config(path), market)
    # 40% of 100,000 at 100, a little less for the costs.
    ((name, quantity),) = [(f.instrument, f.quantity) for f in result.outcome.fills]
    assert (name, quantity) == ("A", 400.0)
    folder = publish(result, tmp_path / "out")
    text = (folder / "summary.txt").read_text()
    assert "B 1d begins after the window" in text
    assert audit_run(folder, market).findings == ()
