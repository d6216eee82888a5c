"""Leaders against the index, and their earnings: thresholds and conditions."""

from data_feeds.strict_model import SortedModel
from engine.config.market.declaration import (
    LAST,
    NOTE,
    AllOf,
    AnyOf,
    ChecklistStep,
    Declaration,
    NamedReading,
    Relation,
    Threshold,
    ThresholdRule,
    fixed,
    limit,
    sourced,
)
from engine.config.market.market_inputs import MarketInputsConfig
from engine.config.market.volatility_conditions import MONTH


class LeadershipRules(SortedModel):
    """Leaders against the index; windows in sessions, changes as fractions."""

    relative: int = sourced(10, "Sessions of the return against the index", ge=1)
    weak: float = sourced(0.03, "Loss against the index from which leaders are weak", gt=0)
    breadth_mean: int = sourced(
        20, "Window of the mean that a member must stay above, sessions", ge=2
    )
    breadth: float = sourced(
        0.4, "Share of members above their mean, at or below which breadth fails", gt=0, le=1
    )
    low: int = sourced(21, "Window of the lowest close, sessions", ge=3)
    quiet: int = sourced(5, "Sessions without a new low from which lower lows have stopped", ge=1)
    holds: float = sourced(
        0.03, "Distance from its month's high within which the index holds", gt=0
    )
    concentration_window: int = sourced(126, "Window of the concentration measure, sessions", ge=10)
    concentration: float = sourced(
        0.10,
        "Lead of semiconductors and software over the index and small caps from which the market "
        "is narrow",
        gt=0,
    )


class EventRules(SortedModel):
    """Events whose dates are known beforehand."""

    earnings_days: int = sourced(5, "Days before an earnings report that count as near", ge=0)


def leadership_conditions(
    rules: LeadershipRules, inputs: MarketInputsConfig
) -> tuple[Declaration, ...]:
    """Return the conditions on the leaders and on how narrow the market is."""
    against = NamedReading("leaders_relative", sessions=rules.relative)
    breadth = NamedReading("leaders_breadth", sessions=rules.breadth_mean)
    since_low = NamedReading("leaders_since_low", sessions=rules.low)
    return (
        _leaders(
            "leaders_weak",
            against,
            Relation.AT_MOST,
            _limit(rules, "weak", -1.0),
            f"leaders lose against {inputs.index} over {rules.relative} sessions",
            place=10,
        ),
        _leaders(
            "breadth_fails",
            breadth,
            Relation.AT_MOST,
            _limit(rules, "breadth"),
            f"few leaders hold their {rules.breadth_mean}-session mean against {inputs.index}",
            place=20,
        ),
        _leaders(
            "leaders_lower_low",
            since_low,
            Relation.AT_MOST,
            fixed(0.0, "definition: the low is of this session"),
            f"leaders close at a new {rules.low}-session low",
            place=30,
            unit="sessions",
        ),
        _leaders(
            "lower_lows_stopped",
            since_low,
            Relation.AT_LEAST,
            _limit(rules, "quiet"),
            f"leaders have made no new {rules.low}-session low for {rules.quiet} sessions",
            unit="sessions",
        ),
        _leaders(
            "index_holds",
            NamedReading("index_from_high", sessions=MONTH),
            Relation.AT_LEAST,
            _limit(rules, "holds", -1.0),
            f"{inputs.index} is near its month's high",
            place=40,
        ),
        _leaders(
            "leadership_narrow",
            NamedReading("concentration", sessions=rules.concentration_window),
            Relation.AT_LEAST,
            _limit(rules, "concentration"),
            f"{inputs.semiconductors} and {inputs.software} lead the rest by much",
            place=60,
        ),
        Declaration(
            "leadership_breaks",
            AnyOf(("leaders_weak", "breadth_fails")),
            "leaders lose ground against the index, or their breadth fails",
            ChecklistStep.LEADERSHIP,
            f"{NOTE}, section 6, step 2",
        ),
        Declaration(
            "leadership_breaks_index_holds",
            AllOf(("leadership_breaks", "index_holds")),
            "leaders break while the index still holds",
            ChecklistStep.LEADERSHIP,
            f"{NOTE}, section 6, step 2",
            place=50,
        ),
    )


def earnings_conditions(rules: EventRules) -> tuple[Declaration, ...]:
    """Return the conditions on announced earnings dates."""
    return (
        _leaders(
            "earnings_near",
            NamedReading("days_to_earnings"),
            Relation.AT_MOST,
            limit("events", rules, "earnings_days"),
            f"a leader reports within {rules.earnings_days} days",
            place=70,
            unit="days",
        ),
    )


def _limit(rules: LeadershipRules, field: str, factor: float = 1.0) -> Threshold:
    return limit("leadership", rules, field, factor)


def _leaders(
    name: str,
    measure: NamedReading,
    relation: Relation,
    threshold: Threshold,
    words: str,
    *,
    place: int = LAST,
    unit: str = "fraction",
) -> Declaration:
    rule = ThresholdRule(measure, relation, threshold, unit)
    return Declaration(name, rule, words, ChecklistStep.LEADERSHIP, threshold.source, place)
