"""The venue's mark goes on while bars are missing."""

import numpy as np
import pytest

from data_feeds.schema import ChannelKey, ChannelKind
from engine.intents import Enter
from engine.testing import PERP, candles, fill_lines, marks, play, table

CALM = (100, 101, 99, 100)
# Hours 10 to 19 have no bars.
HELD = np.array([*range(10), *range(20, 24)])


def market(low, *, every=1):
    """24 hours with a hole; the mark falls to ``low`` in hour 14, in marks of ``every`` hours."""
    rows = [CALM] * (24 // every)
    rows[14 // every] = (100, 101, low, 100)
    mark = marks(rows, timeframe=f"{every}h")
    return table(candles([CALM] * 24).take(HELD), mark)


def hold(dataset):
    # 10 x 100 at 10x: margin 100; liquidated at (100 - 10) / (1 - 0.004) = 90.36.
    script = {0: [Enter(PERP.id, 1, stop=50.0, reason="hold")]}
    clock = ChannelKey(PERP.id, ChannelKind.BARS, "1h")
    return play(dataset, script, clock=clock)


@pytest.mark.parametrize("every", [1, 2])
def test_a_mark_extreme_in_a_hole_liquidates_at_the_next_bar(every):
    outcome = hold(market(80.0, every=every))
    first, last = fill_lines(outcome)
    assert first == (1.0, "entry", 10.0, 100.0)
    # Known when the first bar after the hole closes, at 21:00.
    assert last[:3] == (21.0, "liquidation", -10.0)
    assert outcome.fills[1].inferred


def test_a_mark_in_a_hole_short_of_the_liquidation_price_changes_nothing():
    assert len(fill_lines(hold(market(90.5)))) == 1
    assert len(fill_lines(hold(market(90.3)))) == 2
