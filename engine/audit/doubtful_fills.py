"""The fills that only a doubtful daily extreme explains, derived again."""

from engine.audit.audited_run import AuditedRun
from engine.audit.channels import NO_ROW, InstrumentData
from engine.records import Fill, FillStage, OrderRole

# By docs/data.md: an opening gap above 1%, and an extreme within 0.1% of the previous close.
GAP, NEAR = 0.01, 0.001


def check_doubtful(run: AuditedRun) -> None:
    """Check that the manifest names the doubtful fills and no others."""
    named = run.files.manifest.get("doubtful_fills")
    if not isinstance(named, list):
        return
    doubtful: list[int] = []
    orders: set[int] = set()
    for fill in run.files.fills:
        market = run.markets.get(fill.instrument)
        if market is not None and _is_doubtful(fill, market):
            orders.add(fill.order_id)
        if fill.order_id in orders:
            doubtful.append(fill.fill_id)
    run.recorder.count("fills by doubtful extremes")
    line = run.recorder.line("manifest", "doubtful_fills")
    line.equal("fills by doubtful extremes", doubtful, named)


def _is_doubtful(fill: Fill, market: InstrumentData) -> bool:
    """Return whether only the previous close, and no known trade of the bar, explains a fill."""
    row = market.row_by_open.get(fill.bar_opened_at, NO_ROW)
    around_the_clock = market.instrument.calendar == "24/7"
    if row < 1 or fill.stage != FillStage.RANGE.value or around_the_clock:
        return False
    if fill.role == OrderRole.SETTLEMENT.value:
        return False
    is_generated = market.bars["label"][row] == 2
    if market.bars.key.timeframe != "1d" or is_generated:
        return False
    before = market.price(row - 1, "close")
    opened, closed = market.price(row, "open"), market.price(row, "close")
    if opened > before * (1 + GAP):
        near = abs(market.price(row, "low") - before) <= NEAR * before
        return near and fill.raw_price < opened and fill.raw_price < closed
    if opened < before * (1 - GAP):
        near = abs(market.price(row, "high") - before) <= NEAR * before
        return near and fill.raw_price > opened and fill.raw_price > closed
    return False
