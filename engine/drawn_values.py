"""Declare which values of a playbook's signals a run's page draws, and how."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class DrawnAs(StrEnum):
    """The ways in which the page of a run draws a value.

    ``LEVEL``: a price that holds until it changes, as steps over the price. ``LINE``: a price that
    moves with the rows, as a line over the price. ``PANEL``: any other number, in a panel of its
    own. ``STAGES``: codes with names, as labelled bands behind the price.
    """

    LEVEL = "level"
    LINE = "line"
    PANEL = "panel"
    STAGES = "stages"


@dataclass(frozen=True)
class DrawnValue:
    """Declare one of ``Signals.values`` as drawn on the run's page.

    Attributes
    ----------
    name : key in ``Signals.values``; numbers, NaN where the value is unknown
    title : the words beside the line
    drawn_as : how it is drawn
    instrument : whose price it belongs to; "" for a level or line of the clock's instrument, and
        for panels and stages that concern every instrument
    unit : of a number in a panel, for its axis; "" for a plain number
    stages : words by code, for stages alone. A code without words has no band and no label: leave
        out the resting state, in which nothing is going on
    """

    name: str
    title: str
    drawn_as: DrawnAs
    instrument: str = ""
    unit: str = ""
    stages: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "drawn_as", DrawnAs(self.drawn_as))
        if (self.drawn_as is DrawnAs.STAGES) != bool(self.stages):
            raise ValueError(
                f"drawn value {self.name!r}: stages are the words by code of a value drawn as "
                f"stages, and of no other; this one is drawn as {self.drawn_as}"
            )
