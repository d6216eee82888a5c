"""The file of a rule set: bound names, named values, trades or weights, as checked models."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from engine.api import Duration, MarketStateConfig, PlaybookParams
from strategies.rules.field_types import (
    BARS_NAME,
    Value,
    checked_names,
    read_states,
)
from strategies.rules.flush_settings import FlushSettings
from strategies.rules.rule_models import RebalanceRule, StateRule, TradeRule
from strategies.rules.written_order import WrittenOrder, completed_order, in_order

Switch = Literal["at_once", "weekly", "monthly", "quarterly", "yearly", "month_end"]


class RulesParams(PlaybookParams):
    """A rule set: instruments and series by short names, and trades or weights over them."""

    # The first entry that passes wins, and the first condition that fails is named, so the order
    # of the file is part of the rules; ``written_order`` stores it.
    shown_as_written = frozenset({"trades", "weights"})

    instruments: Annotated[
        Mapping[str, str],
        BeforeValidator(checked_names("instruments", bars=True)),
    ] = Field(
        min_length=1,
        description="Instrument and its bars by short name, e.g. btc: BTCUSDT-PERP@1h, "
        "spy: SPY@session",
    )
    series: Annotated[Mapping[str, str], BeforeValidator(checked_names("series"))] = Field(
        default_factory=dict, description="Series by short name, e.g. vix: VIX"
    )
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
    let: Annotated[Mapping[str, Value], BeforeValidator(checked_names("let"))] = Field(
        default_factory=dict,
        description="Named values: numbers, lengths or expressions; they may use each other",
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
