"""Yields, the dollar, the policy path and credit: levels, changes and conditions."""

from engine.conditions import Condition
from engine.config.market.rates_conditions import rates_conditions
from engine.signals.market.declared import conditions_of
from engine.signals.market.grid import Floats
from engine.signals.market.point_in_time import MarketInputs
from engine.signals.market.series_measures import POLICY_PATH, SeriesMeasures

FORTNIGHT = 10


def market_rates(inputs: MarketInputs) -> tuple[dict[str, Floats], dict[str, Condition]]:
    """Return levels and changes by name, on days, and the conditions on yields, dollar and credit.

    Yields and spreads in percent, their changes in points; the dollar's changes as fractions.
    """
    rules, series = inputs.config.rates, SeriesMeasures(inputs)

    def level(name: str) -> Floats:
        return series.quantity(name).reading.value

    def speed(name: str, *, relative: bool = False) -> Floats:
        return series.speed(name, rules.change, rules.history, relative=relative).value

    values = {
        "ten_year": level("ten_year"),
        "ten_year_speed": speed("ten_year"),
        "real_ten_year": level("real_ten_year"),
        "real_ten_year_speed": speed("real_ten_year"),
        "dollar": level("dollar"),
        "dollar_speed": speed("dollar", relative=True),
        "policy_path": level(POLICY_PATH),
        "credit_spread": level("credit"),
        "credit_change_fortnight": series.move("credit", FORTNIGHT).value,
    }
    return values, conditions_of(inputs, rates_conditions(rules), {})
