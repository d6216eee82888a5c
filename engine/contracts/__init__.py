"""The contracts: how each kind of position is paid, valued, margined, liquidated and carried.

One file a contract, with its formulas and their source. Whatever needs a profit, a notional, a
margin or a cash flow asks :class:`Contract`; ``contract_of`` finds that of an instrument.
"""

from engine.contracts.borrowed_short import BorrowedShort
from engine.contracts.contract import Contract, ContractKind
from engine.contracts.maintenance import MarginTerms
from engine.contracts.of_instrument import contract_for, contract_of, margin_terms, short_of

__all__ = [
    "BorrowedShort",
    "Contract",
    "ContractKind",
    "MarginTerms",
    "contract_for",
    "contract_of",
    "margin_terms",
    "short_of",
]
