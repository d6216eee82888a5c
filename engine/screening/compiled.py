"""The compiler of the kernel, with the engine's own formulas made known to it.

A compiled function may call every function marked as ``scalar`` and those of ``broker/resolve``.
numba's cache looks at a function's own file only: after an edit of a formula, ``make clean``.
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


def compiled(function: Function, *, kept: bool = True) -> Function:
    """Return a function compiled, ``kept`` on disk; with NUMBA_DISABLE_JIT=1 the function itself.

    A division by zero raises, as in Python.
    """
    return cast("Function", njit(cache=kept)(function))
