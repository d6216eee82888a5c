"""The playbook `rules`: trades, or weights by state, as a trader writes them in a config file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.api import (
    DAY_NS,
    AccountView,
    Channel,
    ChannelKey,
    Dataset,
    Instrument,
    Intent,
    MarketView,
    ParamProblem,
    ParamsError,
    Playbook,
    Requirements,
    Signals,
    signals,
    state_channels,
)
from strategies.rules.bindings import BoundRules
from strategies.rules.drawn import drawn_values
from strategies.rules.evaluate import Evaluator
from strategies.rules.field_types import rows_of
from strategies.rules.language import RulesLanguage, longest_ages, told_rules
from strategies.rules.memory import TermMemory, channel_memory_ns, memory_of
from strategies.rules.params import RulesParams
from strategies.rules.terms import Term
from strategies.rules.trade_decisions import TradeDecisions
from strategies.rules.trades import prepare_trades
from strategies.rules.weights import WeightDecisions, held_names, prepare_weights
from strategies.target_weights import BOOK_RISK_DEFAULTS

# Calendar days of a traded instrument's bars before the window, in addition to its windows.
_SPARE_DAYS = 10
# Longest time between two rows at which states are judged, days.
_DAYS_A_PERIOD = {
    "at_once": 0,
    "weekly": 8,
    "monthly": 32,
    "month_end": 32,
    "quarterly": 93,
    "yearly": 367,
}


class Rules(Playbook[RulesParams]):
    """Trade by named conditions, or hold weights by state, all written in the run's file.

    The first trade of the file that may enter an instrument wins; its plan is managed by its own
    trade alone. Of the states of weights the first true one is held.
    """

    name = "rules"
    Params = RulesParams
    language = RulesLanguage()

    def __init__(self, params: RulesParams) -> None:
        super().__init__(params)
        self._trades: TradeDecisions | None = None
        self._weights: WeightDecisions | None = None

    @classmethod
    def default_risk(cls, params: RulesParams) -> Mapping[str, Any]:
        """Return the risk defaults of a book for weights, none for trades, which have stops."""
        return BOOK_RISK_DEFAULTS if params.weights else cls.risk_defaults

    @classmethod
    def problems(cls, params: RulesParams) -> Sequence[ParamProblem]:
        """Return the problems of a file's names and expressions."""
        return BoundRules.of(params).problems()

    @classmethod
    def settle(cls, params: RulesParams, instruments: Mapping[str, Instrument]) -> RulesParams:
        """Return the parameters with the spot markets of the perps whose basis is read.

        Raises
        ------
        ParamsError : the records show wrong units, lengths or instruments.
        """
        rules = BoundRules.of(params, instruments)
        found = rules.problems()
        if found:
            raise ParamsError(found)
        companions = {**rules.companions(instruments), **params.companions}
        if companions == params.companions:
            return params
        return params.model_copy(update={"companions": companions})

    @classmethod
    def requirements(cls, params: RulesParams) -> Requirements:
        """Return the clock and the traded bars as required, all else that is read as optional."""
        rules = BoundRules.of(params)
        clock = rules.clock_key
        traded = held_names(params) if params.weights else _trade_names(params)
        bars = {name: rules.bars_key(name) for name in traded or (params.clock_name,)}
        required = frozenset({clock, *bars.values()})
        terms = tuple(rules.terms.values())
        memory = TermMemory(0, 0)
        for term in terms:
            memory = memory.and_of(memory_of(term, rules.names))
        return Requirements(
            clock=clock,
            channels=required,
            optional=_read(rules, terms) - required,
            traded=tuple(params.instrument_id(name) for name in bars),
            warmup_bars=warmup_rows(rules),
            shorter_ns=_shorter(rules, terms, required - {clock}),
            late=required - {clock} if params.weights else frozenset(),
            memory_ns=memory.memory_ns,
        )

    @classmethod
    def sentences(cls, params: RulesParams, instruments: Mapping[str, Instrument]) -> Sequence[str]:
        """Return the rules of a file in plain English."""
        return told_rules(params, instruments)

    @classmethod
    def longest_ages(
        cls, params: RulesParams, instruments: Mapping[str, Instrument]
    ) -> Mapping[ChannelKey, int]:
        """Return the age beyond which each channel that an expression names is unknown, ns."""
        return longest_ages(params, instruments)

    def prepare(self, data: Dataset) -> Signals:
        """Return conditions, levels and masks of every row; ``docs/rules.md`` has every rule."""
        rules = BoundRules.of(self.params, data.instruments)
        decided_at = decision_instants(self.params, data.channels[rules.clock_key])
        evaluator = Evaluator(data, rules.names, decided_at)
        if self.params.weights:
            made = prepare_weights(rules, evaluator, data, self.ignored)
        else:
            made = prepare_trades(rules, evaluator, self.ignored, warmup_rows(rules))
        terms = tuple(rules.terms.values())
        drawn, numbers = drawn_values(rules, evaluator)
        return replace(
            made,
            values={**made.values, **numbers},
            remarks=(*_absent(terms, data), *evaluator.remarks(terms)),
            drawn=(*made.drawn, *drawn),
        )

    def on_bar(self, market: MarketView, account: AccountView) -> Sequence[Intent]:
        """Return the intents of the trades, or of the weights, at this row."""
        if self.params.weights:
            if self._weights is None:
                self._weights = WeightDecisions(BoundRules.of(self.params))
            return self._weights.on_bar(market, account)
        if self._trades is None:
            self._trades = TradeDecisions(BoundRules.of(self.params))
        return self._trades.on_bar(market, account, self.ignored)


def decision_instants(params: RulesParams, bars: Channel) -> NDArray[np.int64]:
    """Return when each row of the clock is decided: in the evening of a session, else at the close.

    Of a bar that becomes known later than it closes, the later instant counts.
    """
    if params.has_session_clock:
        return signals.evenings(bars["closed_at"], params.decide_at)
    return bars["available_at"]


def warmup_rows(rules: BoundRules) -> int:
    """Return the rows of the clock before the window that its first row may depend on."""
    params = rules.params
    read = max(
        (memory_of(term, rules.names).clock_rows for term in rules.terms.values()), default=0
    )
    waits = [rows_of(state.leave_after) for state in params.weights.values() if state.leave_after]
    step = DAY_NS if params.has_session_clock else rules.names.clock_source.step_ns
    period = _DAYS_A_PERIOD[params.switch] * DAY_NS // step
    return read + max(waits, default=0) + period + 1


def _trade_names(params: RulesParams) -> tuple[str, ...]:
    return tuple(sorted({trade.instrument for trade in params.trades.values()}))


def _read(rules: BoundRules, terms: Sequence[Term]) -> frozenset[ChannelKey]:
    """Return every channel that the terms read."""
    keys = {key for term in terms for key in term.channels}
    keys |= {key for term in terms for part in term.parts() for key in part.helpers}
    if any(term.reads_state for term in terms):
        keys |= state_channels(rules.params.state)
    return frozenset(keys)


def _absent(terms: Sequence[Term], data: Dataset) -> list[str]:
    """Return a sentence for each channel that the rules read and the data do not hold."""
    keys = sorted({key for term in terms for key in term.channels})
    return [
        f"The data hold no {key}, so every condition that reads it is unknown."
        for key in keys
        if key not in data.channels
    ]


def _shorter(
    rules: BoundRules, terms: Sequence[Term], keys: frozenset[ChannelKey]
) -> dict[ChannelKey, int]:
    """Return the history of traded bars other than the clock's: that of their windows."""
    return {
        key: _SPARE_DAYS * DAY_NS
        + max((channel_memory_ns(term, rules.names, key) for term in terms), default=0)
        for key in keys
    }
