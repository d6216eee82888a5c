"""Correlation of bitcoin and equities: thresholds and conditions."""

from data_feeds.strict_model import SortedModel
from engine.config.market.declaration import (
    NOTE,
    AnyOf,
    ChecklistStep,
    Declaration,
    NamedReading,
    Relation,
    compares,
    limit,
    sourced,
)
from engine.config.market.market_inputs import MarketInputsConfig


class CorrelationRules(SortedModel):
    """Correlation of log returns, from one New York close to the next."""

    short: int = sourced(21, "Short window, sessions", "the sessions of a month", ge=5)
    long: int = sourced(63, "Long window, sessions", "the sessions of a quarter", ge=5)
    decay: float = sourced(
        0.94,
        "Decay of the weights from one day to the day before, EWMA",
        "daily decay of RiskMetrics, Technical Document (J.P. Morgan and Reuters, 1996)",
        gt=0,
        lt=1,
    )
    level: float = sourced(
        0.7,
        "Correlation from which it is high",
        f"{NOTE}, section 8.1: 0.7 to 0.9 in stress",
        gt=-1,
        lt=1,
    )
    percentile: float = sourced(
        0.8, "Percentile of its own history from which it is unusual", gt=0, lt=1
    )
    history: int = sourced(
        252, "Sessions of history that a percentile is taken in", "the sessions of a year", ge=60
    )


def correlation_conditions(
    rules: CorrelationRules, inputs: MarketInputsConfig
) -> tuple[Declaration, ...]:
    """Return the conditions on the correlation of bitcoin with the growth index."""
    return (
        compares(
            "correlation_high",
            NamedReading("correlation_short", sessions=rules.short),
            Relation.AT_LEAST,
            limit("correlation", rules, "level"),
            "correlation",
            words=f"{rules.short}-session correlation of bitcoin with {inputs.growth} is high",
            step=ChecklistStep.CORRELATION,
            place=60,
        ),
        compares(
            "correlation_unusual",
            NamedReading("correlation_percentile", sessions=rules.history),
            Relation.AT_LEAST,
            limit("correlation", rules, "percentile"),
            "percentile",
            words="the exponentially weighted correlation is high for its own year",
            step=ChecklistStep.CORRELATION,
            place=70,
        ),
        Declaration(
            "correlation_compressed",
            AnyOf(("correlation_high", "correlation_unusual")),
            "the correlation is high, or high for its own year",
            ChecklistStep.CORRELATION,
            f"{NOTE}, section 8.1",
        ),
    )
