"""The bracket plan: the decisions of a playbook as data, for rules that need no other state."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.records import OrderKind

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class BracketPlan:
    """Declare every decision of a playbook that holds one plan at a time in one instrument.

    At an entry row without position and working entry, the playbook returns ``Enter``, and with
    ``leave_after_ns`` also ``WakeAt`` of the end of that time. At a fill of a target it moves the
    stop to the average entry, if that is nearer (``breakeven``). At an exit row, or at the first
    row after its time, it returns ``Exit`` of the position, once. It returns nothing else. The
    wake masks are the entry rows and the exit rows.

    Attributes
    ----------
    instrument, direction : of every entry; direction +1 long, -1 short
    rows : decision rows of the entries, ascending; the arrays below have one row for each
    stop : price of the stop, quote
    targets : (entry, target) prices, the nearest first
    fractions : share of the plan that each target closes
    kind, price : type of the entries; the level of limit and stop entries, None at market
    size_multiplier, slippage_multiplier : of :class:`~engine.intents.Enter`
    breakeven : whether the stop moves to the average entry after a target
    leave_after_ns : time from the decision of the entry to the exit, ns; None: none
    exits : decision rows of the exits, ascending
    exits_again : an exit is asked for again while no exit order of the position works, not once
    exit_keys, entry_keys : an exit closes only a plan whose entry has the key of the exit; None:
        every plan
    """

    instrument: str
    direction: int
    rows: Rows
    stop: Floats
    targets: Floats
    fractions: tuple[float, ...]
    size_multiplier: Floats
    slippage_multiplier: Floats
    kind: OrderKind = OrderKind.MARKET
    price: Floats | None = None
    breakeven: bool = False
    leave_after_ns: int | None = None
    exits_again: bool = False
    exits: Rows = field(default_factory=lambda: np.empty(0, np.int64))
    exit_keys: Floats | None = None
    entry_keys: Floats | None = None

    def __post_init__(self) -> None:
        count = len(self.rows)
        given = {
            "stop": self.stop,
            "targets": self.targets,
            "size_multiplier": self.size_multiplier,
            "slippage_multiplier": self.slippage_multiplier,
            "price": self.price,
            "entry_keys": self.entry_keys,
        }
        for name, values in given.items():
            if values is not None and len(values) != count:
                raise ValueError(f"{name} has {len(values)} rows, and there are {count} entries")
        if self.targets.shape != (count, len(self.fractions)):
            raise ValueError(f"targets has the shape {self.targets.shape}; one column a fraction")
        if (self.price is None) != (self.kind is OrderKind.MARKET):
            raise ValueError("a limit or stop entry needs prices; a market entry has none")
        if (self.exit_keys is None) != (self.entry_keys is None):
            raise ValueError("keys of exits and of entries go together")
