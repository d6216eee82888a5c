"""Import quantstats without libraries that it loads for single functions.

Its import loads seaborn for one picture, scipy.stats for two functions and a downloader for
tickers, which take over a second together. During the import small modules stand in their place:
seaborn's loads the true one when a picture asks for it, and scipy's has the two functions with the
results of the true ones to the last bit. A library that is loaded already stays as it is.
"""

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

SEABORN, STATISTICS, DOWNLOADER = "seaborn", "scipy.stats", "yfinance"


class LateModule(ModuleType):
    """A module that loads the true one of its name when an attribute is first asked for."""

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the true module."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(import_module(self.__name__), name)


class NormalDistribution:
    """Normal distribution as ``scipy.stats.norm`` computes it."""

    def cdf(self, value: Any) -> Any:
        """Return the probability of standard values at or below ``value``."""
        return import_module("scipy.special").ndtr(np.asarray(value, dtype=np.float64))

    def ppf(self, probability: float, loc: Any = 0.0, scale: Any = 1.0) -> Any:
        """Return the values at a probability; NaN for a scale that is not positive."""
        middle, width = np.asarray(loc, dtype=np.float64), np.asarray(scale, dtype=np.float64)
        quantile = import_module("scipy.special").ndtri(probability)
        return np.where(width > 0, quantile * width + middle, np.nan)[()]

    def pdf(self, value: Any) -> Any:
        """Return the density of standard values."""
        number = np.asarray(value, dtype=np.float64)
        return (np.exp(-np.square(number) / 2.0) / math.sqrt(2 * math.pi))[()]


def linregress(x: Any, y: Any) -> tuple[float, float, Any, float, float]:
    """Return the correlation of two series as ``scipy.stats.linregress`` does, at its place.

    Slope, intercept, p-value and error are NaN: quantstats reads the correlation only.
    """
    x, y = np.asarray(x), np.asarray(y)
    if len(x) and np.ptp(x) > 0 and np.ptp(y) > 0:
        spread_x, joint, _, spread_y = np.cov(x, y, bias=True).flat
        if spread_x > 0 and spread_y > 0:
            found = min(max(joint / np.sqrt(spread_x * spread_y), -1.0), 1.0)
            return math.nan, math.nan, found, math.nan, math.nan
    # A series without variance or with gaps: scipy decides.
    _, _, found, _, _ = import_module(STATISTICS).linregress(x, y)
    return math.nan, math.nan, found, math.nan, math.nan


def import_quantstats() -> ModuleType:
    """Return quantstats' module of reports."""
    with _standing_in(_stand_ins()):
        return import_module("quantstats.reports")


def _stand_ins() -> list[ModuleType]:
    """Return the modules of which quantstats needs little."""
    pictures = LateModule(SEABORN)
    # The style of quantstats' pictures is set for each page.
    pictures.set_theme = lambda **_: None  # type: ignore[attr-defined]
    statistics = ModuleType(STATISTICS)
    statistics.norm = NormalDistribution()  # type: ignore[attr-defined]
    statistics.linregress = linregress  # type: ignore[attr-defined]
    return [pictures, statistics, ModuleType(DOWNLOADER)]


@contextmanager
def _standing_in(modules: list[ModuleType]) -> Iterator[None]:
    """Let modules stand in the place of those of their names that are not loaded."""
    own = [module for module in modules if module.__name__ not in sys.modules]
    sys.modules.update({module.__name__: module for module in own})
    try:
        yield
    finally:
        for module in own:
            del sys.modules[module.__name__]
