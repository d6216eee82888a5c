"""The difference of two trades' net results, split into parts that add up to it.

With ``x`` one part of a trade's net result (price result before slippage, fees, slippage, funding,
income, borrow), ``Q`` the entered quantity, ``q = x / Q`` the part per unit, and means over both
trades::

    x_B - x_A = (Q_B - Q_A) * mean(q) + mean(Q) * (q_B - q_A)

The first term, summed over all parts, is *size*; the second is the part's own. The price result
per unit is direction * (exit - entry), so that its own term splits once more. The split is exact,
and swapping the runs changes every sign.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from engine.run_folder.read import Row

# In the order of texts. ``other``: amounts of a plan that no column of ``trades`` holds.
PARTS = ("size", "entry", "exit", "fees", "slippage", "funding", "income", "borrow", "other")
_OWN = PARTS[3:]


@dataclass(frozen=True)
class TradeMoney:
    """The money of one trade, quote, positive when cash comes in.

    ``quantity`` is the entered quantity, ``entry`` the average value of a unit at the entry before
    slippage (its price; of an inverse perp, less the coins that it is worth), ``price_result`` the
    booked price result without slippage, ``borrow`` the fee and the rebate of a borrowed short;
    ``other`` completes the net result.
    """

    direction: int
    quantity: float
    entry: float
    price_result: float
    fees: float
    slippage: float
    funding: float
    income: float
    borrow: float
    other: float

    @property
    def net(self) -> float:
        """The sum of all parts."""
        costs = self.fees + self.slippage
        return self.price_result + costs + self.funding + self.income + self.borrow + self.other


def trade_money(
    trade: Row, entries: Sequence[Row], unit_value: Callable[[Row], float]
) -> TradeMoney:
    """Return the money of a row of ``trades``.

    ``entries`` are its entry fills, ``unit_value`` gives the value of a unit at a fill before
    slippage, in the account's currency.
    """
    quantity = sum(abs(fill["quantity"]) for fill in entries)
    entry = sum(abs(fill["quantity"]) * unit_value(fill) for fill in entries)
    # Folders from before borrowed shorts have no such column.
    borrow = trade.get("borrow_carry") or 0.0
    known = trade["gross_pnl"] - trade["fees"] + trade["funding"] + trade["income"] + borrow
    return TradeMoney(
        direction=trade["direction"],
        quantity=quantity,
        entry=entry / quantity,
        price_result=trade["gross_pnl"] + trade["slippage_cost"],
        fees=-trade["fees"],
        slippage=-trade["slippage_cost"],
        funding=trade["funding"],
        income=trade["income"],
        borrow=borrow,
        other=trade["net_pnl"] - known,
    )


def net_parts(a: TradeMoney, b: TradeMoney) -> Mapping[str, float]:
    """Return the parts of ``b.net - a.net``, quote, by :data:`PARTS`."""
    mean = (a.quantity + b.quantity) / 2
    per_unit = {
        name: (getattr(a, name) / a.quantity, getattr(b, name) / b.quantity)
        for name in ("price_result", *_OWN)
    }
    own = {name: mean * (in_b - in_a) for name, (in_a, in_b) in per_unit.items()}
    size = (b.quantity - a.quantity) * sum(sum(both) / 2 for both in per_unit.values())
    entry = -a.direction * mean * (b.entry - a.entry)
    return {
        "size": size,
        "entry": entry,
        "exit": own["price_result"] - entry,
        **{name: own[name] for name in _OWN},
    }
