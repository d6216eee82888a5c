"""Check that each decision of a run uses the vintage of a revised series known then."""

from datetime import UTC, datetime

import numpy as np
import pytest

from data_feeds.clock import HOUR_NS
from data_feeds.dataset import Dataset
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from engine.config.models import PlaybookConfig
from engine.errors import PlaybookContractError
from engine.records import SimulationOutcome
from engine.run import run
from engine.testing import candles, hour, table, table_config

WARMUP = 72  # the default window of realized volatility, 3 days of hours
HOURS = WARMUP + 12
# Value of the day before the window: 40, out two hours into it; revised to 60 six hours into it.
FACT = hour(WARMUP - 24)
FIRST, REVISED = hour(WARMUP + 2), hour(WARMUP + 6)

PLUGIN = '''
from typing import ClassVar

import numpy as np
from pydantic import Field

from engine.api import (
    ChannelKey, ChannelKind, Enter, Exit, Playbook, PlaybookParams, Requirements, Signals, signals
)

CLOCK = ChannelKey("BTCUSDT-PERP", ChannelKind.BARS, "1h")
JOBS = ChannelKey("JOBS", ChannelKind.SERIES)


class MacroParams(PlaybookParams):
    latest: bool = Field(False, description="read today's revision of every date, as a file has it")
    prepared: bool = Field(True, description="read the prepared signal, not the rows themselves")


class Macro(Playbook[MacroParams]):
    """Long while the newest value is below 50; the reason holds the value that was seen."""

    name: ClassVar[str] = "macro"
    Params: ClassVar[type[PlaybookParams]] = MacroParams

    @classmethod
    def requirements(cls, params):
        return Requirements(CLOCK, frozenset({CLOCK, JOBS}), frozenset(), (CLOCK.instrument,), 0)

    def prepare(self, data):
        at, jobs = data.channels[CLOCK]["closed_at"], data.channels[JOBS]
        if not self.params.prepared:
            return Signals(at, {})
        known = signals.derived_as_of(jobs, jobs["value"], at).values
        if self.params.latest:
            known = np.where(np.isnan(known), np.nan, jobs["value"][-1])
        return Signals(at, {"jobs": known})

    def on_bar(self, market, account):
        rows = market.channel("JOBS", ChannelKind.SERIES)["value"]
        if len(rows) == 0:
            return ()
        seen = market.signal("jobs") if self.params.prepared else rows[-1]
        reason = f"jobs {seen:g}, last row {rows[-1]:g}"
        if account.is_flat(CLOCK.instrument):
            return [Enter(CLOCK.instrument, 1, 50.0, reason)] if seen < 50 else ()
        return [Exit(CLOCK.instrument, reason)] if seen >= 50 else ()
'''


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "macro.py").write_text(PLUGIN)
    return folder


def jobs(*rows: tuple[int, int, float]) -> Channel:
    """Return the series from rows of fact, instant of knowing, value."""
    fact, known, value = zip(*rows, strict=True)
    return Channel(
        ChannelKey("JOBS", ChannelKind.SERIES),
        {
            "event_at": np.array(fact, np.int64),
            "available_at": np.array(known, np.int64),
            "value": np.array(value, np.float64),
            "label": np.zeros(len(rows), np.int8),
        },
    )


FIRST_VINTAGE = (FACT, FIRST, 40.0)
SECOND_VINTAGE = (FACT, REVISED, 60.0)


def market(*rows: tuple[int, int, float]) -> Dataset:
    prices = [(100.0 + i % 3, 104.0, 98.0, 100.0 + i % 2) for i in range(HOURS)]
    return table(candles(prices), jobs(*rows))


def played(data: Dataset, plugins, *, end: int = HOURS, **params: bool) -> SimulationOutcome:
    config = table_config(data)
    window = config.data.model_copy(
        update={
            "start": datetime.fromtimestamp(hour(WARMUP) / 1e9, tz=UTC),
            "end": datetime.fromtimestamp(hour(end) / 1e9, tz=UTC),
        }
    )
    playbook = PlaybookConfig(name="macro", params=params)
    asked = config.model_copy(update={"data": window, "playbook": playbook})
    return run(asked, data, plugin_path=plugins).outcome


def test_decisions_act_on_the_vintage_that_was_out(plugins):
    outcome = played(market(FIRST_VINTAGE, SECOND_VINTAGE), plugins)
    entry, exit_ = outcome.fills
    # Nothing is known at hours 0 and 1 of the window; a bar closes at hour 2 as 40 is published,
    # the entry fills at that instant's open. The revision at hour 6 ends it likewise.
    assert (entry.at, entry.reason) == (FIRST, "jobs 40, last row 40")
    assert (exit_.at, exit_.reason) == (REVISED, "jobs 60, last row 60")


def test_a_value_is_not_seen_an_hour_before_it_is_out(plugins):
    later = (FACT, FIRST + 1, 40.0)
    outcome = played(market(later, SECOND_VINTAGE), plugins)
    # One nanosecond after the bar's close: the next hour's decision is the first to know.
    assert outcome.fills[0].at == FIRST + HOUR_NS


def test_a_revision_after_the_run_changes_nothing(plugins):
    # The window ends at hour 5, the revision comes at hour 6.
    with_it = played(market(FIRST_VINTAGE, SECOND_VINTAGE), plugins, end=WARMUP + 5)
    without = played(market(FIRST_VINTAGE), plugins, end=WARMUP + 5)
    assert len(with_it.fills) == 1
    assert repr(with_it) == repr(without)


def test_without_the_revision_the_position_stays(plugins):
    outcome = played(market(FIRST_VINTAGE), plugins)
    assert [fill.at for fill in outcome.fills] == [FIRST]


def test_until_the_revision_both_runs_are_the_same(plugins):
    revised = played(market(FIRST_VINTAGE, SECOND_VINTAGE), plugins)
    plain = played(market(FIRST_VINTAGE), plugins)
    before = revised.curve.at < REVISED
    assert before.sum() > 0
    assert revised.curve.equity[before].tolist() == plain.curve.equity[before].tolist()


def test_a_late_revision_of_an_older_fact_does_not_displace_the_newest(plugins):
    newer = (FACT + HOUR_NS, hour(WARMUP + 4), 30.0)
    data = market(FIRST_VINTAGE, SECOND_VINTAGE, newer)
    outcome = played(data, plugins, prepared=False)
    # At hour 6 the older fact is revised to 60; the newer one still says 30, so it stays long.
    assert [fill.at for fill in outcome.fills] == [FIRST]


def test_rows_and_prepared_signal_see_the_same_vintages(plugins):
    data = market(FIRST_VINTAGE, SECOND_VINTAGE)
    rows, signal = (played(data, plugins, prepared=prepared) for prepared in (False, True))
    assert repr(rows) == repr(signal)


def test_reading_todays_revision_of_the_past_is_refused(plugins):
    # 40 was revised to 45: a file of latest values says 45 from the first day on.
    data = market(FIRST_VINTAGE, (FACT, REVISED, 45.0))
    with pytest.raises(PlaybookContractError, match=r"signal jobs at .* looks ahead"):
        played(data, plugins, latest=True)
