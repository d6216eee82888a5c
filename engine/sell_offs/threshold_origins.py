"""The days on which thresholds were set: each one knew every sell-off confirmed until then."""

from dataclasses import dataclass
from datetime import date

from engine.sell_offs.found import SellOff


@dataclass(frozen=True)
class ThresholdOrigin:
    """Rules, the day until which their authors may have looked at markets, and its source."""

    rules: str
    day: date
    source: str


ORIGINS = (
    ThresholdOrigin(
        "donchian_breakout", date(2003, 12, 31), "Faith 2003, The Original Turtle Trading Rules"
    ),
    ThresholdOrigin("faber_filter", date(2007, 6, 30), "Faber, spring 2007"),
    ThresholdOrigin("rsi_two", date(2009, 12, 31), "Connors and Alvarez 2009"),
    ThresholdOrigin(
        "volatility_target", date(2018, 12, 31), "Moreira and Muir 2017; Harvey and others 2018"
    ),
    # No publication fixes these numbers; they were chosen in this project, after the data's end.
    ThresholdOrigin(
        "playbooks A, B and C, the checklist, every other rule file and the dating rule itself",
        date(2026, 11, 30),
        "this project",
    ),
)


def knew(item: SellOff) -> list[ThresholdOrigin]:
    """Return the origins of thresholds that were set knowing a sell-off."""
    return [origin for origin in ORIGINS if origin.day >= item.confirmed]


def set_before(item: SellOff) -> list[ThresholdOrigin]:
    """Return the origins of thresholds that were set before anyone could know a sell-off."""
    return [origin for origin in ORIGINS if origin.day < item.confirmed]
