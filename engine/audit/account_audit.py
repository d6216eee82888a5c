"""The audit of an account: every sleeve as a run, then the sum of the sleeves."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from data_feeds import clock
from data_feeds.calendar import zone_of
from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, HOUR_NS, SECOND_NS, local_datetime
from data_feeds.dataset import Dataset
from data_feeds.instrument import Wallet
from data_feeds.load import open_source
from engine.audit.audited_run import AuditedRun
from engine.audit.cash_and_equity import equity_at
from engine.audit.daily import check_daily
from engine.audit.findings import AuditReport, Finding, FindingRecorder, when
from engine.audit.metrics import check_metrics, measured_runs
from engine.audit.replay import FLAT, ReplayStep
from engine.audit.run_audit import audited, check_files, turnover
from engine.audit.working_entries import EntryOrder
from engine.config.account import AccountConfig
from engine.config.models import GuardScope, LossLimitConfig, WalletsConfig
from engine.decision_terms import ACCOUNT_CAPS, Cap, GuardEventKind, GuardName, IntentKind
from engine.equity_curve import EquityCurve
from engine.records import Decision, GuardEvent, OrderRole
from engine.run_folder.read import AccountFolder
from engine.run_folder.schema import MANIFEST_FILE, unreadable

EQUITY, GUARDS, CONFIG = "equity", "guards", "account"
NEW_YORK = ZoneInfo(clock.NEW_YORK)
NEW_YORK_SHIFT = 5 * HOUR_NS


@dataclass(frozen=True)
class GuardTrip:
    """A trip of a guard that the rules ask for, at a close; ``flattens``: it sells everything."""

    at: int
    guard: GuardName
    flattens: bool


def audit_account(folder: Path, source: Catalog | Dataset | None = None) -> AuditReport:
    """Return the findings in an account's folder: in each sleeve, and in the sum of the sleeves.

    Parameters
    ----------
    folder : a folder that ``riskoff account`` wrote
    source : the market data; None opens the source that the account's config names

    Raises
    ------
    ReportError : a file is missing or cannot be read
    DataError : the market data cannot be opened
    """
    files = AccountFolder(folder, sealed=False)
    config = files.config
    opened = open_source(config.data.source) if source is None else source
    runs = {name: audited(place, opened) for name, place in files.sleeves.items()}
    findings: list[Finding] = []
    checks: Counter[str] = Counter()
    for name, run in runs.items():
        report = run.recorder.report()
        checks.update(report.checks)
        findings += [
            Finding(f"{name}: {f.table}", f.row, f.rule, f.expected, f.found)
            for f in report.findings
        ]
    recorder = FindingRecorder(sum(turnover(run.files.fills, run.markets) for run in runs.values()))
    check_files(files, recorder)
    account = _SleeveSum(config, runs, recorder)
    account.check_split(_account_name(files))
    account.check_sum(files.curve)
    account.check_guards(files.guards)
    account.check_caps()
    measured = measured_runs(list(runs.values()), files.curve)
    check_daily(files.daily, measured.parts, measured.path, recorder)
    check_metrics(files.metrics, measured, recorder)
    joint = recorder.report()
    checks.update(joint.checks)
    return AuditReport((*findings, *joint.findings), dict(checks))


def _account_name(files: AccountFolder) -> str:
    """Return ``<name>-<account id>`` as the account's manifest has them."""
    try:
        return f"{files.manifest['name']}-{files.manifest['account_id']}"
    except KeyError as error:
        raise unreadable(files.folder / MANIFEST_FILE, f"no {error.args[0]}") from error


def _rate(run: AuditedRun, decision: Decision) -> float:
    """Return the account's currency per unit of that of a decision's instrument."""
    market = run.markets[decision.instrument]
    return run.values.of_instrument(market.instrument, decision.decided_at)


def _freed(cap: Cap, run: AuditedRun, purchase: Decision, crypto: set[str]) -> float:
    """Return the notional that a purchase's own rebalancing gives up in a cap.

    The net one is relative to the purchase: for a short sale, a cover gives room and a sold long
    takes it.
    """
    if cap is Cap.ACCOUNT_ASSET or purchase.intent != IntentKind.REBALANCE:
        return 0.0
    sold = {order.decision_id for order in run.files.orders if order.role == OrderRole.EXIT}
    return sum(
        run.markets[sale.instrument].rules.value(sale.quantity, sale.entry_estimate)
        * _rate(run, sale)
        * (purchase.direction * sale.direction if cap is Cap.ACCOUNT_NET else 1)
        for sale in run.files.decisions
        if sale.decided_at == purchase.decided_at
        and sale.intent == IntentKind.REBALANCE
        and sale.decision_id in sold
        and (cap is not Cap.ACCOUNT_CRYPTO or sale.instrument in crypto)
    )


def _terms(told: WalletsConfig, found: WalletsConfig) -> tuple[WalletsConfig, WalletsConfig]:
    """Return the accounts without cash; a currency that the account leaves open is the sleeve's.

    Cash is compared with the tolerance of amounts. The sleeve's own audit checks its currencies.
    """
    open_ = {
        name: getattr(found, name)
        for name in ("currency", "venue_currency", "brokerage_currency")
        if getattr(told, name) is None
    }
    cashless = {"venue_cash": 0.0, "brokerage_cash": 0.0}
    return told.model_copy(update={**open_, **cashless}), found.model_copy(update=cashless)


class _SleeveSum:
    """The sum of the sleeves, from the books that the audit derived for each."""

    def __init__(
        self, config: AccountConfig, runs: Mapping[str, AuditedRun], recorder: FindingRecorder
    ) -> None:
        self._config = config
        self._runs = runs
        self._recorder = recorder
        instants = [run.files.curve.at for run in runs.values()]
        self._at: NDArray[np.int64] = np.unique(np.concatenate(instants))
        self._equity = np.array([self._sum_at(at) for at in self._at.tolist()])

    def _sum_at(self, at: int) -> float:
        return sum(equity_at(run, at) for run in self._runs.values())

    def check_split(self, account: str) -> None:
        """Check that each sleeve ran with its share of the capital, its playbook and common terms.

        ``account`` is name and id in the account's manifest; every sleeve names it.
        """
        traded = {name: set(run.files.traded) for name, run in self._runs.items()}
        sharing = Counter(market for markets in traded.values() for market in markets)
        for name, sleeve in self._config.sleeves.items():
            line = self._recorder.line(CONFIG, name)
            config, cash = self._runs[name].files.config, self._config.capital * sleeve.share
            run = self._runs[name]
            rest = cash * (1 - sleeve.at_venue)
            for wallet, amount, held in (
                (Wallet.VENUE, cash * sleeve.at_venue, config.account.venue_cash),
                (Wallet.BROKERAGE, rest, config.account.brokerage_cash),
            ):
                value = held * run.values.of(wallet, run.files.start)
                line.amount(f"cash at the {wallet}", amount, value)
            rivals = max((sharing[market] for market in traded[name]), default=1)
            told = self._config.sleeve(name, rivals=rivals, account=account)
            for part in type(config).model_fields:
                expected, found = getattr(told, part), getattr(config, part)
                if part == "account":
                    expected, found = _terms(told.account, config.account)
                line.equal(f"{part} as in the account", expected, found)
        self._recorder.count("sleeves", len(self._runs))

    def check_sum(self, curve: EquityCurve) -> None:
        """Check that each close of a sleeve has one row: the sum of the sleeves' equity."""
        recorder = self._recorder
        if not np.array_equal(curve.at, self._at):
            recorder.line(EQUITY, "instants").equal(
                "one row at every close of a sleeve", len(self._at), len(curve.at)
            )
            return
        for at, expected, found in zip(
            self._at.tolist(), self._equity.tolist(), curve.equity.tolist(), strict=True
        ):
            recorder.line(EQUITY, f"row at {when(at)}").amount(
                "equity is the sum of the sleeves", expected, found
            )
        recorder.count("points of the account's curve", len(self._at))

    def check_guards(self, events: Sequence[GuardEvent]) -> None:
        """Check that the account's guards tripped where the sum asks for it, and sold."""
        recorder = self._recorder
        trips = list(self._trips())
        found = [
            (event.at, event.guard) for event in events if event.event == GuardEventKind.TRIPPED
        ]
        for at, guard in sorted({(trip.at, trip.guard) for trip in trips} ^ set(found)):
            line = recorder.line(GUARDS, f"{guard} at {when(at)}")
            line.equal("trips", (at, guard) not in found, (at, guard) in found)
        for event in events:
            line = recorder.line(GUARDS, f"{event.guard} {event.event} at {when(event.at)}")
            line.amount("equity at the event", self._sum_at(event.at), event.equity)
        for trip in trips:
            if trip.flattens:
                self._check_sold(trip)
        for event in events:
            if event.event == GuardEventKind.TRIPPED:
                self._check_blocked(event)
        recorder.count("guard events of the account", len(events))

    def _check_sold(self, trip: GuardTrip) -> None:
        for name, run in self._runs.items():
            ordered = {
                order.instrument
                for order in run.files.orders
                if order.role == OrderRole.GUARD and order.decided_at == trip.at
            }
            held = run.replay.through(trip.at, ReplayStep.RANGE).holdings
            for instrument, holding in held.items():
                if abs(holding.quantity) > FLAT and instrument not in ordered:
                    self._recorder.line(GUARDS, f"{trip.guard} at {when(trip.at)}").differs(
                        "sells everything",
                        expected=f"{name} sells {instrument}",
                        found="no order does",
                    )

    def _check_blocked(self, event: GuardEvent) -> None:
        until = event.until if event.until > 0 else math.inf
        for name, run in self._runs.items():
            for order in run.files.orders:
                if order.role == OrderRole.ENTRY and event.at <= order.decided_at < until:
                    self._recorder.line(f"{name}: orders", str(order.order_id)).differs(
                        f"no entry while the account's {event.guard} holds",
                        expected="none",
                        found=f"decided {when(order.decided_at)}",
                    )

    def check_caps(self) -> None:
        """Check that at each decision positions and entry are within the account's caps."""
        risk = self._config.risk
        caps = {
            Cap.ACCOUNT_LEVERAGE: risk.leverage_cap,
            Cap.ACCOUNT_NET: risk.net_cap,
            Cap.ACCOUNT_ASSET: risk.asset_cap,
            Cap.ACCOUNT_CRYPTO: risk.crypto_cap,
        }
        checked = 0
        for name, run in self._runs.items():
            for decision in run.files.decisions:
                if decision.quantity == 0 or not ACCOUNT_CAPS & {cap for cap, _ in decision.caps}:
                    continue
                checked += 1
                rules = run.markets[decision.instrument].rules
                value = rules.value(decision.quantity, decision.entry_estimate)
                added = value * _rate(run, decision)
                equity = self._sum_at(decision.decided_at)
                line = self._recorder.line(f"{name}: decisions", str(decision.decision_id))
                for cap, limit in caps.items():
                    held = self._held(cap, decision)
                    if limit is not None and held is not None:
                        freed = _freed(cap, run, decision, self._crypto)
                        held += self._working(cap, name, decision)
                        room = limit * equity - held + freed + self._recorder.amount_tolerance
                        if added > room:
                            line.near(f"room of the account's {cap.rule} cap", room, added, 0.0)
        self._recorder.count("entries under the account's caps", checked)

    @cached_property
    def _crypto(self) -> set[str]:
        """The names of the perps and spot assets of all sleeves."""
        return {
            name
            for run in self._runs.values()
            for name, market in run.markets.items()
            if market.instrument.is_crypto
        }

    def _held(self, cap: Cap, decision: Decision) -> float | None:
        """Return the held notional that counts in a cap; None: the cap does not apply.

        In the net cap the sign is relative to the decision: a position that it adds to is positive.
        """
        if cap is Cap.ACCOUNT_CRYPTO and decision.instrument not in self._crypto:
            return None
        counted = {
            Cap.ACCOUNT_ASSET: {decision.instrument},
            Cap.ACCOUNT_CRYPTO: self._crypto,
        }.get(cap)
        held = 0.0
        for run in self._runs.values():
            state = run.replay.through(decision.decided_at, ReplayStep.RANGE)
            for name in state.holdings if counted is None else counted & set(state.holdings):
                quantity = state.holding(name).quantity
                if abs(quantity) > FLAT:
                    market = run.markets[name]
                    value = market.rules.value(quantity, market.value_mark(decision.decided_at))
                    value *= run.values.of_instrument(market.instrument, decision.decided_at)
                    side = decision.direction if quantity > 0 else -decision.direction
                    held += side * value if cap is Cap.ACCOUNT_NET else value
        return held

    def _working(self, cap: Cap, sleeve: str, decision: Decision) -> float:
        """Return the notional of entries that still work, counted in a cap as positions are.

        Of entries decided at the same instant those before the decision count: those of earlier
        sleeves, and of its own sleeve those with a smaller number.
        """
        at, places = decision.decided_at, list(self._runs)
        this = (places.index(sleeve), decision.decision_id)
        total = 0.0
        for entry in self._entries:
            order, is_first = entry.order, (entry.place, entry.order.decision_id) < this
            if not entry.works(at) or (order.decided_at == at and not is_first):
                continue
            if cap is Cap.ACCOUNT_ASSET and order.instrument != decision.instrument:
                continue
            if cap is Cap.ACCOUNT_CRYPTO and order.instrument not in self._crypto:
                continue
            run = self._runs[places[entry.place]]
            market = run.markets[order.instrument]
            value = market.rules.value(entry.rest(at), entry.estimate)
            value *= run.values.of_instrument(market.instrument, at)
            # An entry of the other side may never fill: it gives no room in the net cap.
            if cap is not Cap.ACCOUNT_NET or order.side == decision.direction:
                total += value
        return total

    @cached_property
    def _entries(self) -> list[EntryOrder]:
        """The entry orders of all sleeves with their estimates and fills."""
        found = []
        for place, run in enumerate(self._runs.values()):
            estimates = {each.decision_id: each.entry_estimate for each in run.files.decisions}
            for order in run.files.orders:
                if order.role == OrderRole.ENTRY and order.decision_id in estimates:
                    fills = tuple(f for f in run.files.fills if f.order_id == order.order_id)
                    found.append(EntryOrder(place, order, estimates[order.decision_id], fills))
        return found

    def _trips(self) -> Iterator[GuardTrip]:
        """Yield every trip that the sum of the sleeves asks for, by time."""
        risk, capital = self._config.risk, self._config.capital
        days = (self._at - 1 - (NEW_YORK_SHIFT if self._has_ny_days() else 0)) // DAY_NS
        # 1970-01-01 was a Thursday.
        losses = [
            _LossWindow(GuardName.DAILY_LOSS, risk.daily_loss, days, capital),
            _LossWindow(GuardName.WEEKLY_LOSS, risk.weekly_loss, (days + 3) // 7, capital),
        ]
        peak, halted_until = capital, None
        for row, (at, equity) in enumerate(
            zip(self._at.tolist(), self._equity.tolist(), strict=True)
        ):
            peak = max(peak, equity)
            if halted_until is not None and at >= halted_until:
                peak, halted_until = equity, None
            for loss in losses:
                if loss.trips(equity):
                    yield GuardTrip(at, loss.guard, loss.flattens)
            drawdown = risk.drawdown
            if (
                drawdown is not None
                and halted_until is None
                and equity <= peak * (1 - drawdown.halt_at)
            ):
                yield GuardTrip(at, GuardName.DRAWDOWN_HALT, flattens=True)
                halted_until = self._later(at, drawdown.halt_days)
            for loss in losses:
                loss.end(row, equity)

    def _has_ny_days(self) -> bool:
        return all(
            zone_of(market.instrument.calendar) == NEW_YORK.key
            for run in self._runs.values()
            for name, market in run.markets.items()
            if name in run.files.traded
        )

    def _later(self, at: int, days: int | None) -> float:
        if days is None:
            return math.inf
        if not self._has_ny_days():
            return at + days * DAY_NS
        local = local_datetime(at, NEW_YORK)
        return (local + timedelta(days=days)).timestamp() * SECOND_NS


class _LossWindow:
    """A loss limit over days or weeks, walked close by close."""

    def __init__(
        self,
        guard: GuardName,
        config: LossLimitConfig | None,
        periods: NDArray[np.int64],
        capital: float,
    ) -> None:
        self.guard = guard
        self._config = config
        # The last period of the data has no known end.
        self._ends = np.append(periods[1:] != periods[:-1], [False])
        self._reference = capital
        self._tripped = False

    @property
    def flattens(self) -> bool:
        """True when the trip sells everything."""
        return self._config is not None and self._config.scope is GuardScope.FLATTEN

    def trips(self, equity: float) -> bool:
        """Return whether the limit trips at a close, once in a period."""
        if self._config is None or self._tripped:
            return False
        self._tripped = equity <= self._reference * (1 - self._config.limit)
        return self._tripped

    def end(self, row: int, equity: float) -> None:
        """Begin the next period after the last close of one."""
        if self._ends[row]:
            self._reference, self._tripped = equity, False
