"""The file of a rule set: bound names, named values, trades or weights, as checked models."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from engine.api import Duration, MarketStateConfig, PlaybookParams
from strategies.rules.field_types import (
    BARS_NAME,
    RESERVED,
    Value,
    checked_names,
    read_states,
)
from strategies.rules.flush_settings import FlushSettings
from strategies.rules.rule_models import ConditionRule, RebalanceRule, StateRule, TradeRule
from strategies.rules.written_order import WrittenOrder, completed_order, in_order

Switch = Literal["at_once", "weekly", "monthly", "quarterly", "yearly", "month_end"]


class RulesParams(PlaybookParams):
    """A rule set: instruments and series by short names, and trades or weights over them."""

    # The first entry that passes wins, and the first condition that fails is named, so the order
    # of the file is part of the rules; ``written_order`` stores it.
    shown_as_written = frozenset({"trades", "weights"})

    instruments: Annotated[
        Mapping[str, str],
        BeforeValidator(checked_names("instruments", refused=RESERVED, bars=True)),
    ] = Field(
        min_length=1,
        description="Instrument and its bars by short name, e.g. btc: BTCUSDT-PERP@1h, "
        "spy: SPY@session",
    )
    series: Annotated[
        Mapping[str, str], BeforeValidator(checked_names("series", refused=RESERVED))
    ] = Field(default_factory=dict, description="Series by short name, e.g. vix: VIX")
    clock: str = Field(
        pattern=BARS_NAME,
        description="Bars whose closes are the decision rows: btc@1h, spy@session, or a short name",
    )
    decide_at: str = Field(
        "18:30",
        pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
        description="New York time of the decisions of a session clock",
    )
    max_age: Mapping[str, Duration] = Field(
        default_factory=dict,
        description="Age beyond which a value is unknown where the default does not fit, e.g. "
        "vix: 10d, btc.open_interest: 2h",
    )
    companions: Mapping[str, str] = Field(
        default_factory=dict,
        description="Spot market of each perp whose basis is read; filled in from its record",
    )
    flush: FlushSettings = Field(
        default_factory=FlushSettings, description="Flush detector behind flush.*"
    )
    state: MarketStateConfig = Field(
        default_factory=MarketStateConfig, description="Thresholds of the market state, state.*"
    )
    let: Annotated[Mapping[str, Value], BeforeValidator(checked_names("let", refused=RESERVED))] = (
        Field(
            default_factory=dict,
            description="Named values: numbers, lengths or expressions; they may use each other",
        )
    )
    trades: Annotated[Mapping[str, TradeRule], BeforeValidator(checked_names("trades"))] = Field(
        default_factory=dict,
        description="Trades by name; of those that may enter an instrument the first one does",
    )
    weights: Annotated[Mapping[str, StateRule], BeforeValidator(read_states)] = Field(
        default_factory=dict,
        description="States by name; the weights of the first true one are held",
    )
    switch: Switch = Field(
        "at_once", description="Rows at which the states are judged: every one, or by calendar"
    )
    rebalance: RebalanceRule = Field(
        default_factory=RebalanceRule, description="When weights are restored between two states"
    )
    written_order: WrittenOrder = Field(
        default_factory=dict,
        description="Order of trades, states and conditions in the file; filled in, leave it out",
    )

    @model_validator(mode="after")
    def _keep_order(self) -> Self:
        """Put every mapping into the written order, so that all readers iterate in it."""
        order = completed_order(self.written_order, self._order_found())
        for name, trade in self.trades.items():
            in_order(trade, "enter", order.get(f"trades.{name}.enter", ()))
            in_order(trade, "exit", order.get(f"trades.{name}.exit", ()))
            for i, tranche in enumerate(trade.tranches):
                in_order(tranche, "when", order.get(f"trades.{name}.tranches.{i}.when", ()))
        for name, state in self.weights.items():
            in_order(state, "when", order.get(f"weights.{name}.when", ()))
        in_order(self, "trades", order.get("trades", ()))
        in_order(self, "weights", order.get("weights", ()))
        self.__dict__["written_order"] = order
        return self

    @model_validator(mode="after")
    def _binds_each_name_once(self) -> Self:
        owner: dict[str, str] = {}
        for block, names in (
            ("instruments", self.instruments),
            ("series", self.series),
            ("let", self.let),
        ):
            for name in names:
                if name in owner:
                    raise ValueError(
                        f"{name} is bound in {owner[name]} and in {block}; rename one of them"
                    )
                owner[name] = block
        return self

    @model_validator(mode="after")
    def _has_rules(self) -> Self:
        if bool(self.trades) == bool(self.weights):
            raise ValueError("write either trades or weights, and exactly one of them")
        fields = self.model_fields_set
        for name in ("switch", "rebalance"):
            if self.trades and name in fields and getattr(self, name) != _DEFAULTS[name]:
                raise ValueError(f"{name} belongs to weights; this file has trades: drop {name}")
        return self

    @model_validator(mode="after")
    def _names_known_instruments(self) -> Self:
        named = [("clock", self.clock_name)]
        named += [(f"trades.{name}.instrument", t.instrument) for name, t in self.trades.items()]
        for state, rule in self.weights.items():
            named += [(f"weights.{state}.hold", name) for name in rule.hold]
        for where, name in named:
            if name not in self.instruments:
                raise ValueError(
                    f"{where}: {name} is no name of instruments; known: "
                    f"{', '.join(self.instruments)}"
                )
        return self

    @model_validator(mode="after")
    def _weighs_each_instrument_once(self) -> Self:
        owner: dict[str, str] = {}
        for name in sorted({name for rule in self.weights.values() for name in rule.hold}):
            bound = self.instrument_id(name)
            if bound in owner:
                raise ValueError(
                    f"weights: {owner[bound]} and {name} both hold {bound}; use one name for it"
                )
            owner[bound] = name
        return self

    @model_validator(mode="after")
    def _ends_with_otherwise(self) -> Self:
        marked = [name for name, rule in self.weights.items() if rule.otherwise]
        if self.weights and marked != list(self.weights)[-1:]:
            raise ValueError(
                "weights: the last state, and no other, must say otherwise: true; it is held when "
                "no other state is true (hold: {} is cash). Marked: "
                + (", ".join(marked) or "none")
            )
        return self

    @model_validator(mode="after")
    def _counts_sessions_of_sessions(self) -> Self:
        waits = [(f"weights.{name}.leave_after", s.leave_after) for name, s in self.weights.items()]
        for name, trade in self.trades.items():
            parts = enumerate(trade.tranches)
            waits += [(f"trades.{name}.tranches.{i}.after", part.after) for i, part in parts]
        for where, text in waits:
            if text is not None and "session" in text and not self.has_session_clock:
                raise ValueError(
                    f"{where}: the rows of the clock {self.clock} are no sessions; write "
                    f"{text.replace('session', 'bar')}"
                )
        return self

    @model_validator(mode="after")
    def _names_each_condition_once(self) -> Self:
        for name, trade in self.trades.items():
            seen: dict[str, str] = {}
            parts = {"enter": trade.enter, "exit": trade.exit}
            parts |= {f"tranches.{i}.when": t.when for i, t in enumerate(trade.tranches)}
            for block, conditions in parts.items():
                for condition in _all_names(conditions):
                    if condition in seen:
                        raise ValueError(
                            f"trades.{name}: {condition} is a condition of {seen[condition]} and "
                            f"of {block}; each needs a name of its own"
                        )
                    seen[condition] = block
        return self

    @model_validator(mode="after")
    def _names_each_state_condition_once(self) -> Self:
        owner: dict[str, str] = {}
        for state, rule in self.weights.items():
            for name, condition in rule.when.items():
                full = self.state_condition(state, name)
                passes = "pass" in (rule.unknown, condition.unknown)
                for told in (full, f"{full}_known") if passes else (full,):
                    if told in owner:
                        raise ValueError(
                            f"weights: {told} is a condition of {owner[told]} and of {state}; "
                            "rename one of them"
                        )
                    owner[told] = state
        return self

    # -- reading ----------------------------------------------------------------------------------

    def _order_found(self) -> dict[str, tuple[str, ...]]:
        """Return the order in which this model holds trades, states and conditions."""
        found: dict[str, Mapping[str, object]] = {"trades": self.trades, "weights": self.weights}
        for name, trade in self.trades.items():
            found |= {f"trades.{name}.enter": trade.enter, f"trades.{name}.exit": trade.exit}
            for i, tranche in enumerate(trade.tranches):
                found[f"trades.{name}.tranches.{i}.when"] = tranche.when
        for name, state in self.weights.items():
            found[f"weights.{name}.when"] = state.when
        return {block: tuple(names) for block, names in found.items() if names}

    def trade_condition(self, trade: str, name: str) -> str:
        """Return the name of a trade's condition in signals, journal and ``ignore``."""
        return name if len(self.trades) == 1 else f"{trade}.{name}"

    @staticmethod
    def state_condition(state: str, name: str) -> str:
        """Return the name of a state's condition in signals, journal and ``ignore``."""
        return name if name == state else f"{state}.{name}"

    def instrument_id(self, name: str) -> str:
        """Return the instrument that a short name is bound to."""
        return self.instruments[name].partition("@")[0]

    @property
    def clock_name(self) -> str:
        """Return the short name of the clock's instrument."""
        return self.clock.partition("@")[0]

    @property
    def clock_timeframe(self) -> str:
        """Return the clock's timeframe as written: ``1h``, ``session``; "" where none is named."""
        own = self.clock.partition("@")[2]
        return own or self.instruments.get(self.clock_name, "").partition("@")[2]

    @property
    def has_session_clock(self) -> bool:
        """Return whether the decision rows are sessions of an exchange."""
        return self.clock_timeframe == "session"


_DEFAULTS = {"switch": "at_once", "rebalance": RebalanceRule()}


def _all_names(conditions: Mapping[str, ConditionRule]) -> list[str]:
    """Return the names that conditions take; where unknown passes, also that of the known one."""
    known = [f"{name}_known" for name, rule in conditions.items() if rule.unknown == "pass"]
    return [*conditions, *known]
