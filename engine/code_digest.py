"""The digest of a function's code and of everything that it calls, in whichever file it lies.

numba keeps a compiled function by the contents of the function's own file. A formula of another
file that it calls could change without notice; :mod:`engine.kept_code` keeps it by this digest.
"""

import hashlib
from collections.abc import Callable, Iterator
from enum import Enum
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

# Their code is part of their version, which the compiler checks itself.
FOREIGN = frozenset({"builtins", "math", "numba", "numpy"})
# Constants of which the text tells everything.
PLAIN = (bool, int, float, complex, str, bytes, np.generic, np.dtype)


def code_digest(*functions: Callable[..., Any]) -> str:
    """Return a digest of functions, all functions that they call and all constants they read."""
    digest = hashlib.sha256()
    seen: set[FunctionType] = set()
    left: list[Any] = list(functions)
    while left:
        given = left.pop()
        # A compiled function: its source, and how it is compiled.
        value = getattr(given, "py_func", given)
        digest.update(repr(sorted(getattr(given, "targetoptions", {}).items())).encode())
        if not isinstance(value, FunctionType) or _is_foreign(value):
            digest.update(_constant(value).encode())
        elif value not in seen:
            seen.add(value)
            digest.update(f"{value.__module__}.{value.__qualname__}".encode())
            left += value.__defaults__ or ()
            for code in _codes(value.__code__):
                digest.update(code.co_code)
                digest.update(_texts(code, value.__doc__).encode())
                left += _read(value, code)
    return digest.hexdigest()


def _is_foreign(value: Any) -> bool:
    return str(value.__module__).partition(".")[0] in FOREIGN


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Return a function's code and that of the functions inside it."""
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


def _texts(code: CodeType, doc: str | None) -> str:
    """Return names and constants of a function's code; its docstring and its place count not."""
    held = [c for c in code.co_consts if not isinstance(c, CodeType) and (doc is None or c != doc)]
    return repr((code.co_names, code.co_varnames, [_constant(value) for value in held]))


def _read(function: FunctionType, code: CodeType) -> Iterator[Any]:
    """Return the values that code reads outside of itself, by name."""
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    for name in (*code.co_freevars, *code.co_names):
        if name in cells:
            value = cells[name].cell_contents
        elif name in function.__globals__:
            value = function.__globals__[name]
        else:
            continue
        yield value
        if isinstance(value, ModuleType) and value.__name__.partition(".")[0] not in FOREIGN:
            yield from (vars(value)[part] for part in code.co_names if part in vars(value))


def _constant(value: Any) -> str:
    """Return a value as a text that is the same in every process."""
    if isinstance(value, frozenset | set):
        return repr(sorted(map(_constant, value)))
    if isinstance(value, tuple | list):
        return repr([_constant(item) for item in value])
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {value.tobytes().hex()}"
    if isinstance(value, type) and issubclass(value, Enum):
        return repr([(item.name, item.value) for item in value])
    if value is None or isinstance(value, PLAIN):
        return repr(value)
    # A class or a function of a library: its name; never an address of memory.
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", "")
    return f"{type(value).__qualname__} {name} {getattr(value, '_fields', ())}"
