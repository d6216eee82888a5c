"""The causes of a difference between two runs: what kind, which one by name, and the evidence."""

from dataclasses import dataclass
from enum import StrEnum


class CauseKind(StrEnum):
    """Name the kind of the first thing that differs on the way to a trade.

    The first group explains a trade that only one run has, the second a trade that both have.
    ``POSITION``: a plan or its order was still open. ``UNMARKED``: the rules did not mark the bar.
    """

    WINDOW = "window"
    INSTRUMENT = "instrument"
    DECISION_ROW = "decision row"
    GUARD = "guard"
    RULE = "rule"
    CAP = "cap"
    DIRECTION = "direction"
    FILL_RULE = "fill rule"
    ORDER = "order"
    CASH = "cash"
    POSITION = "position"
    CONDITION = "condition"
    PLAYBOOK = "playbook"
    UNMARKED = "unmarked bar"

    PRICE = "price"
    STOP = "stop"
    TIER = "tier"
    COST = "cost"
    EQUITY = "equity"
    EXIT = "exit"
    INCOME = "income"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class DiffCause:
    """One cause with its evidence.

    Attributes
    ----------
    name : the condition, guard, rule, cap, order or cost, in the words of the tables; may be empty
    text : a sentence with the values in both runs
    """

    kind: CauseKind
    name: str
    text: str

    @property
    def label(self) -> str:
        """The kind and the name: ``condition macro_gate``; a position is ``still in trade 5``."""
        if self.kind is CauseKind.POSITION:
            return f"still in {self.name}"
        return f"{self.kind} {self.name}".rstrip()
