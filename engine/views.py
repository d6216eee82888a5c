"""Show a playbook the market cut at ``now`` and the account, read-only."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from data_feeds.dataset import Dataset
from data_feeds.instrument import Wallet
from data_feeds.schema import Array, Channel, ChannelKey, ChannelKind
from engine.conditions import Truth
from engine.errors import PlaybookContractError


class PositionView(NamedTuple):
    """Show one open position: signed base units, prices in quote, NaN where not applicable.

    ``unrealized``, ``initial_risk`` and ``notional`` (the unsigned exposure at the mark) are in the
    account's currency, ``isolated_margin`` in the venue wallet's.
    ``leaving`` is the part that working exits close, unsigned base units. ``approved`` is the share
    of the plan that risk has approved so far, tranche by tranche; what an order then left unfilled
    stays approved. ``stop`` is the level in force, ``first_stop`` the level that R counts from.
    """

    instrument: str
    plan_id: int
    quantity: float
    average_entry: float
    mark: float
    unrealized: float
    stop: float
    isolated_margin: float
    liquidation_price: float
    entered_at: int
    initial_risk: float
    leaving: float = 0.0
    approved: float = 1.0
    notional: float = math.nan
    first_stop: float = math.nan

    @property
    def exposure(self) -> float:
        """Return the signed notional at the mark, in the account's currency."""
        return math.copysign(self.notional, self.quantity)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Refuse to change the view; a playbook returns intents."""
        raise PlaybookContractError(
            f"{name} of the position view cannot be set; return intents, risk makes orders"
        )


class Positions(dict[str, PositionView]):
    """Map instruments to open positions; a playbook can read but not change it."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise PlaybookContractError(
            "positions of the account view cannot be changed; return intents, risk makes orders"
        )

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse


class AccountView(NamedTuple):
    """Show the account at ``now``; equity and notionals are in the account's currency.

    Cash is in the currency of its wallet; ``venue_rate`` and ``brokerage_rate`` are the account's
    currency per unit of it, 1 at par.
    ``free_venue_cash`` is the venue wallet less isolated margins (cross: less initial margins and
    unrealized losses). ``pending`` names instruments with an entry order that still works.
    ``transit_cash`` is on its way between the wallets. ``kept_for_shorts`` is the part of the
    brokerage's cash that no purchase may spend: the initial margins of the shorts. ``delisted``
    names traded instruments whose last bar has closed: no order in them is possible any more.
    """

    now: int
    equity: float
    venue_cash: float
    brokerage_cash: float
    free_venue_cash: float
    gross_notional: float
    positions: Mapping[str, PositionView]
    pending: frozenset[str]
    transit_cash: float = 0.0
    kept_for_shorts: float = 0.0
    venue_rate: float = 1.0
    brokerage_rate: float = 1.0
    delisted: frozenset[str] = frozenset()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Refuse to change the view; a playbook returns intents."""
        raise PlaybookContractError(
            f"{name} of the account view cannot be set; return intents, risk makes orders"
        )

    @property
    def venue_value(self) -> float:
        """Return the venue wallet's cash in the account's currency."""
        return self.venue_cash * self.venue_rate

    @property
    def free_venue_value(self) -> float:
        """Return the venue wallet's free cash in the account's currency."""
        return self.free_venue_cash * self.venue_rate

    @property
    def brokerage_value(self) -> float:
        """Return the brokerage wallet's cash in the account's currency."""
        return self.brokerage_cash * self.brokerage_rate

    def rate_of(self, wallet: Wallet) -> float:
        """Return the account's currency per unit of a wallet's."""
        return self.venue_rate if wallet is Wallet.VENUE else self.brokerage_rate

    def position(self, instrument: str) -> PositionView | None:
        """Return the open position in an instrument, None for none."""
        return self.positions.get(instrument)

    @property
    def free_brokerage_cash(self) -> float:
        """Return the brokerage's cash less what is kept for shorts, quote."""
        return self.brokerage_cash - self.kept_for_shorts

    @property
    def working(self) -> frozenset[str]:
        """Return the instruments with a working entry or exit order."""
        leaving = (name for name, held in self.positions.items() if held.leaving > 0)
        return self.pending.union(leaving)

    def is_flat(self, instrument: str) -> bool:
        """Return whether an instrument has neither a position nor a working entry order."""
        return instrument not in self.positions and instrument not in self.pending


@dataclass(slots=True)
class Cursor:
    """Hold the current row of a market view; only the engine moves it."""

    now: int = 0
    row: int = -1


class MarketView:
    """Show the market at one decision row.

    The engine moves the cursor. A playbook only reads and cannot move to later rows.
    """

    __slots__ = ("_conditions", "_contract", "_cursor", "_data", "_declared", "_values")
    _conditions: Mapping[str, NDArray[np.int8]]
    _contract: NDArray[np.str_] | None
    _cursor: Cursor
    _data: Dataset
    _declared: frozenset[ChannelKey]
    _values: Mapping[str, NDArray[np.float64]]

    def __init__(
        self,
        data: Dataset,
        declared: frozenset[ChannelKey],
        values: Mapping[str, NDArray[np.float64]],
        conditions: Mapping[str, NDArray[np.int8]],
        *,
        contract: NDArray[np.str_] | None = None,
        cursor: Cursor | None = None,
    ) -> None:
        fields = (conditions, contract, cursor or Cursor(), data, declared, values)
        for name, value in zip(self.__slots__, fields, strict=True):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Refuse to change the view; it is read-only."""
        raise PlaybookContractError(f"{name} of the market view cannot be set; it is read-only")

    @property
    def now(self) -> int:
        """Return the row's instant, ns UTC."""
        return self._cursor.now

    @property
    def row(self) -> int:
        """Return the row's index in the arrays that ``prepare`` returned."""
        return self._cursor.row

    def signal(self, name: str) -> float:
        """Return the value of a prepared signal at this row.

        Raises
        ------
        PlaybookContractError : ``prepare`` returned no signal of that name.
        """
        try:
            return float(self._values[name][self._cursor.row])
        except KeyError:
            known = ", ".join(sorted(self._values))
            raise PlaybookContractError(f"no signal {name!r}; prepare returned: {known}") from None

    @property
    def contract(self) -> str:
        """Return the option contract that this row lists, "" for none."""
        return "" if self._contract is None else str(self._contract[self._cursor.row])

    def truth(self, name: str) -> Truth:
        """Return the truth of a prepared condition at this row."""
        try:
            return Truth(int(self._conditions[name][self._cursor.row]))
        except KeyError:
            known = ", ".join(sorted(self._conditions))
            raise PlaybookContractError(
                f"no condition {name!r}; prepare returned: {known}"
            ) from None

    def channel(self, instrument: str, kind: ChannelKind, timeframe: str = "") -> Channel:
        """Return the rows of a declared channel that are known at ``now``.

        Raises
        ------
        PlaybookContractError : the playbook did not declare the channel in ``requirements``.
        """
        key = ChannelKey(instrument, kind, timeframe)
        if key not in self._declared:
            raise PlaybookContractError(f"{key}: read on_bar but not declared in requirements")
        return self._data.channel(instrument, kind, timeframe).cut(self._cursor.now)

    def last(self, instrument: str, timeframe: str, column: str = "close") -> float:
        """Return the last known value of a declared bar column; NaN before the first bar."""
        values: Array = self.channel(instrument, ChannelKind.BARS, timeframe)[column]
        return float(values[-1]) if len(values) else float("nan")
