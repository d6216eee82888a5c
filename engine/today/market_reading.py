"""The checklist's newest reading at an instant, and its changes since the reading before."""

import numpy as np

from data_feeds.calendar import ALWAYS_OPEN
from data_feeds.catalog import Catalog
from data_feeds.clock import parse_duration, utc_text
from data_feeds.load import stored_keys
from data_feeds.schema import ChannelKey, ChannelKind, Provenance
from data_feeds.timeframe import Timeframe
from engine.checklist import DayReport, day_report, read_state
from engine.config.market import MarketStateConfig
from engine.market_state import Action
from engine.today.ages import newest_fact
from engine.today.answer_data import Flip, MarketDay
from engine.today.instants import at_clock, due_close, reading_day

_DAY = np.timedelta64(1, "D")


def market_day(source: Catalog, rules: MarketStateConfig, at: int) -> tuple[MarketDay, Provenance]:
    """Return the reading of the newest day whose clock time has passed, and the weakest label.

    A reading is taken each day at ``rules.decide_at`` New York, on weekends too: the crypto part
    goes on, the equity part stays that of the last session.

    Raises
    ------
    CoverageError : the data hold none of the checklist's channels.
    """
    today = reading_day(at, rules.decide_at)
    state, provenance = read_state(source, rules, today - _DAY, today)
    declared = rules.conditions()
    before, now = (day_report(state, row, declared) for row in (0, 1))
    missing = _missing(source, rules, int(state.decided_at[1]))
    if not missing and int(state.action[1]) == Action.CANNOT_TELL:
        missing = (
            f"{now.known_steps} of {len(now.steps)} steps are known; the checklist needs "
            f"{rules.checklist.least_known}"
        )
    told = MarketDay(
        day=now,
        compared_with=before.date,
        clock=rules.decide_at,
        next_at=utc_text(at_clock(today + _DAY, rules.decide_at)),
        changes=tuple(
            (label, getattr(before, label), getattr(now, label))
            for label in ("action", "tier", "regime", "driver")
            if getattr(before, label) != getattr(now, label)
        ),
        flips=tuple(_flips(before, now)),
        missing=missing,
    )
    return told, provenance


def _flips(before: DayReport, now: DayReport) -> list[Flip]:
    """Return the steps and conditions whose truth changed, in the checklist's order."""
    pairs = [
        pair
        for (step, read), (new_step, new_read) in zip(before.steps, now.steps, strict=True)
        for pair in ((step, new_step), *zip(read, new_read, strict=True))
    ]
    return [
        Flip(new.name, old.truth, new.truth, new.measured, new.threshold, new.unit, new.description)
        for old, new in pairs
        if old.truth != new.truth
    ]


def _missing(source: Catalog, rules: MarketStateConfig, at: int) -> str:
    """Return why a reading is too old to act on: a session's bar or bitcoin's hours are missing.

    The checklist itself reads an equity close of up to ``max_age``, so that a holiday is no hole.
    A session that was held and is not in the data would be read as unchanged.
    """
    names, held = rules.inputs, source.instruments()
    hours = ChannelKey(names.bitcoin, ChannelKind.BARS, "1h")
    days = [ChannelKey(name, ChannelKind.BARS, "1d") for name in (names.index, names.growth)]
    stored = stored_keys(source, [hours, *days])
    due = {hours: at - parse_duration(rules.crypto_max_age)}
    for key in days:
        calendar = held[key.instrument].calendar if key.instrument in held else ALWAYS_OPEN
        due[key] = due_close(calendar, Timeframe(key.timeframe).ns, at)
    found = []
    for key, wanted in due.items():
        origin = stored[key]
        newest = None if origin is None else newest_fact(source, origin, at)
        if newest is None or newest < wanted:
            found.append(_late(key, newest, wanted))
    return "; ".join(found)


def _late(key: ChannelKey, newest: int | None, due: int) -> str:
    if newest is None:
        return f"{key} is not in the data"
    return f"{key} ends at {utc_text(newest)}, a later one to {utc_text(due)} is due"
