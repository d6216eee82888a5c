"""The files of a new working folder: templates of ``configs/init``, schemas, invented prices."""

from collections.abc import Iterator

import numpy as np

from data_feeds.calendar import sessions_between
from engine.config.locations import CONFIGS_FOLDER

INIT_FOLDER = CONFIGS_FOLDER / "init"
SCHEMAS = ("run", "account", "compare", "sweep")
PRICES = "prices.csv"
_FIRST, _LAST = np.datetime64("2024-01-02"), np.datetime64("2025-12-31")


def working_files() -> dict[str, bytes]:
    """Return the content of each file by its path inside the folder; always the same."""
    files = {
        str(path.relative_to(INIT_FOLDER)): path.read_bytes()
        for path in sorted(INIT_FOLDER.rglob("*"))
        if path.is_file() and path.suffix in (".md", ".py", ".yaml")
    }
    for name in SCHEMAS:
        schema = f"schema/{name}.schema.json"
        files[schema] = (CONFIGS_FOLDER / schema).read_bytes()
    files[PRICES] = "".join(f"{line}\n" for line in _invented_prices()).encode()
    return files


def _invented_prices() -> Iterator[str]:
    """Yield the lines of a CSV file of daily prices that no market made."""
    days = sessions_between("XNYS", _FIRST, _LAST)
    draw = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(draw.normal(0.0004, 0.01, len(days))))
    opened = np.concatenate(([100.0], close[:-1])) * (1 + draw.normal(0, 0.002, len(days)))
    reach = 1 + np.abs(draw.normal(0, 0.004, (2, len(days))))
    high, low = np.maximum(opened, close) * reach[0], np.minimum(opened, close) / reach[1]
    volume = draw.integers(1_000_000, 5_000_000, len(days))
    yield "date,open,high,low,close,volume"
    for row in zip(days, opened, high, low, close, volume, strict=True):
        yield ",".join([str(row[0]), *(f"{price:.2f}" for price in row[1:5]), str(row[5])])
