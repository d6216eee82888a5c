"""Everything that determines the results of a sweep's sets, as hashes, and who runs the sets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from data_feeds.clock import DAY_NS
from data_feeds.dataset import Dataset
from data_feeds.schema import Provenance
from engine.config.models import RunConfig
from engine.costs.market_activity import activity_digest
from engine.errors import ConfigError
from engine.playbook import Playbook, Requirements
from engine.plugins import configured_playbook, requirements_of
from engine.results.declared_reads import declared_reads
from engine.results.finished import ChosenRules, periods_per_year
from engine.results.manifest import inputs_document, inputs_without_data, not_reusable, plain
from engine.run import PreparedRun, prepare_run
from engine.run_data import history_ns, load_state, load_window, memory_ns, stored_activity
from engine.run_folder.schema import RUN_ID_DIGITS
from engine.run_folder.seals import document_digest
from engine.settle import settle
from engine.sweep.axes import ParameterSet, Places, SweepSpace
from engine.sweep.screened_runs import reasons_for_engine
from engine.sweep.sweep_job import SweepCell, SweepJob


@dataclass(frozen=True)
class SweepInputs:
    """Everything that determines the results of a sweep's sets, as hashes.

    Attributes
    ----------
    document : the hashes and values; their hash is the ``results_id``
    windows : the cluster of each window by its name, in order of time
    playbook : module and class of the rules
    traded : the traded instruments
    is_synthetic : True when a value of the market data was generated
    periods_per_year : days a year of the daily returns
    memory_days : days of data that a decision reads under the longest levels, rounded up
    engine_reasons : why the engine runs every set; empty where sets are screened
    not_reusable : why the hashes do not cover all that the rules read, so that stored results are
        not used; mostly empty
    """

    document: dict[str, Any]
    windows: Mapping[str, str]
    playbook: type[Playbook[Any]]
    traded: tuple[str, ...]
    is_synthetic: bool
    periods_per_year: int
    memory_days: int
    engine_reasons: tuple[str, ...]
    not_reusable: tuple[str, ...]

    @property
    def is_screened(self) -> bool:
        """True when the compiled screening runs the sets."""
        return not self.engine_reasons

    @property
    def results_id(self) -> str:
        """The first digits of a hash over the inputs; it names the stored results."""
        return document_digest(self.document)[:RUN_ID_DIGITS]


def sweep_inputs(job: SweepJob) -> SweepInputs:
    """Return the inputs of a sweep's results: sets, windows, data and code.

    The way in which one set is chosen and judged is no part of them. Data, files and code are those
    of every run with one level changed from the first set, since a level may read others.

    Raises
    ------
    RiskoffError : the first set cannot be run in a cell.
    """
    first = job.first_set
    runs = [
        prepare_run(job.run_config(first, cell), job.source, job.plugin_path) for cell in job.cells
    ]
    reasons, needs = reasons_for_engine(job, runs), list(_level_needs(job))
    data = set(_level_data(job, needs))
    return SweepInputs(
        document={
            **_inputs_document(job, runs, needs),
            "data": sorted({digest for digest, _ in data}),
            # Screening and engine agree to 1e-9, and not to the last bit.
            "screened": not reasons,
        },
        windows={cell.window: cell.cluster for cell in job.cells},
        playbook=type(runs[0].playbook),
        traded=tuple(sorted({name for need in needs for name in need.requirements.traded})),
        is_synthetic=any(is_synthetic for _, is_synthetic in data),
        periods_per_year=max(_periods_per_year(job, need) for need in needs),
        memory_days=-(-_longest_memory(job, needs) // DAY_NS),
        engine_reasons=reasons,
        not_reusable=_reasons_against_reuse([*(run.inputs for run in runs), *needs]),
    )


def _reasons_against_reuse(read: Sequence[ChosenRules]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(reason for rules in read for reason in not_reusable(rules)))


@dataclass(frozen=True)
class _RunNeeds:
    """Hold a set's settled run and rules on one instrument, without its window, and their needs.

    ``lengths`` are those of the required history and of the memory of estimates, ns.
    """

    item: ParameterSet
    instrument: str
    config: RunConfig
    playbook: Playbook[Any]
    requirements: Requirements
    lengths: tuple[int, int]


def _level_needs(job: SweepJob) -> Iterator[_RunNeeds]:
    """Yield the needs of the first set, and of each set with one level changed from it."""
    for item in _variants(job.space, job.first_set):
        yield from _needs_of(job, item)


def _needs_of(job: SweepJob, item: ParameterSet) -> Iterator[_RunNeeds]:
    """Yield the needs of a set on each instrument; none where its values do not fit together."""
    for name, any_cell in {cell.instrument: cell for cell in job.cells}.items():
        try:
            config = job.run_config(item, any_cell)
            playbook = configured_playbook(config.playbook, job.plugin_path)
            config, playbook = settle(config, job.source, playbook)
        except ConfigError:
            continue  # the values may fit together with other ones; the set's own run tells
        needs = requirements_of(playbook)
        playbook.reads |= declared_reads(playbook, needs)
        lengths = history_ns(config, job.source, needs), memory_ns(config, needs)
        yield _RunNeeds(item, name, config, playbook, needs, lengths)


def _longest_memory(job: SweepJob, needs: Sequence[_RunNeeds]) -> int:
    """Return the longest stretch of data that a decision reads, ns.

    Counted are each level alone and the set that joins the level of the longest memory of each
    axis, since lookbacks may follow one another.
    """
    first, reach = job.first_set.places, dict[Places, int]()
    for need in needs:
        places = need.item.places
        reach[places] = max(reach.get(places, 0), *need.lengths)

    def alone(number: int, place: int) -> tuple[int, int]:
        # Levels ascend: of levels hidden by a longer memory elsewhere the last counts.
        return reach.get((*first[:number], place, *first[number + 1 :]), 0), place

    joined = job.space.at(
        [
            max(range(axis.size), key=partial(alone, number))
            for number, axis in enumerate(job.space.axes)
        ]
    )
    together = [length for need in _needs_of(job, joined) for length in need.lengths]
    return max(*reach.values(), *together)


def _inputs_document(
    job: SweepJob, runs: Sequence[PreparedRun], needs: Sequence[_RunNeeds]
) -> dict[str, Any]:
    config = job.config
    return {
        "sets": {axis.path: list(axis.levels) for axis in job.space.axes},
        "constraints": list(config.constraints),
        "sampler": plain(config.sampler),
        # An adaptive sampler follows the number that it maximizes.
        "metric": config.choose.metric.value if config.sampler.kind.is_adaptive else None,
        "instrument_path": config.instrument_path if config.instruments else None,
        "cells": [[cell.window, cell.instrument] for cell in job.cells],
        "runs": [inputs_document(run.inputs) for run in runs],
        "levels": sorted({document_digest(inputs_without_data(need)) for need in needs}),
    }


def _periods_per_year(job: SweepJob, need: _RunNeeds) -> int:
    source = job.source
    held = source.instruments if isinstance(source, Dataset) else source.instruments()
    return periods_per_year(need.config, [held[name] for name in need.requirements.traded])


def _level_data(job: SweepJob, needs: Sequence[_RunNeeds]) -> Iterator[tuple[str, bool]]:
    """Yield fingerprints of the data of all levels, and whether a value in them was generated."""
    seen: list[tuple[Any, ...]] = []
    for need in needs:
        config = need.config
        tiers = None if config.risk.market_tiers is None else config.market
        reads_activity = config.venue.slippage.reads_activity
        of_run = config.account, config.options, config.report, tiers, reads_activity
        asked = (need.instrument, need.requirements, need.lengths, *of_run)
        if asked in seen:
            continue
        seen.append(asked)
        for cell in job.cells:
            if cell.instrument == need.instrument:
                yield from _data_of(job, config, need.requirements, cell)


def _data_of(
    job: SweepJob, config: RunConfig, needs: Requirements, cell: SweepCell
) -> Iterator[tuple[str, bool]]:
    """Yield the fingerprints of a run's data in the window of a cell, and whether it is generated.

    Data that only price or guard the trades say nothing about the latter.
    """
    window = job.run_config(job.first_set, cell).data
    config = config.model_copy(update={"data": window})
    dataset = load_window(config, job.source, needs)
    yield dataset.fingerprint, dataset.provenance is Provenance.SYNTHETIC
    activity = stored_activity(config, job.source, needs)
    if activity:
        yield activity_digest(activity), False
    state = load_state(config, job.source)
    if state is not None:
        yield state.data.fingerprint, False


def _variants(space: SweepSpace, first: ParameterSet) -> Iterator[ParameterSet]:
    yield first
    for number, axis in enumerate(space.axes):
        for place in range(axis.size):
            if place != first.places[number]:
                yield space.at([*first.places[:number], place, *first.places[number + 1 :]])
