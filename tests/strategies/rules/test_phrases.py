"""Every node and every function of the language in plain English."""

import pytest

from strategies.rules.function_phrases import PHRASES
from strategies.rules.functions.registry import FUNCTIONS
from strategies.rules.parse import parse
from strategies.rules.phrases import Vocabulary, listed, say

WORDS = Vocabulary(
    instruments={"btc": ("BTCUSDT-PERP", "1h"), "spy": ("SPY", "session"), "x": ("X", "")},
    series={"vix": "VIX"},
    lets={
        "vix_max": parse("25"),
        "look": parse("20d"),
        "drop": parse("-3%"),
        "n": parse("atr(btc, 14 bars)"),
    },
    state={"vix_off_peak": "VIX is off its peak of the month"},
    zone="America/New_York",
)
CLOSE, HIGH = "the 1h close of BTCUSDT-PERP", "the 1h high of BTCUSDT-PERP"

NODES = {
    # Numbers, lengths and texts
    "vix < 25": "VIX is below 25",
    "btc.funding < 1bp": "the funding rate of BTCUSDT-PERP is below 1 basis point",
    "btc.funding <= 2.5bp": "the funding rate of BTCUSDT-PERP is at most 2.5 basis points",
    "btc.basis > 3%": "the 1h basis of BTCUSDT-PERP to its spot market is above 3%",
    "position.r >= 1R": "the plan's result in R is at least 1 R",
    "position.age > 10d": "the age of the plan is above 10 days",
    'state.action != "wait"': 'the checklist\'s action is not "wait"',
    "true": "true",
    # Names
    "btc.close": CLOSE,
    "btc@4h.volume": "the 4h volume of BTCUSDT-PERP",
    "spy.close": "the session close of SPY",
    "spy.total_return": "the session close with dividends reinvested of SPY",
    "x.close": "the close of X",
    "btc.mark": "the 1h mark price of BTCUSDT-PERP",
    "btc.open_interest": "the open interest of BTCUSDT-PERP",
    "btc.long_liquidations": "the forced closes of longs in BTCUSDT-PERP",
    "vix < vix_max": "VIX is below 25 (vix_max)",
    "vix - n": "VIX minus n",
    "vix - drop": "VIX minus -3% (drop)",
    "state.vix_off_peak": "VIX is off its peak of the month (state.vix_off_peak)",
    "state.vix > 3": "state.vix is above 3",
    'state.tier >= "defensive"': 'the risk tier is at least "defensive"',
    "flush.reclaimed": "the flush is reclaimed",
    "flush.depth > 2": "the depth of the flush in ATR is above 2",
    "stop < entry": "the plan's stop is below the entry price",
    "equity.drawdown < -5%": "the drawdown of the equity is below -5%",
    # Arithmetic
    "vix + 1 - 2": "VIX plus 1 minus 2",
    "vix - (1 - 2)": "VIX minus (1 minus 2)",
    "vix * (1 + 2)": "VIX times (1 plus 2)",
    "2 * vix / 3": "2 times VIX divided by 3",
    "1 / (2 * vix)": "1 divided by (2 times VIX)",
    "vix + 2 * n": "VIX plus 2 times n",
    "-vix + 1": "minus VIX plus 1",
    # Looking back
    "vix[0]": "VIX",
    "vix[1] < vix": "VIX one row earlier is below VIX",
    "highest(btc.high, 20d)[3]": f"the highest {HIGH[4:]} in 20 days, 3 rows earlier",
    "(vix + 1)[1] > 2": "((VIX plus 1), one row earlier) is above 2",
    # Truths
    "vix == 3": "VIX is 3",
    "vix crosses above 30": "VIX crosses above 30",
    "vix crosses below vix_max": "VIX crosses below 25 (vix_max)",
    "vix < 3 and vix > 1": "VIX is below 3 and VIX is above 1",
    "vix < 3 and (vix > 1 or vix == 0)": "VIX is below 3 and (VIX is above 1 or VIX is 0)",
    "vix < 3 and state.vix_off_peak": 'VIX is below 3 and "VIX is off its peak of the month" '
    "(state.vix_off_peak)",
    "not vix < 3": "it is not so that VIX is below 3",
    "not (vix < 3 or vix > 9)": "it is not so that (VIX is below 3 or VIX is above 9)",
    "vix < 3 for 3d": "VIX is below 3, at every row of the last 3 days",
    "vix < 3 within 1 bar": "VIX is below 3, at least once in the last 1 bar",
    "(vix < 3 or vix > 9) for look": "(VIX is below 3 or VIX is above 9), at every row of the last "
    "20 days (look)",
    "(vix < 3 for 2w) and vix > 1": "(VIX is below 3, at every row of the last 2 weeks) and VIX is "
    "above 1",
}

CALLS = {
    "sma(vix, 20 sessions)": "the mean of VIX over 20 sessions",
    "ema(vix, 20 bars)": "the exponential mean of VIX over 20 bars",
    "wilder(vix, 14 bars)": "the Wilder mean of VIX over 14 bars",
    "atr(btc@4h, 14 bars)": "the average true range of BTCUSDT-PERP 4h over 14 bars",
    "rsi(vix)": "the RSI of VIX over 14 rows",
    "rsi(vix, 2 sessions)": "the RSI of VIX over 2 sessions",
    "macd(vix)": "the MACD of VIX (12 rows, 26 rows)",
    "macd_signal(vix, 5 bars)": "the MACD's signal line of VIX (5 bars, 26 rows, 9 rows)",
    "macd_histogram(vix)": "the MACD's histogram of VIX (12 rows, 26 rows, 9 rows)",
    "upper_band(vix, 20 bars)": "the upper band of VIX over 20 bars (2 standard deviations)",
    "lower_band(vix, 20 bars, 3)": "the lower band of VIX over 20 bars (3 standard deviations)",
    "highest(btc.high, 20d)": f"the highest {HIGH[4:]} in 20 days",
    "lowest(vix, 1h)": "the lowest VIX in 1 hour",
    "change(vix, 5 bars)": "the change of VIX over 5 bars",
    "pct_change(btc.close, 15m)": f"the relative change of {CLOSE} over 15 minutes",
    "std(vix, 9 bars)": "the standard deviation of VIX over 9 bars",
    "realized_vol(vix, 21 sessions)": "the realized volatility of VIX over 21 sessions",
    "zscore(vix, 9 bars)": "the z-score of VIX over 9 bars",
    "percentile(vix, 9 bars)": "the percentile of VIX among its values of 9 bars",
    "slope(vix, 9 bars)": "the slope a row of VIX over 9 bars",
    "correlation(btc.close, spy.close, 60 sessions)": f"the correlation of returns of {CLOSE} and "
    "the session close of SPY over 60 sessions",
    "beta(btc.close, vix, 9 bars)": f"the beta of returns of {CLOSE} to those of VIX over 9 bars",
    "drawdown(vix, 9 bars)": "the drawdown of VIX from its high of 9 bars",
    "count(vix > 30, 9 bars)": "the number of rows in 9 bars at which VIX is above 30",
    "since(vix > 30, 9 bars)": "the rows since it was so that VIX is above 30 (at most 9 bars)",
    "weekday()": "the weekday (1 is Monday) in New York",
    'hour("UTC")': "the hour of the day in UTC",
    "days_to_month_end()": "the trading days left in the month",
    "month_end(spy.close)": "the month-end session close of SPY",
    "min(vix, 3)": "the smaller of VIX and 3",
    "max(vix, 3, n)": "the largest of VIX, 3 and n",
    "abs(vix - 3)": "the size of (VIX minus 3)",
    "log(vix)": "the logarithm of (VIX)",
    "where(vix > 30, 1, 2 * n)": "(1 if VIX is above 30, else (2 times n))",
    "sma(spy.close / vix, 3 bars)": "the mean of (the session close of SPY divided by VIX) over 3 "
    "bars",
}


@pytest.mark.parametrize(("text", "told"), [*NODES.items(), *CALLS.items()])
def test_an_expression_reads_as_a_sentence(text: str, told: str) -> None:
    assert say(parse(text), WORDS) == told


def test_every_function_of_the_language_has_words_and_an_example_above() -> None:
    assert set(PHRASES) == set(FUNCTIONS)
    shown = {text.partition("(")[0] for text in CALLS}
    assert shown == set(FUNCTIONS)


def test_an_unknown_function_is_told_as_it_is_written() -> None:
    assert say(parse("median(vix, 3 bars)"), WORDS) == "median(VIX, 3 bars)"


def test_lists_have_one_word_before_the_last_item() -> None:
    assert [listed(items, "or") for items in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a or b",
        "a, b or c",
    ]
