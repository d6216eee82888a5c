"""The decisions of a file of trades: enter, scale in, follow with the stop, leave."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from engine.api import (
    AccountView,
    Add,
    Enter,
    Exit,
    Intent,
    MarketView,
    MoveStop,
    PositionView,
    PutOff,
    Target,
    TrailingStop,
    Truth,
)
from strategies.rules.bindings import BoundRules
from strategies.rules.field_types import rows_of
from strategies.rules.plan_values import (
    EQUITY_DRAWDOWN,
    PLAN_VALUES,
    PlanTerm,
    PlanTrack,
    Reading,
    plan_reading,
)
from strategies.rules.rule_models import ConditionRule, TradeRule
from strategies.rules.trades import (
    PlanCondition,
    place_text,
    plan_conditions,
    prepared_conditions,
    visits_every_row,
)
from strategies.rules.written import Place

# The rule that a put-off entry names in the journal.
EXIT_HOLDS = "exit holds"
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Judged:
    """Conditions of one block: names of the prepared ones, and those with plan values."""

    rules: Mapping[str, ConditionRule]
    prepared: frozenset[str]
    of_plan: Mapping[str, PlanCondition]

    @classmethod
    def of(cls, rules: BoundRules, given: Mapping[str, ConditionRule], place: Place) -> "Judged":
        """Return the conditions at a place."""
        prepared = frozenset(prepared_conditions(rules, given, place))
        return cls(given, prepared, {c.name: c for c in plan_conditions(rules, given, place)})


@dataclass(frozen=True)
class TradePlan:
    """A trade with everything that its decisions read."""

    name: str
    rule: TradeRule
    instrument: str
    exits: Judged
    tranches: tuple[Judged, ...]
    trail: PlanTerm | None

    @classmethod
    def of(cls, rules: BoundRules, name: str) -> "TradePlan":
        """Return the trade of a file by its name."""
        rule, place = rules.params.trades[name], ("trades", name)
        tranches = enumerate(rule.tranches)
        trail = None if rule.trail is None else rules.term(*place, "trail")
        of_plan = trail is not None and trail.needs_plan
        return cls(
            name,
            rule,
            rules.params.instrument_id(rule.instrument),
            Judged.of(rules, rule.exit, (*place, "exit")),
            tuple(Judged.of(rules, t.when, (*place, "tranches", i, "when")) for i, t in tranches),
            PlanTerm.of(trail, place_text((*place, "trail"))) if of_plan and trail else None,
        )


@dataclass
class OpenPlan:
    """Progress of the plan in one instrument.

    Rows are rows of the clock; ``asked_row`` is the row of the last request for a tranche,
    approved or refused.
    """

    trade: TradePlan
    entered_row: int
    asked_row: int
    track: PlanTrack | None = None


@dataclass
class TradeDecisions:
    """Decides for all trades of a file; one plan holds an instrument at a time."""

    rules: BoundRules
    _plans: dict[str, OpenPlan] = field(default_factory=dict)
    _peak_equity: float = 0.0

    def __post_init__(self) -> None:
        self._trades = [TradePlan.of(self.rules, name) for name in self.rules.params.trades]
        self._instruments = tuple(dict.fromkeys(trade.instrument for trade in self._trades))
        self._visits_every_row = visits_every_row(self.rules)

    def on_bar(
        self, market: MarketView, account: AccountView, ignored: frozenset[str]
    ) -> Sequence[Intent]:
        """Return the intents of all instruments at a decision row."""
        self._see_equity(market, account)
        intents: list[Intent] = []
        for instrument in self._instruments:
            position = account.position(instrument)
            if position is not None:
                intents += self._manage(market, account, position)
            elif account.is_flat(instrument):
                self._plans.pop(instrument, None)
                intents += self._enter(instrument, market, account, ignored)
        return intents

    def _see_equity(self, market: MarketView, account: AccountView) -> None:
        """Keep the highest equity of the rows with a plan and of the rows that may enter.

        Those rows are visited in sparse and in dense mode alike.
        """
        holds = account.positions or account.pending
        if holds or any(market.signal(f"entry {trade.name}") > 0 for trade in self._trades):
            self._peak_equity = max(self._peak_equity, account.equity)

    def _equity_drawdown(self, account: AccountView) -> float:
        """Return the equity's loss from its highest value, a fraction; NaN where that is 0."""
        peak = self._peak_equity
        return account.equity / peak - 1.0 if peak > 0 else float("nan")

    # -- entering ---------------------------------------------------------------------------------

    def _enter(
        self, instrument: str, market: MarketView, account: AccountView, ignored: frozenset[str]
    ) -> Iterator[Intent]:
        """Yield the entry of the first trade in the file that may enter.

        A trade of which an exit would hold in any position is put off.
        """
        for trade in self._trades:
            if trade.instrument != instrument or not market.signal(f"entry {trade.name}") > 0:
                continue
            forbids = self._exit_before_entry(trade, market, account)
            if forbids:
                told, sign = f"{trade.name}: {forbids}", trade.rule.direction
                yield PutOff(instrument, EXIT_HOLDS, told, "enter", 1 if sign > 0 else -1)
                continue
            self._plans[instrument] = OpenPlan(trade, market.row, market.row)
            yield self._entry(trade, market, ignored)
            return

    def _exit_before_entry(self, trade: TradePlan, market: MarketView, account: AccountView) -> str:
        """Return the first exit with plan values that holds without a position; "" for none.

        Of these values only the drawdown of the equity is known then.
        """
        reading = dict.fromkeys(PLAN_VALUES, float("nan"))
        reading[EQUITY_DRAWDOWN] = self._equity_drawdown(account)
        for name, item in trade.exits.of_plan.items():
            truth = item.term.truth(market.signal, reading)
            if truth is Truth.TRUE:
                return f"{name}: {item.term.told(market.signal, reading)}"
            if truth is Truth.UNKNOWN and item.passes and item.term.reads_only(EQUITY_DRAWDOWN):
                return f"{name} is unknown, which passes ({trade.rule.exit[name].when})"
        return ""

    def _entry(self, trade: TradePlan, market: MarketView, ignored: frozenset[str]) -> Enter:
        rule = trade.rule
        close = market.signal(f"close {rule.instrument}")
        stop = market.signal(f"stop {trade.name}")
        targets = [
            Target(
                market.signal(f"target {trade.name} {i + 1}")
                if target.r is None
                else close + target.r * (close - stop),
                target.fraction,
            )
            for i, target in enumerate(rule.targets)
        ]
        named = {name: self.rules.params.trade_condition(trade.name, name) for name in rule.enter}
        kept = [name for name, full in named.items() if full not in ignored]
        reason = f"{trade.name}: {_listed(kept) or 'every condition left out'}"
        if rule.tranches:
            reason += f"; tranche 1 of {len(rule.tranches)}"
        return Enter(
            trade.instrument,
            rule.direction,
            stop,
            reason,
            targets=tuple(targets),
            size_multiplier=rule.risk,
            fraction=rule.tranches[0].fraction if rule.tranches else 1.0,
            setup="",
            trailing=_trailing(trade, market, close, stop),
        )

    # -- managing ---------------------------------------------------------------------------------

    def _manage(
        self, market: MarketView, account: AccountView, position: PositionView
    ) -> Sequence[Intent]:
        plan = self._plans[position.instrument]
        reading = self._reading(plan, market, account, position)
        if position.leaving < abs(position.quantity):
            reason = self._reason_to_leave(plan.trade, market, reading)
            if reason:
                return (Exit(position.instrument, f"{plan.trade.name}: {reason}"),)
        intents: list[Intent] = []
        if plan.trade.rule.trail is not None:
            intents += self._trailed(plan.trade, market, position, reading)
        if position.instrument not in account.pending:
            intents += self._add(plan, market, position, reading)
        return intents

    def _reading(
        self, plan: OpenPlan, market: MarketView, account: AccountView, position: PositionView
    ) -> Reading:
        """Return the plan's values; empty where no rule of the file reads them."""
        if not self._visits_every_row:
            return {}
        if plan.track is None:
            plan.track = PlanTrack(position.first_stop)
        plan.track.see(position)
        return plan_reading(
            position,
            plan.track,
            now=market.now,
            age_rows=market.row - plan.entered_row,
            equity_drawdown=self._equity_drawdown(account),
        )

    def _reason_to_leave(self, trade: TradePlan, market: MarketView, reading: Reading) -> str:
        """Return the first exit that holds, in words; "" for none."""
        for name, rule in trade.exits.rules.items():
            if name in trade.exits.prepared:
                if self._holds(trade, name, market):
                    return f"{name} ({rule.when})"
            else:
                item = trade.exits.of_plan[name]
                truth = item.term.truth(market.signal, reading)
                if truth is Truth.TRUE:
                    return f"{name}: {item.term.told(market.signal, reading)}"
                if truth is Truth.UNKNOWN and item.passes:
                    return f"{name} is unknown, which passes ({rule.when})"
        return ""

    def _holds(self, trade: TradePlan, name: str, market: MarketView) -> bool:
        full = self.rules.params.trade_condition(trade.name, name)
        return market.truth(full) is Truth.TRUE

    def _trailed(
        self, trade: TradePlan, market: MarketView, position: PositionView, reading: Reading
    ) -> Iterator[Intent]:
        """Yield a stop that follows the price: better than the present one, and not reached."""
        sign = trade.rule.direction
        level = (
            market.signal(f"trail {trade.name}")
            if trade.trail is None
            else trade.trail.number(market.signal, reading)
        )
        close = market.signal(f"close {trade.rule.instrument}")
        if sign * (level - position.stop) > 0 and sign * (close - level) > 0 and level > 0:
            yield MoveStop(position.instrument, level, f"{trade.name}: trail ({trade.rule.trail})")

    def _add(
        self, plan: OpenPlan, market: MarketView, position: PositionView, reading: Reading
    ) -> Iterator[Intent]:
        """Yield the next tranche when it has rested and all its conditions hold."""
        trade, tranches = plan.trade, plan.trade.rule.tranches
        bought = approved_tranches([part.fraction for part in tranches], position.approved)
        if bought >= len(tranches):
            return
        tranche, judged = tranches[bought], trade.tranches[bought]
        rest = 0 if tranche.after is None else rows_of(tranche.after)
        if market.row - plan.asked_row < rest or not self._all_hold(trade, judged, market, reading):
            return
        plan.asked_row = market.row
        words = _listed(list(judged.rules)) or (f"{tranche.after} later" if rest else "at once")
        number = f"tranche {bought + 1} of {len(tranches)}"
        yield Add(trade.instrument, tranche.fraction, f"{trade.name}: {number}: {words}")

    def _all_hold(
        self, trade: TradePlan, judged: Judged, market: MarketView, reading: Reading
    ) -> bool:
        for name in judged.rules:
            if name in judged.prepared:
                if not self._holds(trade, name, market):
                    return False
                continue
            item = judged.of_plan[name]
            truth = item.term.truth(market.signal, reading)
            if not (truth is Truth.TRUE or (truth is Truth.UNKNOWN and item.passes)):
                return False
        return True


def _trailing(
    trade: TradePlan, market: MarketView, close: float, stop: float
) -> TrailingStop | None:
    """Return the terms of a trade's trailing stop at an entry, None for a stop that stays."""
    rule = trade.rule.trailing_stop
    if rule is None:
        return None
    beyond = None if rule.beyond is None else market.signal(f"beyond {trade.name}")
    if rule.beyond_r is not None:
        beyond = close + rule.beyond_r * (close - stop)
    if rule.percent is not None:
        return TrailingStop(fraction=rule.percent, beyond=beyond, moved=rule.moved)
    return TrailingStop(signal=f"distance {trade.name}", beyond=beyond, moved=rule.moved)


def approved_tranches(fractions: Sequence[float], approved: float) -> int:
    """Return how many tranches an approved share of the plan covers.

    >>> approved_tranches([0.34, 0.33, 0.33], 0.34 + 0.33)
    2
    """
    count, total = 0, 0.0
    for fraction in fractions:
        total += fraction
        if total > approved + _ROUNDING:
            break
        count += 1
    return count


def _listed(names: list[str]) -> str:
    """Return names as a list in words.

    >>> _listed(["calm", "breakout"])
    'calm and breakout'
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
