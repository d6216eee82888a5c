"""Define what a playbook with a language of its own tells the command line about it.

``riskoff rules`` prints it. Only ``Playbook.language`` and ``Playbook.sentences`` connect the two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from data_feeds.instrument import Instrument
from data_feeds.schema import ChannelKey


@dataclass(frozen=True)
class FunctionEntry:
    """Describe a function of the language, all in plain words.

    Attributes
    ----------
    name : in an expression
    call : how it is written, with its parameters
    meaning : one sentence
    formula : in plain text
    unit : of its result
    memory : the rows that its value depends on
    source : of the formula
    """

    name: str
    call: str
    meaning: str
    formula: str
    unit: str
    memory: str
    source: str


@dataclass(frozen=True)
class ValueEntry:
    """Describe a value that an expression may name.

    Attributes
    ----------
    group : heading under which it is listed
    name : in an expression
    unit : of its numbers, "truth" or "label"
    meaning : in plain words, "" where the name says it
    channels : of the data it is read from, the first one its own; empty: made by the engine
    """

    group: str
    name: str
    unit: str
    meaning: str
    channels: tuple[ChannelKey, ...] = ()


class RuleLanguage(Protocol):
    """The functions and the values of a playbook's expressions."""

    def functions(self) -> Sequence[FunctionEntry]:
        """Return every function, in the order of the reference."""
        ...

    def values(
        self,
        instruments: Mapping[str, Instrument],
        held: Sequence[ChannelKey],
        params: Any | None = None,
    ) -> Sequence[ValueEntry]:
        """Return every value that may be named with these data.

        Parameters
        ----------
        instruments : the records of the data, by id
        held : the stored channels
        params : the playbook's parameters: only what they bind is listed, by its short name
        """
        ...
