"""Compile functions of arrays with numba at their first call, so that an import stays quick.

A command that only checks or explains imports playbooks and signals, but computes none: numba and
its readers of compiled files would cost it half of its time. Functions that the event loop calls
at every visit are decorated with ``kept`` of :mod:`engine.kept_code`, which saves one Python call.
"""

from collections.abc import Callable
from functools import cached_property, update_wrapper
from typing import Any, Generic, Literal, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class CompiledFunction(Generic[Arguments, Result]):
    """A function that numba compiles, or reads from its cache, at the first call.

    Other compiled functions may call it.
    """

    def __init__(
        self, function: Callable[Arguments, Result], error_model: Literal["python", "numpy"]
    ) -> None:
        self._function = function
        self._error_model = error_model
        update_wrapper(self, function)

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Return the function's result."""
        result: Result = self._dispatcher(*args, **kwargs)
        return result

    def __reduce__(self) -> str:
        """Return the global name by which another process finds the function."""
        return self._function.__qualname__

    @property
    def py_func(self) -> Callable[Arguments, Result]:
        """Return the function itself, as numba's own compiled functions do."""
        return self._function

    @property
    def targetoptions(self) -> dict[str, Any]:
        """Return the options of the compiler, as numba's own compiled functions do."""
        return {"error_model": self._error_model}

    @cached_property
    def _dispatcher(self) -> Any:
        from engine.kept_code import compiled_and_kept  # noqa: PLC0415

        return compiled_and_kept(self._function, **self.targetoptions)

    @property
    def _numba_type_(self) -> Any:
        """The type by which numba knows the function inside another compiled function."""
        return self._dispatcher._numba_type_


def compiled(
    function: Callable[Arguments, Result],
) -> CompiledFunction[Arguments, Result]:
    """Return a function that numba compiles at its first call; its result is kept on disk."""
    return CompiledFunction(function, "python")


def compiled_without_checks(
    function: Callable[Arguments, Result],
) -> CompiledFunction[Arguments, Result]:
    """Return the function as :func:`compiled` does; a division by zero gives inf or NaN."""
    return CompiledFunction(function, "numpy")
