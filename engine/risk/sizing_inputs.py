"""Collect the inputs of one tranche's size from market, account and approved plans."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from data_feeds.clock import utc_text
from data_feeds.instrument import Instrument, InstrumentKind, Wallet
from engine.config.venue import VenueConfig
from engine.contracts import BorrowedShort, Contract, contract_for, contract_of, short_of
from engine.costs import NO_ACTIVITY, FillConditions
from engine.costs.market_activity import MarketActivity
from engine.decision_terms import Cap, RefusalRule
from engine.records import OrderKind
from engine.risk.account_limits import (
    NOTHING_FREED,
    AccountLimits,
    FreedNotional,
    SleeveExposure,
    net_notional,
)
from engine.risk.approved_plans import ApprovedPlan
from engine.risk.decisions import DecisionDraft
from engine.risk.plan_levels import BrokenRule
from engine.risk.sizing_bars import SizingBars
from engine.risk.sizing_request import (
    NOTHING_HELD,
    OWNED,
    EarlierTranches,
    SizingRequest,
    SizingRules,
    plan_costs,
)
from engine.views import AccountView


@dataclass(frozen=True, slots=True)
class TrancheRequest:
    """Hold the kind of order and the share of the plan that an intent asks for.

    ``reserve`` and ``crosses`` are fields of :class:`~engine.risk.plan_levels.PlanLevels`.
    """

    kind: OrderKind
    fraction: float
    slippage_multiplier: float
    held: EarlierTranches = NOTHING_HELD
    reserve: float = 0.0
    crosses: bool = False


class SizingInputs:
    """Make the sizing request of a tranche, or name the rule that forbids one.

    ``plans`` are the approved plans that are not finished, by instrument. ``limits`` are the caps
    of the account above a sleeve, None without one. ``delisted_at`` is the last close of each
    instrument whose trading ends inside the window.
    """

    def __init__(
        self,
        venue: VenueConfig,
        rules: Mapping[str, SizingRules],
        instruments: Mapping[str, Instrument],
        bars: Mapping[str, SizingBars],
        plans: Mapping[str, ApprovedPlan],
        *,
        limits: AccountLimits | None = None,
        activity: Mapping[str, MarketActivity] | None = None,
        delisted_at: Mapping[str, int] | None = None,
    ) -> None:
        self._limits = limits
        self._delisted_at = delisted_at or {}
        self._activity = activity or {}
        self._venue = venue
        self._costs = {name: venue.costs_of(item) for name, item in instruments.items()}
        self._rules = rules
        self._instruments = instruments
        self._bars = bars
        self._plans = plans
        # One entry asks several times for the row and the market of its instant.
        self._asked: tuple[str, int] | None = None
        self._row = -1
        self._market: FillConditions | None = None

    def _row_at(self, instrument: str, at: int) -> int:
        """Return the last row of an instrument's bars known at an instant, -1 for none."""
        if self._asked != (instrument, at):
            self._asked, self._market = (instrument, at), None
            self._row = self._bars[instrument].row_at(at)
        return self._row

    def close(self, instrument: str, at: int) -> float:
        """Return the last close known at an instant, NaN before the first bar."""
        row = self._row_at(instrument, at)
        return float(self._bars[instrument].close[row]) if row >= 0 else math.nan

    def slippage(self, instrument: str, at: int, multiplier: float) -> float:
        """Return a taker's slippage without impact at an instant, a fraction of price."""
        costs = self._costs[instrument]
        return costs.slippage.fraction(0.0, self.market(instrument, at), multiplier=multiplier)

    def market(self, instrument: str, at: int) -> FillConditions:
        """Return the market of a fill as it is known at an instant, with a bar's mean volume."""
        row = self._row_at(instrument, at)
        if self._market is None:
            bars, held = self._bars[instrument], self._activity.get(instrument)
            activity = NO_ACTIVITY if held is None else held.at(at)
            if row < 0:
                self._market = FillConditions(activity=activity)
            else:
                self._market = FillConditions(
                    float(bars.range_fraction[row]), float(bars.mean_volume[row]), activity
                )
        return self._market

    def unpriced(self, instrument: str, at: int) -> str | None:
        """Return the reason why a purchase cannot be priced yet, None where it can."""
        return self._costs[instrument].slippage.unpriced(self.market(instrument, at))

    def free_cash(self, wallet: Wallet, at: int, account: AccountView) -> float:
        """Return the cash of a wallet that no position or working order uses, in its currency."""
        at_venue = wallet is Wallet.VENUE
        free = account.free_venue_cash if at_venue else account.free_brokerage_cash
        return free - self._committed(wallet, at, account)[1]

    def ask(self, instrument: str, at: int) -> float:
        """Return an option's last price plus its half spread, NaN before the first bar."""
        bars = self._bars[instrument]
        row = bars.row_at(at)
        return float(bars.close[row] * (1 + bars.half_spread[row])) if row >= 0 else math.nan

    def participation(self, instrument: str, at: int) -> float:
        """Return the largest order under the participation cap, base units."""
        share = self._rules[instrument].risk.participation_cap
        bars = self._bars[instrument]
        if share is None:
            return math.inf
        row = bars.row_at(at)
        return share * float(bars.mean_volume[row]) if row >= 0 else 0.0

    def delisted(self, instrument: str, at: int) -> BrokenRule | None:
        """Return the rule that forbids a position in an instrument that no longer trades.

        Nothing is known of a delisting before the close of the last bar.
        """
        ended = self._delisted_at.get(instrument)
        if ended is None or at < ended:
            return None
        record = self._instruments[instrument].delisted
        words = "" if record is None else f" ({record.words})"
        why = f"its last bar closed {utc_text(ended)}{words}"
        return RefusalRule.DELISTED, why

    def no_short(self, draft: DecisionDraft) -> BrokenRule | None:
        """Return the rule that forbids a short position, with the reason; None for none."""
        instrument = self._instruments[draft.instrument]
        if draft.direction > 0 or instrument.is_margined:
            return None
        terms = self._rules[draft.instrument].account.short_sales
        if short_of(instrument, terms) is None:
            why = f"{instrument.kind} positions cannot be sold short"
            if instrument.kind is InstrumentKind.ETF:
                why = "the account borrows no shares; write account.short_sales"
            return RefusalRule.NO_SHORT, why
        assert terms is not None, "a short has terms"
        has_series = instrument.id in terms.borrow_fee_series
        if terms.fee_of(instrument, self._venue) is None and not has_series:
            return RefusalRule.NO_SHORT, (
                f"nobody states a borrow fee of {instrument.id}; write it under "
                "account.short_sales.borrow_fee_bps, or name its borrow_fee_series"
            )
        return None

    def unsizable(self, draft: DecisionDraft) -> BrokenRule | None:
        """Return the rule that keeps an entry from being sized, with the reason, None for none."""
        bars = self._bars[draft.instrument]
        risk = self._rules[draft.instrument].risk
        instrument, row = draft.instrument, self._row_at(draft.instrument, draft.at)
        forbidden = self.no_short(draft)
        if forbidden is not None:
            return forbidden
        if not draft.equity > 0:
            return RefusalRule.NO_EQUITY, f"equity is {draft.equity:,.2f}"
        if risk.target_volatility is not None and math.isnan(bars.realized_volatility[row]):
            return (
                RefusalRule.VOLATILITY_UNKNOWN,
                f"fewer than {risk.volatility_window} of bars are known",
            )
        uses_volume = (
            risk.participation_cap is not None or self._costs[instrument].slippage.reads_bar_volume
        )
        if uses_volume and not bars.mean_volume[row] > 0:
            return (
                RefusalRule.VOLUME_UNKNOWN,
                f"no volume is known over {risk.participation_window}",
            )
        unpriced = self.unpriced(instrument, draft.at)
        return None if unpriced is None else (RefusalRule.VOLUME_UNKNOWN, unpriced)

    def request(
        self, draft: DecisionDraft, tranche: TrancheRequest, account: AccountView
    ) -> SizingRequest:
        """Return the inputs of a tranche's size."""
        bars, instrument = self._bars[draft.instrument], self._instruments[draft.instrument]
        row = self._row_at(draft.instrument, draft.at)
        market = self.market(draft.instrument, draft.at)
        costs = plan_costs(
            self._costs[draft.instrument],
            tranche.kind,
            market=market,
            slippage_multiplier=tranche.slippage_multiplier,
            crosses=tranche.crosses,
        )
        committed, cash = self._committed(instrument.wallet, draft.at, account)
        held, rate = _held(account), account.rate_of(instrument.wallet)
        at_venue = instrument.wallet is Wallet.VENUE
        free = account.free_venue_cash if at_venue else account.free_brokerage_cash
        return SizingRequest(
            instrument=instrument,
            direction=draft.direction,
            entry=draft.entry,
            stop=draft.stop,
            costs=costs,
            account_rate=rate,
            close=float(bars.close[row]),
            equity=account.equity,
            gross_notional=account.gross_notional + sum(map(abs, committed.values())),
            net_notional=net_notional(held, committed, draft.direction),
            account_rooms=self.account_rooms(draft),
            crypto_notional=sum(
                abs(held.get(name, 0.0) + committed.get(name, 0.0))
                for name in sorted(held.keys() | committed.keys())
                if self._instruments[name].is_crypto
            ),
            free_cash=free - cash,
            collateral=self._collateral(draft, account, cash),
            realized_volatility=float(bars.realized_volatility[row]),
            mean_volume=market.volume,
            fraction=tranche.fraction,
            held=tranche.held,
            reserve=tranche.reserve,
            short_sales=self._rules[instrument.id].account.short_sales,
        )

    def account_rooms(
        self, draft: DecisionDraft, freed: FreedNotional = NOTHING_FREED
    ) -> Mapping[Cap, float]:
        """Return the unused part of each cap of the account above a sleeve, account currency.

        ``freed`` is the notional that sales of the same rebalancing give up.
        """
        if self._limits is None:
            return {}
        is_crypto = self._instruments[draft.instrument].is_crypto
        return self._limits.rooms(
            draft.instrument, draft.direction, is_crypto=is_crypto, freed=freed
        )

    def exposure(self, at: int, account: AccountView) -> SleeveExposure:
        """Return the account's equity, positions and working tranches as notionals."""
        committed = self._committed(Wallet.VENUE, at, account)[0]
        held = _held(account)
        names = held.keys() | committed.keys()
        return SleeveExposure(
            equity=account.equity,
            gross=account.gross_notional + sum(map(abs, committed.values())),
            held=held,
            working=committed,
            crypto=frozenset(name for name in names if self._instruments[name].is_crypto),
        )

    def _committed(
        self, wallet: Wallet, at: int, account: AccountView
    ) -> tuple[dict[str, float], float]:
        """Return the notional and the cash that working tranches may still take.

        The notional is signed, by instrument, at the entry estimate, in the account's currency; the
        cash is that of one wallet, in its own, at the price at which it was set aside.
        """
        notionals, cash = {}, 0.0
        for name, plan in sorted(self._plans.items()):
            if name not in account.pending and plan.approved_at != at:
                continue
            position = account.position(name)
            held = 0.0 if position is None else abs(position.quantity)
            rest = max(plan.quantity - held, 0.0)
            contract = self._contract(name, plan.direction)
            rate = account.rate_of(self._instruments[name].wallet)
            notionals[name] = plan.direction * contract.notional(rest, plan.entry) * rate
            if self._instruments[name].wallet is wallet:
                value = contract.notional(rest, plan.reserve) / max(plan.leverage_setting, 1)
                lent = isinstance(contract, BorrowedShort)
                cash += value * contract.margin_share(OWNED) if lent else value
        return notionals, cash

    def _contract(self, name: str, direction: int) -> Contract:
        """Return the contract that an entry of a direction opens."""
        terms = self._rules[name].account.short_sales
        return contract_for(self._instruments[name], direction, terms)

    def _collateral(self, draft: DecisionDraft, account: AccountView, committed: float) -> float:
        """Return the cash behind a position that can be liquidated, beside its own margin.

        It is in the currency of its wallet. Of a short: the brokerage's cash less ``committed``,
        the cash of working entries, and less the maintenance of the other shorts.
        """
        if not isinstance(self._contract(draft.instrument, draft.direction), BorrowedShort):
            return self._cross_collateral(account, draft.instrument)
        collateral = account.brokerage_cash - committed
        for name, position in sorted(account.positions.items()):
            other = short_of(self._instruments[name], self._rules[name].account.short_sales)
            if name != draft.instrument and position.quantity < 0 and other is not None:
                collateral -= other.cash_needed(position.quantity, position.mark)
        return collateral

    def _cross_collateral(self, account: AccountView, sized: str) -> float:
        """Return the venue wallet less losses and maintenance of the other perps, its currency."""
        collateral = account.venue_cash
        for name, position in sorted(account.positions.items()):
            contract = contract_of(self._instruments[name])
            if name != sized and contract.is_margined:
                collateral += min(position.unrealized / account.venue_rate, 0.0)
                collateral -= contract.maintenance(
                    position.quantity,
                    position.average_entry,
                    position.mark,
                    self._rules[name].margin,
                )
        return collateral


def _held(account: AccountView) -> dict[str, float]:
    """Return the signed notional of each position at its mark, in the account's currency."""
    return {
        name: math.copysign(held.notional, held.quantity)
        for name, held in sorted(account.positions.items())
    }
