"""Admit rows into a catalog, or refuse them with the broken rule."""

from dataclasses import dataclass

from data_feeds.clock import SECOND_NS
from data_feeds.gate.time_grid import check_sessions, check_stamps, on_grid
from data_feeds.gate.unit_check import ask_unit
from data_feeds.instrument import Instrument
from data_feeds.schema import Channel, check_columns, validate


@dataclass(frozen=True)
class Admitted:
    """Admitted rows, the number of stamps moved onto the grid, and the largest move (ns)."""

    channel: Channel
    snapped: int = 0
    farthest_ns: int = 0

    @property
    def text(self) -> str:
        """Note about moved stamps; empty when none was moved."""
        if not self.snapped:
            return ""
        stamps = "1 stamp" if self.snapped == 1 else f"{self.snapped} stamps"
        return f"{stamps} moved onto the grid, by at most {self.farthest_ns / SECOND_NS:g} s"


def admitted(
    instrument: Instrument, channel: Channel, unit: str = "", *, is_answered: bool = False
) -> Admitted:
    """Return rows as a catalog may store them: stamps on their grid, every rule kept.

    ``unit`` is the unit that the source gives for a series or a rate. Numbers that look like
    another unit raise an error, unless ``is_answered``.

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
    """Check that rows keep every rule of the gate.

    Raises
    ------
    SchemaError : the first broken rule, with channel, row, time, value and what to do.
    """
    validate(channel)
    check_stamps(channel, instrument.calendar)
    check_sessions(channel, instrument.calendar)
