"""Candle tables: a market written by hand, a playbook that follows a script, and its fills.

For authors of playbooks and for this project's tests. A table has few rows, so that every number
can be worked out on paper:

    market = table(candles([(100, 101, 99, 100), (100, 112, 99, 110)]))
    outcome = play(market, {0: [Enter(PERP.id, 1, stop=95.0, reason="test")]})
    fill_lines(outcome)    # [(1.0, "entry", 10.0, 100.0)]

The script is keyed by the row of the clock's bars at whose close the intents are returned; a market
order of row 0 fills at the open of row 1. Unless a section says otherwise, there are no costs,
no cap binds but that of the notional, and no guard is on. As in a run, a limit fills inside a bar
that trades a tick beyond it; ``venue={"limit_fill": "touch"}`` fills it at a touch.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import datetime
from typing import Any, ClassVar

import numpy as np
from pydantic import ConfigDict, Field

from data_feeds.clock import HOUR_NS, SECOND_NS, utc_datetime
from data_feeds.dataset import Dataset
from data_feeds.gate.time_grid import on_grid
from data_feeds.instrument import Companions, Instrument, InstrumentKind
from data_feeds.options.contract import PutSpread
from data_feeds.schema import Channel, ChannelKey, ChannelKind, time_columns, validate
from data_feeds.timeframe import Timeframe
from data_feeds.trading_terms import MaintenanceBracket
from engine.account_currencies import DOLLARS
from engine.bt import SimulationInputs, simulate
from engine.causality import check_causality, prepare
from engine.config.models import (
    DataConfig,
    PlaybookConfig,
    RiskConfig,
    RunConfig,
    RunMode,
    WalletsConfig,
)
from engine.config.venue import VenueConfig
from engine.costs import RangeSlippage
from engine.errors import SimulationError
from engine.intents import Hedge, Intent
from engine.playbook import Playbook, PlaybookParams, Requirements, Signals
from engine.plugins import settled_params
from engine.records import Fill, SimulationOutcome
from engine.run_data import with_listed
from engine.views import AccountView, MarketView

# Monday 2026-02-02T00:00Z, the first open of a table.
START = 1_769_990_400 * SECOND_NS
DEFAULT_VOLUME = 1_000.0

PERP = Instrument(
    id="BTCUSDT-PERP",
    kind=InstrumentKind.PERP,
    venue="table",
    tick_size=0.1,
    lot_size=0.001,
    companions=Companions(spot="BTCUSDT-SPOT"),
)
SPOT = Instrument(
    id="BTCUSDT-SPOT", kind=InstrumentKind.SPOT, venue="table", tick_size=0.1, lot_size=0.001
)
ETF = Instrument(
    id="QQQ",
    kind=InstrumentKind.ETF,
    quote="USD",
    venue="table",
    calendar="XNYS",
    tick_size=0.01,
    lot_size=1.0,
)

Script = Mapping[int, Sequence[Intent]]


def hour(count: float) -> int:
    """Return the instant ``count`` hours after a table's first open (ns, UTC)."""
    return START + round(count * HOUR_NS)


def candles(
    rows: Sequence[Sequence[float]],
    *,
    instrument: str = PERP.id,
    timeframe: str = "1h",
    kind: ChannelKind = ChannelKind.BARS,
    opened_at: Sequence[int] | None = None,
    closed_at: Sequence[int] | None = None,
) -> Channel:
    """Return bars with rows of open, high, low, close and volume in base units (1,000 if absent).

    Bars follow each other from ``START``; sessions give ``opened_at`` and ``closed_at``. Marks have
    no volume.
    """
    step = Timeframe(timeframe).ns
    opened = [START + i * step for i in range(len(rows))] if opened_at is None else list(opened_at)
    closed = [at + step for at in opened] if closed_at is None else list(closed_at)
    columns: dict[str, Any] = {
        "opened_at": np.array(opened, np.int64),
        "closed_at": np.array(closed, np.int64),
        "available_at": np.array(closed, np.int64),
        "label": np.zeros(len(rows), np.int8),
    }
    prices = np.array([row[:4] for row in rows], np.float64).reshape(-1, 4)
    columns |= {name: prices[:, i] for i, name in enumerate(("open", "high", "low", "close"))}
    if kind is ChannelKind.BARS:
        volume = [row[4] if len(row) > 4 else DEFAULT_VOLUME for row in rows]
        columns["volume"] = np.array(volume, np.float64)
    return Channel(ChannelKey(instrument, kind, timeframe), columns)


def marks(rows: Sequence[Sequence[float]], **options: Any) -> Channel:
    """Return mark bars with rows of open, high, low, close; options as in :func:`candles`."""
    return candles(rows, kind=ChannelKind.MARK, **options)


def points(
    kind: ChannelKind, name: str, rows: Sequence[tuple[int, float]], *, column: str
) -> Channel:
    """Return timestamped values (instant, value), known at once: funding, dividends, a series."""
    at = np.array([row[0] for row in rows], np.int64)
    event, available = time_columns(kind)
    columns: dict[str, Any] = {
        event: at,
        available: at.copy(),
        column: np.array([row[1] for row in rows], np.float64),
        "label": np.zeros(len(rows), np.int8),
    }
    return Channel(ChannelKey(name, kind), columns)


def funding(rows: Sequence[tuple[int, float]], instrument: str = PERP.id) -> Channel:
    """Return funding records: (instant, fraction of notional; positive: longs pay)."""
    return points(ChannelKind.FUNDING, instrument, rows, column="rate")


def dividends(rows: Sequence[tuple[int, float]], instrument: str = ETF.id) -> Channel:
    """Return dividends: (instant of the ex-date's open, quote per share)."""
    return points(ChannelKind.DIVIDENDS, instrument, rows, column="amount")


def series(rows: Sequence[tuple[int, float]], name: str) -> Channel:
    """Return a macro series: (instant of publication, value in the series' unit)."""
    return points(ChannelKind.SERIES, name, rows, column="value")


def table(*channels: Channel, instruments: Sequence[Instrument] = (PERP, SPOT, ETF)) -> Dataset:
    """Return a dataset of the channels that passed the gate, with their instruments.

    Bars of an exchange trade as written, also outside its sessions; a run drops such bars when it
    loads its data.

    Raises
    ------
    SchemaError : a row breaks its kind's rules, e.g. a high below the close.
    """
    passed = [on_grid(channel)[0] for channel in channels]
    named = {channel.key.instrument for channel in passed}
    known = {item.id: item for item in instruments if item.id in named}
    for name in sorted(named - set(known)):
        known[name] = Instrument(id=name, kind=InstrumentKind.SERIES)
    for channel in passed:
        validate(channel)
    return Dataset(known, {channel.key: channel for channel in passed})


class ScriptParams(PlaybookParams):
    """Holds the channels that a script runs on."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, arbitrary_types_allowed=True
    )

    clock: ChannelKey = Field(description="bars whose closes are the decision rows")
    channels: frozenset[ChannelKey] = Field(description="everything in the table")
    traded: tuple[str, ...] = Field(description="instruments that intents may name")


class ScriptedPlaybook(Playbook[ScriptParams]):
    """Returns the intents that a script holds for a row, and those for the n-th fill."""

    name: ClassVar[str] = "scripted"
    Params: ClassVar[type[PlaybookParams]] = ScriptParams

    def __init__(
        self,
        params: ScriptParams,
        script: Script,
        after_fill: Script,
        signals: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        super().__init__(params)
        self._script = script
        self._after_fill = after_fill
        self._signals = signals or {}

    @classmethod
    def requirements(cls, params: ScriptParams) -> Requirements:
        """Require every channel of the table; no warm-up."""
        return Requirements(params.clock, params.channels, frozenset(), params.traded, 0)

    def prepare(self, data: Dataset) -> Signals:
        """Return a decision row for every bar of the clock, and the contracts of its hedges."""
        decided_at = data.channels[self.params.clock]["closed_at"]
        hedges = [
            (row, intent.instrument)
            for row, intents in self._script.items()
            for intent in intents
            if isinstance(intent, Hedge) and PutSpread.parse(intent.instrument) is not None
        ]
        contract = np.full(len(decided_at), "", dtype=np.dtype("U64"))
        for row, name in hedges:
            contract[row : row + 1] = name
        values = {
            name: np.array(rows[: len(decided_at)], np.float64)
            for name, rows in self._signals.items()
        }
        return Signals(decided_at, values, contract=contract if hedges else None)

    def on_bar(self, market: MarketView, account: AccountView) -> Sequence[Intent]:
        """Return the row's intents."""
        return self._script.get(market.row, ())

    def on_fill(self, fill: Fill, account: AccountView) -> Sequence[Intent]:
        """Return the intents that follow this fill, by its number from 1."""
        return self._after_fill.get(fill.fill_id, ())


def table_config(
    market: Dataset,
    *,
    notional: float | None = 1_000.0,
    account: Mapping[str, Any] | None = None,
    venue: Mapping[str, Any] | None = None,
    risk: Mapping[str, Any] | None = None,
    mode: RunMode = RunMode.SPARSE,
) -> RunConfig:
    """Return a free market: no costs, one maintenance rate of 0.4%, leverage setting 10, no guards.

    Dollars and dollar stablecoins of one table are at par. ``notional`` is the size of an entry at
    the last close (quote). Each section overrides fields of the configuration model of that name.
    """
    bars = [c for c in market.channels.values() if c.key.kind is ChannelKind.BARS]
    start = min(int(channel["opened_at"][0]) for channel in bars)
    end = max(int(channel["closed_at"][-1]) for channel in bars)
    free_venue: dict[str, Any] = {
        "maker_fee_bps": 0.0,
        "taker_fee_bps": 0.0,
        "commission_bps": 0.0,
        "liquidation_fee_bps": 0.0,
        "participation_cap": None,
        "slippage": RangeSlippage(base_bps=0.0, range_share=0.0, impact=0.0),
        "maintenance": (MaintenanceBracket(floor=0.0, rate=0.004),),
    }
    open_risk: dict[str, Any] = {
        "risk_fraction": 0.2,
        "target_volatility": None,
        "leverage_cap": None,
        "notional_cap": notional,
        "participation_cap": None,
        "max_leverage_setting": 125,
        "liquidation_distance": None,
        "daily_loss": None,
        "drawdown": None,
        "cool_down": None,
        "max_trades_per_day": None,
    }
    return RunConfig(
        name="table",
        data=DataConfig(start=_utc(start), end=_utc(end)),
        playbook=PlaybookConfig(name=ScriptedPlaybook.name),
        account=WalletsConfig.model_validate(
            {"leverage_setting": 10, **_dollars_at_par(market), **(account or {})}
        ),
        venue=VenueConfig.model_validate({**free_venue, **(venue or {})}),
        risk=RiskConfig.model_validate({**open_risk, **(risk or {})}),
        mode=mode,
    )


def _dollars_at_par(market: Dataset) -> dict[str, Any]:
    """Return the lines on currencies of a table that trades in several kinds of dollars."""
    items = (market.instruments[key.instrument] for key in market.channels)
    quotes = {item.quote for item in items if item.is_tradable}
    if len(quotes) < 2 or not quotes <= DOLLARS:
        return {}
    return {"currency": "USD", "rates": {name: "par" for name in quotes if name != "USD"}}


def play(
    market: Dataset,
    script: Script,
    *,
    clock: ChannelKey | None = None,
    traded: Sequence[str] | None = None,
    after_fill: Script | None = None,
    signals: Mapping[str, Sequence[float]] | None = None,
    **sections: Any,
) -> SimulationOutcome:
    """Run a script through risk, broker and ledger, sparse and dense, and return the outcome.

    ``clock`` is the table's first bars by default, ``traded`` every tradable instrument with bars,
    ``signals`` are prepared values by name, one a row, e.g. the distance of a trailing stop;
    ``sections`` go to :func:`table_config`.

    Raises
    ------
    SimulationError : sparse and dense differ, which is always a bug of ours.
    """
    bars = [key for key in market.channels if key.kind is ChannelKind.BARS]
    tradable = [key.instrument for key in bars if market.instruments[key.instrument].is_tradable]
    params = ScriptParams(
        clock=bars[0] if clock is None else clock,
        channels=frozenset(market.channels),
        traded=tuple(dict.fromkeys(tradable)) if traded is None else tuple(traded),
    )
    outcomes = []
    for mode in (RunMode.SPARSE, RunMode.DENSE):
        playbook = ScriptedPlaybook(params, script, after_fill or {}, signals)
        outcomes.append(play_playbook(market, playbook, **{**sections, "mode": mode}))
    sparse, dense = outcomes
    for name in ("orders", "fills", "facts", "decisions", "guard_events", "trail_distances"):
        # Compared as text, because a NaN field equals nothing.
        if repr(getattr(sparse, name)) != repr(getattr(dense, name)):
            raise SimulationError(f"{name} differ between sparse and dense mode")
    if not np.array_equal(sparse.curve.equity, dense.curve.equity):
        raise SimulationError("equity differs between sparse and dense mode")
    return sparse


def play_playbook(market: Dataset, playbook: Playbook[Any], **sections: Any) -> SimulationOutcome:
    """Run any playbook once over a whole table, with the causality check of every run."""
    playbook = copy(playbook)
    playbook.params = settled_params(type(playbook), playbook.params, market.instruments)
    requirements = playbook.requirements(playbook.params)
    signals = prepare(playbook, market, requirements)
    config = table_config(market, **sections)
    market = market.in_force(config.data.start.date())
    traded, listing = with_listed(config, market, requirements, signals)
    outcome = simulate(SimulationInputs(config, traded, playbook, signals, listing))
    check_causality(playbook, market, requirements, signals, outcome)
    return outcome


def fill_lines(outcome: SimulationOutcome) -> list[tuple[float, str, float, float]]:
    """Return each fill as (hours after ``START``, role, signed quantity, price).

    A fill inside a bar carries the bar's close.
    """
    return [
        ((fill.at - START) / HOUR_NS, fill.role, fill.quantity, fill.price)
        for fill in outcome.fills
    ]


def amounts(outcome: SimulationOutcome, kind: str) -> list[float]:
    """Return the amounts of the ledger's facts of one kind, in order (quote, cash in positive)."""
    return [fact.amount for fact in outcome.facts if fact.kind == kind]


def _utc(at: int) -> datetime:
    return utc_datetime(at)
