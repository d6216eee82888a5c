"""Episodes as data: named sell-off windows with their phases, dated events and inputs.

Phases are labels made with hindsight, for reports only. Playbooks and signals cannot import this
module; a contract of the import linter holds it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from data_feeds.clock import midnight_ns
from data_feeds.schema import ChannelKind
from data_feeds.strict_model import SortedModel
from engine.config.field_types import Text
from engine.config.locations import CONFIGS_FOLDER, find_config
from engine.config.named_file import NamedModel, load_named

KIND = "episodes"
EPISODES_FOLDER = CONFIGS_FOLDER / KIND
ONE_DAY = timedelta(days=1)


def _read_day(value: object) -> object:
    # Strict reading would refuse text, which is how YAML carries a day.
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError("write a day as 2026-02-05") from error


Day = Annotated[
    date,
    BeforeValidator(_read_day),
    WithJsonSchema({"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}),
]


class PhaseName(StrEnum):
    """The parts of a sell-off; a part may come more than once."""

    BEFORE = "before"
    SHOCK = "shock"
    FLUSH = "flush"
    SECOND_FLUSH = "second flush"
    STABILIZATION = "stabilization"
    RECOVERY = "recovery"


class InputLabel(StrEnum):
    """Origin of the rows of an input in the window."""

    OBSERVED = "observed"
    INFERRED = "inferred"
    SYNTHETIC = "synthetic"
    ABSENT = "absent"


class PhaseConfig(SortedModel):
    """A phase: its last UTC day ``until``, and the rule that dates this day."""

    phase: PhaseName
    until: Day
    rule: Text


class LegConfig(SortedModel):
    """A sub-leg: a fall inside the window with a name of its own, first and last UTC day."""

    name: Text
    start: Day
    end: Day


class DatedEvent(SortedModel):
    """An event on a UTC day, with its source."""

    day: Day
    text: Text
    source: Text


class EpisodeInput(SortedModel):
    """A kind of data of one instrument in the window, with its label.

    ``since`` is its first day, None for the whole window.
    """

    instrument: Text
    kind: ChannelKind
    label: InputLabel
    since: Day | None = None
    note: str = ""


@dataclass(frozen=True)
class Phase:
    """One phase of an episode: UTC days ``start`` to ``end``, both included."""

    name: PhaseName
    start: date
    end: date
    rule: str


class Episode(NamedModel):
    """One sell-off: a window of UTC days, both included, cut into phases without a hole."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_\-]*$", max_length=40)]
    title: Text
    start: Day
    end: Day
    warmup_days: Annotated[int, Field(ge=0, le=3_650)] = 365
    phases: Annotated[tuple[PhaseConfig, ...], Field(min_length=1)]
    legs: tuple[LegConfig, ...] = ()
    events: tuple[DatedEvent, ...] = ()
    inputs: tuple[EpisodeInput, ...] = ()

    @model_validator(mode="after")
    def _check_days(self) -> "Episode":
        if self.end <= self.start:
            raise ValueError(f"end {self.end} must lie after start {self.start}")
        ends = [item.until for item in self.phases]
        if ends[0] < self.start:
            raise ValueError(f"the first phase ends on {ends[0]}, before the start {self.start}")
        for one, other in pairwise(ends):
            if other <= one:
                raise ValueError(f"phases in order of time: {other} comes after {one}")
        if ends[-1] != self.end:
            raise ValueError(f"the last phase must end with the window: {ends[-1]} != {self.end}")
        for leg in self.legs:
            if not self.start <= leg.start <= leg.end <= self.end:
                raise ValueError(
                    f"leg {leg.name!r}: {leg.start} to {leg.end} is no span inside "
                    f"{self.start} to {self.end}"
                )
        for event in self.events:
            if not self.start <= event.day <= self.end:
                raise ValueError(
                    f"event of {event.day} ({event.text!r}) lies outside {self.start} to {self.end}"
                )
        return self

    def spans(self) -> Iterator[Phase]:
        """Yield the phases with both of their days."""
        start = self.start
        for item in self.phases:
            yield Phase(item.phase, start, item.until, item.rule)
            start = item.until + ONE_DAY

    @property
    def start_at(self) -> int:
        """First instant of the window, ns UTC."""
        return midnight_ns(self.start)

    @property
    def end_at(self) -> int:
        """First instant after the window, ns UTC."""
        return midnight_ns(self.end + ONE_DAY)


def load_episode(path: Path) -> Episode:
    """Return the episode that a YAML file describes.

    Raises
    ------
    YamlError : the file is missing or not the YAML we accept.
    ConfigError : the values cannot be used, or the name is not the file's; one line a problem.
    """
    return load_named(path, Episode)


def find_episode(text: str) -> Episode:
    """Return the episode that an argument means: a YAML file, or the name of a shipped one."""
    return load_episode(find_config(text, KIND))


def shipped_episodes() -> list[Episode]:
    """Return the episodes that ship with riskoff, by name."""
    return [load_episode(path) for path in sorted(EPISODES_FOLDER.glob("*.yaml"))]
