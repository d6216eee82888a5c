"""Entries of one open share the cash of their wallet: worked out by hand, and audited."""

import itertools

import numpy as np
import pytest

from data_feeds.calendar import session_bounds, sessions_between
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import ChannelKey, ChannelKind
from engine.audit import audit_run, format_report
from engine.broker import matching
from engine.bt import SimulationInputs, simulate
from engine.causality import prepare
from engine.config.load import load_run_config
from engine.config.models import MarginMode, RunMode
from engine.intents import Enter, Rebalance
from engine.records import OrderKind
from engine.results.contents import write_files
from engine.results.finished import RunRecord
from engine.run import run
from engine.testing import PERP, SPOT, ScriptedPlaybook, ScriptParams, candles, table, table_config
from strategies.fixed_weights import WeightsParams
from tests.engine.audit.simulated import ScriptedRun

BROKERAGE = {"venue_cash": 0.0, "brokerage_cash": 100_000.0}
NAMES = ("AAA", "BBB", "CCC", "DDD")
QUARTERS = dict.fromkeys(NAMES, 0.25)


def fund(name: str, **more: object) -> Instrument:
    fields = {"quote": "USD", "tick_size": 0.01, "lot_size": 1.0, **more}
    return Instrument(id=name, kind=InstrumentKind.ETF, **fields)


def spot(name: str) -> Instrument:
    return SPOT.model_copy(update={"id": name, "lot_size": 0.01})


def bars(name: str, opens: list[float], volume: float = 1e9, **more: object):
    """Bars that close where the next one opens but for the first open, which gaps."""
    rows = [(o, o, o, o, volume) for o in opens]
    return candles(rows, instrument=name, **more)


def gapped(*, before: float = 100.0, after: float, rows: int = 4) -> list[float]:
    """Prices of a market that gaps between the decision at row 0 and the fill at row 1."""
    return [before] + [after] * (rows - 1)


def finished(data, script, *, traded=None, mode=RunMode.SPARSE, **sections) -> ScriptedRun:
    clock = next(iter(data.channels))
    names = tuple(key.instrument for key in data.channels if key.kind is ChannelKind.BARS)
    params = ScriptParams(
        clock=clock, channels=frozenset(data.channels), traded=tuple(traded or names)
    )
    playbook = ScriptedPlaybook(params, script, {})
    required = playbook.requirements(params)
    signals = prepare(playbook, data, required)
    sections = {"account": BROKERAGE, "notional": None, **sections}
    config = table_config(data, mode=mode, **sections)
    outcome = simulate(SimulationInputs(config, data, playbook, signals, required))
    return ScriptedRun(config, data, playbook, required, signals, outcome)


def filled(done: ScriptedRun) -> dict[str, float]:
    """Return the filled entry quantity of each instrument, base units."""
    return {
        name: sum(f.quantity for f in done.outcome.fills if f.instrument == name)
        for name in sorted({order.instrument for order in done.outcome.orders})
    }


def ends(done: ScriptedRun) -> set[tuple[str, str]]:
    return {(order.status, order.end_reason) for order in done.outcome.orders}


def audited(done: ScriptedRun, data, folder):
    folder.mkdir()
    write_files(RunRecord(done), folder)
    return audit_run(folder, data)


def four(after: float, *, lots: float = 1.0):
    return table(
        *(bars(name, gapped(after=after)) for name in NAMES),
        instruments=tuple(fund(name, lot_size=lots) for name in NAMES),
    )


@pytest.mark.parametrize(
    ("after", "each"),
    [
        # 100,000 / (4 x 130) = 192.3; before, 250, 250, 250 and 19.
        (130.0, 192.0),
        # 100,000 / (4 x 105) = 238.1; before, 250, 250, 250 and 202.
        (105.0, 238.0),
        # What falls is bought in full.
        (90.0, 250.0),
    ],
)
def test_a_gap_is_shared_by_all_that_is_bought(after, each, tmp_path) -> None:
    data = four(after)
    done = finished(data, {0: [Rebalance(QUARTERS, "four quarters")]})
    assert filled(done) == dict.fromkeys(NAMES, each)
    report = audited(done, data, tmp_path / "run")
    assert report.ok, format_report(report)


def test_fees_and_slippage_are_paid_out_of_the_same_factor(tmp_path) -> None:
    # Each share costs 105 x 1.001, on the next cent 105.11, x 1.002: 105.32022.
    # 100,000 / (1,000 x 105.32022) = 0.949485; x 250 = 237.37.
    data = four(105.0)
    venue = {"commission_bps": 20.0, "slippage": {"base_bps": 10, "range_share": 0, "impact": 0}}
    done = finished(data, {0: [Rebalance(QUARTERS, "four quarters")]}, venue=venue)
    assert filled(done) == dict.fromkeys(NAMES, 237.0)
    assert ends(done) == {("cancelled", "free cash does not carry the rest")}
    # 4 x 237 x 105.32022 = 99,843.57.
    assert done.outcome.curve.brokerage_cash[-1] == pytest.approx(100_000 - 948 * 105.32022)
    assert audited(done, data, tmp_path / "run").ok


def test_one_gap_is_shared_in_proportion_to_what_was_ordered(tmp_path) -> None:
    # AAA 500 x 130 = 65,000, BBB 300 x 100, CCC 200 x 100: 115,000, so 20/23 of each.
    opens = {"AAA": 130.0, "BBB": 100.0, "CCC": 100.0}
    data = table(
        *(bars(name, gapped(after=price)) for name, price in opens.items()),
        instruments=tuple(fund(name, lot_size=0.01) for name in opens),
    )
    done = finished(data, {0: [Rebalance({"AAA": 0.5, "BBB": 0.3, "CCC": 0.2}, "x")]})
    assert filled(done) == pytest.approx({"AAA": 434.78, "BBB": 260.86, "CCC": 173.91})
    assert audited(done, data, tmp_path / "run").ok


def test_each_wallet_has_its_own_factor(tmp_path) -> None:
    # Venue 30,000 for two spots at 40% each of 100,000: 3/8. The brokerage's 70,000 carry 20%.
    names = ("ONE", "TWO", "ZZZ")
    data = table(
        *(bars(name, gapped(after=100.0)) for name in names),
        instruments=(spot("ONE"), spot("TWO"), fund("ZZZ")),
    )
    account = {"venue_cash": 30_000.0, "brokerage_cash": 70_000.0}
    done = finished(
        data, {0: [Rebalance({"ONE": 0.4, "TWO": 0.4, "ZZZ": 0.2}, "x")]}, account=account
    )
    assert filled(done) == pytest.approx({"ONE": 150.0, "TWO": 150.0, "ZZZ": 200.0})
    assert audited(done, data, tmp_path / "run").ok


def test_what_is_sold_at_the_open_pays_and_its_gap_is_shared(tmp_path) -> None:
    # AAA bought at 100 (1,000 shares), sold at 80 for 80,000: B and C ordered 500 each, 400 bought.
    data = table(
        bars("AAA", [100.0, 100.0, 100.0, 80.0, 80.0]),
        bars("BBB", [100.0] * 5),
        bars("CCC", [100.0] * 5),
        instruments=tuple(map(fund, NAMES[:3])),
    )
    script = {
        0: [Rebalance({"AAA": 1.0}, "all of A")],
        2: [Rebalance({"AAA": 0.0, "BBB": 0.5, "CCC": 0.5}, "halves")],
    }
    done = finished(data, script)
    assert filled(done) == {"AAA": 0.0, "BBB": 400.0, "CCC": 400.0}
    assert audited(done, data, tmp_path / "run").ok


def test_the_volume_cap_comes_before_the_factor(tmp_path) -> None:
    # A bar of 1,000 fills 100 of AAA's 500 (13,000); BBB wants 500 x 180 = 90,000: 100/103 of both.
    data = table(
        bars("AAA", gapped(after=130.0), volume=1_000.0),
        bars("BBB", gapped(after=180.0)),
        instruments=tuple(map(fund, NAMES[:2])),
    )
    done = finished(
        data,
        {0: [Rebalance({"AAA": 0.5, "BBB": 0.5}, "x")]},
        venue={"participation_cap": 0.1},
    )
    assert filled(done) == {"AAA": 97.0, "BBB": 485.0}
    assert audited(done, data, tmp_path / "run").ok


def perps_of_one_open(prices, sides, stops, *, account, notional=10_000.0, **more):
    """A run in which perps of 100 each are entered at one open, each at its own price."""
    names = ("APERP", "BPERP", "CPERP")[: len(prices)]
    perps = [PERP.model_copy(update={"id": name, "lot_size": 0.01}) for name in names]
    rows = zip(names, prices, strict=True)
    data = table(*(bars(n, gapped(after=price)) for n, price in rows), instruments=tuple(perps))
    levels = zip(names, sides, stops, strict=True)
    script = {0: [Enter(name, side, stop=stop, reason="x") for name, side, stop in levels]}
    account = {"brokerage_cash": 0.0, **account}
    return data, finished(data, script, notional=notional, account=account, **more)


@pytest.mark.parametrize("mode", list(MarginMode))
@pytest.mark.parametrize(
    ("side", "stop", "after", "each"),
    [
        # Two of 100 at 100 with half as margin take all 10,000; both gap to 150: 2/3 of each.
        (1, 90.0, 150.0, 66.66),
        # Short, with a stop at 115, they gap to 110: 10/11 of each.
        (-1, 115.0, 110.0, 90.90),
    ],
)
def test_perps_of_one_open_share_their_margin(side, stop, after, each, mode, tmp_path) -> None:
    account = {"venue_cash": 10_000.0, "leverage_setting": 2, "margin_mode": mode}
    data, done = perps_of_one_open((after,) * 2, (side,) * 2, (stop,) * 2, account=account)
    assert filled(done) == pytest.approx({"APERP": side * each, "BPERP": side * each})
    assert audited(done, data, tmp_path / "run").ok


@pytest.mark.parametrize("run_mode", list(RunMode))
@pytest.mark.parametrize("mode", list(MarginMode))
@pytest.mark.parametrize(
    ("side", "stop", "after"),
    [(1, 90.0, 110.0), (1, 90.0, 120.0), (1, 90.0, 130.0), (-1, 110.0, 90.0), (-1, 110.0, 70.0)],
)
def test_a_gap_is_no_loss_of_what_it_fills(side, stop, after, mode, run_mode, tmp_path) -> None:
    # Three of 80, with a tenth as margin: 3 x 80 x 130 / 10 = 3,120 of 4,000 at the most.
    # Judged at the close of 100 before the gap, the first alone had lost 80 x 30 = 2,400.
    account = {"venue_cash": 4_000.0, "leverage_setting": 10, "margin_mode": mode}
    data, done = perps_of_one_open(
        (after,) * 3, (side,) * 3, (stop,) * 3, account=account, notional=8_000.0, mode=run_mode
    )
    assert filled(done) == dict.fromkeys(("APERP", "BPERP", "CPERP"), side * 80.0)
    report = audited(done, data, tmp_path / "run")
    assert report.ok, format_report(report)


@pytest.mark.parametrize("mode", list(MarginMode))
def test_all_enter_before_what_the_open_has_crossed_is_closed(mode, tmp_path) -> None:
    # A opens at 80, beyond its stop: 100 x 80 / 2 = 4,000; B at 150: 7,500. 20/23 of each.
    account = {"venue_cash": 10_000.0, "leverage_setting": 2, "margin_mode": mode}
    data, done = perps_of_one_open((80.0, 150.0), (1, 1), (90.0, 90.0), account=account)
    fills = [(fill.instrument, fill.role, fill.quantity) for fill in done.outcome.fills]
    assert fills == [
        ("APERP", "entry", 86.95),
        ("BPERP", "entry", 86.95),
        ("APERP", "stop", -86.95),
    ]
    report = audited(done, data, tmp_path / "run")
    assert report.ok, format_report(report)


def test_a_limit_that_its_open_crosses_shares_too(tmp_path) -> None:
    # Sized at its limit of 120, ONE is 416.66, filled at the open of 100; TWO is 500 at 130:
    # 41,666 + 65,000 = 106,666, so 0.937506 of each.
    data = table(
        bars("ONE", gapped(after=100.0)),
        bars("TWO", gapped(after=130.0)),
        instruments=(spot("ONE"), spot("TWO")),
    )
    enter = Enter("ONE", 1, stop=95.0, reason="x", kind=OrderKind.LIMIT, price=120.0, fraction=1.0)
    done = finished(
        data,
        {0: [Rebalance({"TWO": 0.5}, "half"), enter]},
        account={"venue_cash": 100_000.0, "brokerage_cash": 0.0},
        notional=50_000.0,
    )
    assert filled(done) == pytest.approx({"ONE": 390.62, "TWO": 468.75})
    assert audited(done, data, tmp_path / "run").ok


def test_each_open_is_shared_by_what_fills_in_it(tmp_path) -> None:
    # BBB's bars open an hour later: AAA pays 500 x 130 alone, 350 x 100 of BBB are left.
    data = table(
        bars("AAA", gapped(after=130.0)),
        bars("BBB", [100.0] * 2, timeframe="2h"),
        instruments=tuple(map(fund, NAMES[:2])),
    )
    done = finished(data, {0: [Rebalance({"AAA": 0.5}, "x")], 1: [Rebalance({"BBB": 0.5}, "x")]})
    assert filled(done)["AAA"] == 500.0
    assert audited(done, data, tmp_path / "run").ok


def test_the_audit_finds_a_last_one_that_pays_for_all(tmp_path, monkeypatch) -> None:
    enter = matching.Matcher._enter

    def one_after_another(self, context, raw, demand, *, free, factor=1.0) -> None:
        free = self._collateral.free_for(context.k, context.t)
        enter(self, context, raw, demand, free=free)

    monkeypatch.setattr(matching.Matcher, "_enter", one_after_another)
    data = four(130.0)
    done = finished(data, {0: [Rebalance(QUARTERS, "four quarters")]})
    assert filled(done) == {"AAA": 250.0, "BBB": 250.0, "CCC": 250.0, "DDD": 19.0}
    report = audited(done, data, tmp_path / "run")
    assert "size" in {finding.rule for finding in report.findings}


@pytest.mark.parametrize("mode", list(RunMode))
def test_no_order_of_names_changes_an_order_a_fill_or_a_bit_of_equity(mode) -> None:
    rng = np.random.default_rng(3)
    closes = {n: 100 * np.exp(np.cumsum(rng.normal(0, 0.05, 12))) for n in NAMES}
    channels = {n: bars(n, np.round(c, 2).tolist(), volume=30_000.0) for n, c in closes.items()}
    venue = {"participation_cap": 0.1, "commission_bps": 3.0}
    weights = {"AAA": 0.31, "BBB": 0.27, "CCC": 0.23, "DDD": 0.19}
    found = []
    for names in itertools.permutations(NAMES):
        data = table(*(channels[name] for name in names), instruments=tuple(map(fund, names)))
        mine = {name: weights[name] for name in names}
        script = {row: [Rebalance(mine, "x", min_ticket=50.0)] for row in (0, 3, 6, 9)}
        params = ScriptParams(
            clock=ChannelKey("AAA", ChannelKind.BARS, "1h"),
            channels=frozenset(data.channels),
            traded=names,
        )
        playbook = ScriptedPlaybook(params, script, {})
        required = playbook.requirements(params)
        signals = prepare(playbook, data, required)
        config = table_config(data, mode=mode, account=BROKERAGE, notional=None, venue=venue)
        out = simulate(SimulationInputs(config, data, playbook, signals, required))
        found.append((out.orders, out.fills, out.facts, out.decisions, out.curve.equity.tobytes()))
    assert len(found[0][1]) > 8
    assert all(repr(one) == repr(found[0]) for one in found[1:])


FILE = """
name: book
data: {{source: embedded, start: 2020-02-03, end: 2020-04-15}}
playbook:
  name: fixed_weights
  params:
    weights: {weights}
    rebalance: monthly
    absolute_band: 0.02
account: {account}
venue: binance_usdm
risk: {risk}
report: {{benchmark: {benchmark}}}
"""


def sessions():
    """Daily bars of four funds, each a walk of its own, from October 2019 to April 2020."""
    days = sessions_between("XNYS", np.datetime64("2019-10-01"), np.datetime64("2020-04-20"))
    opened, closed = session_bounds("XNYS", days)
    rng = np.random.default_rng(12)
    channels, funds = [], []
    for name in ("SPY", "QQQ", "IEF", "GLD"):
        close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.02, len(days)))), 2)
        start = np.round(close * np.exp(rng.normal(0, 0.01, len(days))), 2)
        rows = [(o, max(o, c), min(o, c), c, 1e6) for o, c in zip(start, close, strict=True)]
        at = {"opened_at": opened.tolist(), "closed_at": closed.tolist()}
        channels.append(candles(rows, instrument=name, timeframe="1d", **at))
        funds.append(fund(name, calendar="XNYS"))
    return table(*channels, instruments=tuple(funds))


def written(folder, text):
    """Run a file and return its tables by name, and its id."""
    path = folder / "book.yaml"
    path.write_text(text)
    config = load_run_config(path, params_model=lambda name: WeightsParams)
    record = RunRecord(run(config, sessions()))
    out = folder / "out"
    out.mkdir()
    write_files(record, out)
    tables = {file.name: file.read_bytes() for file in sorted(out.glob("*.parquet"))}
    return tables, (out / "conditions.json").read_bytes()


def test_a_file_with_permuted_keys_gives_tables_equal_to_the_byte(tmp_path) -> None:
    one = FILE.format(
        weights="{SPY: 0.31, QQQ: 0.23, IEF: 0.29, GLD: 0.17}",
        account="{venue_cash: 0, brokerage_cash: 100000}",
        risk="{leverage_cap: 1.0, portfolio: {target_volatility: 0.2, asset_cap: 0.3}}",
        benchmark="{SPY: 0.6, IEF: 0.4}",
    )
    other = FILE.format(
        weights="{GLD: 0.17, IEF: 0.29, QQQ: 0.23, SPY: 0.31}",
        account="{brokerage_cash: 100000, venue_cash: 0}",
        risk="{portfolio: {asset_cap: 0.3, target_volatility: 0.2}, leverage_cap: 1.0}",
        benchmark="{IEF: 0.4, SPY: 0.6}",
    )
    found = []
    for name, text in (("one", one), ("other", other)):
        (tmp_path / name).mkdir()
        found.append(written(tmp_path / name, text))
    assert len(found[0][0]) > 8
    assert found[0] == found[1]
