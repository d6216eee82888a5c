"""One day of the market state as rows of text and numbers, and as one paragraph."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from data_feeds.clock import DAY_NS, utc_text
from engine.conditions import Condition, Truth
from engine.config.market import ChecklistStep, Declaration
from engine.formatting import number, percent, signed
from engine.market_state import TIERS, Action, Driver, MarketState, Regime
from engine.signals.market.steps import STEPS, known_steps
from engine.signals.market.timeframes import INTRADAY, by_hours

TRUTHS = {Truth.TRUE: "yes", Truth.FALSE: "no", Truth.UNKNOWN: "unknown"}


@dataclass(frozen=True)
class ConditionLine:
    """One condition on one day; numbers are None where there are none."""

    name: str
    truth: str
    measured: float | None
    threshold: float | None
    unit: str
    age_days: float | None
    inputs: tuple[str, ...]
    description: str


@dataclass(frozen=True)
class DayReport:
    """One day: each step with its conditions, the labels that follow, and the narrative."""

    date: str
    known_at: str
    steps: tuple[tuple[ConditionLine, tuple[ConditionLine, ...]], ...]
    action: str
    known_steps: int
    tier: str
    regime: str
    driver: str
    scores: dict[str, float | None]
    narrative: str


def day_report(state: MarketState, row: int, declared: Sequence[Declaration]) -> DayReport:
    """Return one row of the state with every declared condition under its step."""
    conditions = state.conditions
    made = []
    for step in ChecklistStep:
        own = sorted((item for item in declared if item.step is step), key=lambda item: item.place)
        lines = tuple(_line(conditions[item.name], row) for item in own)
        made.append((_line(conditions[step.value], row), lines))
    scores = {
        driver.words: _plain(state.values[f"driver_{driver.name.lower()}"][row])
        for driver in Driver
        if driver > 0
    }
    return DayReport(
        date=str(state.dates[row]),
        known_at=utc_text(int(state.decided_at[row])),
        steps=tuple(made),
        action=Action(int(state.action[row])).words,
        known_steps=int(known_steps(conditions)[row]),
        tier=TIERS[int(state.tier[row])].value,
        regime=Regime(int(state.regime[row])).words,
        driver=Driver(int(state.driver[row])).words,
        scores=scores,
        narrative=narrative(state, row),
    )


def _line(item: Condition, row: int) -> ConditionLine:
    age = -1 if item.age_ns is None else int(item.age_ns[row])
    return ConditionLine(
        name=item.name,
        truth=TRUTHS[Truth(int(item.truth[row]))],
        measured=_plain(item.measured[row]),
        threshold=_plain(item.threshold[row]),
        unit=item.unit,
        age_days=None if age < 0 else round(age / DAY_NS, 2),
        inputs=item.inputs,
        description=item.description,
    )


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def narrative(state: MarketState, row: int) -> str:
    """Return one paragraph about the day, made from the measured numbers."""
    told = _Told(state, row)
    action = Action(int(state.action[row]))
    held = [step for step in STEPS if told.truth(step) is Truth.TRUE]
    unknown = [ChecklistStep(step).heading for step in STEPS if told.truth(step) is Truth.UNKNOWN]
    known = len(STEPS) - len(unknown)
    of = f"{known}" if not unknown else f"{known} known"
    parts = [
        f"Regime: {Regime(int(state.regime[row])).words}. {told.driver()}",
        told.macro(),
        told.leadership(),
        told.crypto(),
        told.correlation(),
        f"{len(held)} of {of} steps hold{told.shock()}: {action.words}.",
    ]
    if unknown:
        parts.append(f"Unknown for lack of data, and not counted as safe: {', '.join(unknown)}.")
    parts.append(f"Risk tier: {TIERS[int(state.tier[row])].value}.")
    return " ".join(parts)


@dataclass(frozen=True)
class _Told:
    """Builds the sentences about one day."""

    state: MarketState
    row: int

    def truth(self, name: str) -> Truth:
        return Truth(int(self.state.conditions[name].truth[self.row]))

    def measured(self, name: str) -> float:
        return float(self.state.conditions[name].measured[self.row])

    def value(self, name: str) -> float:
        return float(self.state.values[name][self.row])

    def _verdict(self, step: str, held: str, failed: str, unknown: str) -> str:
        told = {Truth.TRUE: held, Truth.FALSE: failed, Truth.UNKNOWN: unknown}
        return told[self.truth(step)]

    def driver(self) -> str:
        driver = Driver(int(self.state.driver[self.row]))
        scores = ", ".join(
            f"{item.words} {number(self.value(f'driver_{item.name.lower()}'), 2)}"
            for item in Driver
            if item > 0
        )
        known = all(
            math.isfinite(self.value(f"driver_{item.name.lower()}")) for item in Driver if item > 0
        )
        none = "No driver stands out" if known else "No driver that is known stands out"
        name = none if driver is Driver.NONE else f"Driver: {driver.words}"
        return f"{name} ({scores}; 1 is notable)."

    def shock(self) -> str:
        """Return the words for a hedge by liquidity shock, "" where that rule does not apply."""
        shock = int(self.state.regime[self.row]) == Regime.LIQUIDITY_SHOCK
        if shock and self.truth("both_down") is Truth.TRUE:
            return ", in a liquidity shock in which both fall"
        return ""

    def macro(self) -> str:
        verdict = self._verdict(
            "step_macro",
            "Rates and the dollar shrink the risk budget",
            "Rates and the dollar do not shrink the risk budget together",
            "Whether rates and the dollar shrink the risk budget is unknown",
        )
        return (
            f"{verdict}: the 10-year moved {signed(self.measured('yields_jump'))} points and the "
            f"dollar {_move(self.measured('dollar_jump'))} over a week."
        )

    def leadership(self) -> str:
        verdict = self._verdict(
            "step_leadership",
            "Leadership breaks",
            "Leadership holds",
            "Leadership is unknown",
        )
        hidden = ""
        if self.truth("leadership_breaks_index_holds") is Truth.TRUE:
            hidden = " The index still holds."
        return (
            f"{verdict}: the leaders are {_move(self.measured('leaders_weak'))} against the index "
            f"and {percent(self.measured('breadth_fails'), 0)} of them hold their mean.{hidden}"
        )

    def crypto(self) -> str:
        verdict = self._verdict(
            "step_crypto",
            "Crypto's downside is mechanical",
            "Crypto's fall is not mechanical",
            "Whether crypto's downside is mechanical is unknown",
        )
        falls = {self.truth(name) for name in ("bitcoin_declining", "bitcoin_falls")}
        if falls == {Truth.FALSE}:
            verdict = "Bitcoin is not falling"
        parts = [f"bitcoin {_move(self.measured('bitcoin_falls'))} within a day"]
        parts.append(f"{_move(self.measured('bitcoin_declining'))} over the week")
        for name, text in (
            ("liquidations_rise", "forced closes of longs {x} times their usual day"),
            ("volume_surges", "volume {x} times its usual day"),
        ):
            if math.isfinite(self.measured(name)):
                parts.append(text.format(x=number(self.measured(name), 2)))
        interest = self.measured("open_interest_resets")
        if math.isfinite(interest):
            parts.append(f"open interest {_move(interest)} in bitcoin over the week")
        funding = self.value("funding")
        if math.isfinite(funding):
            parts.append(f"funding {percent(funding, 4)}")
        return f"{verdict}: {', '.join(parts)}."

    def correlation(self) -> str:
        verdict = self._verdict(
            "step_correlation",
            "Stocks and bitcoin fall together while volatility rises",
            "Stocks and bitcoin do not fall together with rising volatility",
            "Whether stocks and bitcoin fall together is unknown",
        )
        weekly = self.measured("vix_jump")
        fine = (f"{market}_{label}_down" for market in ("index", "bitcoin") for label in INTRADAY)
        on_days = ""
        if any(self.truth(name) is Truth.UNKNOWN for name in fine):
            on_days = " Trends are read on days: the hours of the index or of bitcoin are unknown."
        elif not by_hours(self.state.conditions)[self.row]:
            on_days = " Trends are read on days: the hours of the index or of bitcoin are older."
        return (
            f"{verdict}: VIX {number(self.value('vix'), 4)} ({_move(weekly)} over a week), "
            f"correlation {number(self.measured('correlation_high'), 2)}.{on_days}"
        )


def _move(fraction: float) -> str:
    """Return a change in percent with its sign.

    >>> _move(-0.119), _move(float("nan"))
    ('-11.9%', 'an unknown move')
    """
    return f"{signed(100 * fraction, 1)}%" if math.isfinite(fraction) else "an unknown move"
