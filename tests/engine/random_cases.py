"""Random runs on a coarse tick grid, and what happened in them, for the tests of the search.

Prices are whole numbers, so that bars meet stops, targets and liquidation prices exactly. The
playbook is a script drawn beforehand: what it does depends on its row and on the account alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np

from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS
from data_feeds.dataset import Dataset
from data_feeds.schema import Channel, ChannelKind
from data_feeds.trading_terms import MaintenanceBracket
from engine.api import (
    AccountView,
    Add,
    Enter,
    Exit,
    Fill,
    Intent,
    MarketView,
    MoveStop,
    OrderKind,
    Playbook,
    PlaybookParams,
    PositionView,
    Rebalance,
    Requirements,
    Signals,
    StopMoves,
    Target,
    TrailingStop,
    Transfer,
    WakeAt,
)
from engine.bt import SimulationInputs, simulate
from engine.config.models import (
    DailyLossConfig,
    DataConfig,
    DrawdownConfig,
    DrawdownRung,
    PlaybookConfig,
    RiskConfig,
    RunConfig,
    RunMode,
    WalletsConfig,
    WeeklyLossConfig,
)
from engine.config.venue import TERMS, VenueConfig
from engine.costs import RangeSlippage
from engine.records import SimulationOutcome
from tests.engine.random_markets import (
    BILL,
    ETF,
    START,
    WARMUP_DAYS,
    Style,
    last_close,
    random_market,
)

# At setting 4 and this rate a long is liquidated at exactly 0.8 of its entry (0.75 / 0.9375) and a
# short at exactly 20/17 (1.25 / 1.0625). Marks on multiples of these meet the price often.
EXACT_RATE = 0.0625
# A plan's first tranche by row; every later one is a quarter.
FIRST_TRANCHES = (1.0, 1.0, 0.25, 1.0, 0.5, 0.34, 1.0)
LATER_TRANCHE = 0.25
# The signal that a trailing stop may read: a distance in quote that changes from row to row, and
# is unknown or not positive at some.
WIDTH = "width"


@dataclass(frozen=True)
class RandomCase:
    """One random run; :meth:`run` may be called any number of times."""

    seed: int
    dataset: Dataset
    config: RunConfig
    requirements: Requirements
    signals: Signals
    script: "DrawnScript"

    def run(self, mode: RunMode) -> SimulationOutcome:
        """Simulate the case from scratch."""
        playbook = RandomPlaybook(
            PlaybookParams(), self.script, self.signals, self.requirements.traded
        )
        config = self.config.model_copy(update={"mode": mode})
        return simulate(
            SimulationInputs(config, self.dataset, playbook, self.signals, self.requirements)
        )


@dataclass(frozen=True)
class DrawnScript:
    """The acts of the playbook at each row, drawn beforehand; probabilities in [0, 1).

    ``crossed`` rows place limit and stop entries beyond the market; ``together`` enters every
    traded instrument at once. The stops of entries trail by ``trails``, in turn by row; their
    ``beyond`` is a distance from the entry.
    """

    which: np.ndarray
    draw: np.ndarray
    step: np.ndarray
    hours: np.ndarray
    kinds: tuple[OrderKind, ...]
    crossed: np.ndarray
    together: bool
    trails: tuple[TrailingStop | None, ...] = (None,)


class RandomPlaybook(Playbook[PlaybookParams]):
    """Plays a script; acts only at its wakes and at its own appointments."""

    name = "scripted"
    Params = PlaybookParams

    def __init__(
        self, params: PlaybookParams, script: DrawnScript, signals: Signals, traded: Sequence[str]
    ) -> None:
        super().__init__(params)
        self._script, self._signals, self._traded = script, signals, traded
        self._appointments: list[int] = []
        self._used: dict[int, float] = {}
        self._first_of: dict[str, float] = {}

    @classmethod
    def requirements(cls, params):
        raise NotImplementedError("a case brings its own")

    def prepare(self, data):
        raise NotImplementedError("a case brings its own")

    def on_bar(self, market: MarketView, account: AccountView) -> Sequence[Intent]:
        row = market.row
        met = [at for at in self._appointments if at <= market.now]
        self._appointments = [at for at in self._appointments if at > market.now]
        name = self._traded[int(self._script.which[row]) % len(self._traded)]
        if met:
            held = [Exit(each, "appointment") for each in sorted(account.positions)]
            if held:
                return held
        busy = bool(account.positions or account.pending)
        mask = self._signals.wake_in_position if busy else self._signals.wake_flat
        if mask is not None and not mask[row]:
            return ()
        sent = self._send(row, account)
        position = account.position(name)
        if position is not None:
            return [*self._manage(row, position, busy=name in account.pending), *sent]
        names = self._traded if self._script.together else (name,)
        entered = [
            intent
            for each in names
            if account.is_flat(each)
            for intent in self._enter(row, each, market)
        ]
        return [*sent, *entered]

    def _send(self, row: int, account: AccountView) -> list[Intent]:
        """Now and then send cash to the other wallet, in runs that have two."""
        script = self._script
        two = account.brokerage_cash + account.transit_cash > 0
        if not two or script.hours[row] % 3 != 1:
            return []
        share = 0.01 + float(script.draw[row]) / 5
        return [Transfer("brokerage" if script.which[row] else "venue", share, "script")]

    def on_fill(self, fill: Fill, account: AccountView) -> Sequence[Intent]:
        position = account.position(fill.instrument)
        chance = self._script.draw[fill.fill_id % len(self._script.draw)]
        if position is None:
            return ()
        if fill.role == "target":
            return (MoveStop(fill.instrument, position.average_entry, "breakeven"),)
        if fill.role == "entry" and chance < 0.15:
            at = fill.at + int(chance * 100) * HOUR_NS
            self._appointments.append(at)
            return (WakeAt(at),)
        if math.isnan(position.stop):
            return ()
        if fill.role == "entry" and chance < 0.8 and fill.instrument not in account.pending:
            return self._add(position)
        return (Exit(fill.instrument, "second thoughts"),) if chance > 0.97 else ()

    def _enter(self, row: int, name: str, market: MarketView) -> Sequence[Intent]:
        script, close = self._script, market.signal(name)
        if math.isnan(close):
            return ()
        draw, step = float(script.draw[row]), int(script.step[row])
        if name == ETF and draw > 0.7:
            return (Rebalance({ETF: draw - 0.3}, "script"),)
        direction = -1 if name != ETF and draw < 0.4 else 1
        kind = script.kinds[row % len(script.kinds)]
        price = None
        if kind is not OrderKind.MARKET:
            towards = direction if kind is OrderKind.STOP else -direction
            if script.crossed[row]:
                towards *= -2
            price = max(close + towards * (row % 4), 2.0)
        entry = close if price is None else price
        stop = max(entry - direction * step, 1.0)
        goals = [entry + direction * (1 + row % 5 + i * 3) for i in range(row % 3)]
        targets = tuple(Target(goal, 1 / len(goals)) for goal in goals if goal > 0)
        if len(targets) < len(goals):
            targets = ()
        # Two positions that enter together get the largest size that the wallet can pay.
        share = 1.0 if script.together else FIRST_TRANCHES[row % len(FIRST_TRANCHES)]
        self._first_of[name] = share
        intents: list[Intent] = [
            Enter(
                name,
                direction,
                stop,
                "script",
                targets=targets,
                kind=kind,
                price=price,
                fraction=share,
                trailing=self._trail(row, entry, direction),
            )
        ]
        if draw > 0.6:
            at = market.now + int(script.hours[row]) * HOUR_NS
            self._appointments.append(at)
            intents.append(WakeAt(at))
        return intents

    def _trail(self, row: int, entry: float, direction: int) -> TrailingStop | None:
        """Return the terms of a trailing stop for an entry at a price, None for a fixed stop."""
        terms = self._script.trails[row % len(self._script.trails)]
        if terms is None or terms.beyond is None:
            return terms
        return replace(terms, beyond=max(entry + direction * terms.beyond, 1.0))

    def _manage(self, row: int, position: PositionView, *, busy: bool) -> Sequence[Intent]:
        draw, side = float(self._script.draw[row]), 1 if position.quantity > 0 else -1
        if math.isnan(position.stop):
            return (Rebalance({position.instrument: max(draw - 0.15, 0.0)}, "script"),)
        if draw < 0.15:
            return (Exit(position.instrument, "script"),)
        if draw < 0.3:
            return (Exit(position.instrument, "script", 0.5),)
        if draw < 0.6:
            nearer = position.stop + side * (1 + row % 4)
            return (MoveStop(position.instrument, nearer, "script"),) if nearer > 0 else ()
        return self._add(position) if draw < 0.95 and not busy else ()

    def _add(self, position: PositionView) -> Sequence[Intent]:
        """Ask for one more tranche while the plan has a share left; refusals use it up."""
        used = self._used.setdefault(position.plan_id, self._first_of[position.instrument])
        if used + LATER_TRANCHE > 1 + 1e-9:
            return ()
        self._used[position.plan_id] = used + LATER_TRANCHE
        return (Add(position.instrument, LATER_TRANCHE, "script"),)


@lru_cache(maxsize=4_096)
def dense_outcome(seed: int) -> SimulationOutcome:
    """Return the oracle's outcome of a seed, simulated once a session."""
    return make_case(seed).run(RunMode.DENSE)


def make_case(seed: int) -> RandomCase:
    """Return the random case of a seed."""
    rng = np.random.default_rng(seed)
    style = Style(rng.choice(list(Style), p=[0.5, 0.35, 0.15]))
    channels, instruments, traded, clock = random_market(rng, style)
    bars = channels[clock]
    # Decisions may wait for a settled close, at instants at which no bar opens or closes.
    decided = bars["available_at"] + int(rng.choice([0, 0, 0, 7, 150])) * MINUTE_NS
    values = {name: last_close(channels, name, decided) for name in traded}
    # A stream of its own leaves the other draws as they are.
    apart = np.random.default_rng((seed, 16))
    widths = apart.choice([np.nan, 0.0, 1.0, 2.5, 4.0, 7.0], len(bars), p=[0.1, 0.1] + [0.2] * 4)
    values[WIDTH] = np.repeat(widths[::5], 5)[: len(bars)]
    # A pair keeps fixed stops: a nearer stop would close it before a liquidation of the wallet.
    may_trail = seed % 3 == 0 and style is not Style.PAIR
    trails = _trails(apart) if may_trail else (None,)
    signals = Signals(
        decided, values, wake_flat=_mask(rng, bars, style), wake_in_position=_mask(rng, bars, style)
    )
    end = max(int(c["closed_at"][-1]) for k, c in channels.items() if k.kind is ChannelKind.BARS)
    required = frozenset(k for k in channels if k.kind is ChannelKind.BARS)
    requirements = Requirements(clock, required, frozenset(channels) - required, traded, 0)
    return RandomCase(
        seed,
        Dataset(instruments, channels),
        _config(rng, START + WARMUP_DAYS * DAY_NS, end, bill=ETF in traded, style=style),
        requirements,
        signals,
        replace(_script(rng, len(bars), style), trails=trails),
    )


def _trails(rng: np.random.Generator) -> tuple[TrailingStop | None, ...]:
    """Return the terms of the trailing stops of one case; a fifth of its stops is fixed."""
    terms: list[TrailingStop | None] = [None, None]
    for _ in range(8):
        kind = rng.choice(["distance", "fraction", "signal"])
        distance = {
            "distance": float(rng.choice([1.0, 2.0, 3.5, 6.0])),
            "fraction": float(rng.choice([0.01, 0.03, 0.06])),
            "signal": WIDTH,
        }[kind]
        beyond = float(rng.choice([1.0, 3.0])) if rng.random() < 0.4 else None
        moved = StopMoves(str(rng.choice(list(StopMoves))))
        terms.append(TrailingStop(**{kind: distance}, beyond=beyond, moved=moved))
    return tuple(terms)


def _script(rng: np.random.Generator, rows: int, style: Style) -> DrawnScript:
    kinds = tuple(rng.choice(list(OrderKind), 5))
    # Stops may lie beyond the liquidation price.
    far = style is Style.EXACT or (style is Style.FREE and bool(rng.random() < 0.3))
    nearest, farthest = (30, 60) if far else (2, 6) if style is Style.PAIR else (1, 12)
    return DrawnScript(
        which=rng.integers(0, 2, rows),
        draw=rng.random(rows),
        step=rng.integers(nearest, farthest, rows),
        hours=rng.integers(0, 60, rows),
        kinds=tuple(OrderKind(kind) for kind in kinds),
        # A stream of its own leaves the other draws as they are.
        crossed=rng.spawn(1)[0].random(rows) < 0.2,
        together=style is Style.PAIR,
    )


def _mask(rng: np.random.Generator, bars: Channel, style: Style) -> np.ndarray | None:
    share = 0.03 if style is Style.PAIR else float(rng.choice([0.01, 0.03, 0.08]))
    return None if rng.random() < 0.03 else rng.random(len(bars)) < share


def _config(
    rng: np.random.Generator, start: int, end: int, *, bill: bool, style: Style
) -> RunConfig:
    exact, modes = style is Style.EXACT, ["isolated", "cross"]
    modes = modes[:1] if exact else modes[1:] if style is Style.PAIR else modes
    setting = {Style.EXACT: 4, Style.PAIR: 15}.get(style) or rng.choice([4, 8, 15, 0])
    smooth = exact or bool(rng.random() < 0.4)
    slippage = RangeSlippage(base_bps=0, range_share=0, impact=0)
    if not smooth:
        slippage = RangeSlippage(base_bps=float(rng.choice([0, 30])), range_share=0.1, impact=0.1)
    rates = (0.004, 0.01, 0.03) if style is Style.FREE else (EXACT_RATE,)
    return RunConfig(
        name="random",
        data=DataConfig(
            start=datetime.fromtimestamp(start // 10**9, tz=UTC),
            end=datetime.fromtimestamp(end // 10**9, tz=UTC),
        ),
        playbook=PlaybookConfig(name="scripted"),
        account=WalletsConfig(
            venue_cash=100_000.0,
            brokerage_cash=50_000.0 if bill else 0.0,
            margin_mode=str(rng.choice(modes)),
            leverage_setting=int(setting) or None,
            interest_series=BILL if bill else None,
            venue_interest_series=BILL if bill and rng.spawn(1)[0].random() < 0.5 else None,
            # A stream of its own leaves the other draws as they are.
            transfer_days=int(rng.spawn(1)[0].choice([0, 1, 1, 3])),
        ),
        venue=VenueConfig(
            general=TERMS,
            participation_cap=None if rng.random() < 0.3 else 0.1,
            limit_fill=str(rng.spawn(1)[0].choice(["through", "touch"])),
            slippage=slippage,
            maintenance=tuple(
                MaintenanceBracket(floor=i * 50_000.0, rate=rate) for i, rate in enumerate(rates)
            ),
        ),
        risk=_bold_risk() if style is Style.PAIR else _risk(rng),
    )


def _bold_risk() -> RiskConfig:
    """Return limits under which two positions can be liquidated before either reaches its stop."""
    return RiskConfig(
        risk_fraction=0.2,
        target_volatility=None,
        leverage_cap=None,
        notional_cap=2_000_000.0,
        participation_cap=None,
        liquidation_distance=None,
        daily_loss=None,
        drawdown=None,
        cool_down=None,
        max_trades_per_day=None,
    )


def _risk(rng: np.random.Generator) -> RiskConfig:
    daily = DailyLossConfig(
        limit=float(rng.choice([0.01, 0.04, 0.1])),
        scope=str(rng.choice(["flatten", "block_entries"])),
    )
    halt = float(rng.choice([0.04, 0.1, 0.25]))
    drawdown = DrawdownConfig(
        ladder=(DrawdownRung(drawdown=halt / 2, multiplier=0.5),),
        halt_at=halt,
        halt_days=[1, 2, 3, None][int(rng.integers(0, 4))],
    )
    # A stream of its own leaves the other draws as they are.
    (apart,) = rng.spawn(1)
    weekly = WeeklyLossConfig(
        limit=float(apart.choice([0.02, 0.06, 0.15])),
        scope=str(apart.choice(["flatten", "block_entries"])),
    )
    return RiskConfig(
        weekly_loss=weekly if apart.random() < 0.4 else None,
        risk_fraction=float(rng.choice([0.02, 0.1, 0.2])),
        target_volatility=None,
        leverage_cap=float(rng.choice([2.0, 3.5, 10.0])),
        participation_cap=None,
        liquidation_distance=None,
        daily_loss=daily if rng.random() < 0.6 else None,
        drawdown=drawdown if rng.random() < 0.5 else None,
        cool_down=str(rng.choice(["3h", "30h"])) if rng.random() < 0.5 else None,
        max_trades_per_day=int(rng.integers(1, 4)) if rng.random() < 0.4 else None,
    )
