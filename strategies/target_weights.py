"""Rules that every book of target weights shares: parameters' checks, signals, bands, notes."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.api import AccountView, ChannelKey, ChannelKind, Dataset, MarketView, PutOff, signals

NEW_YORK = "America/New_York"
# Added to the reason of a rebalancing that the calendar asked for while an order worked.
PUT_OFF = ", put off while an order worked"
# Floating-point sums of weights such as 0.6 + 0.3 + 0.1.
_ROUNDING = 1e-9

# A book of weights has no stops to size it by, and no guard of the account may sell it.
BOOK_RISK_DEFAULTS: Mapping[str, Any] = {
    "target_volatility": None,
    "volatility_window": "20d",
    "participation_window": "20d",
    "daily_loss": None,
    "drawdown": None,
    "cool_down": None,
    "max_trades_per_day": None,
}


def check_weights(weights: Mapping[str, float]) -> None:
    """Check that weights are shares of equity, without short positions or borrowing.

    Raises
    ------
    ValueError : a weight is negative, or their sum exceeds 1.
    """
    total = sum(weights.values())
    if any(weight < 0 for weight in weights.values()) or total > 1 + _ROUNDING:
        raise ValueError(f"weights must not be negative and sum to {total:g}; 1 at most")


def bars_key(instrument: str, timeframes: Mapping[str, str]) -> ChannelKey:
    """Return the bars that an instrument trades in: daily ones where no timeframe is named."""
    return ChannelKey(instrument, ChannelKind.BARS, timeframes.get(instrument, "1d"))


def begun_signals(
    data: Dataset, keys: Mapping[str, ChannelKey], decided_at: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """Return the signal ``begun NAME`` of each instrument: 1 from its first known bar on."""
    return {
        f"begun {name}": signals.begun(data.channels[key], decided_at).astype(np.float64)
        for name, key in keys.items()
    }


def priced_names(market: MarketView, names: Iterable[str]) -> frozenset[str]:
    """Return the instruments that have a price by now; the others' weights stay in cash."""
    return frozenset(name for name in names if market.signal(f"begun {name}") > 0)


def left_band(
    account: AccountView,
    targets: Mapping[str, float],
    *,
    absolute: float | None,
    relative: float | None,
) -> str:
    """Return the weight farthest outside its band, in words; "" when none is.

    Of two equally far the first by name is told, in whatever order the targets come. No order
    brings a delisted name back into its band, so that it has none.
    """
    held = {
        name: position.exposure / account.equity for name, position in account.positions.items()
    }
    ordered = {name: targets[name] for name in sorted(targets) if name not in account.delisted}
    return signals.outside_band(held, ordered, absolute=absolute, relative=relative)


def working_order_notes(account: AccountView, calendar: str) -> list[PutOff]:
    """Return a note for each instrument whose working order delays the calendar's rebalancing."""
    return [
        PutOff(name, "order works", f"{calendar} rebalancing: an order still works in {name}")
        for name in sorted(account.working)
    ]
