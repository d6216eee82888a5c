"""The audit's own formula of each slippage model, by the model's name; see docs/audit.md."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

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
    stage. ``quantity`` is unsigned; ``multiplier`` is the plan's.
    """

    quantity: float
    multiplier: float
    bar_range: float
    volume: float


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


_FORMULAS: Mapping[str, Callable[[Mapping[str, float], FillMarket], float]] = {
    "range": _by_range,
}
