"""Trends of the index and of bitcoin on several timeframes: conditions."""

from engine.config.market.declaration import (
    NOTE,
    ChecklistStep,
    Computed,
    Declaration,
    NamedReading,
    Relation,
    compares,
    fixed,
)
from engine.config.market.regime_rules import RegimeRules

HOURS = {"1h": 1, "4h": 4, "1d": 24}
# Each market's timeframes, in the order of the history's columns.
TRENDS = tuple(f"bitcoin_{label}" for label in ("5m", *HOURS)) + tuple(
    f"index_{label}" for label in HOURS
)


def trend_conditions(rules: RegimeRules) -> tuple[Declaration, ...]:
    """Return the conditions on trends, one for each market and timeframe, and their agreement."""
    return (
        *(_trend_down(name, rules) for name in TRENDS),
        Declaration(
            "both_down",
            Computed(),
            "the index and bitcoin are both below their means: on 1h and 4h bars, or on daily bars "
            "where the hours are unknown or older",
            ChecklistStep.CORRELATION,
            f"{NOTE}, section 6, step 4",
            place=10,
        ),
        Declaration(
            "timeframes_agree_down",
            Computed(),
            "bitcoin is down on every timeframe that is known",
            ChecklistStep.CORRELATION,
            f"{NOTE}, section 11.2",
            place=20,
        ),
    )


def _trend_down(name: str, rules: RegimeRules) -> Declaration:
    market, _, label = name.partition("_")
    return compares(
        f"{name}_down",
        NamedReading(f"trend_{name}", sessions=rules.trend_bars, days=rules.trend_bars),
        Relation.AT_MOST,
        fixed(0.0, "definition: the price is at or below the mean of its bars"),
        "fraction",
        words=f"{market} {label} trend down",
        step=ChecklistStep.CORRELATION,
    )
