"""Expressions understood: kinds, rows, units and the errors with their places."""

from dataclasses import replace

import pytest

from data_feeds.clock import DAY_NS, HOUR_NS
from strategies.rules.meaning import understand
from strategies.rules.memory import memory_of
from strategies.rules.names import Names, NameSettings
from strategies.rules.sources import CLOCK, PLAN, STATE, RowSource
from strategies.rules.syntax import ExpressionError
from strategies.rules.terms import Term
from tests.strategies.rules.written_market import INSTRUMENTS, names

KNOWN = names(
    lets={"vix_max": 25.0, "look": "20d", "n": "atr(btc, 14 bars)", "back": 3.0, "near": "3%"}
)


def read(text: str, known: Names = KNOWN, *, plan_values: bool = False) -> Term:
    return understand(text, known, plan_values=plan_values)


def refused(text: str, known: Names = KNOWN, wants: str = "any") -> ExpressionError:
    with pytest.raises(ExpressionError) as told:
        understand(text, known, wants)  # type: ignore[arg-type]
    return told.value


def rows(text: str) -> tuple[str, ...]:
    return tuple(str(source) for source in read(text).rows)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("btc.close", ("BTC/bars/1h",)),
        ("btc@4h.close", ("BTC/bars/4h",)),
        ("sma(vix, 20 sessions)", ("VIX/series",)),
        ("vix < vix_max", ("VIX/series",)),
        ("vix < 25 and vix > 20", ("VIX/series",)),
        ("vix - yield10 * 2 + 0 * btc.close / btc.close", ("clock",)),
        ("spy.close / btc.close", ("clock",)),
        ("sma(spy.close / btc.close, 20 sessions)", ("BTC/bars/1h", "SPY/bars/1d")),
        ("correlation(btc.close, spy.close, 60 sessions)", ("BTC/bars/1h", "SPY/bars/1d")),
        ("(spy.close / btc.close)[1]", ("BTC/bars/1h", "SPY/bars/1d")),
        ("btc.basis", ("BTC/bars/1h", "SPOT/bars/1h")),
        ("month_end(spy.close)", ("month_end(SPY/bars/1d)",)),
        ("btc.funding", ("BTC/funding",)),
        ("state.vix", ("state",)),
        ("hour()", ("clock",)),
        ("2 + 3", ()),
    ],
)
def test_every_term_has_the_rows_of_its_operands(text: str, wanted: tuple[str, ...]) -> None:
    # Units are told elsewhere: records without units let any two values meet.
    bare = Names.of(replace(KNOWN.settings, companions={"BTC": "SPOT"}))
    assert tuple(str(source) for source in understand(text, bare).rows) == wanted


def test_equal_expressions_are_equal_terms() -> None:
    assert read("sma( btc.close , 20 bars)") == read("sma(btc.close, 20 bars)")
    assert read("sma(btc.close, 20 bars)") != read("sma(btc.close, 21 bars)")
    assert hash(read("vix < 25")) == hash(read("vix < vix_max"))


@pytest.mark.parametrize(
    ("text", "at", "told"),
    [
        ("vixx < 25", "vixx", "did you mean vix?"),
        ("btc.clos > 1", "btc.clos", "did you mean close?"),
        ("state.vixx > 1", "state.vixx", "no state.vixx; did you mean state.vix?"),
        ("smaa(btc.close, 3 bars) > 1", "smaa(btc.close, 3 bars)", "did you mean sma?"),
        ("sma(btc.close) > 1", "sma(btc.close)", "needs its length"),
        ("sma(btc.close, 20) > 1", "20", "write 20 bars"),
        ("sma(btc.close, 2 bars, 3 bars) > 1", "sma(btc.close, 2 bars, 3 bars)", "takes 2"),
        ("btc > 3", "btc > 3", "btc is the bars of an instrument, not a number"),
        ("vix and btc.close > 1", "vix", "compare it, for example vix < 25"),
        ('state.tier == "bad"', 'state.tier == "bad"', "its words are normal, cautious"),
        ('state.driver > "none"', 'state.driver > "none"', "has no order"),
        ("state.tier > 3", "state.tier > 3", 'write "normal"'),
        ("position.age > 3d", "position.age", "exits, tranches and trails only"),
        ("stop > 3", "stop", "exits, tranches and trails only"),
        ("2 bars > 3", "2 bars > 3", "only position.age"),
        ("btc.close for 3 bars", "btc.close", "compare it"),
        ("(3 > 2) for 3 bars", "3 bars", "a window needs rows"),
        ('hour("Mars") > 3', '"Mars"', 'no time zone "Mars"'),
        ("vix@1h > 3", "vix@1h", "only an instrument has bars"),
        ("vix.close > 3", "vix.close", "write vix"),
        ("look.x > 3", "look.x", "write look alone"),
        ("btc.close[look] > 3", "btc.close[look]", "whole number"),
        ("btc.close[bak] > 3", "btc.close[bak]", "did you mean back?"),
        ("1 / 0 > 2", "1 / 0", "division by zero"),
        ("month_end(3) > 2", "month_end(3)", "no rows of its own"),
    ],
)
def test_an_error_points_to_its_part_and_says_what_to_write(text: str, at: str, told: str) -> None:
    error = refused(text)
    assert told in error.message
    assert text[error.start : error.end] == at


def test_a_wanted_kind_is_demanded_of_the_whole() -> None:
    assert "vix is a number, not true or false" in refused("vix", wants="truth").message
    assert "20d or 14 bars" in refused("vix", wants="length").message
    assert understand("look", KNOWN, "length").kind == "length"


def test_a_named_value_that_needs_itself_is_refused_with_the_circle() -> None:
    known = names(lets={"a": "b + 1", "b": "2 * a"})
    assert refused("a > 1", known).message == "let: a value needs itself: a -> b -> a"


@pytest.mark.parametrize("text", ["5%", "25bp", "btc.funding"])
def test_a_share_is_no_price(text: str) -> None:
    with pytest.raises(ExpressionError, match=f"{text} is a share, not a price; write a share of"):
        understand(text, names(), "price")
    assert understand("0.95 * btc.close", names(), "price").kind == "number"


@pytest.mark.parametrize(
    ("text", "told", "at"),
    [
        ("state.action == wait", 'nothing is named wait; write "wait" in quotes', "wait"),
        ("calm != state.regime", 'nothing is named calm; write "calm" in quotes', "calm"),
        ("atr(btc.close, 14 bars) > 3", "not the bars of an instrument; write btc", "btc.close"),
        ("atr(btc@4h.high, 14 bars)", "not the bars of an instrument; write btc@4h", "btc@4h.high"),
    ],
)
def test_a_usual_slip_is_refused_with_what_to_write(text: str, told: str, at: str) -> None:
    error = refused(text)
    assert error.message.endswith(told)
    assert text[error.start : error.end] == at


def test_an_error_inside_a_named_value_names_it() -> None:
    known = names(lets={"a": "vixx + 1"})
    error = refused("a > 1", known)
    assert error.message.startswith("let a: nothing is named vixx; did you mean vix?; names stand")
    assert (error.start, error.end) == (0, 1)


def test_named_values_that_double_one_another_stay_cheap() -> None:
    lets: dict[str, float | str] = {"v0": "vix"}
    lets |= {f"v{n}": f"v{n - 1} + v{n - 1}" for n in range(1, 60)}
    term = read("v59 > 1", names(lets=lets))
    assert len(list(term.parts())) == 62
    assert memory_of(term, KNOWN).clock_rows == 0
    assert len(term.joined_rows) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sma(spy.close, 200d)", "write 200 sessions (about 290 calendar days) or 138 sessions"),
        ("sma(spy.close, 4h)", "which closes at night: write a number of bars"),
        ("sma(btc.close, 20 sessions)", "has no sessions"),
        ("sma(btc.close, 200000 bars)", "100,000 rows at most"),
        ("sma(btc.close, 3000w)", "10 years"),
        ("sma(state.vix, 36h)", "one row a day"),
        ("ema(btc.close, 90m)", "write a multiple of the bars"),
        ("ema(vix, 20d)", "write 20 bars, that many of its own values, or 14 sessions"),
        ("vix < 25 for 3d", "write 3 bars, that many of its own values, or 2 sessions"),
        ("sma(vix, 4h)", "write a number of bars, its own values"),
        ("sma(spy.close / vix, 20d)", "20d on VIX"),
    ],
)
def test_a_length_that_its_rows_do_not_have_is_refused(text: str, told: str) -> None:
    assert told in refused(text).message


def test_a_day_of_the_market_state_is_a_row() -> None:
    term = read('state.action == "wait" for 3d')
    assert (term.rows, term.detail[0].rows) == (STATE, 3)  # type: ignore[attr-defined]


def test_an_age_is_compared_as_time_or_as_rows_of_the_clock() -> None:
    term = read("position.age > 10d", plan_values=True)
    assert [item.detail for item in term.arguments] == [("position.age",), (10.0 * DAY_NS,)]
    assert term.rows == PLAN
    counted = read("5 sessions <= position.age", plan_values=True)
    assert [item.detail[0] for item in counted.arguments] == [5, "position.age_rows"]


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("btc.close - 2 * n", "price"),
        ("btc.close / spy.close", "x"),
        ("btc.close / btc.close[1] - 1", "fraction"),
        ("drawdown(btc.close, 20 bars)", "fraction"),
        ("btc.funding", "fraction"),
        ("vix * 2", "points"),
        ("yield10 - yield10[5]", "percent"),
        ("cpi", "undeclared"),
        ("vix * btc.close", "undeclared"),
        ("max(1, 2)", ""),
    ],
)
def test_units_follow_from_the_operands(text: str, unit: str) -> None:
    assert read(text).unit == unit


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("btc.funding > 3%", 0.03),
        ("btc.funding > near", 0.03),
        ("yield10 - yield10[5] > 25bp", 0.25),
        ("yield10 > 3%", 3.0),
        ("drawdown(btc.close, 20 bars) < -10%", -0.1),
        ("pct_change(btc.close, 4h) > 50bp", 0.005),
    ],
)
def test_a_share_is_read_in_the_unit_beside_it(text: str, value: float) -> None:
    assert read(text).arguments[1].value == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("vix < 0.25", "VIX is in index points; did you mean 25?"),
        ("0.3 < vix", "did you mean 30?"),
        ("drawdown(btc.close, 20 bars) < -10", "is a fraction; did you mean -10%?"),
        ("vix > 3%", "a share is no amount of it"),
        ("btc.close > vix", "a price and index points cannot be compared or added"),
        ("btc.close + btc.volume > 3", "a price and base units"),
        ("max(btc.close, vix) > 3", "a price and index points"),
    ],
)
def test_numbers_of_different_units_are_refused(text: str, told: str) -> None:
    assert told in refused(text).message


def test_the_channels_of_a_term_are_those_of_its_rows() -> None:
    term = read("btc.basis > 0 and vix < 25 and state.vix > 2")
    assert sorted(map(str, term.channels)) == ["BTC/bars/1h", "SPOT/bars/1h", "VIX/series"]
    assert term.reads_state
    # The basis at common closes, the series, the state; never the clock itself.
    assert len(term.joined_rows) == 3
    assert STATE in term.joined_rows
    assert CLOCK not in term.joined_rows


def test_windows_on_the_clock_need_rows_and_others_are_remembered() -> None:
    # 20 bars read 19 before, [1] one more; 4 h of hourly bars 4 before.
    assert memory_of(read("highest(btc.high, 20 bars)[1]"), KNOWN).clock_rows == 20
    assert memory_of(read("btc.close > 3 for 2 bars"), KNOWN).clock_rows == 1
    assert memory_of(read("sma(vix, 20 sessions)"), KNOWN).clock_rows == 0
    # 19 sessions with weekends and a closure, and the six days that a value may be old.
    found = memory_of(read("sma(vix, 20 sessions)"), KNOWN).memory_ns
    assert 28 * DAY_NS < found < 60 * DAY_NS
    assert memory_of(read("state.vix > 20"), KNOWN).memory_ns > 365 * DAY_NS
    assert memory_of(read("btc.close > 3"), KNOWN).memory_ns < 3 * HOUR_NS


def test_the_clock_is_an_instrument_with_its_bars() -> None:
    settings = NameSettings({"btc": "BTC"}, {}, "btc@4h")
    source = Names.of(settings).with_records(INSTRUMENTS).clock_source
    assert source == RowSource("channel", source.key)
    assert str(source) == "BTC/bars/4h"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("3d > 2d", "2d is a length; only position.age is compared with one"),
        ("3 == state.action", 'state.action is one of the words wait, reduce, hedge; write "wait"'),
        ("vix < state.tier", 'state.tier is one of the words normal, cautious, defensive, halt; '
         'write "normal"'),
        ("vix > log(0)", "log(0) has no value"),
        ("vix > 1e308 * 10", "the result is too large for a number; the limit is about 1e308"),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_or_compared_is_refused(text: str, told: str) -> None:
    assert refused(text).message == told


@pytest.mark.parametrize(
    "text",
    [
        "realized_vol(btc.close, 20d) < vix / 100",
        "realized_vol(btc.close, 20d) * 100 < vix",
        "btc.funding * 10000 > yield10 * 100",
        "vix * 0.01 > 0.25",
    ],
)
def test_a_change_of_scale_is_written_with_a_power_of_ten(text: str) -> None:
    assert read(text).kind == "truth"


def test_shares_of_different_scale_are_refused_with_the_remedy() -> None:
    told = refused("realized_vol(btc.close, 20d) < vix").message
    assert told.endswith("cannot be compared or added; divide the percent or points by 100")
    assert refused("vix / 2 > 0.1").message.endswith("did you mean 10?")


def test_bars_inside_sessions_need_their_number_in_a_year() -> None:
    told = refused("realized_vol(spy@5m.close, 78 bars)").message
    assert told.startswith("bars of SPY/bars/5m come in sessions only")
    assert read("realized_vol(spy@5m.close, 78 bars, 252 * 78)").unit == "fraction"
