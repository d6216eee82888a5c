"""The inputs of two runs that differ: configuration, data, code, files and versions."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.answers.run_diff.diff_side import DiffSide

ABSENT = "absent"
_EMPTY = frozenset({"null", "[]", "{}", "", "false"})
# Keys that change no number of a run by themselves.
_NO_NUMBER = frozenset({"name", "mode", "data.source", "venue.general"})


@dataclass(frozen=True)
class InputChange:
    """One input that differs, with its value in each run as text.

    ``part`` is config, data, market, activity (daily volume and volatility behind the slippage),
    code, files, versions or folder.
    """

    part: str
    name: str
    a: str
    b: str

    @property
    def rank(self) -> int:
        """Return the place in a list: settings first, then data and code, last the idle ones.

        A key that only one riskoff knew and that is off or empty in the other run changes nothing.
        """
        values = {self.a, self.b}
        if self.part == "config" and self.name in _NO_NUMBER:
            return 4
        if ABSENT in values and values & _EMPTY:
            return 3
        if self.part != "config":
            return 2
        return int(ABSENT in values)


def input_changes(a: DiffSide, b: DiffSide) -> tuple[InputChange, ...]:
    """Return the inputs that differ: what the trader set first, then data, code, versions."""
    inputs_a, inputs_b = a.files.manifest.get("inputs", {}), b.files.manifest.get("inputs", {})

    def hashes(part: str, key: str, name: str) -> Iterator[InputChange]:
        yield from _changed(part, {name: _short(inputs_a, key)}, {name: _short(inputs_b, key)})

    return (
        *_changed("config", a.config, b.config),
        *hashes("data", "data_sha256", "fingerprint"),
        *_changed("data", _channels(a), _channels(b)),
        *_changed("data", _records(a), _records(b)),
        *hashes("market", "market_sha256", "fingerprint"),
        *hashes("activity", "activity_sha256", "fingerprint"),
        *hashes("code", "code_sha256", "fingerprint"),
        *_changed("files", {"read": inputs_a.get("files")}, {"read": inputs_b.get("files")}),
        *_changed("versions", _versions(inputs_a), _versions(inputs_b)),
        *_changed("folder", {"format": a.format}, {"format": b.format}),
    )


def _changed(
    part: str, a: Mapping[str, Any], b: Mapping[str, Any], path: str = ""
) -> Iterator[InputChange]:
    """Yield the values that differ by dotted keys; what one run lacks as a whole is one change."""
    for key in dict.fromkeys([*a, *b]):
        name = f"{path}{key}"
        in_a, in_b = a.get(key, ABSENT), b.get(key, ABSENT)
        if isinstance(in_a, Mapping) and isinstance(in_b, Mapping):
            yield from _changed(part, in_a, in_b, f"{name}.")
        elif in_a != in_b:
            yield InputChange(part, name, _text(in_a), _text(in_b))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str, sort_keys=True)


def _short(inputs: Mapping[str, Any], key: str) -> str:
    return str(inputs.get(key, ABSENT))[:12]


def _channels(side: DiffSide) -> dict[str, Any]:
    """Return the rows of each channel with its first and last fact."""
    channels = side.files.manifest.get("channels", {})
    return {
        name: f"{channel.get('rows')} rows, {channel.get('first_at')} to {channel.get('last_at')}"
        for name, channel in channels.items()
    }


def _records(side: DiffSide) -> Mapping[str, Any]:
    """Return the instruments' records by name."""
    records: Mapping[str, Any] = side.files.manifest.get("instruments", {})
    return records


def _versions(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"python": inputs.get("python", ABSENT), **inputs.get("packages", {})}
