"""A faster ``__init__`` for the immutable rows that a run makes by the thousand.

The ``__init__`` of a frozen dataclass writes each field through ``object.__setattr__``, which takes
several times as long as an assignment. Here the fields are assigned while the new object belongs to
a twin class that has the same slots and is not frozen; then the object gets its own class back.
"""

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, TypeVar

Row = TypeVar("Row")


def fast_init(made: type[Row]) -> type[Row]:
    """Give a frozen dataclass with slots a faster ``__init__``; nothing else of it changes.

    >>> from dataclasses import dataclass
    >>> @fast_init
    ... @dataclass(frozen=True, slots=True)
    ... class Fee:
    ...     rate: float
    ...     paid: float = 0.0
    >>> Fee(0.0005)
    Fee(rate=0.0005, paid=0.0)

    Raises
    ------
    TypeError : the class has a base class, whose slots its twin would miss.
    """
    if made.__bases__ != (object,):
        raise TypeError(f"{made.__name__} has a base class; leave its __init__ as it is")
    made.__init__ = _assigning_init(made)  # type: ignore[method-assign]  # on purpose
    return made


def _assigning_init(made: Any) -> Callable[..., None]:
    """Return an ``__init__`` with the parameters of the dataclass's own."""
    names: dict[str, Any] = {
        "_made": made,
        "_twin": type(made.__name__, (), {"__slots__": made.__slots__}),
        "_set": object.__setattr__,
        "_missing": MISSING,
    }
    parameters, lines, values = ["self"], [], []
    for item in fields(made):
        if not item.init:
            continue
        name, value, default = item.name, item.name, ""
        if item.default is not MISSING:
            names[f"_default_{name}"], default = item.default, f"=_default_{name}"
        elif item.default_factory is not MISSING:
            names[f"_new_{name}"], default = item.default_factory, "=_missing"
            value = f"_new_{name}() if {name} is _missing else {name}"
        parameters.append(name + default)
        lines.append(f"self.{name} = {value}")
        values.append(f"('{name}', {value})")
    # An object of a subclass has another layout: it takes the usual way.
    lines = [
        "if self.__class__ is not _made:",
        f"    for name, value in ({', '.join(values)},):",
        "        _set(self, name, value)",
        "else:",
        "    _set(self, '__class__', _twin)",
        *(f"    {line}" for line in lines),
        "    self.__class__ = _made",
    ]
    if hasattr(made, "__post_init__"):
        lines.append("self.__post_init__()")
    # Source text, as in dataclasses itself: a loop over the fields would be slower than the rest.
    exec(f"def __init__({', '.join(parameters)}):\n    " + "\n    ".join(lines), names)
    init: Callable[..., None] = names["__init__"]
    init.__annotations__, init.__qualname__ = (
        made.__init__.__annotations__,
        made.__init__.__qualname__,
    )
    return init
