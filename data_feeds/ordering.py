"""One order for what has none: the keys of mappings."""

from collections.abc import Mapping
from typing import Any


def by_key(value: Any) -> Any:
    """Return a value with every mapping in it, however deep, in the order of its keys.

    >>> by_key({"b": 1, "a": [{"d": 2, "c": 3}]})
    {'a': [{'c': 3, 'd': 2}], 'b': 1}
    """
    if isinstance(value, Mapping):
        return {key: by_key(value[key]) for key in sorted(value, key=str)}
    return type(value)(map(by_key, value)) if type(value) in (list, tuple) else value
