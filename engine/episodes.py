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

    phase: PhaseName = Field(description="Name of the phase; it may come more than once")
    until: Day = Field(description="Last UTC day of the phase; the next one begins a day later")
    rule: Text = Field(description="Rule that dates the last day, in words")


class LegConfig(SortedModel):
    """A sub-leg: a fall inside the window with a name of its own, first and last UTC day."""

    name: Text = Field(description="Name on the page")
    start: Day = Field(description="First UTC day")
    end: Day = Field(description="Last UTC day")


class DatedEvent(SortedModel):
    """An event on a UTC day, with its source."""

    day: Day = Field(description="UTC day of the event")
    text: Text = Field(description="The event, in words")
    source: Text = Field(description="Who reported it")


class EpisodeInput(SortedModel):
    """A kind of data of one instrument in the window, with its label.

    ``since`` is its first day, None for the whole window.
    """

    instrument: Text = Field(description="Instrument or series id")
    kind: ChannelKind = Field(description="Kind of its rows, such as bars or funding")
    label: InputLabel = Field(description="Origin of the rows: observed, inferred or synthetic")
    since: Day | None = Field(None, description="First day of the rows; null: the whole window")
    note: str = Field("", description="What a reader must know about the rows")


@dataclass(frozen=True)
class Phase:
    """One phase of an episode: UTC days ``start`` to ``end``, both included."""

    name: PhaseName
    start: date
    end: date
    rule: str


class Episode(NamedModel):
    """One sell-off: a window of UTC days, both included, cut into phases without a hole."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_\-]*$", max_length=40, description="Name of the file"
    )
    title: Text = Field(description="Heading on the page")
    start: Day = Field(description="First UTC day of the window")
    end: Day = Field(description="Last UTC day of the window, the end of the last phase")
    warmup_days: int = Field(
        365, ge=0, le=3_650, description="Days of data before the window that its runs may read"
    )
    phases: tuple[PhaseConfig, ...] = Field(
        min_length=1, description="Phases in order, without a hole; labels made with hindsight"
    )
    legs: tuple[LegConfig, ...] = Field((), description="Falls inside the window, by name")
    events: tuple[DatedEvent, ...] = Field((), description="Dated events, shown on the page")
    inputs: tuple[EpisodeInput, ...] = Field((), description="Data of the window, with labels")

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
