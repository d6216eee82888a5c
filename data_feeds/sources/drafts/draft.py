"""Draft a mapping: which instrument, which files, and what their columns and stamps mean."""

import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML

from data_feeds.errors import SchemaError
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.sources.drafts import binance, fred, freqtrade, tradingview, yahoo
from data_feeds.sources.drafts.peeked_file import DraftedEntry, PeekedFile
from data_feeds.sources.mapping import ImportMapping
from data_feeds.strict_model import StrictModel
from data_feeds.yaml_text import parse_yaml

FORMATS = ("binance", "yahoo", "tradingview", "freqtrade", "fred")

_Bars = Callable[[PeekedFile, Instrument, str | None], list[DraftedEntry]]
_BARS: Mapping[str, _Bars] = MappingProxyType(
    {
        "binance": binance.draft,
        "yahoo": yahoo.draft,
        "tradingview": tradingview.draft,
        "freqtrade": freqtrade.draft,
    }
)
# Kinds that trade in the sessions of an exchange, or follow them.
_EXCHANGE_KINDS = (InstrumentKind.ETF, InstrumentKind.INDEX)
_USUAL_LOT = {InstrumentKind.ETF: 1.0}
_USUAL_QUOTE = {InstrumentKind.ETF: "USD", InstrumentKind.INDEX: "points"}


class DraftAnswers(StrictModel):
    """The user's statements about the files; null: the format or the known instrument says it."""

    instrument: str
    kind: InstrumentKind | None = None
    calendar: str | None = None
    quote: str | None = None
    tick_size: float | None = None
    lot_size: float | None = None
    dividend_adjusted: bool | None = None
    timeframe: str | None = None
    release_days: int | None = None

    @property
    def record(self) -> dict[str, Any]:
        """Given keys of the instrument's record."""
        names = ("kind", "calendar", "quote", "tick_size", "lot_size", "dividend_adjusted")
        given = {name: getattr(self, name) for name in names}
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class MappingDraft:
    """A drafted mapping as text and model, the instrument, and remarks for the user."""

    text: str
    mapping: ImportMapping
    instrument: Instrument
    remarks: tuple[str, ...]


def draft_mapping(
    files: Sequence[Path], form: str, answers: DraftAnswers, known: Mapping[str, Instrument]
) -> MappingDraft:
    """Return a mapping for files of one format and one instrument; nothing is written.

    Parameters
    ----------
    files : files in order; where several have a row, that of the earlier file stays
    form : one of ``FORMATS``
    answers : what the user says
    known : records by id; the instrument's record is taken from there if it has one

    Raises
    ------
    SchemaError : a file is not of the format, or something must be said that no file shows.
    SourceError : a file cannot be read.
    """
    instrument, remarks = _instrument(form, answers, known)
    folder = Path(os.path.commonpath([path.resolve().parent for path in files]))
    entries: list[dict[str, Any]] = []
    seen: set[tuple[str, str]] = set()
    for path in files:
        for drafted in _drafted(PeekedFile(path), form, answers, instrument):
            name = path.resolve().relative_to(folder).as_posix()
            keys = {"path": name, "instrument": instrument.id, **drafted.keys}
            channel = (keys["kind"], keys.get("timeframe", ""))
            if channel in seen:
                keys["fills"] = True
            seen.add(channel)
            entries.append(keys)
            remarks += [remark for remark in drafted.remarks if remark not in remarks]
    record = instrument.model_dump(mode="json", exclude_unset=True)
    text = _yaml({"root": str(folder), "instruments": [record], "files": entries}, form)
    mapping = ImportMapping.model_validate(parse_yaml(text, "draft").data)
    return MappingDraft(text, mapping, instrument, tuple(remarks))


def draft_name(mapping: ImportMapping) -> str:
    """Return the file name of a drafted mapping: that of its first channel.

    An instrument has a mapping for each of its channels, e.g. ``SPY_bars_1d.yaml``.
    """
    entry = mapping.files[0]
    parts = (entry.instrument or "", entry.kind.value, entry.timeframe or "")
    name = "_".join(part for part in parts if part)
    return (
        "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name) + ".yaml"
    )


def _drafted(
    file: PeekedFile, form: str, answers: DraftAnswers, instrument: Instrument
) -> list[DraftedEntry]:
    is_series = instrument.kind is InstrumentKind.SERIES
    if is_series != (form == "fred"):
        raise SchemaError(
            f"{instrument.id} is of kind {instrument.kind}, but {form} has "
            f"{'series' if form == 'fred' else 'bars'}: name the right --as and --kind"
        )
    if form == "fred":
        return fred.draft(file, instrument, answers.release_days)
    return _BARS[form](file, instrument, answers.timeframe)


def _instrument(
    form: str, answers: DraftAnswers, known: Mapping[str, Instrument]
) -> tuple[Instrument, list[str]]:
    """Return the instrument's record and remarks about it."""
    record = known.get(answers.instrument)
    if record is not None:
        return _reduced(record, answers), _agreed(record, answers)
    if form == "fred" and answers.kind is None:
        answers = answers.model_copy(update={"kind": InstrumentKind.SERIES})
    given = answers.record
    if answers.kind is None:
        raise SchemaError(
            f"--instrument {answers.instrument}: a new id; say what it is with --kind etf, perp, "
            "spot, index or series; an etf or index also with --calendar, the exchange of its "
            "sessions, e.g. XNYS"
        )
    if answers.kind in _EXCHANGE_KINDS and answers.calendar is None:
        raise SchemaError(
            f"--instrument {answers.instrument}: add --calendar, the exchange of its sessions: "
            "XNYS (New York), XLON, XETR, XTKS, ..., or 24/7 if it has prices around the clock"
        )
    usual = {"quote": _USUAL_QUOTE.get(answers.kind), "lot_size": _USUAL_LOT.get(answers.kind)}
    filled = {name: value for name, value in usual.items() if value is not None} | given
    try:
        made = Instrument.model_validate({"id": answers.instrument, **filled})
    except ValidationError as error:
        text = "; ".join(problem["msg"].removeprefix("Value error, ") for problem in error.errors())
        raise SchemaError(f"--instrument {answers.instrument}: {text}") from error
    return made, _assumed(made, given)


def _reduced(record: Instrument, answers: DraftAnswers) -> Instrument:
    """Return a known record with the keys that differ from a default, and the answers.

    A catalog stores every key, also those that nobody gave, such as a series' quote.
    """
    keys = record.model_dump(mode="json", exclude_defaults=True)
    if record.kind in _EXCHANGE_KINDS:
        keys["calendar"] = record.calendar
    return Instrument.model_validate({**keys, **answers.record})


def _agreed(record: Instrument, answers: DraftAnswers) -> list[str]:
    """Return a remark about a known record; refuse answers that contradict it."""
    for name, value in answers.record.items():
        if getattr(record, name) != value:
            raise SchemaError(
                f"{record.id} is known with {name} {getattr(record, name)!s} (was asked: "
                f"{value!s}): leave the option out, or choose another id"
            )
    return [f"{record.id} is known: its record is taken ({record.kind}, {record.calendar})"]


def _assumed(made: Instrument, given: Mapping[str, Any]) -> list[str]:
    """Return a remark about numbers that nobody gave and orders depend on."""
    if not made.is_tradable:
        return []
    open_names = [name for name in ("quote", "tick_size", "lot_size") if name not in given]
    assumed = ", ".join(f"{name} {getattr(made, name)}" for name in open_names)
    return [f"assumed, as nothing says it: {assumed} (--quote, --tick, --lot)"] if assumed else []


def _yaml(document: dict[str, Any], form: str) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.width = 110
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    out = io.StringIO()
    out.write(f"# Drafted by 'riskoff data import --as {form}'. Keys: docs/data.md.\n")
    yaml.dump(document, out)
    return out.getvalue()
