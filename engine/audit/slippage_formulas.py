"""The audit's own formula of each slippage model, by the model's name; see docs/audit.md."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from engine.audit.daily_activity import KnownActivity
from engine.errors import ReportError


@dataclass(frozen=True, slots=True)
class SlippageRule:
    """The slippage model of one instrument: its name and its numbers by key."""

    model: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class FillMarket:
    """One market or stop fill and its market.

    ``bar_range`` is (high - low) / close and ``volume`` the volume of the bar that is known at the
    stage. ``quantity`` is unsigned; ``multiplier`` is the plan's. ``earlier`` gives the units that
    the order filled before, ``activity`` what is known at the open of the fill's bar.
    """

    quantity: float
    multiplier: float
    bar_range: float
    volume: float
    earlier: Callable[[], float]
    activity: Callable[[], KnownActivity]


def slippage(rule: SlippageRule, fill: FillMarket) -> float:
    """Return the slippage of a market or stop fill, a fraction of price.

    Raises
    ------
    ReportError : the audit has no formula for the model.
    """
    formula = _FORMULAS.get(rule.model)
    if formula is None:
        raise ReportError(
            f"config.yaml: the audit knows no slippage model {rule.model!r}; it knows "
            f"{', '.join(sorted(_FORMULAS))}; write its formula in {__name__}"
        )
    return formula(rule.values, fill) * fill.multiplier


def _by_range(values: Mapping[str, float], fill: FillMarket) -> float:
    """Return ``base + range_share x bar_range + impact x quantity / volume``.

    A bar without trades gives no impact.
    """
    share = fill.quantity / fill.volume if fill.volume > 0 else 0.0
    base = values["base_bps"] / 10_000
    return base + values["range_share"] * fill.bar_range + values["impact"] * share


def _by_square_root(values: Mapping[str, float], fill: FillMarket) -> float:
    """Return ``base x sigma / usual sigma``, and the increment of the order's cost for each unit.

    The order costs ``coefficient x sigma x Q^1.5 / sqrt(V)``. Without a known day: the base alone.
    """
    base, known, before = values["base_bps"] / 10_000, fill.activity(), fill.earlier()
    if math.isnan(known.usual):
        return base
    size = fill.quantity
    if before > 0:
        added = before**1.5 * math.expm1(1.5 * math.log1p(size / before))
    else:
        added = size * math.sqrt(size)
    each = values["coefficient"] * known.recent * added / math.sqrt(known.volume) / size
    widened = known.recent / known.usual if known.usual > 0 else 1.0
    return float(base * widened + each)


def _fixed(values: Mapping[str, float], fill: FillMarket) -> float:
    """Return ``base``."""
    return values["base_bps"] / 10_000


_FORMULAS: Mapping[str, Callable[[Mapping[str, float], FillMarket], float]] = {
    "range": _by_range,
    "square_root": _by_square_root,
    "fixed": _fixed,
}
