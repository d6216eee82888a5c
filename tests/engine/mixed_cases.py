"""Random runs that hold every kind of contract at once, under every cost model.

A perp, linear or inverse by turns; a fund that is owned and sold short; put spreads on the fund.
Stops trail in two of three runs, in one of three the rates of the wallets' currencies move, and in
one of six the venue's wallet is in bitcoin beside equity in dollars.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from data_feeds.calendar import session_bounds, sessions_between
from data_feeds.clock import DAY_NS, MINUTE_NS
from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.load import load_dataset
from data_feeds.options.contract import PutSpread
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from engine.api import (
    AccountView,
    Hedge,
    Intent,
    MarketView,
    PlaybookParams,
    PositionView,
    Rebalance,
    Requirements,
    Signals,
)
from engine.bt import SimulationInputs, simulate
from engine.config.models import RunConfig, RunMode
from engine.config.short_sale_terms import ShortSaleTerms
from engine.costs import RangeSlippage, SquareRootSlippage
from engine.costs.slippage_models.fixed import FixedSlippage
from engine.decision_terms import GuardEventKind
from engine.records import FillStage, SimulationOutcome
from engine.results.contents import write_files
from engine.results.finished import RunRecord
from engine.run_data import with_listed
from engine.testing import series
from tests.engine.audit.simulated import ScriptedRun
from tests.engine.inverse_cases import with_inverse_perps
from tests.engine.random_cases import WIDTH, DrawnScript, RandomPlaybook
from tests.engine.random_cases import _config as random_config
from tests.engine.random_cases import _script as random_script
from tests.engine.random_cases import _trails as random_trails
from tests.engine.random_markets import (
    BILL,
    ETF,
    PERP,
    START,
    WARMUP_DAYS,
    Style,
    last_close,
)
from tests.engine.random_markets import _etf as random_fund
from tests.engine.random_markets import _instrument as random_instrument
from tests.engine.random_markets import _perp as random_perp
from tests.engine.random_rates import in_dollars, in_francs

VOLATILITY = "VXN"
DAYS = 30 + WARMUP_DAYS
COSTS = (
    RangeSlippage(base_bps=5.0, range_share=0.1, impact=0.1),
    SquareRootSlippage(),
    SquareRootSlippage(coefficient=0.5),
    FixedSlippage(),
)
LENT = ShortSaleTerms(
    rebate_series=BILL,
    initial_margin=1.6,
    maintenance_margin=1.5,
    borrow_fee_bps={ETF: 300.0},
)


@dataclass(frozen=True)
class MixedCase:
    """One random run; :meth:`inputs` gives fresh inputs for a mode."""

    seed: int
    dataset: Dataset
    config: RunConfig
    requirements: Requirements
    signals: Signals
    script: DrawnScript

    def inputs(self, mode: RunMode = RunMode.SPARSE) -> SimulationInputs:
        """Return the inputs of one simulation, with a playbook that has not decided yet."""
        config = self.config.model_copy(update={"mode": mode})
        data, listing = with_listed(config, self.dataset, self.requirements, self.signals)
        playbook = MixedPlaybook(
            PlaybookParams(), self.script, self.signals, self.requirements.traded
        )
        return SimulationInputs(config, data, playbook, self.signals, listing)

    def finished(self) -> ScriptedRun:
        """Simulate the case."""
        inputs = self.inputs()
        return ScriptedRun(
            inputs.config, inputs.dataset, inputs.playbook, inputs.requirements, self.signals,
            simulate(inputs), activity=inputs.activity,
        )  # fmt: skip

    def written(self, folder: Path) -> SimulationOutcome:
        """Simulate and write the run folder."""
        finished = self.finished()
        folder.mkdir(parents=True)
        write_files(RunRecord(finished), folder)
        return finished.outcome


class MixedPlaybook(RandomPlaybook):
    """Plays a script, sells the fund short, and hedges it with the spread of the row."""

    def on_bar(self, market: MarketView, account: AccountView) -> Sequence[Intent]:
        asked = list(super().on_bar(market, account))
        row, script = market.row, self._script
        contract = str(self._signals.contract[row])
        if asked and contract and script.hours[row] % 2 and account.is_flat(contract):
            asked.append(Hedge(contract, 0.1 + float(script.draw[row]) / 3, 0.05, "script"))
        return asked

    def _enter(self, row: int, name: str, market: MarketView) -> Sequence[Intent]:
        return [self._signed(row, intent) for intent in super()._enter(row, name, market)]

    def _manage(self, row: int, position: PositionView, *, busy: bool) -> Sequence[Intent]:
        return [self._signed(row, each) for each in super()._manage(row, position, busy=busy)]

    def _signed(self, row: int, intent: Intent) -> Intent:
        """Return a rebalancing with two of three of its weights sold short."""
        if not isinstance(intent, Rebalance) or self._script.step[row] % 3 == 0:
            return intent
        return replace(intent, weights={name: -share for name, share in intent.weights.items()})


def mixed_case(seed: int) -> MixedCase:
    """Return the random case of a seed."""
    rng = np.random.default_rng((seed, 7))
    channels = random_perp(rng, PERP, "1h", DAYS, exact=False) | random_fund(rng, DAYS)
    fund = channels[ChannelKey(ETF, ChannelKind.BARS, "1d")]
    index = _volatility(rng, fund)
    channels[index.key] = index
    clock = ChannelKey(PERP, ChannelKind.BARS, "1h")
    bars = channels[clock]
    decided = bars["available_at"] + int(rng.choice([0, 0, 7, 150])) * MINUTE_NS
    traded = (PERP, ETF) if seed % 2 else (ETF, PERP)
    values = {name: last_close(channels, name, decided) for name in traded}
    values[WIDTH] = np.repeat(rng.choice([np.nan, 0.0, 1.0, 2.5, 4.0], len(bars))[::5], 5)[
        : len(bars)
    ]
    wakes = [rng.random(len(bars)) < float(rng.choice([0.02, 0.05, 0.1])) for _ in range(2)]
    signals = Signals(
        decided,
        values,
        wake_flat=wakes[0],
        wake_in_position=wakes[1],
        contract=_spreads(decided, values[ETF], fund),
    )
    end = max(int(c["closed_at"][-1]) for k, c in channels.items() if k.kind is ChannelKind.BARS)
    config = random_config(rng, START + WARMUP_DAYS * DAY_NS, end, bill=True, style=Style.FREE)
    required = frozenset(key for key in channels if key.kind is ChannelKind.BARS)
    instruments = {key.instrument: _instrument(key.instrument) for key in channels}
    dataset = Dataset(instruments, channels)
    if seed % 4 > 1:
        dataset = with_inverse_perps(dataset, seed)
    script = random_script(rng, len(bars), Style.FREE)
    case = MixedCase(
        seed,
        load_dataset(dataset, (), 0, end, optional=tuple(channels)),
        _with_costs(config, seed),
        Requirements(clock, required, frozenset(channels) - required, traded, 0),
        signals,
        replace(script, trails=random_trails(rng) if seed % 3 else (None,)),
    )
    if seed % 6 == 1:
        return in_dollars(case)
    if seed % 3 < 2:
        return case
    return in_francs(case, brokerage="USDT" if seed % 2 else "USD")


def _with_costs(config: RunConfig, seed: int) -> RunConfig:
    """Return the config with a cost model in turn, and with shares that are lent."""
    account = config.account.model_copy(update={"short_sales": LENT, "brokerage_cash": 100_000.0})
    venue = config.venue.model_copy(update={"slippage": COSTS[seed // 4 % len(COSTS)]})
    return config.model_copy(update={"account": account, "venue": venue})


def _instrument(name: str) -> Instrument:
    if name == VOLATILITY:
        return Instrument(id=VOLATILITY, kind=InstrumentKind.SERIES)
    return random_instrument(name, Style.FREE)


def _volatility(rng: np.random.Generator, fund: Channel) -> Channel:
    """Return the index by session, known a quarter of an hour after the close."""
    first = fund["opened_at"][0].astype("datetime64[ns]").astype("datetime64[D]")
    last = fund["opened_at"][-1].astype("datetime64[ns]").astype("datetime64[D]")
    dates = sessions_between("XNYS", first - np.timedelta64(7, "D"), last)
    at = dates.astype("datetime64[ns]").astype(np.int64).tolist()
    levels = np.round(rng.uniform(15.0, 45.0, len(at)), 2).tolist()
    found = series(list(zip(at, levels, strict=True)), VOLATILITY)
    known = session_bounds("XNYS", dates)[1] + 15 * MINUTE_NS
    return Channel(found.key, {**found.columns, "available_at": known})


def _spreads(decided: np.ndarray, closes: np.ndarray, fund: Channel) -> np.ndarray:
    """Return the spread that each row may buy: a new one a week, of six sessions."""
    sessions = fund["closed_at"].astype("datetime64[ns]").astype("datetime64[D]")
    names: dict[int, str] = {}
    found = []
    for at, close in zip(decided.tolist(), closes.tolist(), strict=True):
        past = int(np.searchsorted(fund["closed_at"], at, side="right"))
        week = at // (7 * DAY_NS)
        if np.isnan(close) or past + 6 >= len(sessions):
            found.append("")
            continue
        if week not in names:
            spread = PutSpread(ETF, sessions[past + 6], np.ceil(close * 1.01), close // 1.15)
            names[week] = spread.id
        expiry = PutSpread.parse(names[week])
        found.append(names[week] if expiry is not None and at < expiry.expires_at else "")
    return np.array(found)


def is_flat(outcome: SimulationOutcome, at: int) -> bool:
    """Return whether nothing was held in the bar that closed at an instant."""
    held: dict[str, float] = {}
    for fill in outcome.fills:
        if fill.at > at or (fill.at == at and fill.stage == FillStage.OPEN):
            break
        if fill.at == at:
            return False
        held[fill.instrument] = fill.position_after
    return not any(held.values())


def kinds_of(case: MixedCase, outcome: SimulationOutcome) -> Mapping[str, int]:
    """Count what happened in a run, by kind of contract and by cost model."""
    model = case.config.venue.slippage.model
    perp = "inverse" if case.dataset.instruments[PERP].is_inverse else "linear"
    seen: dict[str, int] = {}

    def note(what: str, more: int = 1) -> None:
        seen[what] = seen.get(what, 0) + more

    for fill in outcome.fills:
        own = perp if fill.instrument == PERP else "fund" if fill.instrument == ETF else "option"
        note(f"{own} {fill.role}")
        note(f"fills under {model}")
        if own == "fund" and fill.position_after < 0:
            note("fund sold short")
    for fact in outcome.facts:
        note(f"{perp} {fact.kind}" if fact.kind == "funding" else str(fact.kind))
    note(
        "stops that trailed", sum(o.last_level != o.price for o in outcome.orders if o.trail_moved)
    )
    in_bitcoin = case.config.account.venue_currency == "BTC"
    for event in outcome.guard_events:
        note(f"{event.guard} {event.event}")
        if in_bitcoin and event.event == GuardEventKind.TRIPPED and is_flat(outcome, event.at):
            note(f"{event.guard} of a flat bitcoin wallet")
    held = {fill.instrument == PERP for fill in outcome.fills}
    note(f"fund beside a perp: {perp}", int(len(held) == 2))
    note("runs with rates that move", int(case.config.account.currency == "CHF"))
    return seen
