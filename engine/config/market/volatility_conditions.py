"""Equity volatility: thresholds and conditions."""

from data_feeds.strict_model import SortedModel
from engine.config.market.declaration import (
    NOTE,
    AnyOf,
    ChecklistStep,
    Declaration,
    NamedReading,
    Relation,
    SeriesFromHigh,
    SeriesLevel,
    SeriesMove,
    compares,
    limit,
    sourced,
)
from engine.config.market.market_inputs import MarketInputsConfig

WEEK, MONTH = 5, 21
_MONTH_OF_SESSIONS = "the sessions of a month"


class VolatilityRules(SortedModel):
    """Windows in sessions; volatilities are fractions a year."""

    short: int = sourced(10, "Short window of realized volatility, sessions", ge=2)
    month: int = sourced(21, "Middle window, sessions", _MONTH_OF_SESSIONS, ge=2)
    quarter: int = sourced(63, "Long window, sessions", "the sessions of a quarter", ge=2)
    rising_multiple: float = sourced(
        1.25, "Short over long realized volatility from which volatility is rising", gt=1
    )
    vix_elevated: float = sourced(20.0, "VIX from which it is elevated, points", gt=0)
    vix_jump: float = sourced(0.25, "VIX change over a week that is a jump, fraction", gt=0)
    target_cap: float = sourced(1.5, "Largest exposure of a volatility-target book", gt=0)
    targets: tuple[float, float] = sourced(
        (0.10, 0.15), "Volatility targets of the books that are shown, fractions a year"
    )
    shed: float = sourced(
        0.15,
        "Share of its exposure sold within a week from which a target book is under pressure",
        gt=0,
        lt=1,
    )
    off_peak: float = sourced(
        0.85, "VIX over its month's high at or below which it is off its peak", gt=0, lt=1
    )


def volatility_conditions(
    rules: VolatilityRules, inputs: MarketInputsConfig
) -> tuple[Declaration, ...]:
    """Return the conditions on realized and implied volatility of equities."""
    step, at_least = ChecklistStep.CORRELATION, Relation.AT_LEAST
    ratio = NamedReading("growth_volatility_ratio", sessions=max(rules.short, rules.quarter))
    return (
        compares(
            "growth_volatility_rising",
            ratio,
            at_least,
            limit("volatility", rules, "rising_multiple"),
            "x",
            words=f"volatility of {inputs.growth} is rising, {rules.short} over {rules.quarter} "
            "sessions",
            step=step,
            place=30,
        ),
        compares(
            "vix_elevated",
            SeriesLevel("vix"),
            at_least,
            limit("volatility", rules, "vix_elevated"),
            "points",
            words="VIX is elevated",
            step=step,
            place=40,
        ),
        compares(
            "vix_jump",
            SeriesMove("vix", WEEK, is_fraction=True),
            at_least,
            limit("volatility", rules, "vix_jump"),
            "fraction",
            words="VIX jumped within a week",
            step=step,
            place=50,
        ),
        compares(
            "vix_off_peak",
            SeriesFromHigh("vix", MONTH),
            Relation.AT_MOST,
            limit("volatility", rules, "off_peak"),
            "x",
            words="VIX is off its peak of the month",
            step=step,
        ),
        *(_target_book(rules, place) for place in range(len(rules.targets))),
        Declaration(
            "volatility_rising",
            AnyOf(("growth_volatility_rising", "vix_jump")),
            "realized or implied volatility is rising",
            step,
            f"{NOTE}, section 6, step 4",
        ),
    )


def target_book(target: float) -> str:
    """Return the name of a volatility-target book's measure.

    >>> target_book(0.1)
    'target_book_10'
    """
    return f"target_book_{round(100 * target)}"


def _target_book(rules: VolatilityRules, place: int) -> Declaration:
    target = rules.targets[place]
    name = target_book(target)
    return compares(
        f"{name}_sells",
        NamedReading(name, sessions=rules.month + WEEK),
        Relation.AT_LEAST,
        limit("volatility", rules, "shed"),
        "fraction",
        words=f"a book with a volatility target of {target:.0%} sheds exposure within a week",
        step=ChecklistStep.CORRELATION,
        place=90 + place,
    )
