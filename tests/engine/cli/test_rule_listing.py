"""Lists of functions and values, 100 columns wide."""

from data_feeds.schema import ChannelKey, ChannelKind
from engine.cli.rule_listing import function_lines, value_document, value_lines
from engine.rule_language import FunctionEntry, ValueEntry

DAY = 86_400 * 10**9
BARS = ChannelKey("X-PERP", ChannelKind.BARS, "1h")
DAYS = ChannelKey("X-PERP", ChannelKind.BARS, "1d")
FUNDING = ChannelKey("X-PERP", ChannelKind.FUNDING)
COVERED = {BARS: (0, 10 * DAY), DAYS: (DAY, 20 * DAY)}
SMA = FunctionEntry("sma", "sma(x, length)", "mean", "sum / n", "that of x", "n rows", "textbook")
LONG = FunctionEntry(
    "macd", "macd_histogram(x, [fast], [slow], [signal])", "MACD " * 20, "f", "u", "m", "s"
)


def test_functions_are_listed_by_call_and_a_long_call_has_a_line_of_its_own() -> None:
    lines = list(function_lines([SMA, LONG]))
    assert lines[0] == "sma(x, length)  mean"
    assert lines[1] == LONG.call
    assert lines[2].startswith("                MACD MACD")
    assert max(map(len, lines)) <= 100
    assert lines[-1] == "riskoff rules functions NAME prints formula, unit, memory and source"


def test_one_function_is_told_whole() -> None:
    assert list(function_lines([SMA])) == [
        "sma(x, length)",
        "  meaning  mean",
        "  formula  sum / n",
        "  unit     that of x",
        "  memory   n rows",
        "  source   textbook",
    ]


def test_values_of_the_same_channels_share_their_coverage() -> None:
    both = (BARS, DAYS)
    lines = list(
        value_lines(
            [
                ValueEntry("X-PERP", ".open", "price", "", both),
                ValueEntry("X-PERP", ".close", "price", "", both),
                ValueEntry("X-PERP", ".volume", "base", "", both),
                ValueEntry("X-PERP", ".funding", "fraction", "", (FUNDING,)),
            ],
            COVERED,
        )
    )
    assert lines == [
        "X-PERP",
        "  .open .close (price)  1h 1970-01-01 to 1970-01-11",
        "  .volume (base)        1d 1970-01-02 to 1970-01-21",
        "  .funding (fraction)   not in the data",
    ]


def test_values_without_channels_are_told_with_unit_and_meaning_or_share_a_line() -> None:
    lines = list(
        value_lines(
            [
                ValueEntry("State", "state.calm", "truth", "the market is calm"),
                ValueEntry("State", "state.action", "label", "what to do"),
                ValueEntry("State", "state.vix", "not checked", ""),
                ValueEntry("State", "state.dollar", "not checked", ""),
                ValueEntry("Plan", "entry", "price", "average price"),
            ],
            {},
        )
    )
    assert lines == [
        "State",
        "  state.calm    truth  the market is calm",
        "  state.action  label  what to do",
        "  state.vix, state.dollar (not checked)",
        "",
        "Plan",
        "  entry  price  average price",
    ]


def test_json_has_null_ends_for_a_channel_that_is_not_stored() -> None:
    (item,) = value_document([ValueEntry("X", ".a", "price", "m", (BARS, FUNDING))], COVERED)
    assert item["channels"] == [
        {
            "channel": "X-PERP/bars/1h",
            "first_at": "1970-01-01T00:00Z",
            "last_at": "1970-01-11T00:00Z",
        },
        {"channel": "X-PERP/funding", "first_at": None, "last_at": None},
    ]
