"""The words of random expressions: leaves with their units and rows, functions, usual numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CLOCK = frozenset(["clock"])
NONE: frozenset[str] = frozenset()
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Piece:
    """A part of an expression: its text, the unit of its number, and the channels it is read at."""

    text: str
    unit: str
    rows: frozenset[str]

    @property
    def closed(self) -> str:
        """Return the text, in parentheses unless it is one name or number."""
        plain = self.text.replace("@", "").replace(".", "").replace("_", "")
        return self.text if plain.isalnum() else f"({self.text})"


def one(text: str, unit: str, *rows: str) -> Piece:
    """Return a piece read at the named channels."""
    return Piece(text, unit, frozenset(rows))


BTC = tuple(one(f"btc.{column}", "price", "btc") for column in PRICES)
BTC_4H = tuple(one(f"btc@4h.{column}", "price", "btc@4h") for column in PRICES)
AROUND = (
    *BTC,
    *BTC_4H,
    one("btc.volume", "base", "btc"),
    one("btc@4h.volume", "base", "btc@4h"),
    one("btc.mark", "price", "mark"),
    one("btc.funding", "fraction", "funding"),
    one("btc.open_interest", "base", "interest"),
    one("btc.long_liquidations", "quote", "liquidations"),
    one("btc.short_liquidations", "quote", "liquidations"),
    one("btc.basis", "fraction", "btc", "spot"),
    one("eth.close", "price", "eth"),
    one("eth.high", "price", "eth"),
)
EXCHANGE = (
    *(one(f"spy.{column}", "price", "spy") for column in PRICES),
    one("spy.volume", "base", "spy"),
    one("spy.total_return", "price", "spy"),
    one("qqq.close", "price", "qqq"),
    one("qqq.low", "price", "qqq"),
    one("vix", "points", "vix"),
    one("yield10", "percent", "yield10"),
)
CPI = (one("cpi", "index level", "cpi"),)
DVOL = (one("dvol", "percent", "dvol"),)
EMPTY = (
    one("nothing", "undeclared", "nothing"),
    one("eth.funding", "fraction", "eth funding"),
)
MONTH_ENDS = (
    one("month_end(spy.close)", "price", "month ends of spy"),
    one("month_end(btc.funding)", "fraction", "month ends of funding"),
    one("month_end(spy.high / spy.low)", "x", "month ends of spy"),
)
# Bitcoin at the close of New York.
AT_THE_CLOSE = (*BTC, *(each for each in EXCHANGE if each.rows <= {"spy", "qqq"}))
OF_THE_CLOCK = (
    Piece("hour()", "number", CLOCK),
    Piece('hour("America/New_York")', "number", CLOCK),
    Piece('weekday("UTC")', "number", CLOCK),
    Piece("days_to_month_end()", "number", CLOCK),
)
GROUPS: Sequence[Sequence[Piece]] = (
    AROUND,
    BTC,
    EXCHANGE,
    CPI,
    DVOL,
    EMPTY,
    AT_THE_CLOSE,
    OF_THE_CLOCK,
    MONTH_ENDS,
)
OFTEN = np.array([0.32, 0.1, 0.24, 0.1, 0.05, 0.03, 0.08, 0.05, 0.03])

BARS_AROUND = frozenset(["btc", "btc@4h", "mark", "eth", "spot"])
POINTS_AROUND = frozenset(["funding", "interest", "liquidations"])
ON_EXCHANGE = frozenset(["spy", "qqq", "vix", "yield10"])

LETS = {
    "n": "7 bars",
    "look": "2d",
    "k": 3,
    "mean": "sma(btc.close, 20 bars)",
    "ratio": "spy.close / qqq.close",
    "nervous": "vix > 20",
}
# A number that a leaf crosses in this market.
TYPICAL = {
    "vix": ("20", "15.5", "25"),
    "yield10": ("4.1", "3.95"),
    "cpi": ("310", "305.5"),
    "dvol": ("50", "45.5"),
    "btc.funding": ("0", "1bp", "0.02%", "-1e-4"),
    "btc.basis": ("0", "1%", "-25bp"),
}
SAME_UNIT = (
    "sma",
    "ema",
    "wilder",
    "highest",
    "lowest",
    "change",
    "std",
    "slope",
    "macd",
    "macd_signal",
    "macd_histogram",
    "upper_band",
    "lower_band",
)
# Fewest rows of a window, where one does not do.
LEAST_ROWS = {"std": 2, "slope": 2, "upper_band": 2, "lower_band": 2, "zscore": 3}
# Hours and weekdays repeat: a spread of them would hang on the last bit.
EXACT = ("highest", "lowest", "change", "sma")
# Functions whose result is compared with a number of its own, and such numbers.
SCALED = {
    "zscore": ("0.05", "1.1", "-0.75"),
    "percentile": ("0.5", "0.75", "0.2"),
    "rsi": ("50", "60", "45"),
    "pct_change": ("0", "1%", "-50bp"),
    "drawdown": ("-2%", "-1e-3", "-0.5%"),
    "realized_vol": ("60%", "0.9", "20%"),
    "correlation": ("0", "0.3", "-0.4"),
    "beta": ("0", "0.5"),
    "count": ("1", "2", "0"),
    "since": ("1", "3", "2"),
    "weekday": ("3", "5"),
    "hour": ("12", "4", "20"),
    "days_to_month_end": ("5", "10", "0"),
    "log": ("4", "0", "8"),
}
