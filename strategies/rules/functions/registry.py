"""Hold every function of the rule language by its name."""

from collections.abc import Mapping
from types import MappingProxyType

from strategies.rules.functions.averages import AVERAGES
from strategies.rules.functions.extremes import EXTREMES
from strategies.rules.functions.function import Function

FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {item.name: item for item in (*AVERAGES, *EXTREMES)}
)
