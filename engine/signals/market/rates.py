"""Yields, the dollar, the policy path and credit: worsening, or no longer so."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np

from engine.conditions import Condition, all_of, condition, reason
from engine.signals.market.grid import Floats
from engine.signals.market.point_in_time import MarketInputs
from engine.signals.market.readings import PreferredSources, Reading, at_least, combined, oldest
from engine.signals.market.rolling import change, ratio, rows_since_extreme, slope, usual_change

FORTNIGHT = 10


def market_rates(inputs: MarketInputs) -> tuple[dict[str, Floats], dict[str, Condition]]:
    """Return levels and changes by name, on days, and what yields, dollar and credit do.

    Yields and spreads in percent, their changes in points; the dollar's changes as fractions.
    """
    rules, names = inputs.config.rates, inputs.config.inputs
    moves = _Moves(inputs)
    ten_year, real = inputs.series(names.ten_year), inputs.series(names.real_ten_year)
    dollar, credit = inputs.series(names.dollar), inputs.series(names.credit)
    path = _policy_path(inputs)
    week = f"over {rules.change} sessions"
    yields_move = moves.change(ten_year, rules.change)
    dollar_move = moves.change(dollar, rules.change, relative=True)
    credit_move = moves.change(credit, rules.change)
    path_move = moves.change(path, rules.path_window)
    found = [
        at_least("yields_jump", yields_move, rules.yield_jump, "points", f"10-year up {week}"),
        at_least("dollar_jump", dollar_move, rules.dollar_jump, "fraction", f"dollar up {week}"),
        at_least(
            "yields_hold", yields_move, -rules.yield_jump / 2, "points", "10-year not falling"
        ),
        at_least(
            "dollar_strong", dollar_move, rules.dollar_jump / 2, "fraction", "dollar strengthens"
        ),
        at_least(
            "credit_widens",
            credit_move,
            rules.spread_rise,
            "points",
            f"high-yield spread up {week}",
        ),
        at_least(
            "policy_path_hawkish",
            path_move,
            rules.path_rise,
            "points",
            f"2-year yield over the policy rate up over {rules.path_window} sessions",
        ),
        at_least("yields_fast", moves.speed(ten_year), rules.speed, "z", "10-year rises fast"),
        at_least(
            "real_yields_fast", moves.speed(real), rules.speed, "z", "real 10-year rises fast"
        ),
        moves.stopped("yields_stopped", ten_year, "the 10-year yield has stopped rising"),
        moves.stopped("real_yields_stopped", real, "the real 10-year yield has stopped rising"),
        moves.stopped("dollar_stopped", dollar, "the dollar has stopped rising"),
    ]
    named = {item.name: item for item in found}
    for name, first, second, text in _PAIRS:
        parts = (named[first], named[second])
        named[name] = combined(name, all_of([part.truth for part in parts]), text, *parts)
    values = {
        "ten_year": ten_year.reading.value,
        "ten_year_speed": moves.speed(ten_year).value,
        "real_ten_year": real.reading.value,
        "real_ten_year_speed": moves.speed(real).value,
        "dollar": dollar.reading.value,
        "dollar_speed": moves.speed(dollar, relative=True).value,
        "policy_path": path.reading.value,
        "credit_spread": credit.reading.value,
        "credit_change_fortnight": moves.change(credit, FORTNIGHT).value,
    }
    return values, named


_PAIRS = (
    (
        "macro_pressure",
        "yields_jump",
        "dollar_jump",
        "yields jump and the dollar strengthens: the risk budget shrinks",
    ),
    (
        "dollar_pressure",
        "dollar_strong",
        "yields_hold",
        "the dollar is strong and yields are stable or rising",
    ),
    (
        "macro_stabilized",
        "yields_stopped",
        "dollar_stopped",
        "yields and the dollar have stopped worsening",
    ),
)


@dataclass(frozen=True)
class _Moves:
    """Moves of a series from session to session, on days."""

    inputs: MarketInputs

    def _on_sessions(
        self, series: PreferredSources, measure: Callable[[Floats], Floats]
    ) -> Reading:
        """Return a number made of the values of the sessions, on days."""
        grid = self.inputs.grid
        return series.measured(lambda value: grid.on_days(measure(value[grid.sessions])))

    def change(self, series: PreferredSources, sessions: int, *, relative: bool = False) -> Reading:
        return self._on_sessions(series, lambda level: change(level, sessions, relative=relative))

    def speed(self, series: PreferredSources, *, relative: bool = False) -> Reading:
        """Return a change over the usual size of such changes in the year before."""
        rules = self.inputs.config.rates

        def speed(level: Floats) -> Floats:
            moved = change(level, rules.change, relative=relative)
            return ratio(moved, usual_change(moved, rules.history, least=rules.history // 2))

        return self._on_sessions(series, speed)

    def stopped(self, name: str, series: PreferredSources, text: str) -> Condition:
        """No new high for some sessions, and the short-term slope at or below zero."""
        rules = self.inputs.config.rates

        def since(level: Floats) -> Floats:
            return rows_since_extreme(level, rules.extreme, top=True)

        def quiet(level: Floats) -> Floats:
            holds = (since(level) >= rules.quiet) & (slope(level, rules.slope) <= 0)
            # Known where the rows since are, so that both are of one source.
            return np.where(np.isfinite(since(level)), holds, np.nan)

        measured = self._on_sessions(series, since)
        holds = self._on_sessions(series, quiet).value > 0
        with np.errstate(invalid="ignore"):
            rising = (measured.value >= rules.quiet) & ~holds
        return condition(
            name,
            holds,
            known=measured.known,
            # Where the slope alone decides, the sessions would contradict what is said.
            measured=np.where(rising, np.nan, measured.value),
            threshold=float(rules.quiet),
            unit="sessions",
            description=f"{text}: no new high of {rules.extreme} sessions, slope not up",
            inputs=measured.inputs,
            age_ns=measured.age_ns,
            reasons=(reason(f"the slope of {rules.slope} sessions is up", rising),),
        )


def _policy_path(inputs: MarketInputs) -> PreferredSources:
    """Return the 2-year yield over the policy rate, points: what the market prices ahead."""
    names = inputs.config.inputs
    pairs = product(
        inputs.series(names.two_year).readings, inputs.series(names.policy_rate).readings
    )
    return PreferredSources(
        tuple(
            Reading(
                two_year.value - policy.value,
                oldest(two_year.age_ns, policy.age_ns),
                (*two_year.inputs, *policy.inputs),
            )
            for two_year, policy in pairs
        )
    )
