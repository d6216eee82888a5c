import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_feeds.clock import DAY_NS, HOUR_NS
from engine.records import FAR_FUTURE
from engine.risk.guards import Guards, days_later, end_of_day, end_of_week

DAILY = {"daily_loss": {"limit": 0.03, "scope": "flatten"}}
WEEKLY = {"weekly_loss": {"limit": 0.05, "scope": "flatten"}}
LADDER = {
    "drawdown": {
        "ladder": [
            {"drawdown": 0.05, "multiplier": 0.5},
            {"drawdown": 0.10, "multiplier": 0.25},
        ],
        "halt_at": 0.15,
        "halt_days": 10,
    }
}


def guards(make, start=100_000.0, ny_days=False, **risk):
    return Guards(make.config(risk).risk, start_equity=start, ny_days=ny_days)


def instant(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def brief(events):
    return [(event.guard, event.event) for event in events]


def test_daily_loss_trips_at_the_limit_and_not_above(make):
    # 3% of 100,000: the floor is 97,000
    state = guards(make, **DAILY)
    assert state.loss_floor == pytest.approx(97_000.0)
    assert not state.on_mark(HOUR_NS, math.nextafter(state.loss_floor, math.inf), False)
    assert state.on_mark(2 * HOUR_NS, state.loss_floor, False)
    event = state.events[0]
    assert (event.guard, event.event, event.until) == ("daily loss", "tripped", DAY_NS)
    assert (event.equity, event.reference) == (pytest.approx(97_000.0), 100_000.0)
    assert state.blocked_by(3 * HOUR_NS) == "daily loss"


def test_daily_loss_trips_once_a_day_and_ends_with_the_day(make):
    state = guards(make, **DAILY)
    assert state.on_mark(HOUR_NS, 96_000.0, False)
    assert not state.on_mark(2 * HOUR_NS, 90_000.0, False)
    assert state.loss_floor == -math.inf
    assert not state.on_mark(DAY_NS, 90_000.0, True)
    assert state.blocked_by(DAY_NS) is None
    # The new day starts from 90,000: its floor is 87,300.
    assert state.loss_floor == pytest.approx(87_300.0)
    assert brief(state.events) == [("daily loss", "tripped"), ("daily loss", "released")]


def test_the_day_that_ends_is_judged_before_the_new_one_begins(make):
    state = guards(make, **DAILY)
    assert state.on_mark(DAY_NS, 95_000.0, True)
    assert brief(state.events) == [("daily loss", "tripped"), ("daily loss", "released")]
    assert state.blocked_by(DAY_NS) is None


def test_at_midnight_the_day_that_ends_is_judged_before_its_guards_are_released(make):
    state = guards(make, daily_loss={"limit": 0.03}, max_trades_per_day=1, **LADDER)
    state.on_mark(HOUR_NS, 96_000.0, False)
    state.on_entry(HOUR_NS, 96_000.0)
    # 85,000 is 15% under the peak.
    assert state.on_mark(DAY_NS, 85_000.0, True)
    assert brief(state.events) == [
        ("daily loss", "tripped"),
        ("max trades a day", "tripped"),
        ("drawdown halt", "tripped"),
        ("daily loss", "released"),
        ("max trades a day", "released"),
    ]
    assert [event.until for event in state.events[3:]] == [DAY_NS, DAY_NS]
    assert state.next_release_at == 11 * DAY_NS


def test_a_daily_loss_at_the_session_close_blocks_until_new_york_midnight(make):
    # 100,000 to 96,000 is -4%, limit 3%, at 16:00 in New York.
    state = guards(make, ny_days=True, daily_loss={"limit": 0.03, "scope": "block_entries"})
    close, midnight = instant("2026-01-07T21:00:00"), instant("2026-01-08T05:00:00")
    assert not state.on_mark(close, 96_000.0, True)
    assert brief(state.events) == [("daily loss", "tripped")]
    assert state.events[0].until == midnight
    assert state.blocked_by(close) == "daily loss"
    assert state.blocked_by(midnight - 1) == "daily loss"
    assert state.blocked_by(midnight) is None


def test_after_a_daily_loss_at_the_close_the_next_close_is_judged_against_it(make):
    state = guards(make, ny_days=True, **DAILY)
    first, second = instant("2026-01-07T21:00:00"), instant("2026-01-08T21:00:00")
    assert state.on_mark(first, 96_000.0, True)
    # 96,000 x 0.97 = 93,120.
    assert state.loss_floor == pytest.approx(93_120.0)
    assert first < state.next_release_at <= second
    assert state.on_mark(second, 93_000.0, True)
    assert [(e.at, e.event, e.equity, e.reference, e.until) for e in state.events] == [
        (first, "tripped", 96_000.0, 100_000.0, instant("2026-01-08T05:00:00")),
        (second, "released", 93_000.0, 100_000.0, instant("2026-01-08T05:00:00")),
        (second, "tripped", 93_000.0, 96_000.0, instant("2026-01-09T05:00:00")),
    ]
    assert state.blocked_by(second) == "daily loss"
    assert not state.on_mark(instant("2026-01-09T21:00:00"), 93_000.0, True)
    assert state.blocked_by(instant("2026-01-09T21:00:00")) is None
    assert state.next_release_at == FAR_FUTURE


def test_the_first_close_after_a_day_releases_whether_or_not_it_ends_one(make):
    state = guards(make, ny_days=True, max_trades_per_day=1, **DAILY)
    state.on_entry(instant("2026-01-07T20:00:00"), 100_000.0)
    state.on_mark(instant("2026-01-07T21:00:00"), 96_000.0, True)
    assert len(state.events) == 2
    opening = instant("2026-01-08T15:30:00")
    assert not state.on_mark(opening, 96_000.0, False)
    assert [(e.at, e.guard, e.event) for e in state.events[2:]] == [
        (opening, "daily loss", "released"),
        (opening, "max trades a day", "released"),
    ]
    assert state.next_release_at == FAR_FUTURE


def test_a_day_whose_last_bars_are_missing_still_blocks_until_midnight(make):
    state = guards(make, **DAILY)
    assert state.on_mark(22 * HOUR_NS, 96_000.0, True)
    assert state.blocked_by(23 * HOUR_NS) == "daily loss"
    assert state.blocked_by(DAY_NS) is None
    assert not state.on_mark(25 * HOUR_NS, 96_000.0, False)
    assert (state.events[1].event, state.events[1].at) == ("released", 25 * HOUR_NS)
    assert state.events[1].until == DAY_NS


def test_daily_loss_that_only_blocks_does_not_flatten(make):
    state = guards(make, daily_loss={"limit": 0.03, "scope": "block_entries"})
    assert not state.on_mark(HOUR_NS, 90_000.0, False)
    assert state.blocked_by(HOUR_NS) == "daily loss"


def test_ladder_scales_new_positions_by_the_deepest_rung_reached(make):
    state = guards(make, **LADDER)
    assert state.tier(95_001.0) == ("normal", 1.0)
    assert state.tier(95_000.0) == ("cautious", 0.5)
    assert state.tier(90_000.0) == ("defensive", 0.25)
    assert state.drawdown(90_000.0) == pytest.approx(-0.10)
    assert state.drawdown(110_000.0) == 0.0


def test_drawdown_is_measured_from_the_running_peak(make):
    state = guards(make, **LADDER)
    state.on_mark(HOUR_NS, 200_000.0, False)
    assert state.peak == 200_000.0
    assert state.tier(190_000.0)[0] == "cautious"


def test_halt_flattens_blocks_and_restarts_the_peak_after_its_days(make):
    state = guards(make, **LADDER)
    assert state.on_mark(HOUR_NS, 85_000.0, False)
    assert (state.blocked_by(HOUR_NS), state.tier(85_000.0)) == ("drawdown halt", ("halt", 0.0))
    assert state.halt_drawdown == math.inf
    ends = HOUR_NS + 10 * DAY_NS
    assert state.next_release_at == ends
    assert not state.on_mark(ends - 1, 60_000.0, False)
    assert state.blocked_by(ends - 1) == "drawdown halt"
    assert not state.on_mark(ends, 84_000.0, False)
    assert (state.peak, state.halt_drawdown, state.next_release_at) == (84_000.0, 0.15, FAR_FUTURE)
    assert state.blocked_by(ends) is None
    assert state.tier(84_000.0) == ("normal", 1.0)
    assert brief(state.events) == [("drawdown halt", "tripped"), ("drawdown halt", "released")]
    assert "restarts at 84,000.00" in state.events[-1].detail


def test_halt_without_days_never_ends(make):
    state = guards(make, drawdown={"ladder": [], "halt_at": 0.15, "halt_days": None})
    assert state.on_mark(HOUR_NS, 80_000.0, False)
    assert state.next_release_at == FAR_FUTURE
    assert not state.on_mark(10_000 * DAY_NS, 200_000.0, True)
    assert state.blocked_by(10_000 * DAY_NS) == "drawdown halt"


def test_cool_down_follows_a_losing_plan_only_and_later_losses_extend_it(make):
    state = guards(make, cool_down="12h")
    state.on_plan_closed(0, 0.0)
    state.on_plan_closed(0, 5.0)
    assert state.blocked_by(0) is None
    state.on_plan_closed(HOUR_NS, -1.0)
    assert state.blocked_by(13 * HOUR_NS - 1) == "cool-down"
    assert state.blocked_by(13 * HOUR_NS) is None
    state.on_plan_closed(5 * HOUR_NS, -2.0)
    assert state.blocked_by(13 * HOUR_NS) == "cool-down"
    assert state.next_release_at == 17 * HOUR_NS
    assert not state.on_mark(17 * HOUR_NS, 100_000.0, False)
    assert state.next_release_at == FAR_FUTURE
    assert [e.reference for e in state.events] == [-1.0, -2.0, 0.0]
    assert brief(state.events)[-1] == ("cool-down", "released")


def test_entries_are_counted_by_account_day(make):
    state = guards(make, max_trades_per_day=2)
    state.on_entry(HOUR_NS, 1.0)
    assert state.blocked_by(HOUR_NS) is None
    state.on_entry(2 * HOUR_NS, 1.0)
    assert state.blocked_by(3 * HOUR_NS) == "max trades a day"
    assert state.events[0].until == DAY_NS
    state.on_mark(DAY_NS, 1.0, True)
    assert state.blocked_by(DAY_NS) is None
    assert brief(state.events) == [
        ("max trades a day", "tripped"),
        ("max trades a day", "released"),
    ]


def test_an_entry_decided_at_midnight_belongs_to_the_day_that_begins(make):
    state = guards(make, max_trades_per_day=1)
    state.on_mark(DAY_NS, 1.0, True)
    state.on_entry(DAY_NS, 1.0)
    assert state.blocked_by(DAY_NS + HOUR_NS) == "max trades a day"
    assert state.events[0].until == 2 * DAY_NS


def test_an_entry_after_the_last_close_belongs_to_the_day_that_is_ending(make):
    state = guards(make, ny_days=True, max_trades_per_day=2)
    close, midnight = instant("2026-07-06T20:00:00"), instant("2026-07-07T04:00:00")
    state.on_entry(close - HOUR_NS, 1.0)
    state.on_mark(close, 1.0, True)
    state.on_entry(close, 1.0)
    assert state.events[0].until == midnight
    assert state.blocked_by(midnight - 1) == "max trades a day"
    assert state.blocked_by(midnight) is None
    # The next day counts from zero: two more entries fit.
    following = close + DAY_NS
    state.on_mark(following, 1.0, True)
    state.on_entry(following, 1.0)
    assert state.blocked_by(following) is None
    assert [(e.at, e.event, e.reference, e.until) for e in state.events] == [
        (close, "tripped", 2.0, midnight),
        (following, "released", 2.0, midnight),
    ]


def test_an_entry_between_midnight_and_the_first_close_starts_the_new_count(make):
    state = guards(make, ny_days=True, max_trades_per_day=1)
    close, midnight = instant("2026-01-07T21:00:00"), instant("2026-01-08T05:00:00")
    state.on_mark(close, 1.0, True)
    state.on_entry(close, 1.0)
    state.on_entry(midnight, 1.0)
    assert state.blocked_by(midnight) == "max trades a day"
    assert [(e.at, e.event, e.until) for e in state.events] == [
        (close, "tripped", midnight),
        (midnight, "released", midnight),
        (midnight, "tripped", midnight + DAY_NS),
    ]


def test_guards_that_are_off_never_trip(make):
    state = guards(make)
    assert (state.loss_floor, state.halt_drawdown) == (-math.inf, math.inf)
    state.on_plan_closed(1, -1e9)
    for hour in range(1, 100):
        state.on_entry(hour * HOUR_NS, 1.0)
        assert not state.on_mark(hour * HOUR_NS, 1.0, hour % 24 == 0)
        assert state.blocked_by(hour * HOUR_NS) is None
    assert state.events == []
    assert state.tier(1.0) == ("normal", 1.0)


def test_new_york_days_end_at_new_york_midnight_in_winter_and_summer():
    winter = instant("2026-02-05T21:00:00")
    assert end_of_day(winter, ny_days=True) == instant("2026-02-06T05:00:00")
    summer = instant("2026-07-06T20:00:00")
    assert end_of_day(summer, ny_days=True) == instant("2026-07-07T04:00:00")
    midnight = instant("2026-02-06T05:00:00")
    assert end_of_day(midnight, ny_days=True) == midnight
    assert end_of_day(midnight, ny_days=False) == instant("2026-02-07T00:00:00")


def test_a_halt_keeps_the_new_york_clock_time_through_daylight_saving():
    # Clocks go forward on 2026-03-08: 16:00 in New York is 21:00Z before and 20:00Z after.
    before = instant("2026-03-02T21:00:00")
    assert days_later(before, 10, ny_days=True) == instant("2026-03-12T20:00:00")
    assert days_later(before, 10, ny_days=False) == instant("2026-03-12T21:00:00")


RETURNS = st.lists(
    st.sampled_from([-0.02, -0.01, -0.005, 0.0, 0.005, 0.01]), min_size=1, max_size=200
)


def hours_around_the_clock(row, bars_a_day):
    return (row + 1) * HOUR_NS


def hours_to_the_session_close(row, bars_a_day):
    """Return the closes of hourly bars in New York sessions; the last closes at 16:00."""
    day, bar = divmod(row, bars_a_day)
    return instant("2026-01-05T21:00:00") + day * DAY_NS - (bars_a_day - 1 - bar) * HOUR_NS


@given(
    RETURNS,
    st.sets(st.integers(0, 199)),
    st.sets(st.integers(0, 199)),
    st.one_of(
        st.tuples(st.just(hours_around_the_clock), st.integers(2, 30)),
        st.tuples(st.just(hours_to_the_session_close), st.integers(1, 7)),
    ),
)
def test_visiting_only_what_can_matter_gives_the_state_of_visiting_every_bar(
    make, returns, losing_rows, entry_rows, clock
):
    closed_at, bars_a_day = clock
    risk = {**DAILY, **LADDER, **WEEKLY, "cool_down": "3h", "max_trades_per_day": 2}
    risk["drawdown"] = {**LADDER["drawdown"], "halt_days": 1}
    ny_days = closed_at is hours_to_the_session_close
    dense, sparse = (guards(make, ny_days=ny_days, **risk) for _ in range(2))
    equity, peak, visited = 100_000.0, 100_000.0, 0
    for row, change in enumerate(returns):
        at, equity = closed_at(row, bars_a_day), equity * (1 + change)
        day_end = (row + 1) % bars_a_day == 0
        week_end = (row + 1) % (5 * bars_a_day) == 0
        flatten = dense.on_mark(at, equity, day_end, week_end)
        peak = max(peak, equity)
        due = day_end or at >= sparse.next_release_at or equity <= sparse.loss_floor
        if due or equity <= peak * (1 - sparse.halt_drawdown):
            sparse.peak = peak
            assert sparse.on_mark(at, equity, day_end, week_end) == flatten
            peak = sparse.peak
            visited += 1
        else:
            assert not flatten
        for state in (dense, sparse):
            # A caller reads the guards only at instants that it visits, with the carried peak.
            if row in losing_rows:
                state.on_plan_closed(at, -1.0)
            if row in entry_rows:
                state.on_entry(at, equity)
        assert dense.blocked_by(at) == sparse.blocked_by(at)
        sparse.peak = peak
        assert dense.tier(equity) == sparse.tier(equity)
    assert repr(dense.events) == repr(sparse.events)
    assert (dense.peak, dense.loss_floor, dense.next_release_at) == (
        sparse.peak,
        sparse.loss_floor,
        sparse.next_release_at,
    )
    assert visited <= len(returns)


def test_a_weekly_loss_adds_up_over_days_and_ends_on_monday(make):
    # Wednesday 2026-01-07: -2% a day never trips the day's 3%, but the third day is -5.9%.
    state = guards(make, **DAILY, **WEEKLY)
    assert state.loss_floor == pytest.approx(97_000.0)
    assert not state.on_mark(instant("2026-01-08T00:00:00"), 98_000.0, True)
    # The week's floor of 95,000 lies below Thursday's 95,060.
    assert state.loss_floor == pytest.approx(95_060.0)
    assert not state.on_mark(instant("2026-01-09T00:00:00"), 96_040.0, True)
    assert state.loss_floor == pytest.approx(95_000.0)
    assert state.on_mark(instant("2026-01-09T10:00:00"), 94_900.0, False)
    (event,) = state.events
    assert (event.guard, event.reference) == ("weekly loss", 100_000.0)
    assert event.until == instant("2026-01-12T00:00:00")
    assert event.detail == "-5.10% this week, limit -5.00%"
    assert state.flatten_reason == "weekly loss"
    assert state.blocked_by(instant("2026-01-11T23:00:00")) == "weekly loss"
    assert state.blocked_by(instant("2026-01-12T00:00:00")) is None


def test_the_next_week_counts_from_the_last_close_of_the_one_before(make):
    state = guards(make, **WEEKLY)
    state.on_mark(instant("2026-01-09T10:00:00"), 94_000.0, False)
    assert state.loss_floor == -math.inf
    # Sunday's midnight ends the week: released, and armed at that equity.
    state.on_mark(instant("2026-01-12T00:00:00"), 94_000.0, True, True)
    assert [event.event for event in state.events] == ["tripped", "released"]
    assert state.events[1].detail == "a new account week"
    assert state.loss_floor == pytest.approx(94_000.0 * 0.95)


def test_a_week_of_sessions_ends_at_new_york_midnight_after_sunday(make):
    state = guards(make, ny_days=True, **WEEKLY)
    # Tuesday's close at 21:00Z.
    assert state.on_mark(instant("2026-01-06T21:00:00"), 95_000.0, True)
    assert state.events[0].until == instant("2026-01-12T05:00:00")


def test_a_weekly_loss_that_only_blocks_does_not_flatten(make):
    state = guards(make, weekly_loss={"limit": 0.05, "scope": "block_entries"})
    assert not state.on_mark(instant("2026-01-06T10:00:00"), 94_000.0, False)
    assert state.blocked_by(instant("2026-01-06T11:00:00")) == "weekly loss"


@pytest.mark.parametrize(
    ("at", "end"),
    [
        ("2026-01-07T10:00:00", "2026-01-12T00:00:00"),
        ("2026-01-11T23:59:59", "2026-01-12T00:00:00"),
        # Midnight belongs to the day, and the week, that it ends.
        ("2026-01-12T00:00:00", "2026-01-12T00:00:00"),
        ("2026-01-12T00:00:01", "2026-01-19T00:00:00"),
    ],
)
def test_a_week_ends_at_midnight_after_sunday(at, end):
    assert end_of_week(instant(at), ny_days=False) == instant(end)


@pytest.mark.parametrize("equity", [0.0, -10.0])
def test_an_account_that_began_a_peak_with_nothing_halts_without_a_drawdown(make, equity):
    # After a halt the peak restarts at the current equity, which may be zero.
    state = guards(make, start=0.0, **LADDER)
    assert state.drawdown(equity) == 0.0
    assert state.on_mark(HOUR_NS, equity, False)
    assert state.events[0].detail.startswith("0.00% from the peak")
