"""Hold the inputs of one tranche's size, and estimate its costs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from data_feeds.instrument import Instrument
from engine.config.models import RiskConfig, WalletsConfig
from engine.config.short_sale_terms import ShortSaleTerms
from engine.config.venue import TradingCosts
from engine.contracts import Contract, MarginTerms, contract_for
from engine.costs import FillConditions, SizedOrder, SlippageCurve
from engine.decision_terms import Cap
from engine.fast_init import fast_init
from engine.records import OrderKind

OWNED = 0  # leverage setting of what is paid in full


@dataclass(frozen=True, slots=True)
class PlanCosts:
    """Hold the expected costs of an entry and of its stop: fees as fractions, slippage by size.

    ``rests``: the entry is a limit order, which pays no slippage.
    """

    entry_fee: float
    exit_fee: float
    slippage: SlippageCurve
    rests: bool = False

    @property
    def entry_slippage(self) -> float:
        """Return the part of the entry's slippage that does not depend on size, a fraction."""
        return 0.0 if self.rests else self.slippage.fixed

    def sized_entry(self, unit_value: float, earlier: float = 0.0) -> tuple[SizedOrder, ...]:
        """Return the entry as an order of a slippage curve, none where it rests."""
        return () if self.rests else (SizedOrder(unit_value, earlier),)


@dataclass(frozen=True, slots=True)
class SizingRules:
    """Hold the configuration that sizing reads."""

    risk: RiskConfig
    account: WalletsConfig
    margin: MarginTerms


@dataclass(frozen=True, slots=True)
class EarlierTranches:
    """Hold a plan's position when a tranche is added: base units unsigned.

    ``planned`` is the whole plan as sized at its entry, before multipliers. ``ordered`` is the sum
    of its market and stop entries as they were approved.
    """

    quantity: float = 0.0
    average_entry: float = 0.0
    isolated_margin: float = 0.0
    leverage_setting: int = OWNED
    planned: float = 0.0
    ordered: float = 0.0

    @property
    def closed(self) -> float:
        """Return the units that may have been closed before: all ordered ones not held."""
        return max(self.ordered - self.quantity, 0.0)


NOTHING_HELD = EarlierTranches()


@fast_init
@dataclass(frozen=True, slots=True)
class SizingRequest:
    """Hold one tranche to be sized; prices in quote, volumes in base units a bar.

    ``free_cash`` is the cash that the paying wallet can still commit. ``collateral`` backs a cross
    position or a short; isolated positions ignore it. ``gross_notional``, ``net_notional`` (signed)
    and ``crypto_notional`` are those of the account, or of the sleeve alone, entries that still
    work included; ``account_rooms`` is the unused part of each cap of a sleeve's account.
    ``fraction`` is the tranche's share of the plan; ``held`` is the position of its earlier
    tranches: caps bound the whole position. If ``reserve`` is above ``entry``, the cash
    check uses ``reserve``: a limit order sets cash aside at its own price. ``account_rate`` is the
    account currency that one unit of the settlement currency is worth at ``close``, the last close
    (0: the entry estimate). Equity, notionals and rooms are in account currency; free cash and
    collateral in the settlement currency. ``short_sales`` are the account's terms of borrowed
    shares, None without them.
    """

    instrument: Instrument
    direction: int
    entry: float
    stop: float
    costs: PlanCosts
    equity: float
    gross_notional: float
    free_cash: float
    collateral: float
    realized_volatility: float
    mean_volume: float
    net_notional: float = 0.0
    crypto_notional: float = 0.0
    account_rooms: Mapping[Cap, float] = field(default_factory=dict)
    fraction: float = 1.0
    held: EarlierTranches = NOTHING_HELD
    reserve: float = 0.0
    account_rate: float = 1.0
    close: float = 0.0
    short_sales: ShortSaleTerms | None = None
    contract: Contract = field(init=False)
    unit: float = field(init=False)

    def __post_init__(self) -> None:
        """Set the contract that the entry opens and the notional of one unit, settlement currency.

        Both are read dozens of times in one sizing.
        """
        contract = contract_for(self.instrument, self.direction, self.short_sales)
        object.__setattr__(self, "contract", contract)
        object.__setattr__(self, "unit", contract.unit_notional(self.entry))

    @property
    def account_unit(self) -> float:
        """Return the notional of one unit at the entry, account currency."""
        return self.unit * self.account_rate


def plan_costs(
    own: TradingCosts,
    kind: OrderKind,
    *,
    market: FillConditions,
    slippage_multiplier: float,
    crosses: bool = False,
) -> PlanCosts:
    """Return the expected costs of an entry of this kind and of its stop, by the instrument's own.

    A limit entry pays the maker fee and no slippage; everything else is a taker. A limit that the
    market has reached (``crosses``) pays the taker fee; its entry estimate already includes
    slippage. A maker rebate is ignored. ``market`` holds the range of the last bar and the mean
    volume of a bar.
    """
    taker, maker = own.taker_rate, max(own.maker_rate, 0.0)
    rests = kind is OrderKind.LIMIT
    return PlanCosts(
        entry_fee=maker if rests and not crosses else taker,
        exit_fee=taker,
        slippage=own.slippage.curve(market, slippage_multiplier),
        rests=rests,
    )
