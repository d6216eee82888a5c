"""Base classes of every pydantic model: configuration, instruments, plans, catalog records."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, model_validator

# Begins the name of a choice among several models; such a name is no key of a file.
CHOICE = "choice: "
# Most fields; to ask these whether they are mappings takes a fifth of a model's time.
_NO_MAPPINGS = frozenset({str, float, int, bool, type(None)})


class StrictModel(BaseModel):
    """Refuse unknown keys, assignment, invalid defaults, and infinite or NaN numbers.

    The validator of a model is built at its first use: most commands use a few models of a hundred.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        allow_inf_nan=False,
        defer_build=True,
    )


class SortedModel(StrictModel):
    """Sort every mapping by key, so that no result depends on the order of a file's keys.

    ``shown_as_written`` names the fields that keep the file's order: it only orders a page's table.
    """

    shown_as_written: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="after")
    def _sort_mappings(self) -> Self:
        for name in type(self).model_fields:
            value = self.__dict__[name]
            if type(value) in _NO_MAPPINGS:
                continue
            if isinstance(value, Mapping | list | tuple) and name not in self.shown_as_written:
                self.__dict__[name] = by_key(value)
        return self


def by_key(value: Any) -> Any:
    """Return a value with every mapping inside it, at any depth, sorted by key.

    >>> by_key({"b": 1, "a": [{"d": 2, "c": 3}]})
    {'a': [{'c': 3, 'd': 2}], 'b': 1}
    """
    if isinstance(value, Mapping):
        return {key: by_key(value[key]) for key in sorted(value, key=str)}
    return type(value)(map(by_key, value)) if type(value) in (list, tuple) else value
