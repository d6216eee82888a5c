"""Make the page of the rule language: its grammar, operators, values, and every function.

Each function has an example that is evaluated here, over bars that fit on one line.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import strategies.rules
from doc_tables.blocks import PageBlock, table
from doc_tables.reference.small_bars import CLOSES, SPY_CLOSES, TWICE, VIX_VALUES, evaluated
from strategies.rules.functions.function import Function, Parameter
from strategies.rules.functions.registry import FUNCTIONS
from strategies.rules.parse import RESERVED_WORDS
from strategies.rules.reference import value_table

PAGE = "reference/language.md"
SESSIONS = "spy@session"
GRAMMAR = Path(strategies.rules.__file__).with_name("grammar.lark")
# What an operator means, by how it is written; tighter ones come later, as in the grammar.
OPERATORS: tuple[tuple[str, str, str], ...] = (
    ("a or b", "true where one is true", "btc.close > 120 or vix > 20"),
    ("a and b", "true where both are true", "btc.close > 100 and vix > 20"),
    ("not a", "true where a is false", "not btc.close > 105"),
    ("a for LENGTH", "true at every row of the length", "btc.close > 100 for 2 bars"),
    ("a within LENGTH", "true at some row of the length", "btc.close > 105 within 2 bars"),
    ("a < b", "compares; also <=, >, >=, ==, !=", "btc.close < 105"),
    (
        "a crosses above b",
        "true at the row that ends beyond b after one that did not; also below",
        "btc.close crosses above 105",
    ),
    ("a + b", "adds; also a - b", "btc.close - 100"),
    ("a * b", "multiplies; also a / b, unknown where b is 0", "btc.close / 100"),
    ("-a", "changes the sign", "-btc.close"),
    ("a[n]", "the value n of a's own rows before", "btc.close[1]"),
    ("x.field", "a field of an instrument", "btc.high"),
)
# One example a function; the page shows its value at every bar.
EXAMPLES: Mapping[str, str] = {
    "sma": "sma(btc.close, 2 bars)",
    "ema": "ema(btc.close, 2 bars)",
    "wilder": "wilder(btc.close, 2 bars)",
    "rsi": "rsi(btc.close, 2 bars)",
    "atr": "atr(btc, 2 bars)",
    "macd": "macd(btc.close, 1 bar, 2 bars)",
    "macd_signal": "macd_signal(btc.close, 1 bar, 2 bars, 2 bars)",
    "macd_histogram": "macd_histogram(btc.close, 1 bar, 2 bars, 2 bars)",
    "highest": "highest(btc.close, 2 bars)",
    "lowest": "lowest(btc.close, 2 bars)",
    "drawdown": "drawdown(btc.close, 3 bars)",
    "percentile": "percentile(btc.close, 3 bars)",
    "std": "std(btc.close, 2 bars)",
    "zscore": "zscore(btc.close, 3 bars)",
    "upper_band": "upper_band(btc.close, 2 bars)",
    "lower_band": "lower_band(btc.close, 2 bars)",
    "slope": "slope(btc.close, 2 bars)",
    "correlation": "correlation(btc.close, eth.close, 3 bars)",
    "beta": "beta(eth.close, btc.close, 3 bars)",
    "change": "change(btc.close, 2 bars)",
    "pct_change": "pct_change(btc.close, 1 bar)",
    "realized_vol": "realized_vol(btc.close, 2 bars)",
    "min": "min(btc.close, 105)",
    "max": "max(btc.close, 105)",
    "abs": "abs(change(btc.close, 1 bar))",
    "log": "log(btc.close)",
    "where": "where(btc.close > 105, 1, 0)",
    "count": "count(btc.close > 105, 3 bars)",
    "since": "since(btc.close > 105, 3 bars)",
    "weekday": "weekday()",
    "hour": "hour()",
    "days_to_month_end": "days_to_month_end()",
    "month_end": "month_end(spy.close)",
}
KIND_WORDS = {
    "number": "number",
    "truth": "condition",
    "bars": "instrument or its bars",
    "window": "length",
    "rows": "length",
    "constant": "plain number",
    "zone": "time zone, in quotes",
    "periods": "plain number",
}


def blocks() -> Iterator[PageBlock]:
    """Yield the grammar, the operators, the values and the functions.

    Raises
    ------
    SystemExit : a function has no example, or an example is of no function.
    """
    if set(EXAMPLES) != set(FUNCTIONS):
        odd = sorted(set(EXAMPLES) ^ set(FUNCTIONS))
        raise SystemExit(f"{__name__}: EXAMPLES and the functions differ in {', '.join(odd)}")
    yield PageBlock(PAGE, "bars", _bars(), whole=True)
    yield PageBlock(PAGE, "operators", _operators(), whole=True)
    yield PageBlock(PAGE, "values", value_table().splitlines(), whole=True)
    lines = [line for item in FUNCTIONS.values() for line in _function(item)]
    yield PageBlock(PAGE, "functions", lines[:-1], whole=True)
    yield PageBlock(PAGE, "grammar", _grammar(), whole=True)


def _bars() -> list[str]:
    rows = [
        ("`btc.close`", _shown(CLOSES)),
        ("`eth.close`", _shown(TWICE)),
        ("`spy.close`, sessions", _shown(SPY_CLOSES)),
        ("`vix`, days", _shown(VIX_VALUES)),
    ]
    return table(("name", "values, oldest first"), rows)


def _operators() -> list[str]:
    rows = [(f"`{form}`", words, *_example(text)) for form, words, text in OPERATORS]
    lines = table(("form", "meaning", "example", "its value at each bar"), rows)
    words = ", ".join(f"`{word}`" for word in sorted(RESERVED_WORDS))
    return [*lines, "", f"No name of yours may be {words}."]


def _function(item: Function) -> list[str]:
    example, values = _example(EXAMPLES[item.name])
    lines = [
        f"### {item.name}",
        "",
        f"`{item.written}`: {item.summary}.",
        "",
        *table(("argument", "takes", "meaning"), map(_parameter, item.parameters)),
        "",
    ]
    facts = [
        ("formula", f"`{item.formula}`"),
        ("unit", item.unit_words),
        ("rows that it reads", re.sub("^none", "the present one alone", item.memory_words)),
        ("source", item.source),
        ("example", example),
        ("its value at each bar", values),
    ]
    told = [f"- {name}: {words}" for name, words in facts if words]
    return [*(lines if item.parameters else lines[:4]), *told, ""]


def _parameter(item: Parameter) -> tuple[str, str, str]:
    takes = KIND_WORDS[item.kind]
    if item.kind in ("window", "rows") and item.least > 1:
        takes += f" of {item.least} rows or more"
    if item.repeats:
        takes += ", once or more"
    if item.default is not None:
        takes += f"; {item.default:g} if left out"
    elif item.is_optional:
        takes += "; that of the rows if left out"
    return f"`{item.name}`", takes, item.meaning


def _example(text: str) -> tuple[str, str]:
    clock = SESSIONS if "spy" in text or "days_to" in text else "btc@1h"
    return f"`{text}`", ", ".join(evaluated(text, clock))


def _shown(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _grammar() -> list[str]:
    """Return the productions and the words; the comments speak to a developer."""
    text = re.sub(r"^//.*\n", "", GRAMMAR.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return ["```text", *text.strip().splitlines(), "```"]
