"""Merge settings in layers, key by key: built-in < instrument < playbook < run file.

A later layer's value replaces an earlier one's; two blocks are merged. null is a value and switches
a setting of an earlier layer off.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

Block = Mapping[str, Any]


def merged(*layers: Block) -> dict[str, Any]:
    """Return several blocks merged; later values replace earlier ones.

    >>> merged({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 4}, "d": None})
    {'a': {'b': 4, 'c': 2}, 'd': None}
    """
    found: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            before = found.get(key)
            both = isinstance(before, Mapping) and isinstance(value, Mapping)
            found[key] = merged(before or {}, value) if both else value
    return found


def written(model: BaseModel) -> dict[str, Any]:
    """Return the values given to a model, without its defaults."""
    return model.model_dump(mode="json", exclude_unset=True)


def origins(whole: Block, layers: Mapping[str, Block]) -> dict[str, str]:
    """Return the layer of each value of a block by dotted key, "built-in" for none.

    ``layers`` are given by name; the last one has precedence.

    >>> origins({"a": {"b": 4, "c": 2}}, {"playbook": {"a": {"c": 2}}, "run": {"a": {"b": 4}}})
    {'a.b': 'run', 'a.c': 'playbook'}
    """
    found: dict[str, str] = {}
    for key, value in whole.items():
        holding = {name: layer[key] for name, layer in layers.items() if key in layer}
        if isinstance(value, Mapping) and value:
            inner = {k: v for k, v in holding.items() if isinstance(v, Mapping)}
            found |= {f"{key}.{name}": of for name, of in origins(value, inner).items()}
        else:
            found[key] = next(reversed(holding), "built-in")
    return found
