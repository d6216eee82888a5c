"""The slow answers of the page: resampled statistics, why there was no trade, the charts' data.

Each follows from run folders and settings alone and is kept under a hash of their names, as the
texts and lists that the page holds.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.load import open_source
from engine.answers.why_not_text import explain_why_not
from engine.code_versions import code_versions
from engine.compare.chart_data import episode_drawing
from engine.compare.inference import Records, cell_inference, family_inference
from engine.compare.inference_text import family_lines, inference_row, interval_texts
from engine.compare.known_runs import index_print
from engine.compare.matrix import Matrix
from engine.compare.record import CellRecord
from engine.config.compare import CompareConfig
from engine.episodes import PhaseName
from engine.results.manifest import plain
from engine.run_folder.schema import SEALS_FILE
from engine.run_folder.seals import document_digest
from engine.statistics import Interval, Missing

FLUSHES = (PhaseName.FLUSH, PhaseName.SECOND_FLUSH)


@dataclass(frozen=True)
class Question:
    """One slow answer: ``key`` names everything that decides it, ``answer`` computes it.

    ``place`` is its place on the page: ("cell", row, episode), ("episode", name) or ("family",).
    """

    place: tuple[str, ...]
    key: str
    answer: Callable[[], Any]

    @property
    def name(self) -> str:
        """The words for an error."""
        return ", ".join(self.place)


@dataclass(frozen=True)
class PageAnswers:
    """The answers by their places."""

    found: Mapping[tuple[str, ...], Any]

    def cell(self, record: CellRecord) -> dict[str, Any]:
        """Return ``statistics``, ``intervals``, ``return_difference`` and ``why_not`` of a cell."""
        answer: dict[str, Any] = self.found["cell", record.row, record.episode.name]
        return answer

    def drawing(self, episode: str) -> dict[str, Any]:
        """Return the chart data of an episode."""
        answer: dict[str, Any] = self.found["episode", episode]
        return answer

    @property
    def family(self) -> list[str]:
        """The sentences about all playbooks together."""
        answer: list[str] = self.found["family",]
        return answer


def questions(matrix: Matrix, source: Catalog | Dataset) -> Iterator[Question]:
    """Yield the questions of a page, in the order of the page's cells."""
    config = matrix.config
    settings = {
        "code": code_versions(),
        "draws": [config.seed, config.level, config.replications, config.reference],
        "playbooks": [row for row, item in config.rows.items() if not item.baseline],
    }
    for (row, episode), record in matrix.records.items():
        others = _fresh({key: r for key, r in matrix.records.items() if key[1] == episode})
        yield Question(
            ("cell", row, episode),
            _key(settings, others.values(), row=row, title=_title(record)),
            partial(cell_answer, others[row, episode], others, config),
        )
    for item in matrix.episodes:
        cells = list(_fresh({(c.row, item.name): c for c in matrix.of_episode(item)}).values())
        index = index_print(source) if isinstance(source, Catalog) else source.fingerprint
        market = [plain(config.market), config.extra_lag, index]
        data = config.source if isinstance(source, Catalog) else source
        yield Question(
            ("episode", item.name),
            _key(settings, cells, episode=plain(item), market=market),
            partial(drawing_answer, item, cells, data, config),
        )
    whole, names = _fresh(matrix.records), [item.name for item in matrix.episodes]
    titles = {row: _title(record) for (row, _), record in whole.items()}
    yield Question(
        ("family",),
        _key(settings, whole.values(), titles=titles, episodes=names),
        partial(family_answer, whole, config, names),
    )


def cell_answer(record: CellRecord, records: Records, config: CompareConfig) -> dict[str, Any]:
    """Return a cell's statistics as texts, and its answer for each flush."""
    inference = cell_inference(record, records, config)
    return {
        "statistics": list(inference_row(record, inference)),
        "intervals": interval_texts(inference),
        "return_difference": _ends(inference.differences["total_return"]),
        "why_not": [] if record.item.baseline else why_not_answers(record),
    }


def _ends(found: Interval | Missing) -> list[float] | None:
    """Return both ends of an interval; None where there is none."""
    return None if isinstance(found, Missing) else [found.low, found.high]


def drawing_answer(
    episode: Any, cells: Sequence[CellRecord], data: Any, config: CompareConfig
) -> dict[str, Any]:
    """Return the chart data of an episode; ``data`` is a dataset, or the name of a catalog."""
    source = data if isinstance(data, Dataset) else open_source(data)
    return episode_drawing(episode, cells, source, config)


def family_answer(records: Records, config: CompareConfig, episodes: Sequence[str]) -> list[str]:
    """Return the sentences about all playbooks together."""
    return family_lines(family_inference(records, config, episodes), config)


def why_not_answers(record: CellRecord) -> list[dict[str, str]]:
    """Return the why-not answer of each flush of the episode."""
    answers = []
    for phase in record.episode.spans():
        if phase.name in FLUSHES:
            window = f"{phase.start}..{phase.end}"
            answers.append(
                {
                    "window": f"{phase.name.value}, {phase.start} to {phase.end}",
                    "text": explain_why_not(record.folder, window),
                }
            )
    return answers


def _key(settings: Mapping[str, Any], records: Any, **others: Any) -> str:
    """Return the hash of everything that decides an answer."""
    runs = [[r.row, plain(r.episode), _print(r), r.item.baseline] for r in records]
    return document_digest(_texts({**settings, "runs": runs, **others}))


def _print(record: CellRecord) -> str:
    """Return the name of a run folder with the hash of its seals, which name the content.

    The id alone does not: a run that is not reusable may give another result under the same id.
    """
    seals = (record.folder / SEALS_FILE).read_bytes()
    return f"{record.folder.name} {hashlib.sha256(seals).hexdigest()}"


def _texts(value: Any) -> Any:
    """Return the value with dates and enums as texts, for JSON."""
    if isinstance(value, Mapping):
        return {str(key): _texts(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_texts(item) for item in value]
    return value if isinstance(value, int | float | str | None) else str(value)


def _fresh(records: Records) -> dict[tuple[str, str], CellRecord]:
    """Return the records without the tables that they have read: a worker reads its own."""
    return {key: replace(record) for key, record in records.items()}


def _title(record: CellRecord) -> list[Any]:
    return [record.item.title, *record.item.playbook.ignore]
