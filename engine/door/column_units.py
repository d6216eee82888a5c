"""List the unit of each column of a run folder's tables; docs/results.md has the meanings."""

import pandas as pd

PRICE, BASE, FRACTION = "quote per base unit", "base units", "fraction"
ACCOUNT, WALLET = "account currency", "currency of the wallet"
DECIDED = "base units; currency of the wallet for a transfer"
_UNITS = {
    PRICE: "price raw_price average_entry average_exit average_entry_after initial_stop "
    "entry_estimate stop trail_distance trail_beyond distance last_level best_price",
    BASE: "quantity filled position_after",
    WALLET: "fee realized isolated_margin_after amount from_margin spend_limit risk_limit "
    "venue_cash brokerage_cash transit_cash",
    ACCOUNT: "fees gross_pnl net_pnl funding income borrow_carry slippage_cost liquidation_fee "
    "initial_risk equity unrealized owned gross_notional trading interest bill revaluation "
    "venue_value brokerage_value transit_value equity_before equity_after",
    "account currency per unit of the wallet's": "account_rate",
    "account currency per unit": "risk_per_unit",
    FRACTION: "slippage fee_rate rate fraction trail_fraction drawdown weight",
    "multiple of the size": "multiplier slippage_multiplier",
    "R": "r_multiple",
    "hours": "duration_hours",
    "bars": "bars_held",
    "+1 long or buy, -1 short or sell": "side direction",
    "initial-margin setting of the venue": "leverage_setting",
    "as the guard compares": "reference",
}
UNIT_OF = {column: unit for unit, columns in _UNITS.items() for column in columns.split()}
# The columns of caps: the quantity that a cap allowed, and the size after it.
_CAP_PREFIXES = ("cap_", "size_after_")


def unit_of(column: str) -> str:
    """Return the unit of a column, "" for texts, instants, flags, counts and identities.

    >>> unit_of("net_pnl"), unit_of("cap_leverage"), unit_of("order_id")
    ('account currency', 'base units', '')
    """
    return BASE if column.startswith(_CAP_PREFIXES) else UNIT_OF.get(column, "")


def with_units(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with ``attrs["units"]``: the unit of each column that has one.

    In the table of decisions, quantities and caps of a transfer are cash, in the wallet's currency.
    """
    units = {column: unit_of(column) for column in frame.columns}
    if "intent" in frame.columns:
        units = {c: DECIDED if unit == BASE else unit for c, unit in units.items()}
    frame.attrs["units"] = {column: unit for column, unit in units.items() if unit}
    return frame
