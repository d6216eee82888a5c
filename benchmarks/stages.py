"""Count CPU seconds by stage inside one process; functions are wrapped from outside."""

import builtins
import importlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

IMPORTS, REST = "imports", "rest"


class StageClock:
    """CPU seconds by stage; seconds of an inner stage do not count in the outer one.

    Before the clock was made, the interpreter started; that time belongs to the imports.

    Parameters
    ----------
    now : returns the CPU seconds of this process
    """

    def __init__(self, now: Callable[[], float] = time.process_time) -> None:
        self._now = now
        self._stack = [REST]
        self.seconds = {IMPORTS: now(), REST: 0.0}
        self._since = now()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the block's seconds in a stage."""
        self._count()
        self._stack.append(name)
        try:
            yield
        finally:
            self._count()
            self._stack.pop()

    def wrap(self, place: str, name: str) -> None:
        """Count the seconds of a function, ``package.module:name`` or ``:Class.name``, in a stage.

        Raises
        ------
        LookupError : there is no such function.
        """
        holder, attribute, function = found(place)

        @wraps(function)
        def counted(*arguments: Any, **named: Any) -> Any:
            with self.stage(name):
                return function(*arguments, **named)

        kind = vars(holder).get(attribute) if isinstance(holder, type) else None
        if isinstance(kind, classmethod):
            setattr(holder, attribute, staticmethod(counted))
        else:
            setattr(holder, attribute, counted)

    def count_imports(self) -> None:
        """Count every import of the process from now on."""
        for holder, name in ((builtins, "__import__"), (importlib, "import_module")):
            setattr(holder, name, self._counted_import(getattr(holder, name)))

    def finished(self) -> dict[str, float]:
        """Return the seconds by stage up to now."""
        self._count()
        return dict(self.seconds)

    def _counted_import(self, load: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(load)
        def counted(*arguments: Any, **named: Any) -> Any:
            if self._stack[-1] == IMPORTS:
                return load(*arguments, **named)
            with self.stage(IMPORTS):
                return load(*arguments, **named)

        return counted

    def _count(self) -> None:
        now = self._now()
        stage = self._stack[-1]
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._since
        self._since = now


def found(place: str) -> tuple[Any, str, Callable[..., Any]]:
    """Return the holder, the name in it and the function of a place.

    Raises
    ------
    LookupError : there is no such function.
    """
    module, _, path = place.partition(":")
    holder: Any = importlib.import_module(module)
    *outer, attribute = path.split(".")
    try:
        for part in outer:
            holder = getattr(holder, part)
        return holder, attribute, getattr(holder, attribute)
    except AttributeError as error:
        raise LookupError(f"{place}: there is no such function") from error


def wrap_all(clock: StageClock, stages: Iterable[tuple[str, Iterable[str]]]) -> None:
    """Wrap the places of every stage; the modules are imported first, which counts as imports."""
    for name, places in stages:
        for place in places:
            with clock.stage(IMPORTS):
                importlib.import_module(place.partition(":")[0])
            clock.wrap(place, name)
