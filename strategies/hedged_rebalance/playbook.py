"""The playbook: target weights from ladder and hedges, and the decisions to restore them."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from engine.api import (
    DAY_NS,
    AccountView,
    Dataset,
    Exit,
    Fill,
    Hedge,
    Instrument,
    Intent,
    MarketView,
    Playbook,
    PutOff,
    Rebalance,
    Requirements,
    Signals,
    Transfer,
    history_days,
    state_channels,
)
from strategies.hedged_rebalance.params import HedgedParams, ShortHedge
from strategies.hedged_rebalance.short_hedge import short_weight
from strategies.hedged_rebalance.signals import prepare_signals
from strategies.target_weights import (
    BOOK_RISK_DEFAULTS,
    PUT_OFF,
    left_band,
    priced_names,
    working_order_notes,
)

ARRIVED = "cash has arrived"
# History of instruments that are traded and feed no signal.
TRADED_WARMUP_NS = 40 * DAY_NS
# Calendar days of one session with holidays, so that a beta is known at the first decision.
SESSION_NS = 1.6 * DAY_NS


class HedgedRebalance(Playbook[HedgedParams]):
    """Hold weights; de-risk by drawdown, hedge by warning, add risk back in steps."""

    name = "hedged_rebalance"
    Params = HedgedParams
    risk_defaults: ClassVar = BOOK_RISK_DEFAULTS

    def __init__(self, params: HedgedParams) -> None:
        super().__init__(params)
        self._peak = 0.0
        self._multiplier = 1.0
        self._targets: dict[str, float] = {}
        self._asked_row = -1
        self._year = float("nan")
        self._year_start = 0.0
        self._paid = 0.0
        self._spent = 0.0
        self._contract = ""
        self._bought = ""
        self._awaited = False
        self._due = False
        self._joined: frozenset[str] | None = None
        self._short = 0.0

    @classmethod
    def requirements(cls, params: HedgedParams) -> Requirements:
        """Return every traded instrument's bars as required, the state's channels as optional."""
        keys = {params.key(name) for name in params.traded}
        required = {params.clock_key, *keys}
        puts = params.hedges.puts
        if puts is not None:
            required.add(puts.key)
        shorter = dict.fromkeys(required - {params.clock_key}, TRADED_WARMUP_NS)
        short = params.hedges.short
        if short is not None:
            needed = max(int((short.closes + 2) * SESSION_NS), TRADED_WARMUP_NS)
            measured = {params.key(name) for name in (short.instrument, *params.risk_assets)}
            shorter |= dict.fromkeys(measured - {params.clock_key}, needed)
        return Requirements(
            clock=params.clock_key,
            channels=frozenset(required),
            optional=state_channels(params.state) - required,
            traded=params.traded,
            warmup_bars=params.warmup_sessions,
            shorter_ns=shorter,
            memory_ns=history_days(params.state) * DAY_NS,
            options=() if puts is None else (puts.underlying,),
            late=frozenset(params.key(name) for name in params.weights) - {params.clock_key},
        )

    @classmethod
    def settle(cls, params: HedgedParams, instruments: Mapping[str, Instrument]) -> HedgedParams:
        """Return the parameters with hedges of the clock's own market where none are named."""
        return params.with_companions(instruments)

    def prepare(self, data: Dataset) -> Signals:
        """Return the signals; ``docs/playbooks/hedged_rebalance.md`` has every rule."""
        return prepare_signals(self.params, data)

    def on_bar(self, market: MarketView, account: AccountView) -> Sequence[Intent]:
        """Return the targets when they change, are due, or a weight leaves its band."""
        level = market.signal("hedge")
        self._count_hedge_cost(market, account)
        self._step_on_ladder(account.equity, level)
        overlays = self._overlays(market, level)
        targets = self._weights(overlays)
        due = market.signal("due") > 0
        self._due |= due
        reason = self._reason(market, account, targets)
        if account.working:
            return working_order_notes(account, self.params.rebalance) if due else ()
        intents = self._puts(market, account)
        sent = self._transfer(account, targets, is_quiet=not reason)
        intents += sent
        if reason:
            self._awaited = self._due = False
            self._targets, self._asked_row = targets, market.row
            self._joined = began = priced_names(market, self.params.weights)
            # Arrived cash buys the crypto weights that waited for it and changes no other weight.
            crypto = began & set(self.params.crypto_assets)
            weights = {n: targets[n] for n in sorted(crypto)} if reason == ARRIVED else targets
            intents.append(Rebalance(weights, reason, self.params.min_ticket, overlays))
        elif account.positions:
            intents += self._rests(market, self._outside(market, account, targets))
        # Weights that the venue could not pay for are bought when the cash arrives.
        self._awaited |= any(transfer.to == "venue" for transfer in sent)
        return intents

    def on_fill(self, fill: Fill, account: AccountView) -> Sequence[Intent]:
        """Add up the cash paid for hedges, net of sales."""
        if fill.instrument == self._contract and fill.quantity > 0:
            self._bought = fill.instrument
        if fill.instrument not in self.params.weights:
            self._paid += (fill.quantity * fill.price + fill.fee) * account.brokerage_rate
        return ()

    def _transfer(
        self, account: AccountView, targets: dict[str, float], *, is_quiet: bool
    ) -> list[Transfer]:
        """Return the transfer that brings the venue wallet to its crypto weights and cushion.

        Cash comes back on a session without a rebalancing, when sales have been paid for.
        """
        rule = self.params.wallets
        if rule is None or account.transit_cash != 0 or not account.equity > 0:
            return []
        crypto = self.params.crypto_assets
        held = sum(p.exposure for n, p in account.positions.items() if n in crypto)
        have = (account.venue_value + held) / account.equity
        wanted = sum(targets[name] for name in crypto)
        wanted += rule.cushion if wanted > 0 else 0.0
        off = wanted - have
        if abs(off) <= rule.band or (off < 0 and not is_quiet):
            return []
        if off > 0:
            return [Transfer("venue", off, "the venue lacks cash for its weights")]
        spare = min(-off, account.free_venue_value / account.equity)
        if spare <= rule.band:
            return []
        return [Transfer("brokerage", spare, "the venue holds more cash than its weights need")]

    def _puts(self, market: MarketView, account: AccountView) -> list[Intent]:
        """Return the sale of puts that are no longer wanted, and the purchase of wanted ones."""
        puts, wanted = self.params.hedges.puts, market.contract
        known = {*self.params.traded, wanted}
        level = market.signal("hedge")
        why = "puts are rolled" if wanted else "the hedge is off"
        intents: list[Intent] = [
            Exit(name, why) for name in sorted(account.positions) if name not in known
        ]
        if wanted != self._contract:
            self._contract, self._bought = wanted, ""
        if puts is None or not wanted or wanted == self._bought:
            return intents
        if market.signal("put_age") >= puts.tries:
            return intents
        left = self.params.hedges.yearly_budget * self._year_start - self._spent
        budget = min(puts.purchase_budget, left / account.equity) if account.equity > 0 else 0.0
        if budget > 0:
            intents.append(Hedge(wanted, puts.cover, budget, f"hedge {level:.0%}: put spread"))
        else:
            spent = f"hedges have cost {self._spent:,.2f} of {self._year_start:,.2f} this year"
            intents.append(PutOff(wanted, "yearly budget", spent, "hedge"))
        return intents

    def _step_on_ladder(self, equity: float, level: float) -> None:
        """Set the ladder's multiplier from the drawdown; restart the peak once risk is restored.

        The multiplier rises only without a hedge, and then to 1 with a new peak: a reduced book
        recovers too slowly to reach its old peak.
        """
        self._peak = max(self._peak, equity)
        fallen = [r for r in self.params.tolerance if equity <= self._peak * (1 - r.drawdown)]
        reached = fallen[-1].multiplier if fallen else 1.0
        if level == 0 and self._multiplier < 1 and reached >= self._multiplier:
            self._peak, self._multiplier = equity, 1.0
        else:
            self._multiplier = min(self._multiplier, reached)

    def _weights(self, overlays: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
        """Return the book's weights plus what each hedge adds; only the fund sold is below 0."""
        funds = self.params.hedges.funds
        targets = {**self.params.weights, **dict.fromkeys(funds.values(), 0.0)}
        for added in overlays.values():
            for name, weight in added.items():
                # A weight that is cut to zero may leave a floating-point residue.
                least = -1.0 if name == funds.get("short") else 0.0
                targets[name] = max(targets[name] + weight, least)
        return targets

    def _overlays(self, market: MarketView, level: float) -> dict[str, dict[str, float]]:
        """Return the changes of weights by ladder and hedges: cuts in turn, then the funds."""
        params, hedges = self.params, self.params.hedges
        left = dict(params.weights)
        cuts = (
            ("ladder", params.risk_assets, 1 - self._multiplier),
            ("cash", params.risk_assets, level * (hedges.cash or 0.0)),
            ("crypto", params.crypto_assets, level * (hedges.crypto or 0.0)),
        )
        overlays: dict[str, dict[str, float]] = {}
        for hedge, names, share in cuts:
            overlays[hedge] = {name: -share * left[name] for name in names}
            left.update({name: left[name] * (1 - share) for name in names})
        level = 0.0 if self._spent >= hedges.yearly_budget * self._year_start else level
        if hedges.inverse is not None:
            wanted, room = level * hedges.inverse.weight, 1 - sum(left.values())
            overlays["inverse"] = {hedges.inverse.instrument: min(wanted, max(room, 0.0))}
        if hedges.short is not None:
            self._set_short(hedges.short, market, level, left)
            overlays["short"] = {hedges.short.instrument: -self._short}
        return overlays

    def _set_short(
        self, hedge: ShortHedge, market: MarketView, level: float, left: Mapping[str, float]
    ) -> None:
        """Set the weight sold short: to and from 0 at once, else only outside its band."""
        betas = {name: market.signal(f"beta {name}") for name in self.params.risk_assets}
        wanted = level * short_weight(hedge, left, betas)
        is_off = abs(wanted - self._short) > hedge.band * self._short
        if 0.0 in (wanted, self._short) or is_off:
            self._short = wanted

    def _reason(self, market: MarketView, account: AccountView, targets: dict[str, float]) -> str:
        params, began = self.params, priced_names(market, self.params.weights)
        if not account.positions:
            return "first purchase" if began else ""
        if targets != self._targets:
            return self._changed(market, targets)
        if self._due:
            late = "" if market.signal("due") > 0 else PUT_OFF
            return f"{params.rebalance} rebalancing{late}"
        if self._joined is not None and began != self._joined:
            return f"{', '.join(sorted(began - self._joined))} begins"
        if self._awaited and account.transit_cash == 0 and began & set(params.crypto_assets):
            return ARRIVED
        return self._left_band(market, account, targets)

    def _left_band(
        self, market: MarketView, account: AccountView, targets: dict[str, float]
    ) -> str:
        """Return the weight outside its band in words, "" for none or during the band rest."""
        if market.row - self._asked_row < self.params.band_rest:
            return ""
        left = self._outside(market, account, targets)
        return f"band left: {left}" if left else ""

    def _rests(self, market: MarketView, left: str) -> list[PutOff]:
        """Return the note that a weight is outside its band during the rest after a restoration."""
        days = market.row - self._asked_row
        why = f"{left}; {days} of {self.params.band_rest} sessions since the last restoration"
        return [PutOff(left.split(" at ", maxsplit=1)[0], "band rest", why)] if left else []

    def _outside(self, market: MarketView, account: AccountView, targets: dict[str, float]) -> str:
        """Return the priced weight farthest outside its band, in words; "" when none is."""
        params = self.params
        unpriced = set(params.weights) - priced_names(market, params.weights)
        priced = {name: weight for name, weight in targets.items() if name not in unpriced}
        return left_band(
            account, priced, absolute=params.absolute_band, relative=params.relative_band
        )

    def _changed(self, market: MarketView, targets: dict[str, float]) -> str:
        risk = sum(targets[name] for name in self.params.risk_assets)
        short = f", short {self._short:.1%}" if self._short else ""
        return (
            f"hedge {market.signal('hedge'):.0%}, ladder {self._multiplier:.0%}: "
            f"risk weights {risk:.1%}{short}"
        )

    def _count_hedge_cost(self, market: MarketView, account: AccountView) -> None:
        """Set the loss of puts and funds since the year's first session."""
        worth = sum(
            position.exposure
            for name, position in account.positions.items()
            if name not in self.params.weights
        )
        year = market.signal("year")
        if year != self._year:
            self._year, self._year_start, self._paid = year, account.equity, worth
        self._spent = self._paid - worth
