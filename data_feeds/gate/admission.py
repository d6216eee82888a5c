"""Admit rows into a catalog, or refuse them by the rule they break."""

from dataclasses import dataclass

from data_feeds.clock import SECOND_NS
from data_feeds.gate.time_grid import check_sessions, check_stamps, on_grid
from data_feeds.gate.unit_check import ask_unit
from data_feeds.instrument import Instrument
from data_feeds.schema import Channel, check_columns, validate


@dataclass(frozen=True)
class Admitted:
    """Rows that passed, and how many of their stamps were moved onto the grid, how far (ns)."""

    channel: Channel
    snapped: int = 0
    farthest_ns: int = 0

    @property
    def text(self) -> str:
        """What people should know, empty when no stamp was moved."""
        if not self.snapped:
            return ""
        stamps = "1 stamp" if self.snapped == 1 else f"{self.snapped} stamps"
        return f"{stamps} moved onto the grid, by at most {self.farthest_ns / SECOND_NS:g} s"


def admitted(
    instrument: Instrument, channel: Channel, unit: str = "", *, is_answered: bool = False
) -> Admitted:
    """Return rows as a catalog may hold them: stamps on their grid, every rule kept.

    ``unit`` is what the source says of a series' or a rate's unit. Numbers that look as if they
    were in another one are asked about, unless ``is_answered``.

    Raises
    ------
    SchemaError : the first broken rule, with channel, row, time, value and what to do.
    """
    check_columns(channel)
    moved, by = on_grid(channel)
    checked(instrument, moved)
    ask_unit(moved, unit, is_answered=is_answered)
    return Admitted(moved, int((by != 0).sum()), int(abs(by).max(initial=0)))


def checked(instrument: Instrument, channel: Channel) -> None:
    """Raise unless rows are as :func:`admitted` returns them.

    Raises
    ------
    SchemaError : the first broken rule, with channel, row, time, value and what to do.
    """
    validate(channel)
    check_stamps(channel, instrument.calendar)
    check_sessions(channel, instrument.calendar)
