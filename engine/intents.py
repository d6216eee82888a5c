"""Define the intents that a playbook may return; the risk module decides their quantities."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Literal

from engine.records import OrderKind
from engine.trailing_stop import TrailingStop


@dataclass(frozen=True, slots=True)
class Target:
    """Close a fraction of the filled plan with a limit order at ``price``, quote per base unit."""

    price: float
    fraction: float

    def __post_init__(self) -> None:
        _check_number("price", self.price)
        _check_number("fraction", self.fraction)


@dataclass(frozen=True, slots=True)
class Enter:
    """Open a position with a stop, sized by the risk module; direction +1 long, -1 short.

    ``targets`` is empty or its fractions sum to 1. ``size_multiplier`` in (0, 1] scales the size
    that the risk module gives. ``slippage_multiplier`` >= 1 is the playbook's estimate for thin
    markets; the venue applies it to this plan's market and stop fills. ``price`` is the level
    of a limit or stop entry and None for a market entry. ``fraction`` in (0, 1] is the first
    tranche's share of the plan; :class:`Add` buys the others. ``trailing`` lets the stop follow the
    price.
    """

    instrument: str
    direction: int
    stop: float
    reason: str
    targets: tuple[Target, ...] = ()
    kind: OrderKind = OrderKind.MARKET
    price: float | None = None
    size_multiplier: float = 1.0
    slippage_multiplier: float = 1.0
    setup: str = ""
    fraction: float = 1.0
    trailing: TrailingStop | None = None

    def __post_init__(self) -> None:
        _check_number("stop", self.stop)
        if self.price is not None:
            _check_number("price", self.price)
        if self.direction not in (1, -1):
            raise ValueError(f"direction must be +1 or -1, not {self.direction!r}")
        if not 0 < self.size_multiplier <= 1:
            raise ValueError(f"size_multiplier must lie in (0, 1], not {self.size_multiplier!r}")
        _check_fraction(self.fraction)
        if not self.slippage_multiplier >= 1:
            raise ValueError(f"slippage_multiplier must be >= 1, not {self.slippage_multiplier!r}")
        if self.targets and abs(sum(t.fraction for t in self.targets) - 1) > 1e-9:
            raise ValueError("target fractions must sum to 1")
        if (self.price is None) != (self.kind is OrderKind.MARKET):
            raise ValueError("a limit or stop entry needs a price; a market entry has none")


@dataclass(frozen=True, slots=True)
class Add:
    """Buy one more tranche of the open plan at market, under the stop that all tranches share.

    ``fraction`` in (0, 1] of the plan as sized when it was entered; the fractions of a plan sum to
    1 at most.
    """

    instrument: str
    fraction: float
    reason: str

    def __post_init__(self) -> None:
        _check_fraction(self.fraction)


@dataclass(frozen=True, slots=True)
class Exit:
    """Close a fraction of the open position at market; cancel the rest of a working entry.

    Without a position, the intent only cancels the working entry.
    """

    instrument: str
    reason: str
    fraction: float = 1.0


@dataclass(frozen=True, slots=True)
class MoveStop:
    """Replace the plan's protective stop from the next bar on."""

    instrument: str
    stop: float
    reason: str

    def __post_init__(self) -> None:
        _check_number("stop", self.stop)


@dataclass(frozen=True, slots=True)
class Rebalance:
    """Hold shares of the equity in instruments that are paid in full or lent, without stops.

    ``weights`` are fractions of equity, negative for a share sold short; those above 0 sum to 1 at
    most. An instrument without a weight keeps its position. A weight of the other sign closes the
    position; a later rebalancing opens the other side. A change below ``min_ticket`` (quote) is
    left out and recorded in the journal. Sales and covers come before purchases and pay for them,
    wallet by wallet. ``overlays`` holds, for each active hedge, the weight that it adds to each
    instrument (negative: removes); reports derive cost and benefit of the hedge from it. None: the
    book has no hedges.
    """

    weights: Mapping[str, float]
    reason: str
    min_ticket: float = 0.0
    overlays: Mapping[str, Mapping[str, float]] | None = None

    def __post_init__(self) -> None:
        for name, weight in self.weights.items():
            _check_number(f"weight of {name}", weight)
            if not -1 <= weight <= 1:
                raise ValueError(f"weight of {name} must lie in [-1, 1], not {weight!r}")
        total = sum(weight for weight in self.weights.values() if weight > 0)
        if total > 1 + 1e-9:
            raise ValueError(f"weights sum to {total:g}; owned assets cannot exceed the equity")
        if not self.min_ticket >= 0:
            raise ValueError(f"min_ticket must be 0 or more, not {self.min_ticket!r}")


@dataclass(frozen=True, slots=True)
class Hedge:
    """Buy an option contract that this row or an earlier one lists, at the next open.

    ``cover`` in (0, 1] is the share of equity that the contracts insure at their upper strike.
    ``budget`` in (0, 1] is the largest premium as a share of equity. Contracts are whole.
    """

    instrument: str
    cover: float
    budget: float
    reason: str

    def __post_init__(self) -> None:
        for name in ("cover", "budget"):
            value = getattr(self, name)
            _check_number(name, value)
            if not 0 < value <= 1:
                raise ValueError(f"{name} must lie in (0, 1], not {value!r}")


@dataclass(frozen=True, slots=True)
class Transfer:
    """Send a share of the equity in cash to the wallet ``venue`` or ``brokerage``.

    Only free cash leaves; it arrives after ``account.transfer_days``.
    """

    to: Literal["venue", "brokerage"]
    share: float
    reason: str

    def __post_init__(self) -> None:
        if self.to not in ("venue", "brokerage"):
            raise ValueError(f"to must be venue or brokerage, not {self.to!r}")
        _check_number("share", self.share)
        if not 0 < self.share <= 1:
            raise ValueError(f"share must lie in (0, 1], not {self.share!r}")


@dataclass(frozen=True, slots=True)
class PutOff:
    """Record in the journal that a change which was due is put off, by which rule, and why.

    The decision is a refusal of ``intent``; no order follows. ``direction`` is that of an entry.
    """

    instrument: str
    rule: str
    reason: str
    intent: Literal["rebalance", "hedge", "enter"] = "rebalance"
    direction: Literal[1, -1] = 1

    def __post_init__(self) -> None:
        if not (self.rule and self.reason):
            raise ValueError("rule and reason must not be empty")
        if self.intent not in ("rebalance", "hedge", "enter"):
            raise ValueError(f"intent must be rebalance, hedge or enter, not {self.intent!r}")
        if self.direction not in (1, -1):
            raise ValueError(f"direction must be 1 or -1, not {self.direction!r}")


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Call ``on_bar`` at the first decision row at or after this instant (ns, UTC)."""

    instant: int


Intent = Enter | Add | Exit | MoveStop | Rebalance | Hedge | Transfer | PutOff | WakeAt


def _check_fraction(fraction: object) -> None:
    _check_number("fraction", fraction)
    if not 0 < fraction <= 1:  # type: ignore[operator]  # a number, as just checked
        raise ValueError(f"fraction must lie in (0, 1], not {fraction!r}")


def _check_number(name: str, value: object) -> None:
    if not isinstance(value, Real):
        raise ValueError(f"{name} must be a number, not {value!r}")
