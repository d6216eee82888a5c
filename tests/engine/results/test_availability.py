"""Account states between events."""

from itertools import pairwise

from engine.records import GuardEvent
from engine.results.availability import AvailabilityHistory


def history(book, *, hours=100):
    start = book.now - book.hour * 3_600 * 10**9
    end = start + hours * 3_600 * 10**9
    return AvailabilityHistory(book.outcome(), book.instrument, start, end), start


def hour(start, number):
    return start + number * 3_600 * 10**9


def states(book):
    account, start = history(book)
    return [
        (i.state, (i.from_at - start) // (3_600 * 10**9), i.detail) for i in account.intervals()
    ]


def test_flat_until_the_entry_and_after_the_exit(new_book):
    book = new_book()
    book.mark(100.0, hours=5)
    book.decide(1.0, stop=90.0)
    book.fill("entry", 1.0, 100.0)
    book.mark(100.0, hours=7)
    book.fill("stop", -1.0, 90.0, stage="range")
    book.mark(90.0)
    assert states(book) == [("flat", 0, ""), ("in_position", 5, ""), ("flat", 12, "")]


def test_a_cool_down_and_a_halt_block_until_released(new_book):
    book = new_book()
    book.mark(100.0, hours=1)
    _, start = history(book)
    book.guards += [
        GuardEvent(hour(start, 10), "cool-down", "tripped", 0.0, -5.0, hour(start, 22), ""),
        GuardEvent(hour(start, 15), "daily loss", "tripped", 0.0, 0.0, hour(start, 24), ""),
        GuardEvent(hour(start, 22), "cool-down", "released", 0.0, 0.0, hour(start, 22), ""),
        GuardEvent(hour(start, 24), "daily loss", "released", 0.0, 0.0, hour(start, 24), ""),
    ]
    assert states(book) == [
        ("flat", 0, ""),
        ("cool_down", 10, "cool-down"),
        ("halt", 15, "daily loss"),
        ("flat", 24, ""),
    ]


def test_a_guard_never_released_holds_to_the_end(new_book):
    book = new_book()
    book.mark(100.0)
    _, start = history(book)
    never = 2**63 - 1
    book.guards.append(GuardEvent(hour(start, 9), "drawdown halt", "tripped", 0, 0, never, ""))
    account, _ = history(book)
    assert account.intervals()[-1].state == "halt"
    assert account.intervals()[-1].until_at == hour(start, 100)


def test_an_entry_that_waits_is_pending(new_book):
    book = new_book()
    book.mark(100.0, hours=3)
    book.decide(1.0, stop=90.0)
    _, start = history(book)
    book.order("entry", 1, 1.0, status="cancelled", ended_at=hour(start, 8), filled=0.0)
    assert states(book) == [("flat", 0, ""), ("pending", 3, ""), ("flat", 8, "")]


def test_a_decision_sees_the_state_before_its_own_order_fills_at_the_same_instant(new_book):
    book = new_book()
    book.mark(100.0, hours=5)
    book.decide(1.0, stop=90.0)
    book.fill("entry", 1.0, 100.0, stage="open")
    book.mark(100.0, hours=5)
    book.fill("exit", -1.0, 100.0, stage="open")
    book.mark(100.0, hours=5)
    account, start = history(book)
    # the entry decided at hour 5 fills at that bar's open: at the decision the account was flat
    assert account.at_decision(hour(start, 5)).state == "flat"
    assert account.at_decision(hour(start, 6)).state == "in_position"
    # at the decision of the exit it was in position
    assert account.at_decision(hour(start, 10)).state == "in_position"
    assert account.at_decision(hour(start, 11)).state == "flat"


def test_a_decision_at_the_close_at_which_a_stop_filled_is_made_flat(new_book):
    book = new_book()
    book.decide(1.0, stop=90.0)
    book.fill("entry", 1.0, 100.0)
    book.mark(100.0, hours=5)
    book.fill("stop", -1.0, 90.0, stage="range")
    book.mark(90.0)
    account, start = history(book)
    assert account.at_decision(hour(start, 5)).state == "flat"


def test_intervals_cover_the_window_without_a_hole(make_run):
    run = make_run()
    start, end = run.signals.decided_at[0] - 3_600 * 10**9, run.signals.decided_at[-1]
    intervals = AvailabilityHistory(run.outcome, run.requirements.traded[0], start, end).intervals()
    assert intervals[0].from_at == start
    assert intervals[-1].until_at == end
    for left, right in pairwise(intervals):
        assert left.until_at == right.from_at
        assert (left.state, left.plan_id) != (right.state, right.plan_id)
    assert sum(i.state == "in_position" for i in intervals) == 4


def test_a_cool_down_from_a_stop_at_an_open_does_not_reach_that_instant_s_decision(new_book):
    # Decided, bought and stopped at hour 5: the decision came first, in a flat account.
    book = new_book()
    book.mark(100.0, hours=5)
    book.decide(1.0, stop=90.0)
    book.fill("entry", 1.0, 88.0)
    book.fill("stop", -1.0, 88.0)
    at = book.now
    book.guards.append(
        GuardEvent(at, "cool-down", "tripped", 0.0, -5.0, at + 12 * 3_600 * 10**9, "")
    )
    book.mark(88.0)
    account, _ = history(book)
    assert account.at_decision(at).state == "flat"
    assert account.at_decision(at + 1).state == "cool_down"
