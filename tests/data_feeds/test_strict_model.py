"""Base models refuse wrong input; sorted models ignore the order of keys."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from pydantic import Field, ValidationError

from data_feeds.strict_model import SortedModel, StrictModel


class Fee(StrictModel):
    rate: float = 0.001


class Fees(SortedModel):
    shown_as_written: ClassVar[frozenset[str]] = frozenset({"table"})

    rates: Mapping[str, Any] = Field(default_factory=dict)
    table: Mapping[str, Any] = Field(default_factory=dict)


@pytest.mark.parametrize("values", [{"rat": 0.001}, {"rate": float("nan")}, {"rate": float("inf")}])
def test_unknown_keys_and_numbers_that_are_not_finite_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Fee(**values)


def test_a_wrong_default_is_refused() -> None:
    class Wrong(StrictModel):
        rate: float = "cheap"  # type: ignore[assignment]

    with pytest.raises(ValidationError):
        Wrong()


def test_a_model_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Fee().rate = 0.002


def test_mappings_are_sorted_at_any_depth_unless_their_order_is_shown() -> None:
    written = {"b": [{"d": 1, "c": 2}], "a": 3}
    fees = Fees(rates=written, table=written)
    assert list(fees.rates) == ["a", "b"]
    assert list(fees.rates["b"][0]) == ["c", "d"]
    assert list(fees.table) == ["b", "a"]
    assert fees == Fees(rates=dict(reversed(written.items())), table=written)
