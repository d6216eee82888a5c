"""All that a playbook may import from us."""

from data_feeds.calendar import (
    ALWAYS_OPEN,
    session_bounds,
    sessions_between,
    sessions_left_in_month,
)
from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS, parse_duration, utc_days, utc_index
from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.options.contract import PutSpread, SpreadRule
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.timeframe import Timeframe
from data_feeds.units import units_of
from engine import signals
from engine.bracket_plan import BracketPlan
from engine.compiled_function import compiled, compiled_without_checks
from engine.conditions import (
    NOT_SO,
    Condition,
    Reason,
    Truth,
    condition,
    is_one_value,
    leave_out,
    name_problem,
    read_only,
    reason,
)
from engine.config.field_types import Duration, NameSet
from engine.config.market import MarketStateConfig
from engine.decision_terms import RiskTier
from engine.drawn_values import DrawnAs, DrawnValue
from engine.errors import (
    ConfigError,
    ParamProblem,
    ParamsError,
    PlaybookContractError,
    PlaybookError,
)
from engine.formatting import pointed
from engine.intents import (
    Add,
    Enter,
    Exit,
    Hedge,
    Intent,
    MoveStop,
    PutOff,
    Rebalance,
    Target,
    Transfer,
    WakeAt,
)
from engine.market_state import MarketState
from engine.playbook import Playbook, PlaybookParams, Requirements, Signals
from engine.records import Fill, OrderKind, OrderRole
from engine.rule_language import FunctionEntry, RuleLanguage, ValueEntry
from engine.signals.market.build import (
    history_days,
    market_state,
    session_state,
    state_channels,
)
from engine.trailing_stop import StopMoves, TrailingStop
from engine.views import AccountView, MarketView, PositionView

__all__ = [
    "ALWAYS_OPEN",
    "DAY_NS",
    "HOUR_NS",
    "MINUTE_NS",
    "NOT_SO",
    "AccountView",
    "Add",
    "BracketPlan",
    "Channel",
    "ChannelKey",
    "ChannelKind",
    "Condition",
    "ConfigError",
    "Dataset",
    "DrawnAs",
    "DrawnValue",
    "Duration",
    "Enter",
    "Exit",
    "Fill",
    "FunctionEntry",
    "Hedge",
    "Instrument",
    "InstrumentKind",
    "Intent",
    "MarketState",
    "MarketStateConfig",
    "MarketView",
    "MoveStop",
    "NameSet",
    "OrderKind",
    "OrderRole",
    "ParamProblem",
    "ParamsError",
    "Playbook",
    "PlaybookContractError",
    "PlaybookError",
    "PlaybookParams",
    "PositionView",
    "PutOff",
    "PutSpread",
    "Reason",
    "Rebalance",
    "Requirements",
    "RiskTier",
    "RuleLanguage",
    "Signals",
    "SpreadRule",
    "StopMoves",
    "Target",
    "Timeframe",
    "TrailingStop",
    "Transfer",
    "Truth",
    "ValueEntry",
    "WakeAt",
    "compiled",
    "compiled_without_checks",
    "condition",
    "history_days",
    "is_one_value",
    "leave_out",
    "market_state",
    "name_problem",
    "parse_duration",
    "pointed",
    "read_only",
    "reason",
    "session_bounds",
    "session_state",
    "sessions_between",
    "sessions_left_in_month",
    "signals",
    "state_channels",
    "units_of",
    "utc_days",
    "utc_index",
]
