"""Make the tables and the picture of docs/flywheel.md: one shock in three invented markets."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt

from data_feeds.simulation.flywheel import FlywheelPath, Setting, cascade
from doc_tables.blocks import DOCS, PageBlock, table

FRAGILE = Setting()
STURDY = replace(FRAGILE, leverages=(1.0, 2.0, 3.0), weights=(0.4, 0.4, 0.2), depth_quote=600e6)
SELLERS = replace(FRAGILE, sellers_base=40_000.0)
CASCADE_COLUMNS = (
    "market",
    "shock",
    "move",
    "bars to it",
    "volume, times normal",
    "open interest",
    "funding",
)
NAMED = {"fragile": FRAGILE, "sturdy": STURDY, "fragile, volatility targets": SELLERS}
SHOCKS = (-0.02, -0.025, -0.03, 0.025)
SHOCK_BAR = 4
DEPTHS = (500e6, 350e6, 250e6, 200e6, 160e6)
# Shares of the open interest at 2, 5, 10, 20 and 50 times, from nearly all at 2 to the fragile mix.
LOW_MIX, HIGH_MIX = np.array([0.95, 0.05, 0.0, 0.0, 0.0]), np.array(FRAGILE.weights)


def move(path: FlywheelPath, shock: float) -> float:
    """Return the largest move from the open in the shock's direction, fraction."""
    extreme = path.low.min() if shock < 0 else path.high.max()
    return float(extreme / path.open[0] - 1)


def cascades() -> Iterator[tuple[str, ...]]:
    """Yield the cells of the table of cascades."""
    for (name, setting), shock in product(NAMED.items(), SHOCKS):
        path = cascade(shock, setting)
        extreme = path.low.argmin() if shock < 0 else path.high.argmax()
        liquidated = path.long_quote + path.short_quote
        flush = liquidated > 0.1 * liquidated.max()
        times = path.volume / setting.volume_base
        settled = path.funding[~np.isnan(path.funding)]
        yield (
            name,
            f"{shock:+.1%}",
            f"{move(path, shock):+.1%}",
            f"{extreme - SHOCK_BAR + 1}",
            f"{times[flush].mean():.1f}" if flush.any() else "no flush",
            f"{path.open_interest.min() / path.open_interest[0] - 1:+.1%}",
            f"{settled[1]:+.3%}",
        )


def falls() -> Iterator[tuple[str, ...]]:
    """Yield the cells of the table of falls by leverage and depth."""
    for share in np.linspace(0, 1, 5):
        weights = tuple(LOW_MIX + (HIGH_MIX - LOW_MIX) * share)
        settings = (replace(FRAGILE, weights=weights, depth_quote=depth) for depth in DEPTHS)
        moves = (f"{move(cascade(-0.025, setting), -0.025):+.1%}" for setting in settings)
        yield f"{share:.0%}", *moves


def draw(target: Path) -> None:
    """Draw price and volume of one shock in the named markets."""
    figure, (prices, volumes) = plt.subplots(
        2, 1, figsize=(8, 5), sharex=True, height_ratios=(2, 1)
    )
    hours = np.arange(48) / 4
    for name, setting in NAMED.items():
        path = cascade(-0.025, setting)
        prices.plot(hours, 100 * (path.close[:48] / path.open[0] - 1), label=name)
        volumes.step(hours, path.volume[:48] / setting.volume_base, where="mid")
    prices.set_ylabel("price, %")
    prices.legend(frameon=False)
    volumes.set_ylabel("volume, times normal")
    volumes.set_xlabel("hours; the value falls 2.5% in the second hour's first half")
    figure.tight_layout()
    figure.savefig(target, dpi=120)


def blocks(catalog: Path) -> Iterator[PageBlock]:
    """Draw the picture and yield both tables; they need no data."""
    draw(DOCS / "flywheel.png")
    yield from sample()


def sample() -> Iterator[PageBlock]:
    """Yield both tables, whole: they take a second."""
    yield PageBlock("flywheel.md", "cascades", table(CASCADE_COLUMNS, cascades()))
    depths = (f"{depth / 1e6:.0f}m" for depth in DEPTHS)
    yield PageBlock("flywheel.md", "falls", table(("leverage", *depths), falls()))
