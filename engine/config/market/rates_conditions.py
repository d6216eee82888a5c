"""Yields, the dollar, the policy path and credit: thresholds and conditions."""

from data_feeds.strict_model import SortedModel
from engine.config.market.declaration import (
    LAST,
    NOTE,
    AllOf,
    ChecklistStep,
    Declaration,
    Measure,
    Relation,
    SeriesMove,
    SeriesSinceHigh,
    SeriesSpeed,
    Threshold,
    compares,
    limit,
    sourced,
)


class RatesRules(SortedModel):
    """Yields in percentage points, the dollar as a fraction; windows in sessions."""

    change: int = sourced(
        5, "Sessions over which a change is measured", "the sessions of a week", ge=1
    )
    yield_jump: float = sourced(0.10, "Rise of a yield that is a jump, points", gt=0)
    dollar_jump: float = sourced(0.008, "Rise of the dollar that is a jump, fraction", gt=0)
    extreme: int = sourced(21, "Window of the last extreme, sessions", ge=3)
    quiet: int = sourced(
        3, "Sessions without a new extreme from which a series has stopped worsening", ge=1
    )
    slope: int = sourced(5, "Window of the short-term slope, sessions", ge=2)
    speed: float = sourced(
        2.0, "Multiple of its usual change from which a yield is repriced fast", gt=0
    )
    path_window: int = sourced(21, "Sessions over which the policy path's change is measured", ge=1)
    path_rise: float = sourced(
        0.15,
        "Rise of the 2-year yield over the policy rate from which the path is hawkish, points",
        gt=0,
    )
    spread_rise: float = sourced(
        0.25, "Rise of the high-yield spread from which credit widens, points", gt=0
    )
    history: int = sourced(
        252, "Sessions over which the usual change is measured", "the sessions of a year", ge=60
    )


def rates_conditions(rules: RatesRules) -> tuple[Declaration, ...]:
    """Return the conditions on yields, dollar, policy path and credit."""
    week = f"over {rules.change} sessions"
    ten_year = SeriesMove("ten_year", rules.change)
    dollar = SeriesMove("dollar", rules.change, is_fraction=True)
    path = SeriesMove("policy_path", rules.path_window)
    return (
        _rises(
            "yields_jump", ten_year, _limit(rules, "yield_jump"), f"10-year up {week}", place=10
        ),
        _rises(
            "dollar_jump",
            dollar,
            _limit(rules, "dollar_jump"),
            f"dollar up {week}",
            place=20,
            unit="fraction",
        ),
        _rises("yields_hold", ten_year, _limit(rules, "yield_jump", -0.5), "10-year not falling"),
        _rises(
            "dollar_strong",
            dollar,
            _limit(rules, "dollar_jump", 0.5),
            "dollar strengthens",
            unit="fraction",
        ),
        _rises(
            "credit_widens",
            SeriesMove("credit", rules.change),
            _limit(rules, "spread_rise"),
            f"high-yield spread up {week}",
            place=60,
        ),
        _rises(
            "policy_path_hawkish",
            path,
            _limit(rules, "path_rise"),
            f"2-year yield over the policy rate up over {rules.path_window} sessions",
            place=30,
        ),
        _fast("yields_fast", "ten_year", rules, "10-year rises fast", 40),
        _fast("real_yields_fast", "real_ten_year", rules, "real 10-year rises fast", 50),
        _stopped("yields_stopped", "ten_year", rules, "the 10-year yield has stopped rising"),
        _stopped(
            "real_yields_stopped",
            "real_ten_year",
            rules,
            "the real 10-year yield has stopped rising",
        ),
        _stopped("dollar_stopped", "dollar", rules, "the dollar has stopped rising"),
        _both(
            "macro_pressure",
            ("yields_jump", "dollar_jump"),
            "yields jump and the dollar strengthens: the risk budget shrinks",
            "section 6, step 1",
        ),
        _both(
            "dollar_pressure",
            ("dollar_strong", "yields_hold"),
            "the dollar is strong and yields are stable or rising",
            "section 8.1",
        ),
        _both(
            "macro_stabilized",
            ("yields_stopped", "dollar_stopped"),
            "yields and the dollar have stopped worsening",
            "section 7, B",
        ),
    )


def _limit(rules: RatesRules, field: str, factor: float = 1.0) -> Threshold:
    return limit("rates", rules, field, factor)


def _rises(
    name: str,
    measure: Measure,
    threshold: Threshold,
    words: str,
    *,
    place: int = LAST,
    unit: str = "points",
) -> Declaration:
    return compares(
        name,
        measure,
        Relation.AT_LEAST,
        threshold,
        unit,
        words=words,
        step=ChecklistStep.MACRO,
        place=place,
    )


def _fast(name: str, series: str, rules: RatesRules, words: str, place: int) -> Declaration:
    measure = SeriesSpeed(series, rules.change, rules.history)
    return _rises(name, measure, _limit(rules, "speed"), words, place=place, unit="z")


def _stopped(name: str, series: str, rules: RatesRules, words: str) -> Declaration:
    said = f"{words}: no new high of {rules.extreme} sessions, slope not up"
    measure = SeriesSinceHigh(series, rules.extreme, rules.slope)
    return _rises(name, measure, _limit(rules, "quiet"), said, unit="sessions")


def _both(name: str, parts: tuple[str, ...], words: str, section: str) -> Declaration:
    return Declaration(name, AllOf(parts), words, ChecklistStep.MACRO, f"{NOTE}, {section}")
