"""Leveraged positions in bitcoin: thresholds and conditions."""

from data_feeds.clock import DAY_NS, parse_duration
from data_feeds.strict_model import SortedModel
from engine.config.field_types import Duration
from engine.config.market.declaration import (
    LAST,
    NOTE,
    AllOf,
    AnyOf,
    ChecklistStep,
    Computed,
    Declaration,
    Measure,
    NamedReading,
    Relation,
    Rule,
    SeriesLevel,
    Threshold,
    ThresholdRule,
    compares,
    fixed,
    limit,
    sourced,
)

BASIS_POINT = 1e-4
DAYS_A_WEEK = 7
_FALL = f"chosen; {NOTE}, section 3, tells of moves of 2 to 3% that become 8 to 12%"


class CryptoRules(SortedModel):
    """Thresholds on bitcoin's price and leveraged positions; changes as fractions."""

    change: Duration = sourced(
        "7d", "Window over which open interest and price changes are measured"
    )
    interest_rise: float = sourced(
        0.03, "Rise of open interest, in base units, from which it expands", gt=0
    )
    price_fall: float = sourced(0.03, "Fall of the price from which the trend is declining", gt=0)
    day_fall: float = sourced(
        0.03, "Fall within a day from which the price is falling", _FALL, gt=0
    )
    day_rise: float = sourced(0.02, "Rise within a day from which a recovery may be false", gt=0)
    interest_fall: float = sourced(0.03, "Fall of open interest from which it has reset", gt=0)
    liquidation_multiple: float = sourced(
        3.0, "Longs liquidated in a day over their usual day, from which prints are rising", gt=1
    )
    liquidation_days: int = sourced(30, "Days whose mean is a usual day", ge=5)
    volume_multiple: float = sourced(
        2.0,
        "A day's volume over its usual day, from which it is a sign of forced selling",
        'chosen, below the 3 to 5 of single candles in "Global Tech Sell-Off Hits Risk Assets" '
        "(Gate, 2026)",
        gt=1,
    )
    funding_days: int = sourced(
        90, "Days of history that the percentile of funding is taken in", ge=10
    )
    funding_low: float = sourced(0.1, "Percentile at or below which funding is low", gt=0, lt=1)
    basis_bound: float = sourced(
        0.05,
        "Distance from spot beyond which the discount is unknown: another market, fraction",
        gt=0,
        lt=1,
    )
    discount_bps: float = sourced(
        5.0, "Discount to spot from which it is stress, basis points", gt=0
    )
    fear: float = sourced(25.0, "Fear & Greed at or below which fear is extreme", gt=0)
    outflow: float = sourced(5e8, "ETF outflow over five days from which it is large, USD", gt=0)
    implied_jump: float = sourced(0.2, "Rise of DVOL within a week that is a jump, fraction", gt=0)

    @property
    def week_days(self) -> int:
        """Return ``change`` in whole days, one at least."""
        return max(parse_duration(self.change) // DAY_NS, 1)


def crypto_conditions(rules: CryptoRules) -> tuple[Declaration, ...]:
    """Return the conditions on bitcoin's price, funding, positions and sentiment."""
    return (
        *_price(rules),
        *_funding(rules),
        *_open_interest(rules),
        *_forced_selling(rules),
        *_sentiment(rules),
        _rule("thin_window", Computed(), "a weekend: books are thin", "section 3", 130),
        _rule("mechanical_downside", _MECHANICAL, _MECHANICAL_WORDS, "section 6, step 3"),
        _rule(
            "false_recovery",
            AllOf(("bitcoin_rises", "open_interest_falls")),
            "price up, open interest down: shorts cover",
            "section 11.2",
            120,
        ),
        _rule(
            "leverage_into_fall",
            AllOf(("open_interest_expands", "bitcoin_declining")),
            "open interest expands while the price declines",
            "section 8.1",
        ),
    )


# One sign of forced selling is enough; "no sign" is known only where all four are known.
_MECHANICAL = AllOf(
    (
        AnyOf(
            ("liquidations_rise", "open_interest_falls", "funding_negative", "volume_surges"),
        ),
        AnyOf(("bitcoin_falls", "bitcoin_declining")),
    )
)
_MECHANICAL_WORDS = "forced selling rises while the price falls: downside is mechanical"


def _price(rules: CryptoRules) -> tuple[Declaration, ...]:
    week = NamedReading("bitcoin_week_move", days=rules.week_days)
    day = NamedReading("bitcoin_day_move", days=1)
    return (
        _at_most(
            "bitcoin_declining",
            week,
            _limit(rules, "price_fall", -1.0),
            f"bitcoin is down over {rules.change}",
            place=20,
        ),
        _at_most(
            "bitcoin_falls",
            day,
            _limit(rules, "day_fall", -1.0),
            "bitcoin fell within a day",
            place=10,
        ),
        _at_least("bitcoin_rises", day, _limit(rules, "day_rise"), "bitcoin rose within a day"),
    )


def _funding(rules: CryptoRules) -> tuple[Declaration, ...]:
    return (
        compares(
            "funding_negative",
            NamedReading("funding"),
            # A rate of exactly 0 pays nobody.
            Relation.BELOW,
            fixed(0.0, "definition: shorts pay longs"),
            "rate",
            words="funding is negative: shorts pay longs",
            step=ChecklistStep.CRYPTO,
            place=70,
        ),
        _at_most(
            "funding_low",
            NamedReading("funding_percentile", days=rules.funding_days),
            _limit(rules, "funding_low"),
            f"funding is low for its {rules.funding_days} days",
            place=80,
            unit="percentile",
        ),
    )


def _open_interest(rules: CryptoRules) -> tuple[Declaration, ...]:
    week = NamedReading("open_interest_week_move", days=rules.week_days)
    day = NamedReading("open_interest_day_move", days=1)
    return (
        _at_least(
            "open_interest_expands",
            week,
            _limit(rules, "interest_rise"),
            f"open interest is up over {rules.change}",
            place=60,
        ),
        _at_most(
            "open_interest_resets",
            week,
            _limit(rules, "interest_fall", -1.0),
            f"open interest fell over {rules.change}",
        ),
        _at_most(
            "open_interest_falls",
            day,
            _limit(rules, "interest_fall", -1.0),
            "open interest fell within a day",
            place=50,
        ),
    )


def _forced_selling(rules: CryptoRules) -> tuple[Declaration, ...]:
    days = rules.liquidation_days
    return (
        _at_least(
            "liquidations_rise",
            NamedReading("liquidation_multiple", days=days + 1),
            _limit(rules, "liquidation_multiple"),
            f"longs closed by force in a day over their usual of {days} days",
            place=30,
            unit="x",
        ),
        _at_least(
            "volume_surges",
            NamedReading("volume_multiple", days=days + 1),
            _limit(rules, "volume_multiple"),
            f"a day's volume over its usual of {days} days",
            place=40,
            unit="x",
        ),
        _at_most(
            "perp_discount",
            NamedReading("perp_premium", days=1),
            _limit(rules, "discount_bps", -BASIS_POINT),
            "the perp trades below spot, mean of a day",
            place=90,
        ),
    )


def _sentiment(rules: CryptoRules) -> tuple[Declaration, ...]:
    return (
        _at_most(
            "extreme_fear",
            SeriesLevel("fear_greed"),
            _limit(rules, "fear"),
            "Fear & Greed shows extreme fear",
            place=110,
            unit="points",
        ),
        _at_most(
            "etf_outflows",
            NamedReading("etf_flows_week", sessions=5),
            _limit(rules, "outflow", -1.0),
            "bitcoin ETFs lose money in a week",
            place=100,
            unit="USD",
        ),
        compares(
            "implied_volatility_jump",
            NamedReading("implied_volatility_move", days=DAYS_A_WEEK),
            Relation.AT_LEAST,
            _limit(rules, "implied_jump"),
            "fraction",
            words="implied volatility of bitcoin jumped within a week",
            step=ChecklistStep.CORRELATION,
            place=80,
        ),
    )


def _limit(rules: CryptoRules, field: str, factor: float = 1.0) -> Threshold:
    return limit("crypto", rules, field, factor)


def _at_least(
    name: str,
    measure: Measure,
    threshold: Threshold,
    words: str,
    *,
    place: int = LAST,
    unit: str = "fraction",
) -> Declaration:
    rule = ThresholdRule(measure, Relation.AT_LEAST, threshold, unit)
    return Declaration(name, rule, words, ChecklistStep.CRYPTO, threshold.source, place)


def _at_most(
    name: str,
    measure: Measure,
    threshold: Threshold,
    words: str,
    *,
    place: int = LAST,
    unit: str = "fraction",
) -> Declaration:
    rule = ThresholdRule(measure, Relation.AT_MOST, threshold, unit)
    return Declaration(name, rule, words, ChecklistStep.CRYPTO, threshold.source, place)


def _rule(name: str, rule: Rule, words: str, section: str, place: int = LAST) -> Declaration:
    return Declaration(name, rule, words, ChecklistStep.CRYPTO, f"{NOTE}, {section}", place)
