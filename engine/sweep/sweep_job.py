"""A sweep's inputs, checked before the first run: base, axes, constraints, windows, instruments."""

from calendar import monthrange
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

from data_feeds.catalog import Catalog
from data_feeds.catalog.kept_catalog import KeptCatalog
from data_feeds.clock import DAY_NS, midnight_ns, utc_datetime
from data_feeds.dataset import Dataset
from data_feeds.default_data import EMBEDDED
from data_feeds.errors import CoverageError, DataError, RiskoffError
from data_feeds.load import open_source
from data_feeds.yaml_text import KeyPath
from engine.config.models import RunConfig
from engine.config.sweep import FoldsConfig, SweepConfig, SweepWindow
from engine.config.sweep_file import SweepFile, key_path
from engine.config.yaml_source import with_values
from engine.config_files import run_of
from engine.episodes import find_episode
from engine.errors import ConfigError
from engine.run import prepare_run
from engine.sell_offs import find_market, find_sell_offs
from engine.sweep.axes import ParameterSet, SweepSpace, space_of
from engine.sweep.constraints import Constraint, parsed_constraint
from engine.sweep.samplers import allowed


@dataclass(frozen=True)
class SweepCell:
    """One window on one instrument; ``instrument`` is empty for those of the base.

    Windows of one ``cluster`` are left out together; it is the window's own name if none is found.
    """

    window: str
    start: str
    end: str
    instrument: str
    cluster: str

    def __str__(self) -> str:
        return ", ".join(text for text in (self.window, self.instrument) if text)


@dataclass(frozen=True)
class SweepJob:
    """A checked sweep: every set is run in every cell.

    ``lacking`` gives, by window, the reason why a found sell-off is no window of this sweep.
    """

    file: SweepFile
    space: SweepSpace
    cells: tuple[SweepCell, ...]
    plugin_path: Path | None = None
    lacking: Mapping[str, str] = field(default_factory=dict)

    @property
    def config(self) -> SweepConfig:
        """The sweep as written."""
        return self.file.config

    @cached_property
    def rules(self) -> tuple[Constraint, ...]:
        """The parsed constraints."""
        source = self.file.source
        return tuple(
            parsed_constraint(text, self.space, source.where(("constraints", place)))
            for place, text in enumerate(self.config.constraints)
        )

    def __getstate__(self) -> dict[str, Any]:
        # A parsed constraint is a function, which no other process can read; data are read there.
        return {k: v for k, v in self.__dict__.items() if k not in ("rules", "source")}

    @cached_property
    def first_set(self) -> ParameterSet:
        """The first combination that fulfils the constraints."""
        found = next(allowed(self.space.grid(), self.rules), None)
        if found is None:
            texts = "; ".join(self.config.constraints)
            raise ConfigError(f"{self.file.source.name}: constraints: no set fulfils: {texts}")
        return found

    def run_config(
        self, item: ParameterSet, cell: SweepCell, changes: Sequence[tuple[KeyPath, Any, str]] = ()
    ) -> RunConfig:
        """Return the run of a set in a cell.

        ``changes`` are further values: key path, value, and the place for an error.

        Raises
        ------
        ConfigError : the values of the set cannot be used, or not together.
        """
        given: list[tuple[KeyPath, Any, str]] = [
            (key_path(path), value, f"{self.file.place(path)}: set {item.set_id}")
            for path, value in item.values.items()
        ]
        where = self.file.source.where(("episodes",))
        given += [(("data", key), getattr(cell, key), where) for key in ("start", "end")]
        if cell.instrument:
            where = self.file.source.where(("instruments",))
            given.append((key_path(self.config.instrument_path), cell.instrument, where))
        return run_of(with_values(self.file.base, [*given, *changes]), self.plugin_path)

    @property
    def source_name(self) -> str:
        """The name of the data that the base reads."""
        return str(self.file.base.data["data"].get("source", EMBEDDED))

    @cached_property
    def source(self) -> Catalog | Dataset:
        """The catalog, each stretch of it read once."""
        found = open_source(self.source_name)
        return KeptCatalog(found.path) if isinstance(found, Catalog) else found


def sweep_job(file: SweepFile, plugin_path: Path | None = None) -> SweepJob:
    """Return a sweep whose axes, constraints and windows have been checked.

    Raises
    ------
    ConfigError : a constraint or an episode cannot be used, two windows share a day, no set
        fulfils the constraints, or the first set cannot be run.
    """
    config, space = file.config, space_of(file.config)
    found = SweepJob(file, space, (), plugin_path)
    windows = _windows(file) if config.sell_offs is None else _found_windows(found)
    names = config.instruments or ("",)
    cells = tuple(replace(window, instrument=name) for window in windows for name in names)
    found.run_config(found.first_set, cells[0])
    if config.sell_offs is None:
        return SweepJob(file, space, cells, plugin_path)
    lacking = dict(_without_data(found, cells))
    held = tuple(cell for cell in cells if cell.window not in lacking)
    if not held:
        first = next(iter(lacking.items()))
        raise CoverageError(f"sell_offs: the data hold none of them; {first[0]}: {first[1]}")
    return SweepJob(file, space, held, plugin_path, lacking)


def _found_windows(job: SweepJob) -> list[SweepCell]:
    """Return a window for each sell-off that the dating rule finds, the day of its high not in it.

    A day's return runs from the close before it, so the fall begins on the day after the high. The
    day of the high may be the last day of the sell-off before.
    """
    place, text = job.file.source.where(("sell_offs",)), str(job.config.sell_offs)
    try:
        found = find_sell_offs(job.source, find_market(text)).sell_offs
    except RiskoffError as error:
        raise type(error)(f"{place}: sell_offs: {error}") from error
    windows = [
        SweepCell(
            window=str(item.high),
            start=utc_datetime(midnight_ns(item.high) + DAY_NS).isoformat(),
            end=utc_datetime(midnight_ns(item.last) + DAY_NS).isoformat(),
            instrument="",
            cluster=f"cluster {item.cluster}",
        )
        for item in found
    ]
    _refuse_shared_days(windows, f"{place}: sell_offs")
    return windows


def _without_data(job: SweepJob, cells: Sequence[SweepCell]) -> Iterator[tuple[str, str]]:
    """Yield the windows for which the data do not suffice, with the reason."""
    for cell in cells:
        try:
            prepare_run(job.run_config(job.first_set, cell), job.source, job.plugin_path)
        except DataError as error:
            yield cell.window, str(error)


def _windows(file: SweepFile) -> list[SweepCell]:
    """Return the windows in order of time, without an instrument."""
    config, base = file.config, file.base.data.get("data")
    written: Sequence[str | SweepWindow] = config.episodes
    place = file.source.where(("episodes",))
    try:
        if not written:
            held = base if isinstance(base, dict) else {}
            window = {"name": "window", "start": held.get("start"), "end": held.get("end")}
            whole = SweepWindow.model_validate(window)
            written = (whole,) if config.folds is None else cut_window(whole, config.folds)
        found = [_window(item) for item in written]
    except (RiskoffError, ValueError) as error:
        raise ConfigError(f"{place}: episodes: {error}") from error
    for name, count in Counter(cell.window for cell in found).items():
        if count > 1:
            raise ConfigError(f"{place}: episodes: {count} are called {name!r}; rename one")
    found.sort(key=lambda cell: cell.start)
    _refuse_shared_days(found, f"{place}: episodes")
    return found


def _refuse_shared_days(windows: Sequence[SweepCell], place: str) -> None:
    """Refuse windows, in order of time, of which two share a day."""
    for one, other in combinations(windows, 2):
        if other.start < one.end:
            raise ConfigError(
                f"{place}: {one.window} and {other.window} share days; no day may count twice in "
                "one result"
            )


def cut_window(whole: SweepWindow, folds: FoldsConfig) -> list[SweepWindow]:
    """Return the windows of a walk-forward, each named by its first day.

    A rest shorter than half a window belongs to the last window.

    Raises
    ------
    ConfigError : no window is left to be judged.
    """
    starts = [whole.start]
    while (following := _months_later(whole.start, len(starts) * folds.test_months)) < whole.end:
        starts.append(following)
    rest, length = whole.end - starts[-1], following - starts[-1]
    if len(starts) > 1 and rest < length / 2:
        starts.pop()
    if len(starts) <= folds.choosing:
        raise ConfigError(
            f"the window {whole.start:%Y-%m-%d} to {whole.end:%Y-%m-%d} holds {len(starts)} of "
            f"{folds.test_months} months; {folds.choosing} choose, so that none is judged; lower "
            "folds.train_months or give a longer window"
        )
    return [
        SweepWindow(name=f"{start:%Y-%m-%d}", start=start, end=end)
        for start, end in pairwise([*starts, whole.end])
    ]


def _months_later(at: datetime, months: int) -> datetime:
    """Return the same day of a later month, or its last day."""
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    day = min(at.day, monthrange(year, month + 1)[1])
    return at.replace(year=year, month=month + 1, day=day)


def _window(item: str | SweepWindow) -> SweepCell:
    if isinstance(item, SweepWindow):
        name, start, end = item.name, item.start, item.end
    else:
        episode = find_episode(item)
        name = episode.name
        start, end = utc_datetime(episode.start_at), utc_datetime(episode.end_at)
    return SweepCell(name, start.isoformat(), end.isoformat(), "", name)
