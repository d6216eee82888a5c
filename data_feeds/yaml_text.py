"""Strict YAML: the one reader of every file that a user writes.

Scalars follow YAML 1.2, so ``4e-4`` is a number, and ``off``, ``1:30`` and dates are text. The
reader refuses, with the line: repeated keys, tabs, tags, several documents, a top level without
keys, aliases that expand into many values, deep nesting and huge files.

ruamel parses the text and gives the positions. Its own loaders are not used: they read ``1_000`` as
1000, ``0x1F`` as 31 and dates as dates, turn the key ``1`` into a number, name no line for the
first of two equal keys, and limit neither aliases nor depth.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from data_feeds.errors import YamlError

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_ALIASED_VALUES = 100

KeyPath = tuple[str | int, ...]

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)


@dataclass(frozen=True, slots=True)
class TextPlace:
    """Say where a scalar's text begins, without its quotes; lines and columns count from 1.

    ``verbatim`` is True if the file holds the value letter by letter from there on, without
    escapes; then the value's letter *i* stands in column ``column + i``.
    """

    line: int
    column: int
    verbatim: bool


@dataclass(frozen=True)
class YamlDocument:
    """Values of one file, and their lines.

    ``lines`` maps a key path such as ``("risk", "caps", 0)`` to its line, counted from 1. Values
    inside an alias have no line; :meth:`line` returns the parent's line. ``places`` maps the key
    path of a scalar that is written on one line to the place of its text.
    """

    data: dict[str, Any]
    lines: Mapping[KeyPath, int]
    path: Path
    places: Mapping[KeyPath, TextPlace] = field(default_factory=dict)

    def line(self, key_path: KeyPath) -> int:
        """Return the line of a key path, or of its nearest parent with a line."""
        for length in range(len(key_path), 0, -1):
            if key_path[:length] in self.lines:
                return self.lines[key_path[:length]]
        return 1


def load_yaml(path: Path | str) -> YamlDocument:
    """Return the values and lines of one YAML file.

    Raises
    ------
    YamlError : the file is missing, unreadable or breaks a rule above; the text is
        ``file:line: what``.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise YamlError(f"{path}: cannot read: {error.strerror}") from error
    if len(raw) > MAX_BYTES:
        raise YamlError(f"{path}: {len(raw)} bytes; a YAML file may hold {MAX_BYTES} at most")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise YamlError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8") from error
    return parse_yaml(text, path)


def parse_yaml(text: str, path: Path | str = "<text>") -> YamlDocument:
    """Return the values and lines of YAML text; ``path`` is the name used in messages.

    Raises
    ------
    YamlError : as :func:`load_yaml`.

    >>> parse_yaml("fee: 4e-4").data
    {'fee': 0.0004}
    """
    document = _parsed(text, Path(path))
    # The caller may change its values.
    return replace(document, data=copy.deepcopy(document.data))


# A comparison reads the settings of each run some ten times; parsing a file takes 50 ms.
@lru_cache(maxsize=64)
def _parsed(text: str, path: Path) -> YamlDocument:
    tab = text.find("\t")
    if tab >= 0:
        line = text.count("\n", 0, tab) + 1
        raise YamlError(f"{path}:{line}: a tab; YAML is indented with spaces")
    try:
        return _Reader(path, text, YAML(typ="safe", pure=True).parse(text)).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        problem = " ".join((error.problem or error.context or "not valid YAML").split())
        raise YamlError(f"{where}: {problem}{_remedy(error)}") from error
    except YAMLError as error:
        raise YamlError(f"{path}: {' '.join(str(error).split())}") from error


def _remedy(error: MarkedYAMLError) -> str:
    """Return the remedy for a text that YAML's signs cut short, "" for other errors."""
    problem, context = error.problem or "", error.context or ""
    if "flow" in context and "end>" not in problem:
        return (
            "; inside { } and [ ] write a text with brackets, commas, colons or quotes in quotes "
            "of the other kind, or write the block as one 'key: value' a line"
        )
    if "<block end>" in problem and "scalar" in problem:
        return (
            "; a text that begins with a quote ends at the next one: begin with another word, or "
            "put the whole text in quotes of the other kind"
        )
    if problem == "mapping values are not allowed here":
        return (
            "; a line has one key and one ': ', and only a key without a text of its own has lines "
            "indented under it: look at this line and the one before"
        )
    if "<block end>" in problem and "flow" not in context:
        return (
            "; begin this line in the column of the lines it belongs with, and write '- ' before "
            "all items of a block or before none"
        )
    return ""


def _scalar(text: str) -> str | int | float | bool | None:
    """Return the value of an unquoted scalar under our part of the YAML 1.2 core rules."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if _INT.fullmatch(text):
        # int() refuses very long digit strings; as text the model names the field.
        return int(text) if len(text) <= 4000 else text
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def _is_plain(event: ScalarEvent) -> bool:
    return event.style is None or event.style == ""


def _to_closing(text: str, start: int) -> str:
    """Return the text of a line from ``start`` to where its parentheses close and its value ends.

    >>> _to_closing("{calm: sma(vix, 20 bars) < 25, b: 1}", 7)
    'sma(vix, 20 bars) < 25'
    """
    depth, end = 0, start
    while end < len(text) and text[end] != "\n":
        depth += (text[end] == "(") - (text[end] == ")")
        if depth <= 0 and text[end] in ",]}":
            break
        end += 1
    return text[start:end].strip()


@dataclass
class _Reader:
    """Build values from the parser's events and check the limits."""

    path: Path
    text: str
    events: Iterator[Event]
    lines: dict[KeyPath, int] = field(default_factory=dict)
    places: dict[KeyPath, TextPlace] = field(default_factory=dict)
    anchors: dict[str, tuple[Any, int]] = field(default_factory=dict)
    n_values: int = 0
    n_aliased: int = 0

    def document(self) -> YamlDocument:
        data: Any = None
        n_documents = 0
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                n_documents += 1
                if n_documents > 1:
                    raise self._error(event, "a second document ('---'); keep one per file")
            elif isinstance(event, MappingStartEvent | SequenceStartEvent | ScalarEvent):
                data = self._value(event, (), 0)
                if not isinstance(data, dict):
                    raise self._error(event, "the top level must be 'key: value' lines")
            elif isinstance(event, AliasEvent):
                raise self._error(event, "an alias cannot be the whole document")
        if data is None:
            raise YamlError(f"{self.path}:1: empty; expected 'key: value' lines")
        return YamlDocument(data, self.lines, self.path, self.places)

    def _value(self, event: Event, key_path: KeyPath, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, AliasEvent):
            return self._alias(event)
        if not isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent):
            raise self._error(event, "a value is missing")
        if event.tag is not None:
            raise self._error(event, f"tag {event.tag}; tags are not supported, write plain values")
        before = self.n_values
        self.n_values += 1
        if isinstance(event, ScalarEvent):
            value = _scalar(event.value) if _is_plain(event) else event.value
            self._locate(event, key_path)
        elif isinstance(event, MappingStartEvent):
            value = self._mapping(key_path, depth, bool(event.flow_style))
        else:
            value = self._sequence(key_path, depth, bool(event.flow_style))
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, self.n_values - before)
        return value

    def _locate(self, event: ScalarEvent, key_path: KeyPath) -> None:
        """Store the place of a scalar written on one line."""
        begin, end = event.start_mark, event.end_mark
        if begin.line != end.line:
            return
        quote = 0 if _is_plain(event) else 1
        back = len(event.value) + quote
        at = end.index - back
        # An anchor stands before the text, so the text is found from its end.
        verbatim = at >= begin.index and self.text[at : end.index - quote] == event.value
        column = end.column - back if verbatim else begin.column + quote
        self.places[key_path] = TextPlace(begin.line + 1, column + 1, verbatim)

    def _refuse_split(self, event: Event) -> None:
        """Refuse a text inside braces that a comma has cut within its parentheses."""
        if not isinstance(event, ScalarEvent) or not _is_plain(event):
            return
        if event.value.count("(") == event.value.count(")"):
            return
        whole = _to_closing(self.text, event.start_mark.index)
        mark = "'" if '"' in whole else '"'
        raise self._error(
            event,
            f"{event.value!r} is cut at a comma inside its parentheses, because a comma ends a "
            f"value inside {{ }} and [ ]; write {mark}{whole}{mark} in quotes, or write the block "
            "as one 'key: value' a line",
        )

    def _mapping(self, key_path: KeyPath, depth: int, flow: bool) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for event in self.events:
            if isinstance(event, MappingEndEvent):
                break
            if not isinstance(event, ScalarEvent):
                raise self._error(event, "a key must be plain text")
            if flow:
                self._refuse_split(event)
            key, here = event.value, (*key_path, event.value)
            if key in values:
                first = self.lines[here]
                raise self._error(event, f"key {key!r} repeated; first written on line {first}")
            self.lines[here] = event.start_mark.line + 1
            value = next(self.events)
            if flow:
                self._refuse_split(value)
            values[key] = self._value(value, here, depth + 1)
        return values

    def _sequence(self, key_path: KeyPath, depth: int, flow: bool) -> list[Any]:
        values: list[Any] = []
        for event in self.events:
            if isinstance(event, SequenceEndEvent):
                break
            if flow:
                self._refuse_split(event)
            here = (*key_path, len(values))
            self.lines[here] = event.start_mark.line + 1
            values.append(self._value(event, here, depth + 1))
        return values

    def _alias(self, event: AliasEvent) -> Any:
        if event.anchor not in self.anchors:
            raise self._error(event, f"alias *{event.anchor} has no finished anchor before it")
        value, n_values = self.anchors[event.anchor]
        self.n_aliased += n_values
        self.n_values += n_values
        if self.n_aliased > MAX_ALIASED_VALUES:
            raise self._error(
                event, f"aliases expand to more than {MAX_ALIASED_VALUES} values; write them out"
            )
        return copy.deepcopy(value)

    def _error(self, event: Event, what: str) -> YamlError:
        return YamlError(f"{self.path}:{event.start_mark.line + 1}: {what}")
