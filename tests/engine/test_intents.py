"""Check which values intents refuse."""

from typing import Any

import numpy as np
import pytest

from engine.intents import Enter, MoveStop, Target
from engine.records import OrderKind


@pytest.mark.parametrize("value", ["95", None, [95.0]])
def test_a_price_that_is_no_number_is_refused_where_the_author_wrote_it(value: Any) -> None:
    expected = r"(stop|price|fraction) must be a number, not "
    with pytest.raises(ValueError, match=expected):
        Enter("BTCUSDT-PERP", 1, stop=value, reason="test")
    with pytest.raises(ValueError, match=expected):
        MoveStop("BTCUSDT-PERP", value, "test")
    with pytest.raises(ValueError, match=expected):
        Target(value, 1.0)
    with pytest.raises(ValueError, match=expected):
        Target(100.0, value)


def test_a_limit_entry_at_a_text_is_refused() -> None:
    with pytest.raises(ValueError, match="price must be a number, not '99'"):
        Enter("X", 1, stop=95.0, reason="test", kind=OrderKind.LIMIT, price="99")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [95, 95.0, np.float64(95), np.float32(95), np.int64(95)])
def test_every_kind_of_number_is_taken(value: Any) -> None:
    assert Enter("X", 1, stop=value, reason="test", targets=(Target(value, 1.0),)).stop == 95
    assert MoveStop("X", value, "test").stop == 95
