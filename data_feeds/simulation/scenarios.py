"""Generate conditional paths from the end of any data.

    for path in scenario_paths(dataset, "B", paths=20, days=60, seed=1):
        both = joined(dataset, path)

Each scenario is a set of parameters (``scenario_parameters``). A scenario is no forecast and has no
probability. Every row is synthetic.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from data_feeds.clock import DAY_NS, utc_text
from data_feeds.dataset import Dataset
from data_feeds.errors import SchemaError
from data_feeds.schema import (
    VALUE_COLUMNS,
    Channel,
    ChannelKey,
    ChannelKind,
    concatenated,
    time_columns,
    validate,
)
from data_feeds.simulation.perp import FUNDING_NS
from data_feeds.simulation.scenario_bars import bars_after, points_of
from data_feeds.simulation.scenario_daily import (
    CONTEXT,
    LOOK_BACK_DAYS,
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
from data_feeds.simulation.scenario_parameters import SCENARIOS, Scenario, scenario_of
from data_feeds.simulation.scenario_perps import (
    PerpPath,
    PerpStart,
    asset_of,
    check_perp_bars,
    perp_path,
    perp_starts,
)
from data_feeds.simulation.scenario_start import (
    BAR_KINDS,
    check_points,
    end_of,
    made,
    step_ns,
    stream,
    trades_around_the_clock,
)

__all__ = [
    "LOOK_BACK_DAYS",
    "SCENARIOS",
    "Continuation",
    "Scenario",
    "context_channels",
    "continuation",
    "joined",
    "refusals",
    "scenario_paths",
]

_PERP_POINTS = (ChannelKind.FUNDING, ChannelKind.OPEN_INTEREST, ChannelKind.LIQUIDATIONS)
_MAY_BE_EMPTY = (ChannelKind.DIVIDENDS, ChannelKind.SPLITS)


def scenario_paths(
    dataset: Dataset, scenario: str | Scenario, *, paths: int, days: int, seed: int
) -> Iterator[Dataset]:
    """Return a number of continuations of a dataset under one scenario.

    Parameters
    ----------
    dataset : data that the paths continue; its end gives last prices, recent volatility, open
        interest, funding, yields and spreads. Cut it first to begin earlier.
    scenario : ``A``, ``B``, ``C``, or your own parameters
    paths, days : number of paths, and calendar days from the dataset's end on; both at least 1
    seed : path ``i`` depends only on the seed and ``i``, so 5 paths are the first 5 of 10 paths

    Returns
    -------
    Datasets with the same channels. Their rows begin after the dataset's last rows and become known
    after its end; all rows and instruments are synthetic. Dividends continue, splits end.

    Raises
    ------
    SchemaError : a named channel cannot be continued, the scenario is unknown, or ``paths``,
        ``days`` or ``seed`` is out of range.
    """
    if paths < 1:
        raise SchemaError(f"paths is {paths}; a scenario needs at least 1")
    begun = continuation(dataset, scenario, days=days, seed=seed)
    return (begun.path(i) for i in range(paths))


@dataclass(frozen=True)
class Continuation:
    """Starting state of the paths of one scenario, measured once for all paths."""

    dataset: Dataset
    scenario: Scenario
    start: DailyStart
    perps: Mapping[str, PerpStart]
    seed: int

    @property
    def begin(self) -> int:
        """End of the dataset and start of the paths, ns UTC."""
        return self.start.begin

    @property
    def end(self) -> int:
        """End of the paths, ns UTC."""
        return self.start.end

    def path(self, number: int) -> Dataset:
        """Return one path by its number from 0; it depends only on the seed and the number."""
        return _path(
            self.dataset,
            self.scenario,
            self.start,
            dict(self.perps),
            seed=self.seed,
            path=number,
        )


def continuation(
    dataset: Dataset, scenario: str | Scenario, *, days: int, seed: int
) -> Continuation:
    """Return the object that makes single paths of :func:`scenario_paths`, in any order.

    See :func:`scenario_paths` for parameters and errors.
    """
    numbers = scenario_of(scenario)
    for name, value, least in (("days", days, 1), ("seed", seed, 0)):
        if value < least:
            raise SchemaError(f"{name} is {value}; a scenario needs at least {least}")
    begin = end_of(dataset)
    for error in refusals(dataset).values():
        raise error
    perps = perp_starts(dataset, begin)
    start = daily_start(dataset, begin, begin + days * DAY_NS)
    return Continuation(dataset, numbers, start, perps, seed)


def refusals(dataset: Dataset) -> dict[ChannelKey, SchemaError]:
    """Return an error for each channel of a dataset that cannot be continued.

    Raises
    ------
    SchemaError : the dataset holds no row.
    """
    begin = end_of(dataset)
    found: dict[ChannelKey, SchemaError] = {}
    # Bars come first: points of a perp continue only with bars that continue.
    for key in sorted(dataset.channels, key=lambda key: (key.kind not in BAR_KINDS, key)):
        assets = {
            asset_of(dataset, other.instrument)
            for other in dataset.channels.keys() - found.keys()
            if other.kind in BAR_KINDS and trades_around_the_clock(dataset, other.instrument)
        }
        try:
            _check(dataset, key, assets, begin)
        except SchemaError as error:
            found[key] = error
    return found


def context_channels(held: Iterable[ChannelKey]) -> frozenset[ChannelKey]:
    """Return the channels on which the starting state of any path is measured.

    With these channels and ``LOOK_BACK_DAYS`` of history, paths of one seed are equal for datasets
    with equal ends.
    """
    daily_bars = (ChannelKind.BARS, "1d")
    return frozenset(
        key
        for key in held
        if key.instrument in CONTEXT
        and (key.kind is ChannelKind.SERIES or (key.kind, key.timeframe) == daily_bars)
    )


def _check(dataset: Dataset, key: ChannelKey, assets: set[str], begin: int) -> None:
    """Check that a channel can be continued; ``assets`` have bars around the clock."""
    channel = dataset.channels[key]
    if len(channel) == 0 and key.kind not in _MAY_BE_EMPTY:
        raise SchemaError(
            f"{key}: no row to continue; leave the channel out with dataset.only or load more"
        )
    if key.kind in BAR_KINDS and trades_around_the_clock(dataset, key.instrument):
        check_perp_bars(channel, begin)
    elif key.kind in BAR_KINDS:
        check_session_bars(dataset, key, begin)
    if key.kind in _PERP_POINTS and asset_of(dataset, key.instrument) not in assets:
        raise SchemaError(
            f"{key}: cannot be continued without bars of {asset_of(dataset, key.instrument)}; add "
            "them or leave the channel out with dataset.only"
        )
    if key.kind in _PERP_POINTS or key.kind is ChannelKind.SERIES:
        check_points(channel, begin)


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
    # Bars come before dividends, which are paid at opens.
    for key in sorted(dataset.channels):
        rng = stream(seed, path, str(key))
        if key.kind in BAR_KINDS and trades_around_the_clock(dataset, key.instrument):
            perp = crypto[asset_of(dataset, key.instrument)]
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
    """Return a channel whose rows become known only after the end of the data.

    A channel with a release lag begins with facts of the data's last days.
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
        return points_of(channel, crypto[asset_of(dataset, key.instrument)], end)
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
    """Return a dataset of the history's rows followed by the path's rows, e.g. for a warm-up.

    Raises
    ------
    SchemaError : the history lacks a channel of the path, or the channel does not begin after it.
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
        channels[key] = concatenated(key, [before, after])
        validate(channels[key])
    return Dataset({**history.instruments, **path.instruments}, channels)
