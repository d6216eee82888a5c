"""The compiler of the kernel, with the engine's own formulas made known to it.

The functions of the kernel are ordinary Python functions, too: the same source runs without the
compiler. They may call every function marked as ``scalar`` and those of ``broker/resolve``.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numba.extending import overload, register_jitable

# Each room registers its formulas when it is imported.
import engine.broker.simulator
import engine.risk  # noqa: F401
from engine.kept_code import compiled_and_kept
from engine.scalars import MARKED

Function = TypeVar("Function", bound=Callable[..., Any])


@overload(math.cbrt)
def _cube_root(value: Any) -> Any:
    """Give the compiler the cube root of the same C library."""

    # The compiler compares both signatures, annotations included.
    def found(value: Any) -> Any:
        return np.cbrt(value)

    return found


for _formula in MARKED:
    register_jitable(_formula)


def jitable(function: Function) -> Function:
    """Return a function of the kernel unchanged, after making it known to the compiler."""
    found: Function = register_jitable(_nrt=False)(function)
    return found


def compiled(function: Function, *, kept: bool = True) -> Function:
    """Return a function compiled with everything that it calls, ``kept`` on disk
    until any of it changes.

    A division by zero raises, as in Python.
    """
    # numba counts no references then: the kernel makes no array. The option has no type.
    if kept:
        return cast("Function", compiled_and_kept(function, also=(_cube_root,), _nrt=False))
    compiler: Any = njit
    return cast("Function", compiler(_nrt=False)(function))
