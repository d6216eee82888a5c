"""Inverse perps: simulated runs audit clean, and no row of one can be altered."""

import math
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_feeds.schema import ChannelKey, ChannelKind
from engine.audit import audit_run, format_report
from engine.intents import Add, Enter, Target
from engine.testing import candles, funding, hour, marks, table
from tests.engine.audit.simulated import audited_run, cut, scripted, written
from tests.engine.audit.test_simulated_runs import shifted, with_cell
from tests.engine.inverse_cases import inverse_case
from tests.engine.inverse_market import XBT

CASES = 24
# The events that the cases must have met, so that clean is a result.
LEAST = {
    "fills": 250,
    "entry": 120,
    "stop": 40,
    "target": 30,
    "funding payments": 40,
    "liquidations": 8,
    "taken over": 4,
    "margins at liquidation": 6,
    "cross runs": 5,
}


def test_simulated_inverse_runs_audit_clean(tmp_path):
    met: Counter[str] = Counter()
    for seed in range(CASES):
        case = cut(inverse_case(seed))
        outcome = written(case, tmp_path / str(seed))
        report = audit_run(tmp_path / str(seed), case.dataset)
        assert report.ok, f"seed {seed}: {format_report(report)}"
        met.update(fill.role for fill in outcome.fills)
        forced = [fill for fill in outcome.fills if fill.role == "liquidation"]
        met["fills"] += len(outcome.fills)
        met["liquidations"] += len(forced)
        met["taken over"] += sum(fill.price == fill.raw_price for fill in forced)
        met["cross runs"] += case.config.account.margin_mode == "cross"
        for what in ("funding payments", "margins at liquidation"):
            met[what] += report.checks.get(what, 0)
    assert not {what: met[what] for what, least in LEAST.items() if met[what] < least}


# One run worked by hand ---------------------------------------------------------------------------

FLAT = (8_000.0, 8_050.0, 7_950.0, 8_000.0, 1e6)
RISE = (8_000.0, 9_100.0, 7_990.0, 9_000.0, 1e6)
HIGH = (9_000.0, 9_050.0, 8_950.0, 9_000.0, 1e6)
CRASH = (9_000.0, 9_000.0, 6_000.0, 6_500.0, 1e6)
LOW = (6_500.0, 6_550.0, 6_450.0, 6_500.0, 1e6)
BARS = (FLAT, FLAT, RISE, HIGH, HIGH, HIGH, HIGH, CRASH, LOW, LOW)
RATES = ((2, 0.001), (6, -0.002), (9, 0.001))
SECTIONS = {
    "account": {"venue_cash": 100.0, "brokerage_cash": 0.0, "leverage_setting": 10},
    "venue": {"taker_fee_bps": 7.5, "maker_fee_bps": -2.5, "general": ["maintenance"]},
    "notional": 10.0,
}
SCRIPT = {
    0: [Enter(XBT.id, 1, stop=7_000.0, reason="one", fraction=0.5, targets=[Target(9_050.0, 1.0)])],
    3: [Enter(XBT.id, 1, stop=4_000.0, reason="two", fraction=0.5)],
    4: [Add(XBT.id, 0.5, reason="more")],
}
TABLES = ("orders", "fills", "ledger", "equity", "trades", "journal_decisions")
SIGNED = {
    "orders": ("side", "quantity", "price", "filled"),
    "fills": ("quantity", "price", "raw_price", "fee", "realized", "position_after"),
    "ledger": ("amount", "quantity", "rate"),
    "equity": ("equity", "venue_cash", "unrealized", "gross_notional"),
    "trades": ("direction", "quantity", "gross_pnl", "fees", "funding", "net_pnl", "r_multiple"),
    "journal_decisions": ("quantity", "equity"),
}


def market():
    rows = candles(BARS, instrument=XBT.id)
    return table(
        rows,
        marks([row[:4] for row in BARS], instrument=XBT.id),
        funding([(hour(at), rate) for at, rate in RATES], XBT.id),
        instruments=(XBT,),
    )


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inverse") / "run"
    data = market()
    clock = ChannelKey(XBT.id, ChannelKind.BARS, "1h")
    finished = scripted(data, SCRIPT, clock, **SECTIONS)
    report = audited_run(finished, data, folder)
    assert report.ok, format_report(report)
    return data, folder, finished.outcome


def test_the_run_by_hand_takes_a_target_adds_pays_funding_and_is_taken_over(by_hand):
    _, _, outcome = by_hand
    assert [fill.role for fill in outcome.fills] == [
        "entry", "target", "entry", "entry", "liquidation",
    ]  # fmt: skip
    kinds = Counter(fact.kind for fact in outcome.facts)
    assert kinds["funding"] == 2
    assert kinds["liquidation_fee"] == 1
    bought, sold = outcome.fills[:2]
    # 5 BTC at 8,000: 40,000 contracts; 40,000 x (1/8,000 - 1/9,050).
    assert bought.quantity == 40_000
    assert sold.realized == pytest.approx(40_000 * (1 / 8_000 - 1 / 9_050))
    # Two tranches of 5 BTC at 9,000; margin 1 BTC at 10x: liquidated at 9,000 / 1.095, taken over
    # at 9,000 / 1.1.
    taken, order = outcome.fills[-1], outcome.orders[-1]
    assert order.price == pytest.approx(9_000 / 1.095)
    assert taken.price == pytest.approx(9_000 / 1.1)
    assert taken.realized == pytest.approx(-1.0)


def finds(by_hand, name, changed) -> bool:
    """Return whether the audit has a finding once a table is replaced."""
    data, folder, _ = by_hand
    path = folder / f"{name}.parquet"
    whole = path.read_bytes()
    try:
        pq.write_table(changed, path)
        return not audit_run(folder, data).ok
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("name", TABLES)
def test_no_row_of_an_inverse_run_can_be_deleted_doubled_shifted_or_flipped(by_hand, name):
    rows = pq.read_table(by_hand[1] / f"{name}.parquet")
    flips = 0
    for row in range(len(rows)):
        before, after, one = rows.slice(0, row), rows.slice(row + 1), rows.slice(row, 1)
        assert finds(by_hand, name, pa.concat_tables([before, after])), row
        assert finds(by_hand, name, pa.concat_tables([before, one, one, after])), row
        assert finds(by_hand, name, shifted(rows, row)), row
        for column in SIGNED[name]:
            value = rows[column][row].as_py()
            # A tenth of a satoshi is below what counts.
            if value is None or math.isnan(value) or abs(value) < 1e-9:
                continue
            assert finds(by_hand, name, with_cell(rows, row, column, lambda x: -x)), (row, column)
            flips += 1
    assert flips >= len(rows)


@pytest.mark.parametrize("column", ["amount", "price", "rate"])
def test_a_funding_payment_of_another_size_is_found(by_hand, column):
    rows = pq.read_table(by_hand[1] / "ledger.parquet")
    row = rows["kind"].to_pylist().index("funding")
    # A hundredth of the payment of 0.005 BTC is half a dollar.
    assert finds(by_hand, "ledger", with_cell(rows, row, column, lambda value: value * 1.01))


def test_a_takeover_at_another_price_is_found(by_hand):
    rows = pq.read_table(by_hand[1] / "fills.parquet")
    row = rows["role"].to_pylist().index("liquidation")
    for column in ("price", "raw_price", "realized", "fee"):
        changed = with_cell(rows, row, column, lambda value: value * 1.001)
        assert finds(by_hand, "fills", changed), column
