"""List the words that a name may consist of, with their units."""

import difflib
from collections.abc import Collection, Mapping
from functools import lru_cache

import numpy as np

from engine.api import ChannelKind, Dataset, MarketStateConfig, market_state, signals
from strategies.rules.sources import PLAN
from strategies.rules.terms import NoMeaning, Term

BAR_COLUMNS = ("open", "high", "low", "close", "volume")
# Field of an instrument -> kind of its channel and the column there.
POINT_FIELDS = {
    "funding": (ChannelKind.FUNDING, "rate"),
    "open_interest": (ChannelKind.OPEN_INTEREST, "open_interest"),
    "long_liquidations": (ChannelKind.LIQUIDATIONS, "long_quote"),
    "short_liquidations": (ChannelKind.LIQUIDATIONS, "short_quote"),
}
INSTRUMENT_FIELDS = (*BAR_COLUMNS, "total_return", "mark", "basis", *POINT_FIELDS)
LABELS = {
    "action": ("wait", "reduce", "hedge"),
    "tier": ("normal", "cautious", "defensive", "halt"),
    "regime": ("calm", "volatility_event", "trend_break", "liquidity_shock"),
    "driver": ("none", "rates_shock", "leadership", "liquidations"),
    "stage": tuple(state.name.lower() for state in signals.FlushState),
}
# Labels whose order means more or less danger; the others can only be equal or not.
ORDERED_LABELS = frozenset({"action", "tier", "regime"})
FLUSH_STAGES = ("first_flush", "bounce", "second_flush", "reclaimed")
FLUSH_LEVELS = (
    "support",
    "broken_support",
    "first_low",
    "second_low",
    "bounce_high",
    "reclaim_level",
    "low",
)
PLAN_UNITS = {
    "position.age": "duration",
    "position.r": "R",
    "position.best_r": "R",
    "position.drawdown": "fraction",
    "entry": "price",
    "stop": "price",
    "equity.drawdown": "fraction",
}
FLUSH_UNITS = {
    **dict.fromkeys(FLUSH_STAGES, ""),
    **dict.fromkeys(FLUSH_LEVELS, "price"),
    "depth": "atr",
}
RESERVED = ("state", "flush", "position", "entry", "stop", "equity")
EXAMPLES = {"state": "vix", "flush": "reclaimed"}


def nearest(written: str, known: Collection[str]) -> str:
    """Return a hint of the known name nearest to a written one; "" where none is near."""
    found = difflib.get_close_matches(written, sorted(known), n=1)
    return f"; did you mean {found[0]}?" if found else ""


@lru_cache(maxsize=8)
def state_words(config: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Return readings and conditions of the state with their units, by name in lower case."""
    day = np.datetime64("2024-01-05")
    found = market_state(Dataset({}, {}), MarketStateConfig.model_validate_json(config), day, day)
    readings = {name.lower(): name for name in found.values}
    return readings, {name.lower(): name for name in found.conditions}


def plan_term(written: str, *, plan_values: bool) -> Term:
    """Return the term of a value of an open plan."""
    if written not in PLAN_UNITS:
        known = ", ".join(PLAN_UNITS)
        raise NoMeaning(f"no {written}{nearest(written, PLAN_UNITS)}; plan values are {known}")
    if not plan_values:
        raise NoMeaning(
            f"{written} is a value of an open plan; it may stand in exits, tranches and trails only"
        )
    return Term("plan", (written,), (), PLAN, "number", PLAN_UNITS[written], written)
