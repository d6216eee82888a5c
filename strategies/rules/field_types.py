"""Field types of a rules file: expressions, names, counts of rows, shares."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

MAX_NAMES = 200
_NAME = re.compile(r"[a-z][a-z0-9_]*")
# Four digits, so that the nanoseconds of a bar fit into 64 bits.
_TIMEFRAME = "([1-9][0-9]{0,3}[mhdw]|session)"
BARS_NAME = f"^[a-z][a-z0-9_]*(@{_TIMEFRAME})?$"
_BINDING = re.compile(rf"[^@\s]+(@{_TIMEFRAME})?")
_COUNT = re.compile(r"([1-9]\d{0,5}) ?(bar|row|session)s?")
_PERCENT = re.compile(r"(\d+(?:\.\d*)?|\.\d+) ?%")


def _text(value: object) -> object:
    """Return a scalar of YAML as the text of an expression."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str) and value.strip():
        return value
    raise ValueError("write an expression, such as btc.close > 100")


def _value(value: object) -> object:
    """Return a number as it is, other scalars as the text of an expression."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return _text(value)


def _row_count(value: object) -> object:
    if isinstance(value, str) and _COUNT.fullmatch(value.strip()):
        return value.strip()
    raise ValueError(f"write a count of rows, such as 3 bars or 5 sessions, not {value!r}")


def _fraction(value: object) -> object:
    match = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    return float(match[1]) / 100 if match else value


Expression = Annotated[str, BeforeValidator(_text, json_schema_input_type=str | float | bool)]
Value = Annotated[
    int | float | str, BeforeValidator(_value, json_schema_input_type=str | float | bool)
]
RowCount = Annotated[str, BeforeValidator(_row_count)]
Fraction = Annotated[float, BeforeValidator(_fraction, json_schema_input_type=str | float)]


def rows_of(count: str) -> int:
    """Return a count of rows as a number.

    >>> rows_of("3 bars"), rows_of("1 session")
    (3, 1)
    """
    match = _COUNT.fullmatch(count)
    assert match is not None, "checked when the file was read"
    return int(match[1])


def checked_names(block: str, *, bars: bool = False) -> Callable[[object], object]:
    """Return a check that the keys of a block are names; with ``bars`` its values are bindings."""

    def check(data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        if len(data) > MAX_NAMES:
            raise ValueError(f"{len(data)} names; {block} may hold {MAX_NAMES} at most")
        for name, value in data.items():
            _check_name(name)
            if bars and isinstance(value, str) and not _BINDING.fullmatch(value):
                raise ValueError(
                    f"{name}: {value} names no bars; write INSTRUMENT@TIMEFRAME, such as "
                    "BTCUSDT-PERP@1h or SPY@session"
                )
        return data

    return check


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(
            f"{name} is no name; write lower-case letters, digits and _, a letter first"
        )


def read_conditions(data: object) -> object:
    """Return named conditions; what their names may be is told with the file's other problems."""
    if not isinstance(data, Mapping):
        raise ValueError("write named conditions, one a line, such as calm: vix < 25")
    return checked_names("conditions")(data)


def read_states(data: object) -> object:
    """Return the states of weights; a ``when`` of plain text is named like its state."""
    checked_names("weights")(data)
    if not isinstance(data, Mapping):
        return data
    return {
        name: {**state, "when": {name: state["when"]}}
        if isinstance(state, Mapping) and isinstance(state.get("when"), str | bool)
        else state
        for name, state in data.items()
    }


def with_tuples(data: Any) -> Any:
    """Return a block with its lists as tuples.

    A strict model takes no list for a tuple once a validator has seen the block.
    """
    if not isinstance(data, Mapping):
        return data
    return {name: _tuples(value) for name, value in data.items()}


def _tuples(value: object) -> object:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
