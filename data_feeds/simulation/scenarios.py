"""What may happen next: conditional paths from the end of any data.

    for path in scenario_paths(dataset, "B", paths=20, days=60, seed=1):
        both = joined(dataset, path)

Each scenario is a story told in numbers (``scenario_numbers``); none of them is a forecast, and
they have no probabilities. Every row is synthetic.
"""

from collections.abc import Iterator

import numpy as np

from data_feeds.dataset import Dataset
from data_feeds.errors import SchemaError
from data_feeds.schema import (
    VALUE_COLUMNS,
    Channel,
    ChannelKey,
    ChannelKind,
    time_columns,
    utc_text,
    validate,
)
from data_feeds.simulation.perp import FUNDING_NS
from data_feeds.simulation.scenario_bars import bars_after, points_of
from data_feeds.simulation.scenario_ends import (
    BAR_KINDS,
    check_points,
    end_of,
    made,
    step_ns,
    stream,
    trades_around_the_clock,
)
from data_feeds.simulation.scenario_market import (
    DailyStart,
    Factors,
    check_session_bars,
    daily_factors,
    daily_start,
    dividends_after,
    equity_steps,
    series_after,
    session_bars,
)
from data_feeds.simulation.scenario_numbers import SCENARIOS, Scenario, scenario_of
from data_feeds.simulation.scenario_perps import (
    PerpPath,
    PerpStart,
    asset_of,
    perp_path,
    perp_starts,
)
from data_feeds.timeframe import DAY_NS

__all__ = ["SCENARIOS", "Scenario", "joined", "scenario_paths"]

_PERP_POINTS = (ChannelKind.FUNDING, ChannelKind.OPEN_INTEREST, ChannelKind.LIQUIDATIONS)
_MAY_BE_EMPTY = (ChannelKind.DIVIDENDS, ChannelKind.SPLITS)


def scenario_paths(
    dataset: Dataset, scenario: str | Scenario, *, paths: int, days: int, seed: int
) -> Iterator[Dataset]:
    """Return so many continuations of a dataset under one scenario.

    Parameters
    ----------
    dataset : where the paths begin: last prices, recent volatility, open interest, funding, yields
        and spreads are taken from its end. Cut it first to begin earlier.
    scenario : ``A``, ``B``, ``C``, or numbers of your own
    paths, days : how many paths, and calendar days from the dataset's end on; both at least 1
    seed : path ``i`` depends on the seed and ``i`` alone, so the first 5 of 10 paths are the 5

    Returns
    -------
    Datasets with the same channels, whose rows begin after the dataset's own last rows and become
    known after its end; all rows and instruments are synthetic. Dividends go on as before, splits
    end.

    Raises
    ------
    SchemaError : a channel cannot be continued (it is named), the scenario is unknown, or
        ``paths``, ``days`` or ``seed`` is out of range.
    """
    numbers = scenario_of(scenario)
    for name, value, least in (("paths", paths, 1), ("days", days, 1), ("seed", seed, 0)):
        if value < least:
            raise SchemaError(f"{name} is {value}; a scenario needs at least {least}")
    begin = end_of(dataset)
    end = begin + days * DAY_NS
    _refuse_empty(dataset)
    perps = perp_starts(dataset, begin)
    for key in sorted(dataset.channels):
        _check(dataset, key, perps, begin)
    start = daily_start(dataset, begin, end)
    return (_path(dataset, numbers, start, perps, seed=seed, path=i) for i in range(paths))


def _refuse_empty(dataset: Dataset) -> None:
    for key, channel in sorted(dataset.channels.items()):
        if len(channel) == 0 and key.kind not in _MAY_BE_EMPTY:
            raise SchemaError(
                f"{key}: no row to continue; leave the channel out with dataset.only or load more"
            )


def _check(dataset: Dataset, key: ChannelKey, perps: dict[str, PerpStart], begin: int) -> None:
    """Raise unless a channel can be continued."""
    if key.kind in BAR_KINDS and not trades_around_the_clock(dataset, key.instrument):
        check_session_bars(dataset, key, begin)
    if key.kind in _PERP_POINTS and asset_of(key.instrument) not in perps:
        raise SchemaError(
            f"{key}: cannot be continued without bars of {asset_of(key.instrument)}; add them or "
            "leave the channel out with dataset.only"
        )
    if key.kind in _PERP_POINTS or key.kind is ChannelKind.SERIES:
        check_points(dataset.channels[key], begin)


def _path(
    dataset: Dataset,
    scenario: Scenario,
    start: DailyStart,
    perps: dict[str, PerpStart],
    *,
    seed: int,
    path: int,
) -> Dataset:
    factors = daily_factors(start, scenario, stream(seed, path, "factors"))
    crypto = {
        asset: perp_path(
            asset, perps, factors, scenario, end=start.end, seed=seed, path=path,
            funding_ns=_funding_ns(dataset, perps[asset].lead),
        )
        for asset in perps
    }  # fmt: skip
    channels: dict[ChannelKey, Channel] = {}
    # Bars come before the dividends that are paid at their opens.
    for key in sorted(dataset.channels):
        rng = stream(seed, path, str(key))
        if key.kind in BAR_KINDS and trades_around_the_clock(dataset, key.instrument):
            perp = crypto[asset_of(key.instrument)]
            channels[key] = bars_after(dataset, key, perp, start.end, rng)
        elif key.kind in BAR_KINDS:
            steps = equity_steps(key.instrument, start, factors, scenario, seed=seed, path=path)
            channels[key] = session_bars(dataset, key, factors, steps, end=start.end, rng=rng)
        else:
            channels[key] = _points(
                dataset, key, crypto=crypto, factors=factors, bars=channels, end=start.end, rng=rng
            )
        channels[key] = _after(channels[key], start.begin)
        validate(channels[key])
    instruments = {
        name: item.model_copy(update={"synthetic": True})
        for name, item in dataset.instruments.items()
    }
    return Dataset(instruments, channels)


def _after(channel: Channel, begin: int) -> Channel:
    """Return a channel no row of which is known while the data last: decisions there are history.

    A channel that lags begins with facts of the data's last days.
    """
    known = np.maximum(channel["available_at"], begin + 1)
    return Channel(channel.key, {**channel.columns, "available_at": known})


def _points(
    dataset: Dataset,
    key: ChannelKey,
    *,
    crypto: dict[str, PerpPath],
    factors: Factors,
    bars: dict[ChannelKey, Channel],
    end: int,
    rng: np.random.Generator,
) -> Channel:
    """Return a channel of points after the last of the data."""
    channel = dataset.channels[key]
    if key.kind in _PERP_POINTS:
        return points_of(channel, crypto[asset_of(key.instrument)], end)
    if key.kind is ChannelKind.SERIES:
        return series_after(channel, factors, rng, end)
    paid: list[tuple[int, float]] = []
    if key.kind is ChannelKind.DIVIDENDS:
        paid = list(
            dividends_after(
                channel, bars.get(ChannelKey(key.instrument, ChannelKind.BARS, "1d")), end
            )
        )
    at = np.array([instant for instant, _ in paid], dtype=np.int64)
    column = VALUE_COLUMNS[key.kind][0]
    return made(key, (at, at.copy()), {column: np.array([x for _, x in paid], dtype=np.float64)})


def _funding_ns(dataset: Dataset, name: str) -> int:
    channel = dataset.channels.get(ChannelKey(name, ChannelKind.FUNDING))
    return FUNDING_NS if channel is None else step_ns(channel, FUNDING_NS)


def joined(history: Dataset, path: Dataset) -> Dataset:
    """Return a dataset of the history's rows and then the path's, e.g. for a playbook's warm-up.

    Raises
    ------
    SchemaError : a channel of the path is none of the history's, or does not begin after it.
    """
    channels = dict(history.channels)
    for key, after in path.channels.items():
        before = history.channels.get(key)
        if before is None:
            raise SchemaError(
                f"{key}: in the path, not in the history; join a path to its own data"
            )
        first = time_columns(key.kind)[0]
        if len(before) and len(after) and after[first][0] <= before[first][-1]:
            raise SchemaError(
                f"{key}: the path begins {utc_text(int(after[first][0]))}, the history ends "
                f"{utc_text(int(before[first][-1]))}; join a path to the data it was made from"
            )
        columns = {name: np.concatenate((before[name], after[name])) for name in before.columns}
        channels[key] = Channel(key, columns)
        validate(channels[key])
    return Dataset({**history.instruments, **path.instruments}, channels)
