"""The playbook of rules answers the command line about a file."""

from data_feeds.schema import ChannelKey, ChannelKind
from engine.api import DAY_NS, HOUR_NS
from strategies.rules import Rules
from strategies.rules.functions.registry import FUNCTIONS
from strategies.rules.params import RulesParams
from tests.strategies.rules.test_remarks import PERP, RECORDS

BARS = ChannelKey(PERP, ChannelKind.BARS, "1h")
FOURS = ChannelKey(PERP, ChannelKind.BARS, "4h")
FUNDING = ChannelKey(PERP, ChannelKind.FUNDING)
VIX = ChannelKey("VIX", ChannelKind.SERIES)


def params(**changes: object) -> RulesParams:
    given: dict[str, object] = {
        "instruments": {"btc": f"{PERP}@1h"},
        "series": {"vix": "VIX"},
        "clock": "btc@1h",
        "let": {"n": "atr(btc@4h, 14 bars)", "most": 25, "look": "20d"},
        "trades": {
            "t": {
                "instrument": "btc",
                "enter": {"calm": "vix < most", "paid": "btc.funding < 0"},
                "stop": "btc.low - n",
            }
        },
    }
    return RulesParams.model_validate({**given, **changes})


def test_ages_are_those_of_every_channel_that_is_named() -> None:
    assert Rules.longest_ages(params(), RECORDS) == {
        BARS: 2 * HOUR_NS,
        FOURS: 8 * HOUR_NS,
        FUNDING: DAY_NS,
        VIX: 6 * DAY_NS,
    }
    changed = params(max_age={"vix": "10d"})
    assert Rules.longest_ages(changed, RECORDS)[VIX] == 10 * DAY_NS


def test_month_ends_beside_daily_rows_do_not_lengthen_the_age() -> None:
    enter = {"up": "spy.close > sma(month_end(spy.close), 10 bars)"}
    trades = {"t": {"instrument": "spy", "enter": enter, "stop": "spy.low"}}
    bound = {"spy": "SPY@session"}
    found = Rules.longest_ages(
        params(instruments=bound, clock="spy@session", let={}, trades=trades), RECORDS
    )
    assert found == {ChannelKey("SPY", ChannelKind.BARS, "1d"): 6 * DAY_NS}


def test_sentences_say_whose_rows_count_and_which_units_are_not_checked() -> None:
    lines = Rules.sentences(params(), RECORDS)
    assert (
        f"  n: the average true range of {PERP} 4h over 14 bars [counts 4h bars of {PERP}]" in lines
    )
    trades = {
        "t": {"instrument": "btc", "enter": {"fear": "state.vix > 20"}, "stop": "btc.low - n"}
    }
    assert Rules.sentences(params(trades=trades), RECORDS)[-2:] == (
        "Notes",
        "  - No unit is declared, so the numbers beside are not checked: state.vix.",
    )


def test_sentences_remark_that_a_dated_value_meets_one_bar_a_day() -> None:
    enter = {"tied": "correlation(btc.close, vix, 60 bars) < 0"}
    trades = {"t": {"instrument": "btc", "enter": enter, "stop": "btc.low - n"}}
    lines = Rules.sentences(params(trades=trades), RECORDS)
    assert lines[lines.index("Notes") + 1] == (
        "  - correlation(btc.close, vix, 60 bars) pairs values of VIX, which stand at midnight "
        f"UTC, with 1h bars of {PERP} at that instant alone; to pair days, write btc@1d."
    )


def test_values_of_a_file_have_its_short_names() -> None:
    held = [BARS, ChannelKey(PERP, ChannelKind.BARS, "5m"), FUNDING, VIX]
    values = {item.name: item for item in Rules.language.values(RECORDS, held, params())}
    assert values["btc.close"].channels == (BARS,)
    assert values["btc.funding"].channels == (FUNDING,)
    assert values["vix: VIX"].unit == "points"
    assert [values[name].unit for name in ("n", "most", "look")] == ["price", "", "length"]
    assert "position.age" in values
    assert "state.action" in values


def test_bars_that_are_not_stored_are_made_from_all_that_are() -> None:
    held = [ChannelKey(PERP, ChannelKind.BARS, "15m"), ChannelKey(PERP, ChannelKind.BARS, "5m")]
    values = {item.name: item for item in Rules.language.values(RECORDS, held, params())}
    assert {key.timeframe for key in values["btc.close"].channels} == {"5m", "15m"}


def test_all_functions_and_the_values_of_all_data_are_listed() -> None:
    assert [item.name for item in Rules.language.functions()] == list(FUNCTIONS)
    names = {item.name for item in Rules.language.values(RECORDS, [BARS, VIX])}
    assert {".close", "VIX", "flush.reclaimed", "entry"} <= names
