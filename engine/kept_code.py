"""Functions that numba compiles, kept on disk until anything that they call changes.

numba's own ``cache=True`` looks at the file of the function alone: after an edit of another file
the old code would run.
"""

import contextlib
from collections.abc import Callable
from functools import cached_property
from typing import Any, TypeVar, cast

from numba import njit
from numba.core.caching import FunctionCache

from engine.code_digest import code_digest

Function = TypeVar("Function", bound=Callable[..., Any])


class CodeCache(FunctionCache):
    """Keep the compiled forms of a function by the code of all functions that it calls.

    ``options`` are the compiler's; ``also`` are functions that the compiler puts in the place of
    others.
    """

    def __init__(
        self, function: Callable[..., Any], options: str, also: tuple[Callable[..., Any], ...]
    ) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        self._roots, self._options = (function, *also), options

    @cached_property
    def _code(self) -> str:
        # Read at the first call: a function may call others that stand below it.
        return f"{self._options} {code_digest(*self._roots)}"

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        return (*super()._index_key(sig, codegen), self._code)  # type: ignore[no-untyped-call]


def compiled_and_kept(
    function: Callable[..., Any], *, also: tuple[Callable[..., Any], ...] = (), **options: Any
) -> Any:
    """Return a function that numba compiles at its first call; ``options`` are those of njit.

    A function that was made from a text has no place for its compiled form: each process compiles.
    """
    made: Any = njit(**options)(function)
    # numba raises RuntimeError where it finds no place.
    with contextlib.suppress(RuntimeError):
        made._cache = CodeCache(function, repr(sorted(options.items())), also)
    return made


def kept(function: Function) -> Function:
    """Return a function that numba compiles at its first call; its result is kept on disk."""
    return cast("Function", compiled_and_kept(function))


def kept_inline(function: Function) -> Function:
    """Return a function that numba writes into its callers; its result is kept on disk."""
    return cast("Function", compiled_and_kept(function, inline="always"))
