"""Say a call of each function in plain English, from the words for its arguments."""

from collections.abc import Callable, Mapping, Sequence

Phrase = Callable[[Sequence[str]], str]


def _bare(words: str) -> str:
    """Return a noun phrase without its article."""
    return words.removeprefix("the ")


def _over(noun: str) -> Phrase:
    """Return the phrase of a function of one operand and a length."""
    return lambda told: f"the {noun} of {told[0]} over {_length(told)}"


def _length(told: Sequence[str], place: int = 1, usual: str = "") -> str:
    return told[place] if len(told) > place else usual


def _macd(noun: str) -> Phrase:
    def phrase(told: Sequence[str]) -> str:
        lengths = [*told[1:], *_MACD[len(told) - 1 :]]
        shown = lengths[:2] if noun == "MACD" else lengths[:3]
        return f"the {noun} of {told[0]} ({', '.join(shown)})"

    return phrase


_MACD = ("12 rows", "26 rows", "9 rows")


def _band(side: str) -> Phrase:
    def phrase(told: Sequence[str]) -> str:
        times = _length(told, 2, "2")
        return f"the {side} band of {told[0]} over {told[1]} ({times} standard deviations)"

    return phrase


def _pair(noun: str, between: str) -> Phrase:
    return lambda told: f"the {noun} of returns of {told[0]} {between} {told[1]} over {told[2]}"


def _of_many(two: str, many: str) -> Phrase:
    def phrase(told: Sequence[str]) -> str:
        word = two if len(told) == 2 else many
        return f"the {word} of {', '.join(told[:-1])} and {told[-1]}"

    return phrase


def _zoned(noun: str) -> Phrase:
    def phrase(told: Sequence[str]) -> str:
        zone = told[0].strip('"')
        return f"{noun} in {zone.rpartition('/')[2].replace('_', ' ')}"

    return phrase


PHRASES: Mapping[str, Phrase] = {
    "sma": _over("mean"),
    "ema": _over("exponential mean"),
    "wilder": _over("Wilder mean"),
    "atr": _over("average true range"),
    "rsi": lambda told: f"the RSI of {told[0]} over {_length(told, usual='14 rows')}",
    "macd": _macd("MACD"),
    "macd_signal": _macd("MACD's signal line"),
    "macd_histogram": _macd("MACD's histogram"),
    "upper_band": _band("upper"),
    "lower_band": _band("lower"),
    "highest": lambda told: f"the highest {_bare(told[0])} in {_length(told)}",
    "lowest": lambda told: f"the lowest {_bare(told[0])} in {_length(told)}",
    "change": _over("change"),
    "pct_change": _over("relative change"),
    "std": _over("standard deviation"),
    "realized_vol": _over("realized volatility"),
    "zscore": _over("z-score"),
    "percentile": lambda told: f"the percentile of {told[0]} among its values of {_length(told)}",
    "slope": _over("slope a row"),
    "correlation": _pair("correlation", "and"),
    "beta": _pair("beta", "to those of"),
    "drawdown": lambda told: f"the drawdown of {told[0]} from its high of {_length(told)}",
    "count": lambda told: f"the number of rows in {_length(told)} at which {told[0]}",
    "since": lambda told: f"the rows since it was so that {told[0]} (at most {_length(told)})",
    "weekday": _zoned("the weekday (1 is Monday)"),
    "hour": _zoned("the hour of the day"),
    "days_to_month_end": lambda told: "the trading days left in the month",
    "month_end": lambda told: f"the month-end {_bare(told[0])}",
    "min": _of_many("smaller", "smallest"),
    "max": _of_many("larger", "largest"),
    "abs": lambda told: f"the size of ({told[0]})",
    "log": lambda told: f"the logarithm of ({told[0]})",
    "where": lambda told: f"({told[1]} if {told[0]}, else {told[2]})",
}
