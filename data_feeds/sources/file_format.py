"""Keys of a mapping that say how one file is written: table, times, labels."""

import codecs
import re
from typing import Literal, Self

from pydantic import Field, model_validator

from data_feeds.strict_model import StrictModel

_WORDS = {"tab": "\t", "space": r"\s+"}


class TimeColumn(StrictModel):
    """Column and format of the time."""

    column: str = Field("timestamp", description="Column of the time or date")
    zone: str | None = Field(None, description="IANA zone of times written without one, e.g. UTC")
    unit: Literal["text", "s", "ms", "us", "ns"] = Field(
        "text", description="text (ISO 8601 or a typed column), or the unit of a number since 1970"
    )
    format: str | None = Field(
        None, description="Format of text that is not ISO 8601, e.g. '%d.%m.%Y %H:%M'"
    )

    @model_validator(mode="after")
    def _formats_are_of_text(self) -> Self:
        if self.format is not None and self.unit != "text":
            raise ValueError("format goes with text: leave out unit")
        if self.format is not None and "%" not in self.format:
            raise ValueError("write format with strptime's codes, e.g. '%d.%m.%Y %H:%M'")
        return self


class LabelColumn(StrictModel):
    """Column that labels each row observed, inferred or synthetic."""

    column: str = Field(description="Column of the words observed, inferred or synthetic")


class TableFormat(StrictModel):
    """Spelling of a text file; a Parquet, Feather or JSON file only reads ``missing``."""

    separator: str = Field(",", description="One character between values, or: tab, space")
    decimal: Literal[".", ","] = Field(".", description="Decimal mark of numbers")
    thousands: Literal["", ",", ".", " ", "'"] = Field(
        "", description="Mark between groups of three digits"
    )
    skip_lines: int = Field(0, ge=0, description="Lines before the header")
    header_lines: int = Field(
        1,
        ge=0,
        le=9,
        description="Lines of the header: the first names the columns, others are skipped; "
        "0: none, columns are named 1, 2, 3, ...",
    )
    encoding: str = Field("utf-8", description="Encoding of the text, e.g. latin-1")
    missing: tuple[str, ...] = Field((), description="Words for a missing value, e.g. [ND, n/a]")

    @property
    def pattern(self) -> str:
        """Separator as pandas takes it."""
        return _WORDS.get(self.separator, self.separator)

    @property
    def plain_numbers(self) -> bool:
        """True when numbers are written as in Python."""
        return self.decimal == "." and not self.thousands

    @property
    def number(self) -> re.Pattern[str]:
        """Pattern of a whole number text; groups of digits must have three."""
        groups = rf"\d{{1,3}}(?:{re.escape(self.thousands)}\d{{3}})+|" if self.thousands else ""
        mark = re.escape(self.decimal)
        return re.compile(rf"[+-]?(?:(?:{groups}\d+)(?:{mark}\d*)?|{mark}\d+)(?:[eE][+-]?\d+)?")

    @model_validator(mode="after")
    def _marks_differ(self) -> Self:
        if self.separator not in _WORDS and len(self.separator) != 1:
            raise ValueError(f"separator is one character, tab or space (was {self.separator!r})")
        marks = [self.separator, self.decimal, self.thousands]
        if len(set(marks)) < len(marks) or (self.separator == "space" and self.thousands == " "):
            raise ValueError("separator, decimal and thousands must differ")
        try:
            codecs.lookup(self.encoding)
        except LookupError as error:
            raise ValueError(f"encoding {self.encoding!r} is unknown; e.g. latin-1") from error
        return self
