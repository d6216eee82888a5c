"""A run through a split: the costs and nothing else, and pages that say what a share is."""

import json
from pathlib import Path

import numpy as np
import pytest

from data_feeds.calendar import session_bounds, sessions_between
from data_feeds.catalog import Catalog
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from engine.audit import audit_run
from engine.config.load import load_run_config
from engine.pages.publish import publish
from engine.run import RunResult, run
from engine.testing import candles

STOCK = Instrument(id="NV", kind=InstrumentKind.ETF, quote="USD", calendar="XNYS", lot_size=1)
CONFIG = """\
name: split
data: {{source: {catalog}, start: 2024-05-01, end: 2024-07-31}}
playbook:
  name: fixed_weights
  params: {{clock: NV, weights: {{NV: 0.9}}, rebalance: quarterly}}
account: {{venue_cash: 0, brokerage_cash: 100000}}
venue: binance_usdm
report: {{benchmark: NV}}
"""
RULES = """\
  name: rules
  params:
    instruments: {{nv: NV@session}}
    clock: nv@session
    weights: {{always: {{otherwise: true, hold: {{}}, short: {{nv: 0.5}}}}}}
"""
SHORT = CONFIG.replace(
    "  name: fixed_weights\n  params: {{clock: NV, weights: {{NV: 0.9}}, rebalance: quarterly}}\n",
    RULES,
).replace(
    "brokerage_cash: 100000}}",
    "brokerage_cash: 100000, short_sales: {{rebate_series: null, borrow_fee_bps: {{NV: 25}}}}}}",
)
DATES = sessions_between("XNYS", np.datetime64("2024-01-02"), np.datetime64("2024-08-02"))
OPENED, CLOSED = session_bounds("XNYS", DATES)
# Ten for one.
SPLIT = int(np.searchsorted(DATES, np.datetime64("2024-06-10")))
WHOLE = 1200 * np.exp(np.random.default_rng(5).normal(0, 0.01, len(DATES)).cumsum())
TRADED = np.where(np.arange(len(DATES)) < SPLIT, WHOLE, WHOLE / 10)


def bars(prices: np.ndarray, volume: float = 1e6) -> Channel:
    """Days without a range: a 10 times larger volume after the split is as many old shares."""
    ratio = WHOLE / prices
    rows = [(p, p, p, p, volume * k) for p, k in zip(prices, ratio, strict=True)]
    made = candles(rows)
    times = {"opened_at": OPENED, "closed_at": CLOSED, "available_at": CLOSED.copy()}
    return Channel(ChannelKey("NV", ChannelKind.BARS, "1d"), {**made.columns, **times})


def point(kind: ChannelKind, column: str, row: int, value: float) -> Channel:
    at = np.array([OPENED[row]], np.int64)
    columns = {"event_at": at, "available_at": at.copy(), column: np.array([value])}
    return Channel(ChannelKey("NV", kind), {**columns, "label": np.zeros(1, np.int8)})


def ran(folder: Path, *channels: Channel, text: str = CONFIG) -> RunResult:
    Catalog(folder / "catalog").write(STOCK, channels)
    path = folder / "run.yaml"
    path.write_text(text.format(catalog=folder / "catalog"))
    return run(load_run_config(path), Catalog(folder / "catalog"))


def fills(result: RunResult) -> list[tuple[object, ...]]:
    return [(f.at, f.role, f.quantity, pytest.approx(f.price)) for f in result.outcome.fills]


@pytest.mark.parametrize("scaled", [False, True])
def test_a_split_is_worth_nothing(tmp_path: Path, *, scaled: bool) -> None:
    """The fills are those in a stock that was never split, dividends as much per old share."""
    record = point(ChannelKind.SPLITS, "ratio", SPLIT, 10.0)
    prices = WHOLE / 10 if scaled else TRADED
    paid = point(ChannelKind.DIVIDENDS, "amount", SPLIT + 5, 0.6)
    split = ran(tmp_path / "split", bars(prices), record, paid)
    whole = ran(
        tmp_path / "whole", bars(WHOLE), point(ChannelKind.DIVIDENDS, "amount", SPLIT + 5, 6.0)
    )
    assert fills(split) == fills(whole)
    assert len(split.outcome.fills) >= 2
    equity = split.outcome.curve.equity
    assert equity == pytest.approx(whole.outcome.curve.equity, rel=1e-12)
    # 90% of 100,000 at about 1,200 are some 75 shares, whose price moves by single percents.
    assert equity.min() > 80_000


def test_pages_say_what_a_share_is_and_the_audit_agrees(tmp_path: Path) -> None:
    result = ran(tmp_path, bars(TRADED), point(ChannelKind.SPLITS, "ratio", SPLIT, 10.0))
    folder = publish(result, tmp_path / "runs")
    manifest = json.loads((folder / "manifest.json").read_text())
    said = "A share of NV is a share of 2024-01-02: after its splits (10:1 on 2024-06-10)"
    assert any(line.startswith(said) for line in manifest["assumptions"])
    assert manifest["lacking"] == []
    assert said.split(":", maxsplit=1)[0] in (folder / "tearsheet.html").read_text()
    assert not audit_run(folder, Catalog(tmp_path / "catalog")).findings


@pytest.mark.parametrize(("ratio", "named"), [(10.0, "10:1"), (0.25, "1:4"), (1.5, "1.5:1")])
def test_a_jump_without_a_record_is_on_the_page(tmp_path: Path, ratio: float, named: str) -> None:
    prices = np.where(np.arange(len(DATES)) < SPLIT, WHOLE[SPLIT], WHOLE[SPLIT] / ratio)
    result = ran(tmp_path, bars(prices))
    folder = publish(result, tmp_path / "runs")
    (line,) = json.loads((folder / "manifest.json").read_text())["lacking"]
    assert line.startswith("NV/bars/1d: the price goes from ")
    assert f"as in a split of {named}, and no split is on record" in line


def test_a_split_changes_nothing_of_a_short(tmp_path: Path) -> None:
    record = point(ChannelKind.SPLITS, "ratio", SPLIT, 10.0)
    paid = point(ChannelKind.DIVIDENDS, "amount", SPLIT + 5, 0.6)
    split = ran(tmp_path / "split", bars(TRADED), record, paid, text=SHORT)
    paid = point(ChannelKind.DIVIDENDS, "amount", SPLIT + 5, 6.0)
    whole = ran(tmp_path / "whole", bars(WHOLE), paid, text=SHORT)
    assert split.outcome.fills[0].quantity < -30
    assert fills(split) == fills(whole)
    for kind in ("borrow_fee", "dividend"):
        amounts = [[f.amount for f in r.outcome.facts if f.kind == kind] for r in (split, whole)]
        assert amounts[0] == pytest.approx(amounts[1], rel=1e-12)
        assert sum(amounts[0]) < 0
    assert split.outcome.curve.equity == pytest.approx(whole.outcome.curve.equity, rel=1e-12)
