"""The sessions that one event loop drives: the interface, and the case of a single session."""

from typing import Protocol

from engine.broker.timeline import Timeline
from engine.bt.session import Session


class SessionGroup(Protocol):
    """Sessions that the event loop drives together; all of them have the same instants.

    ``due`` holds the positions in ``sessions`` of the sessions that act at the visited instant.
    """

    sessions: tuple[Session, ...]
    due: tuple[int, ...]

    @property
    def timeline(self) -> Timeline:
        """Return the common instants, with the instrument paths of the first session."""

    def next_index(self) -> int:
        """Return the next index to visit, the timeline's length when none is left."""

    def visit(self, index: int) -> None:
        """Move to an index and set ``due``."""

    def apply_account_guards(self) -> None:
        """Apply the guards over all sessions at the visited index; they may extend ``due``."""


class SingleSession:
    """Drives one session; every visited instant is processed."""

    def __init__(self, session: Session) -> None:
        self.sessions: tuple[Session, ...] = (session,)
        self.due: tuple[int, ...] = (0,)

    @property
    def timeline(self) -> Timeline:
        """Return the timeline of the session."""
        return self.sessions[0].timeline

    def next_index(self) -> int:
        """Return the next index to visit, the timeline's length when none is left."""
        return self.sessions[0].next_index()

    def visit(self, index: int) -> None:
        """Move the session to an index."""
        self.sessions[0].t = index

    def apply_account_guards(self) -> None:
        """Do nothing: one session has no guards beside its own."""
