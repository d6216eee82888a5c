"""One execution: its price, its fee, its margin, and its facts in the ledger."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.broker.book import Book, WorkingOrder
from engine.broker.order_size import OrderSizes
from engine.broker.timeline import InstrumentPath
from engine.config.models import MarginMode, RunConfig
from engine.config.venue import TradingCosts
from engine.contracts import Contract, contract_for
from engine.costs import FillConditions, round_against
from engine.costs.arithmetic import fee_of, fee_paid, fill_price, unit_cash, volume_room
from engine.costs.market_activity import MarketActivity, bar_volatility
from engine.fast_init import fast_init
from engine.ledger import Ledger
from engine.records import FactKind, Fill, FillStage, OrderRole


@fast_init
@dataclass(frozen=True, slots=True)
class FillMoment:
    """Holds the instant, bar and stage of an execution.

    Slippage and capacity use ``market``: range and volume are at an open those of the last
    completed bar, inside a bar its own. ``volatility`` is that of the bar itself, scaled to a day,
    for a fill inside a bar longer than an hour; else 0. ``half_spread`` (fraction of price) is the
    only slippage of an option.
    """

    at: int
    stage: FillStage
    bar_opened_at: int
    bar_closed_at: int
    market: FillConditions
    half_spread: float
    volatility: float


def fill_moment(path: InstrumentPath, t: int, row: int, stage: FillStage) -> FillMoment:
    """Return the moment of bar ``row``, which opens or closes at instant index ``t``."""
    bars = path.bars
    opened_at, closed_at, volatility = int(bars["opened_at"][row]), int(bars["closed_at"][row]), 0.0
    if stage is FillStage.OPEN:
        at = opened_at
        bar_range, volume = float(path.known_range[t]), float(path.known_volume[t])
    else:
        at = closed_at
        spread = float(bars["high"][row]) - float(bars["low"][row])
        bar_range = 0.0 if path.is_option else spread / float(bars["close"][row])
        volume = float(bars["volume"][row])
        # An option pays its half spread, and a worthless one has no range in logarithms.
        if not path.is_option:
            volatility = bar_volatility(bars, row, path.instrument.calendar)
    market = FillConditions(bar_range, volume)
    half_spread = float(path.half_spread[t])
    return FillMoment(at, stage, opened_at, closed_at, market, half_spread, volatility)


@fast_init
@dataclass(frozen=True, slots=True)
class FillTerms:
    """Holds the terms of one execution: unsigned base units, quote prices, fractions."""

    quantity: float
    raw: float
    price: float
    slippage: float
    rate: float
    maker: bool
    contract: Contract
    taken_over: bool = False

    @property
    def fee(self) -> float:
        """Return the fee due, settlement currency: notional at the price paid x rate."""
        return fee_of(self.contract.notional(self.quantity, self.price), self.rate)


class Execution:
    """Turns matched orders into fills and writes their trades and fees into the ledger."""

    def __init__(
        self,
        ledger: Ledger,
        config: RunConfig,
        book: Book,
        activity: Mapping[str, MarketActivity],
    ) -> None:
        self.fills: list[Fill] = []
        # By instrument: the open of its latest bar with fills, and the base units filled there.
        self._filled: dict[str, tuple[int, float]] = {}
        self._sizes = OrderSizes(book)
        self._activity = activity
        self._ledger = ledger
        self._venue = config.venue
        self._costs: dict[str, TradingCosts] = {}
        self._mode = config.account.margin_mode
        self._short_terms = config.account.short_sales

    def capacity(self, path: InstrumentPath, when: FillMoment) -> float:
        """Return the volume a bar can still fill, base units in whole lots; infinite without a cap.

        Inside the bar the cap is a share of its own volume, less the fills at its open.
        """
        cap = self._venue.participation_cap
        if cap is None or path.is_option:
            return float("inf")
        lot = path.instrument.lot_size
        return volume_room(cap, when.market.volume, self._filled_in(path, when), lot)

    def _filled_in(self, path: InstrumentPath, when: FillMoment) -> float:
        opened_at, quantity = self._filled.get(path.instrument.id, (when.bar_opened_at, 0.0))
        return quantity if opened_at == when.bar_opened_at else 0.0

    def taker_price(
        self,
        path: InstrumentPath,
        order: WorkingOrder,
        raw: float,
        quantity: float,
        when: FillMoment,
    ) -> tuple[float, float]:
        """Return (price, slippage fraction) of a fill that takes liquidity."""
        if path.is_option:
            fraction = when.half_spread
        else:
            fraction = self._costs_of(path).slippage.fraction(
                quantity,
                self._market(path, when),
                earlier=self._sizes.earlier(order, when.bar_opened_at),
                multiplier=order.request.slippage_multiplier,
            )
        side, tick = order.request.side, path.instrument.tick_size
        # Only the sale of an option may be priced at zero; every other price is a tick at least.
        least = 0.0 if path.is_option and side < 0 else tick
        return fill_price(raw, side, fraction, tick, least), fraction

    def _market(self, path: InstrumentPath, when: FillMoment) -> FillConditions:
        """Return the market of a fill with the activity known at its bar's open.

        Inside a bar of up to an hour no later hour is complete, so the cost does not depend on the
        length of the bar; a longer bar counts itself.
        """
        held = self._activity.get(path.instrument.id)
        if held is None:
            return when.market
        known = held.at(when.bar_opened_at, own_volatility=when.volatility)
        return replace(when.market, activity=known)

    def cost_per_unit(
        self, path: InstrumentPath, order: WorkingOrder, price: float, *, rate: float
    ) -> float:
        """Return the cash that a unit of an entry takes: margin or full price, and fee.

        A short sale takes its initial margin less its proceeds.
        """
        contract = contract_for(path.instrument, order.request.side, self._short_terms)
        share = contract.margin_share(order.request.leverage_setting)
        return unit_cash(contract.unit_notional(price), share, rate)

    def fee_rate(self, path: InstrumentPath, *, maker: bool) -> float:
        """Return the fee of a fill as a fraction of notional, 0 for an option."""
        if path.is_option:
            return 0.0
        costs = self._costs_of(path)
        return costs.maker_rate if maker else costs.taker_rate

    def _costs_of(self, path: InstrumentPath) -> TradingCosts:
        found = self._costs.get(path.instrument.id)
        if found is None:
            found = self._costs[path.instrument.id] = self._venue.costs_of(path.instrument)
        return found

    def fill(
        self,
        path: InstrumentPath,
        order: WorkingOrder,
        *,
        quantity: float,
        raw: float,
        when: FillMoment,
        rests: bool,
    ) -> Fill:
        """Execute ``quantity`` (unsigned) of an order at ``raw`` before slippage.

        ``rests`` is true for a limit order's fill: no slippage, and the maker's fee unless it
        crossed in the very instant of its decision.
        """
        filled = self._filled_in(path, when) + quantity
        self._filled[path.instrument.id] = (when.bar_opened_at, filled)
        maker = rests and not (when.stage is FillStage.OPEN and order.decided_at == when.at)
        rate = self.fee_rate(path, maker=maker)
        if rests:
            price = round_against(raw, order.request.side, path.instrument.tick_size)
            slippage = 0.0
        else:
            price, slippage = self.taker_price(path, order, raw, quantity, when)
            self._sizes.add(order, when.bar_opened_at, quantity)
        terms = FillTerms(quantity, raw, price, slippage, rate, maker, path.contract)
        return self._book(path, order, terms, when)

    def liquidate(
        self,
        path: InstrumentPath,
        order: WorkingOrder,
        *,
        quantity: float,
        raw: float,
        when: FillMoment,
    ) -> Fill:
        """Close a whole position for the venue, whatever the volume."""
        price, slippage = self.taker_price(path, order, raw, quantity, when)
        self._sizes.add(order, when.bar_opened_at, quantity)
        rate = self._costs_of(path).liquidation_fee_rate
        terms = FillTerms(quantity, raw, price, slippage, rate, False, path.contract)
        return self._book(path, order, terms, when)

    def take_over(
        self,
        path: InstrumentPath,
        order: WorkingOrder,
        *,
        quantity: float,
        price: float,
        when: FillMoment,
    ) -> Fill:
        """Hand a whole position to the venue at its bankruptcy price, whatever the mark.

        The price is no trade in the market: it has no tick and no slippage. The fee is a taker's.
        """
        rate = self._costs_of(path).taker_rate
        terms = FillTerms(quantity, price, price, 0.0, rate, False, path.contract, taken_over=True)
        return self._book(path, order, terms, when)

    def settle(
        self,
        path: InstrumentPath,
        order: WorkingOrder,
        *,
        quantity: float,
        value: float,
        when: FillMoment,
    ) -> Fill:
        """Close a position at the value of an expiry or a delisting, without fee or slippage."""
        terms = FillTerms(quantity, value, value, 0.0, 0.0, False, path.contract)
        return self._book(path, order, terms, when)

    def _book(
        self, path: InstrumentPath, order: WorkingOrder, terms: FillTerms, when: FillMoment
    ) -> Fill:
        """Write the trade and its fee into the ledger and return the fill."""
        request = order.request
        fill_id = len(self.fills) + 1
        position = self._ledger.positions[request.instrument]
        inferred = when.stage is FillStage.RANGE
        opens = position.quantity * request.side >= 0
        margined = terms.contract.is_margined
        isolated = margined and self._mode is MarginMode.ISOLATED
        behind = position.isolated_margin
        realized = self._ledger.trade(
            when.at,
            instrument=request.instrument,
            plan_id=request.plan_id,
            fill_id=fill_id,
            quantity=request.side * terms.quantity,
            price=terms.price,
            isolated_margin=terms.contract.initial_margin(
                terms.quantity, terms.price, request.leverage_setting
            )
            if isolated and opens
            else 0.0,
            loss_limit=self._mode if margined and not opens else None,
            inferred=inferred,
        )
        room = self._fee_room(order, terms, opens=opens, left=behind + realized)
        paid = self._charge(order, terms, fill_id, when.at, room)
        order.filled += terms.quantity
        fill = Fill(
            fill_id=fill_id,
            order_id=order.order_id,
            plan_id=request.plan_id,
            instrument=request.instrument,
            role=request.role.value,
            stage=when.stage.value,
            at=when.at,
            bar_opened_at=when.bar_opened_at,
            bar_closed_at=when.bar_closed_at,
            quantity=request.side * terms.quantity,
            price=terms.price,
            raw_price=terms.raw,
            slippage=terms.slippage,
            liquidity="maker" if terms.maker else "taker",
            fee_rate=terms.rate,
            fee=paid,
            realized=realized,
            position_after=position.quantity,
            average_entry_after=position.average_entry,
            isolated_margin_after=position.isolated_margin,
            inferred=inferred,
            reason=request.reason,
        )
        self.fills.append(fill)
        return fill

    def _fee_room(
        self, order: WorkingOrder, terms: FillTerms, *, opens: bool, left: float
    ) -> float:
        """Return the cash that can pay the fee of a fill; its trade is booked.

        The venue takes the fee of a liquidation from the rest of the margin (``left``; cross: from
        the wallet), every other fee of a closing fill from the free wallet. An entry was cut to the
        cash for its fee, and a broker's fee beyond the cash is owed: no bound.
        """
        if opens or not terms.contract.is_margined:
            return math.inf
        if order.request.role is not OrderRole.LIQUIDATION or terms.taken_over:
            return self._ledger.free_venue_cash()
        return left if self._mode is MarginMode.ISOLATED else self._ledger.venue_cash

    def _charge(
        self, order: WorkingOrder, terms: FillTerms, fill_id: int, at: int, room: float
    ) -> float:
        """Charge the fee up to ``room`` and record the rest as a loss of the venue."""
        request = order.request
        liquidation = request.role is OrderRole.LIQUIDATION
        due = terms.fee
        paid = fee_paid(due, room)
        self._ledger.fee(
            at,
            instrument=request.instrument,
            plan_id=request.plan_id,
            fill_id=fill_id,
            rate=terms.rate,
            amount=paid,
            kind=FactKind.LIQUIDATION_FEE if liquidation else FactKind.FEE,
        )
        if due > paid:
            self._ledger.venue_loss(at, request.instrument, request.plan_id, fill_id, due - paid)
        return paid
