"""The slippage of a run's fills at a multiple of their size, by the run's own model."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from data_feeds.catalog import Catalog
from data_feeds.clock import closing_days
from data_feeds.instrument import Instrument
from data_feeds.schema import Channel, ChannelKind
from engine.costs import FillConditions, SlippageModel
from engine.costs.market_activity import load_activity
from engine.records import Fill, FillStage
from engine.sell_off_report.common_risk import ScalableFill, ScaledCosts
from engine.sell_off_report.run_days import RunDays

Floats = NDArray[np.float64]


def scaled_costs(source: Catalog, run: RunDays) -> ScaledCosts:
    """Return the costs of a run's fills as functions of their size.

    Fills without slippage (limits) and options, whose half spread is the same at any size, add
    nothing. Notionals count at par in the account's currency.
    """
    files, known = run.folder, source.instruments()
    fills = [fill for fill in files.fills if fill.instrument in known]
    names = sorted({fill.instrument for fill in fills})
    activity = load_activity(source, names, files.start, files.end)
    bars = {name: _bars(source, name, run) for name in names}
    scalable = []
    for fill, day in zip(fills, _places(run, fills), strict=True):
        if fill.slippage <= 0:
            continue
        record = known[fill.instrument].in_force(files.config.data.start.date())
        market = FillConditions(
            volume=_volume(bars[fill.instrument], fill),
            activity=activity[fill.instrument].at(fill.at),
        )
        slippage = partial(
            _slippage,
            model=files.config.venue.costs_of(record).slippage,
            quantity=abs(fill.quantity),
            market=market,
            multiplier=files.order_by_id[fill.order_id].slippage_multiplier,
        )
        weight = _notional(record, fill) / float(run.before[day])
        scalable.append(ScalableFill(day, weight, slippage))
    return ScaledCosts(tuple(scalable), _held(run), _mean_cost(known, fills))


def _slippage(
    k: float, *, model: SlippageModel, quantity: float, market: FillConditions, multiplier: float
) -> float:
    """Return the fraction of price that a fill of k times the quantity loses.

    The part that depends on the bar's range is left out: it is the same at any size.
    """
    return model.fraction(k * quantity, market, multiplier=multiplier)


def _places(run: RunDays, fills: Sequence[Fill]) -> list[int]:
    """Return the place of each fill's day; a fill at midnight belongs to the day that begins."""
    at = np.array([fill.at for fill in fills], dtype=np.int64)
    stage = np.array([fill.stage == FillStage.OPEN for fill in fills], dtype=np.int64)
    place = np.searchsorted(run.days.astype(np.int64), closing_days(at + stage))
    places: list[int] = np.minimum(place, len(run.days) - 1).tolist()
    return places


def _bars(source: Catalog, name: str, run: RunDays) -> list[Channel]:
    """Return the stored bars of an instrument in the run's window."""
    return [
        source.read(entry.key, None, run.folder.end)
        for entry in source.entries()
        if (entry.key.instrument, entry.key.kind) == (name, ChannelKind.BARS)
    ]


def _volume(stored: Sequence[Channel], fill: Fill) -> float:
    """Return the volume that priced a fill: the last completed bar's at an open, else its own.

    It is 0, and the size then adds nothing, where the run's bars are not stored as such.
    """
    for bars in stored:
        row = int(np.searchsorted(bars["opened_at"], fill.bar_opened_at))
        if row == len(bars) or int(bars["closed_at"][row]) != fill.bar_closed_at:
            continue
        row -= fill.stage == FillStage.OPEN
        return float(bars["volume"][row]) if row >= 0 else 0.0
    return 0.0


def _notional(record: Instrument, fill: Fill) -> float:
    """Return the value of a fill, quote."""
    unit = record.contract_value if record.is_inverse else fill.price
    return abs(fill.quantity) * unit


def _held(run: RunDays) -> Floats:
    """Return the notional at each day's end over the equity at its start."""
    curve = run.folder.curve
    last = np.searchsorted(curve.at, run.folder.money.ends, side="right") - 1
    held: Floats = abs(curve.gross_notional[last]) / run.before
    return held


def _mean_cost(known: Mapping[str, Instrument], fills: Sequence[Fill]) -> float:
    """Return fees and slippage over the notional of all fills, a fraction; 0 without fills."""
    notional = [_notional(known[fill.instrument], fill) for fill in fills]
    lost = [
        size * (fill.fee_rate + fill.slippage) for size, fill in zip(notional, fills, strict=True)
    ]
    return sum(lost) / sum(notional) if sum(notional) > 0 else 0.0
