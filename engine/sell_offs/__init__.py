"""Sell-offs found by a rule: dated from closes alone, every one used, clusters as the unit.

The dates are hindsight, for reports only. Playbooks and signals cannot import this package; a
contract of the import linter holds it.
"""

from engine.sell_offs.falls import (
    CLUSTER_SESSIONS,
    REGAINED,
    Fall,
    cluster_numbers,
    date_falls,
)
from engine.sell_offs.found import (
    FoundSellOffs,
    SellOff,
    TotalReturn,
    dated,
    find_sell_offs,
    reinvested_closes,
    total_return,
)
from engine.sell_offs.held_channels import HeldThen, held_then
from engine.sell_offs.sell_off_market import (
    SellOffMarket,
    find_market,
    load_market,
    shipped_markets,
)
from engine.sell_offs.sell_off_text import (
    HINDSIGHT,
    found_document,
    found_text,
    one_text,
    rule_text,
    sell_off_rows,
    sensitivity_rows,
)
from engine.sell_offs.threshold_origins import ORIGINS, ThresholdOrigin, knew, set_before

__all__ = [
    "CLUSTER_SESSIONS",
    "HINDSIGHT",
    "ORIGINS",
    "REGAINED",
    "Fall",
    "FoundSellOffs",
    "HeldThen",
    "SellOff",
    "SellOffMarket",
    "ThresholdOrigin",
    "TotalReturn",
    "cluster_numbers",
    "date_falls",
    "dated",
    "find_market",
    "find_sell_offs",
    "found_document",
    "found_text",
    "held_then",
    "knew",
    "load_market",
    "one_text",
    "reinvested_closes",
    "rule_text",
    "sell_off_rows",
    "sensitivity_rows",
    "set_before",
    "shipped_markets",
    "total_return",
]
