"""Say what is wrong with a text that is no expression: the exact place, the reason, the remedy."""

import re
import unicodedata
from collections.abc import Set
from dataclasses import dataclass
from difflib import get_close_matches

from strategies.rules.syntax import ExpressionError

MAX_SHOWN = 40
MAX_CHAINED = 4
QUOTES = "\"'"
CLOSING = {"(": ")", "[": "]"}
SUFFIXES = ("m", "h", "d", "w", "%", "bp", "R")
KEYWORDS = ("and", "or", "not", "for", "within", "crosses", "above", "below", "true", "false")
FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}

# Signs of other languages: what the reader meant, by the text at the place of the failure.
_SIGNS = {
    "&&": "write and",
    "&": "write and",
    "||": "write or",
    "|": "write or",
    "<>": "write !=",
    "=<": "write <=",
    "=>": "write >=",
    "===": "write ==",
    ":=": "names are given under let",
    "**": "there are no powers; write x * x",
    "^": "there are no powers; write x * x",
    "//": "write /",
    "!": "write not, or != for not equal",
    "~": "write not",
    "=": "write == to compare; names are given under let, and arguments have no names",
    ":": "there are no slices or blocks; x[3] is the value three rows before",
    "?": "write where(condition, a, b)",
    "#": "an expression has no comments; write them in YAML, after a space and #",
    ";": "one expression only; write several conditions, each with its own name",
    "@": "@ stands between a name and a timeframe, as in btc@4h.close",
    "{": "write parentheses",
    "}": "write parentheses",
    "$": "write the name alone",
    "`": "write the name alone",
    "\\": "remove it",
    "%": "a percentage stands right after a number, as in 3%",
    "_": "names begin with a letter from a to z",
}
_SIGN = re.compile("|".join(re.escape(sign) for sign in sorted(_SIGNS, key=len, reverse=True)))

_LOOK_ALIKES = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63", "-"),
    **dict.fromkeys("\u00d7\u2217\u22c5\u00b7\u2022", "*"),
    **dict.fromkeys("\u00f7\u2044\u2215", "/"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033", '"'),
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4", "'"),
    "\u2264": "<=",
    "\u2265": ">=",
    "\u2260": "!=",
    "\u2261": "==",
    "\u2227": "and",
    "\u2228": "or",
    "\u00ac": "not",
    "\u2030": "0.1%",
}

_WORDS = {
    **dict.fromkeys(("is", "are", "equals", "equal", "eq"), "write =="),
    **dict.fromkeys(
        ("above", "over", "greater", "more", "exceeds", "gt"), "write > (or crosses above)"
    ),
    **dict.fromkeys(("below", "under", "less", "lt"), "write < (or crosses below)"),
    **dict.fromkeys(("cross", "crossing", "crossed"), "write crosses above or crosses below"),
    **dict.fromkeys(("crossover", "crossunder"), "write crosses above or crosses below"),
    "between": "write x > low and x < high",
    **dict.fromkeys(("then", "but", "plus"), "write and for conditions, + for numbers"),
    **dict.fromkeys(("if", "else", "when", "unless"), "write where(condition, a, b)"),
    **dict.fromkeys(("ago", "before", "back"), "write x[3] for the value three rows before"),
    "since": "write since(condition, 20 bars)",
    "in": "write x == a or x == b",
    "during": "write within, or for",
    **dict.fromkeys(
        ("bar", "bars", "session", "sessions", "row", "rows"),
        "a length is one number and its unit, as in 14 bars; a name under let holds both",
    ),
    "times": "write *",
}
_UNITS = {
    "minute": "m", "min": "m", "mins": "m", "hour": "h", "hr": "h", "hrs": "h",
    "day": "d", "week": "w", "percent": "%", "pct": "%", "bps": "bp",
}  # fmt: skip

_WORD = re.compile(r"[\w@.%]*[\w@%]|[<>=!]=")
_NAME = re.compile(r"[a-z][a-z0-9_]*(@[0-9a-z]+)?(\.[a-z][a-z0-9_]*)*")
_IDENTITY = re.compile(r"([A-Za-z0-9_]+)(-[A-Za-z]+)*")
_FULL_NUMBER = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?(%|bp|R|m|h|d|w)?")
_NUMBER_WORD = re.compile(r"([0-9][0-9_]*(?:\.[0-9]+)?|\.[0-9]+)(.*)", re.DOTALL)
_NUMBER_BEFORE = re.compile(r"(?<![\w@.])([0-9]+(\.[0-9]*)?|\.[0-9]+)[ \t\r\n]*$")
_CALL = re.compile(r"[a-z0-9_]\s*\($")
_LAST_TOKEN = re.compile(r"([a-z]+|[<>=!]=|.)\s*$", re.DOTALL)
_BRACKET_OR_TEXT = re.compile(r"[()\[\]]|\"[^\"]*\"|'[^']*'")


def shown(text: str) -> str:
    """Return a piece of text for a message: in backquotes, cut, harmless on a terminal.

    >>> shown("is"), shown(chr(0x202e))
    ('`is`', '`U+202E`')
    """
    cut = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
    letters = (letter if letter.isprintable() else f"U+{ord(letter):04X}" for letter in cut)
    return f"`{''.join(letters)}`"


def chained(terms: list[str], signs: list[str]) -> str:
    """Return the message for a chained comparison, with the rewrite.

    >>> chained(["20", "vix", "30"], ["<", "<"])
    'a chained comparison; write vix > 20 and vix < 30'
    """
    if len(signs) > MAX_CHAINED:
        return f"{len(signs)} comparisons in a chain; write two terms at a time, joined by and"
    pairs = [
        f"{left} {sign} {right}"
        for left, sign, right in zip(terms[:-1], signs, terms[1:], strict=True)
    ]
    if signs[0] in FLIPPED:
        pairs[0] = f"{terms[1]} {FLIPPED[signs[0]]} {terms[0]}"
    return f"a chained comparison; write {' and '.join(pairs)}"


Found = tuple[int, int, str]


@dataclass(frozen=True)
class _Failure:
    """Hold the first place where no expression can go on.

    Attributes
    ----------
    text : the whole expression
    at : offset of the first token that fits nowhere; the text's length for its end
    expected : names of the grammar's terminals that could stand there
    """

    text: str
    at: int
    expected: Set[str]

    @property
    def wants_value(self) -> bool:
        return "NAME" in self.expected

    @property
    def word(self) -> str:
        """Return the word at the place, or its sign."""
        match = _WORD.match(self.text, self.at)
        return match.group() if match else self.text[self.at : self.at + 1]

    def of_word(self, what: str) -> Found:
        return self.at, self.at + len(self.word), what


def diagnose(text: str, at: int, expected: Set[str]) -> ExpressionError:
    """Return the error of a text at the first place where no expression can go on.

    ``at`` is the offset of the first token that fits nowhere, the text's length for its end;
    ``expected`` are the names of the grammar's terminals that could stand there.
    """
    failure = _Failure(text, at, expected)
    checks = (_side, _end, _letter, _quote, _unit, _number, _sign, _bracket, _word)
    for check in checks:
        found = check(failure)
        if found is not None:
            return ExpressionError(text, *found)
    here = shown(failure.word)
    what = (
        f"a value is missing before {here}"
        if failure.wants_value
        else _needs_operator(failure, here)
    )
    return ExpressionError(text, *failure.of_word(what))


def _needs_operator(failure: _Failure, here: str) -> str:
    text = failure.text
    opened = _open_brackets(text[: failure.at])
    end = shown(CLOSING[text[opened[-1]]]) if opened else "the end"
    could = "an operator such as + < and" if "PLUS" in failure.expected else "and, or"
    comma = ", a comma" if opened and _CALL.search(text[: opened[-1] + 1]) else ""
    return f"{here} cannot stand here; expected {could}{comma}, or {end}"


def _side(failure: _Failure) -> Found | None:
    if "SIDE" not in failure.expected:
        return None
    start = failure.text.rfind("crosses", 0, failure.at)
    return start, failure.at + len(failure.word), "write crosses above or crosses below"


def _end(failure: _Failure) -> Found | None:
    text = failure.text
    if failure.at < len(text):
        return None
    if not text.strip():
        return 0, len(text), "empty; write an expression such as vix < 25"
    opened = _open_brackets(text)
    last = _LAST_TOKEN.search(text)
    if failure.wants_value and last is not None and last.group().strip() not in "([":
        what = f"a value is missing after {shown(last.group().strip())}"
        return last.start(), last.start() + len(last.group().strip()), what
    if opened:
        at = opened[-1]
        return (
            at,
            at + 1,
            f"{shown(text[at])} is never closed; write {CLOSING[text[at]]} where it ends",
        )
    return len(text.rstrip()), len(text), "the expression is not finished"


def _open_brackets(text: str) -> list[int]:
    """Return the places of the brackets that are still open at the end of a text."""
    opened: list[int] = []
    for match in _BRACKET_OR_TEXT.finditer(text):
        if match.group() in CLOSING:
            opened.append(match.start())
        elif match.group() in ")]" and opened:
            opened.pop()
    return opened


def _letter(failure: _Failure) -> Found | None:
    """Return the problem of a letter that a plain keyboard does not write."""
    for place, letter in enumerate(failure.word, failure.at):
        plain = " " <= letter <= "~"
        if plain or letter in "\t\r\n":
            continue
        meant = _LOOK_ALIKES.get(letter) or unicodedata.normalize("NFKC", letter)
        name = unicodedata.name(letter, f"U+{ord(letter):04X}").lower()
        if meant.isspace():
            what = f"{shown(letter)} is a special space ({name}); write a plain space"
        elif not letter.isprintable():
            what = f"{shown(letter)} is an invisible character ({name}); remove it"
        elif meant != letter and meant.isascii():
            what = f"{shown(letter)} is {name}; write {meant}"
        else:
            what = f"{shown(letter)} is {name}; names are written with a to z, 0 to 9 and _"
        return place, place + 1, what
    return None


def _quote(failure: _Failure) -> Found | None:
    text, at = failure.text, failure.at
    mark = text[at]
    if mark not in QUOTES:
        return None
    end = text.find(mark, at + 1)
    inside = text[at : end if end > 0 else len(text)]
    if "\\" in inside:
        escape = at + inside.index("\\")
        return escape, escape + 1, "a text in quotes has no escapes; remove the backslash"
    if end < 0 or "\n" in inside or "\r" in inside:
        return at, at + 1, f"the text is not closed; write {mark} at its end, on the same line"
    return at, end + 1, _needs_operator(failure, "a text")


def _unit(failure: _Failure) -> Found | None:
    """Return the problem of a unit apart from its number: ``20 d``."""
    word = failure.word
    unit = word if word in SUFFIXES else _UNITS.get(word.removesuffix("s"))
    before = _NUMBER_BEFORE.search(failure.text[: failure.at])
    if failure.wants_value or unit is None or before is None:
        return None
    end = failure.at + len(word)
    return before.start(), end, f"write {before.group().strip()}{unit}, without a space"


def _number(failure: _Failure) -> Found | None:
    """Return the problem of a word that begins as a number does."""
    word = failure.word
    match = _NUMBER_WORD.fullmatch(word)
    if match is None or _FULL_NUMBER.fullmatch(word):
        return None
    number, rest = match.group(1), match.group(2)
    lower = {suffix.lower(): suffix for suffix in SUFFIXES}
    unit = _UNITS.get(rest.lower().removesuffix("s")) or lower.get(rest.lower())
    if "_" in number:
        what = f"write {number.replace('_', '')}{rest} without _"
    elif unit is not None:
        what = f"write {number}{unit}"
    elif rest.startswith("%"):
        what = f"write {number}%; a percentage has one % and a space after it"
    elif rest.startswith("."):
        what = "a number has one decimal point and no thousands separators"
    elif rest in KEYWORDS:
        what = f"write {number} {rest}, with a space"
    elif _NAME.fullmatch(rest):
        what = (
            f"{shown(word)} is no number and no length; write for example 25, 3%, 25bp, 1R, 20d or "
            f"14 bars, or {number} * {rest} for a product"
        )
    else:
        what = f"{shown(word)} is no number; write for example 25, 0.5, 4e-4, 3%, 25bp or 20d"
    return failure.of_word(what)


def _sign(failure: _Failure) -> Found | None:
    # The lexer reads ** as two signs, so the wrong sign may begin before the place of the failure.
    for start in range(max(failure.at - 2, 0), failure.at + 1):
        match = _SIGN.match(failure.text, start)
        if match is not None and match.end() > failure.at:
            sign = match.group()
            if sign == "_" and start == failure.at:
                return failure.of_word(f"{shown(failure.word)}: {_SIGNS[sign]}")
            return start, match.end(), f"{shown(sign)} is no operator here; {_SIGNS[sign]}"
    return None


def _bracket(failure: _Failure) -> Found | None:
    text, at = failure.text, failure.at
    opened = _open_brackets(text[:at])
    what = None
    match text[at]:
        case ")" | "]" as closing if not opened:
            what = f"{shown(closing)} was never opened; remove it, or write its opening bracket"
        case ")" | "]" as closing if CLOSING[text[opened[-1]]] != closing:
            what = f"{shown(text[opened[-1]])} is closed by {shown(closing)}"
        case ")" | "]" if opened[-1] == len(text[:at].rstrip()) - 1:
            return opened[-1], at + 1, "nothing stands between the brackets; write a value"
        case "," if not opened and not failure.wants_value:
            what = (
                "a comma stands between the arguments of a function only; write numbers without "
                "thousands separators"
            )
        case "[" if failure.wants_value:
            what = "there are no lists; x[1] is the value of x one row before"
        case "." if not failure.wants_value:
            what = "write a name and its parts without spaces, as in btc.close"
        case "+" if failure.wants_value:
            what = "a value is missing before `+`; a positive number has no sign"
        case _:
            pass
    return None if what is None else (at, at + 1, what)


def _word(failure: _Failure) -> Found | None:
    word = failure.word
    lower = word.lower()
    what: str | None = None
    if not word[0].isalpha():
        return None
    if lower in KEYWORDS and word != lower:
        what = f"write {lower}, in small letters"
    elif not _NAME.fullmatch(word):
        return _wrong_name(failure)
    elif word == "not":
        value = failure.wants_value
        what = (
            "write parentheses: (not ...)" if value else "`not` begins a condition; write and not"
        )
    elif not failure.wants_value:
        what = _strange_word(word)
    return None if what is None else failure.of_word(what)


def _strange_word(word: str) -> str | None:
    """Return the remedy for a name where an operator belongs."""
    if word in _WORDS:
        return f"{shown(word)} is no word of the language here; {_WORDS[word]}"
    near = get_close_matches(word, ("and", "or", "for", "within", "crosses"), n=1, cutoff=0.7)
    return f"{shown(word)}: did you mean {near[0]}?" if near and near[0] != word else None


def _wrong_name(failure: _Failure) -> Found:
    """Return the problem of a word that begins with a letter and is no name."""
    word = failure.word
    base, *parts = word.split(".")
    name, at, timeframe = base.partition("@")
    identity = _IDENTITY.match(failure.text, failure.at)
    if name != name.lower() and identity is not None:
        whole, first = identity.group(), identity.group(1).lower()
        return (
            *identity.span(),
            f"{shown(whole)}: names are in small letters; write {first}; an instrument or "
            f"a series needs a line under instruments or series too, as in {first}: {whole}",
        )
    if "%" in word:
        what = "a percentage stands right after a number, as in 3%"
    elif any("@" in part for part in parts):
        what = "the timeframe stands behind the instrument, as in btc@4h.close"
    elif at and not timeframe:
        what = "a timeframe is missing after @, as in btc@4h.close"
    elif not all(parts):
        what = "a name is missing beside the dot, as in btc.close"
    elif _NAME.fullmatch(word.lower()):
        what = f"write {word.lower()}, in small letters"
    else:
        what = "every part of a name begins with a letter from a to z"
    return failure.of_word(f"{shown(word)}: {what}")
