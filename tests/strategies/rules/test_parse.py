"""Check the grammar of expressions: precedence, literals, and each refusal with its place."""

from collections.abc import Callable
from typing import Any

import pytest

from strategies.rules.parse import MAX_CHARACTERS, MAX_DEPTH, MAX_NODES, RESERVED_WORDS, parse
from strategies.rules.syntax import (
    Arithmetic,
    Call,
    Comparing,
    Crossing,
    ExpressionError,
    Flag,
    Lasting,
    Length,
    Logic,
    Lookback,
    Name,
    Negation,
    Negative,
    Node,
    Number,
    Span,
    Text,
    children,
)


def two(word: str) -> Callable[[Any], str]:
    return lambda node: f"({grouped(node.left)} {word or node.operator} {grouped(node.right)})"


WRITERS: dict[type, Callable[[Any], str]] = {
    Number: lambda node: f"{node.value:g}{node.suffix}",
    Length: lambda node: f"{node.count:g} {node.unit}",
    Text: lambda node: repr(node.value),
    Flag: lambda node: str(node.value).lower(),
    Name: lambda node: node.written,
    Call: lambda node: f"{node.function}({', '.join(map(grouped, node.arguments))})",
    Lookback: lambda node: f"({grouped(node.operand)}[{node.rows}])",
    Negative: lambda node: f"(-{grouped(node.operand)})",
    Negation: lambda node: f"(not {grouped(node.operand)})",
    Arithmetic: two(""),
    Comparing: two(""),
    Crossing: lambda node: two(f"crosses {node.direction}")(node),
    Logic: lambda node: f"({f' {node.operator} '.join(map(grouped, node.parts))})",
    Lasting: lambda node: f"({grouped(node.operand)} {node.mode} {grouped(node.length)})",
}


def grouped(node: Node) -> str:
    """Return an expression with parentheses around every part of more than one word."""
    return WRITERS[type(node)](node)


@pytest.mark.parametrize(
    ("text", "reading"),
    [
        ("a or b and c", "(a or (b and c))"),
        ("(a or b) and c", "((a or b) and c)"),
        ("a and b and c or d", "((a and b and c) or d)"),
        ("a or (b or c)", "(a or (b or c))"),
        ("not a and b", "((not a) and b)"),
        ("not not a", "(not (not a))"),
        ("not a < b", "(not (a < b))"),
        ("not (a for 3d)", "(not (a for 3 d))"),
        ("(not a) for 3d", "((not a) for 3 d)"),
        ("a < b for 3d", "((a < b) for 3 d)"),
        ("a and b for 3d", "(a and (b for 3 d))"),
        ("(a and b) within 5 bars", "((a and b) within 5 bars)"),
        ("(a for 3d) within 5d", "((a for 3 d) within 5 d)"),
        ("a for look or b", "((a for look) or b)"),
        ("a crosses above b + c for 2 rows", "((a crosses above (b + c)) for 2 bars)"),
        ("a crosses below b", "(a crosses below b)"),
        ("a + b < c - d", "((a + b) < (c - d))"),
        ("a - b - c", "((a - b) - c)"),
        ("a / b * c", "((a / b) * c)"),
        ("a + b * c", "(a + (b * c))"),
        ("(a + b) * c", "((a + b) * c)"),
        ("-a * b", "((-a) * b)"),
        ("a * -b", "(a * (-b))"),
        ("a - -b", "(a - (-b))"),
        ("-a[1]", "(-(a[1]))"),
        ("(-a)[1]", "((-a)[1])"),
        ("a[k][2]", "((a[k])[2])"),
        ("a[0]", "(a[0])"),
        ("f(a)[1] + g()", "((f(a)[1]) + g())"),
        ("f(a, g(b, 2), -3)", "f(a, g(b, 2), (-3))"),
        ("(a < b)[1]", "((a < b)[1])"),
        ("where(a > b, 1, -2)", "where((a > b), 1, (-2))"),
        ("order < android and format > notes", "((order < android) and (format > notes))"),
        ("above > below", "(above > below)"),
        ("btc@4h.close[1] >= state.vix", "((btc@4h.close[1]) >= state.vix)"),
        ("a\n  <\r\n  b", "(a < b)"),
        ("a<b", "(a < b)"),
    ],
)
def test_precedence(text: str, reading: str):
    assert grouped(parse(text)) == reading


AT = Span(0, 0)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("25", Number(25.0, "", AT)),
        ("1.5", Number(1.5, "", AT)),
        (".5", Number(0.5, "", AT)),
        ("5.", Number(5.0, "", AT)),
        ("4e-4", Number(0.0004, "", AT)),
        ("2E+3", Number(2000.0, "", AT)),
        ("0", Number(0.0, "", AT)),
        ("0e9", Number(0.0, "", AT)),
        ("3%", Number(3.0, "%", AT)),
        ("0.5%", Number(0.5, "%", AT)),
        ("25bp", Number(25.0, "bp", AT)),
        ("1R", Number(1.0, "R", AT)),
        ("14 bars", Length(14.0, "bars", AT)),
        ("14bars", Length(14.0, "bars", AT)),
        ("1 bar", Length(1.0, "bars", AT)),
        ("3 rows", Length(3.0, "bars", AT)),
        ("1 row", Length(1.0, "bars", AT)),
        ("10 sessions", Length(10.0, "sessions", AT)),
        ("1  session", Length(1.0, "sessions", AT)),
        ("20d", Length(20.0, "d", AT)),
        ("4h", Length(4.0, "h", AT)),
        ("1.5h", Length(1.5, "h", AT)),
        ("30m", Length(30.0, "m", AT)),
        ("2w", Length(2.0, "w", AT)),
        ('"wait"', Text("wait", AT)),
        ("'wait'", Text("wait", AT)),
        ('"it\'s"', Text("it's", AT)),
        ("''", Text("", AT)),
        ("true", Flag(True, AT)),
        ("false", Flag(False, AT)),
        ("vix", Name("vix", "", (), AT)),
        ("x_1", Name("x_1", "", (), AT)),
        ("btc@4h", Name("btc", "4h", (), AT)),
        ("btc.close", Name("btc", "", ("close",), AT)),
        ("btc@session.total_return", Name("btc", "session", ("total_return",), AT)),
        ("a.b.c", Name("a", "", ("b", "c"), AT)),
        ("days_to_month_end()", Call("days_to_month_end", (), AT)),
    ],
)
def test_every_literal(text: str, node: Node):
    found = parse(text)
    assert found == node
    assert found.span == Span(0, len(text))


def test_spans_hold_the_parentheses_of_inner_parts_only():
    #        0123456789012345
    text = " (a + b) * c[1] "
    product = parse(text)
    assert isinstance(product, Arithmetic)
    assert product.span == Span(1, 15)
    assert product.left.span == Span(2, 7)
    assert product.right.span == Span(11, 15)
    (inner,) = children(product.right)
    assert inner.span == Span(11, 12)


def test_equal_parts_are_equal_wherever_they_stand():
    logic = parse("sma(a, 3 bars) > 1 and 2 < sma( a,3bars )")
    assert isinstance(logic, Logic)
    first, second = logic.parts
    assert isinstance(first, Comparing)
    assert isinstance(second, Comparing)
    assert first.left == second.right
    assert len({first.left, second.right}) == 1
    assert first.left != parse("sma(a, 4 bars)")


# The text, the wrong part of it, and the beginning of the message.
REFUSALS = [
    ("x[-1]", "-1", "looks one row ahead; x[1] is the value one row before"),
    ("x[-3] > 5", "-3", "looks 3 rows ahead; x[3]"),
    ("x[-k]", "-k", "looks k rows ahead; x[k]"),
    ("x[1.5]", "1.5", "write a whole number of rows, for example x[1]"),
    ("x[3d]", "3d", "write a whole number of rows"),
    ("x[3%]", "3%", "write a whole number of rows"),
    ("x[a.b]", "a.b", "write a whole number of rows"),
    ("x[a@1h]", "a@1h", "write a whole number of rows"),
    ("x[100001]", "100001", "looks back too far; the limit is 100,000 rows"),
    ("x[1:3]", ":", "`:` is no operator here; there are no slices"),
    ("20 < vix < 30", "<", "a chained comparison; write vix > 20 and vix < 30"),
    ("a >= b != c", "!=", "a chained comparison; write b <= a and b != c"),
    ("a < b == c > d", "==", "a chained comparison; write b > a and b == c and c > d"),
    (
        "a crosses above b crosses below c",
        "crosses below",
        "a chained comparison; write a crosses above b and b crosses below c",
    ),
    ("x = 5", "=", "`=` is no operator here; write == to compare"),
    ("sma(x, n=20)", "=", "`=` is no operator here; write == to compare; names are given under"),
    ("x := 5", ":=", "`:=` is no operator here; names are given under let"),
    ("x === 5", "===", "`===` is no operator here; write =="),
    ("x =< 5", "=<", "`=<` is no operator here; write <="),
    ("x => 5", "=>", "`=>` is no operator here; write >="),
    ("x <> 5", "<>", "`<>` is no operator here; write !="),
    ("a && b", "&&", "`&&` is no operator here; write and"),
    ("a & b", "&", "`&` is no operator here; write and"),
    ("a || b", "||", "`||` is no operator here; write or"),
    ("a | b", "|", "`|` is no operator here; write or"),
    ("!a", "!", "`!` is no operator here; write not, or !="),
    ("~a", "~", "`~` is no operator here; write not"),
    ("a ** 2", "**", "`**` is no operator here; there are no powers"),
    ("a ^ 2", "^", "`^` is no operator here; there are no powers"),
    ("a // 2", "//", "`//` is no operator here; write /"),
    ("a % 2", "%", "`%` is no operator here; a percentage stands right after"),
    ("a ? b", "?", "`?` is no operator here; write where("),
    ("a; b", ";", "`;` is no operator here; one expression only"),
    ("a # b", "#", "`#` is no operator here; an expression has no comments"),
    ("{a}", "{", "`{` is no operator here; write parentheses"),
    ("$a", "$", "`$` is no operator here; write the name alone"),
    ("a @ b", "@", "`@` is no operator here; @ stands between"),
    ("a * * b", "*", "a value is missing before `*`"),
    ("a + + b", "+", "a value is missing before `+`; a positive number has no sign"),
    ("+a", "+", "a value is missing before `+`"),
    ("a +", "+", "a value is missing after `+`"),
    ("a >= ", ">=", "a value is missing after `>=`"),
    ("a and", "and", "a value is missing after `and`"),
    ("and a", "and", "a value is missing before `and`"),
    ("a == not b", "not", "write parentheses: (not ...)"),
    ("a not b", "not", "`not` begins a condition; write and not"),
    ("not x for 3d", "not x for 3d", "`not ... for` has two readings; write not (x for 3d), or"),
    (
        "a and not (b) within 2d",
        "not (b) within 2d",
        "`not ... within` has two readings; write not (",
    ),
    ("x for 3", "3", "not a length; write for example for 3d or for 5 bars"),
    # A length is one word, so the sum goes on with the truth.
    ("x within a + b", "+", "`+` cannot stand here; expected and, or, or the end"),
    ("f(x y)", "y", "`y` cannot stand here; expected an operator such as + < and, a comma, or `)`"),
    ("a * (x 5)", "5", "`5` cannot stand here; expected an operator such as + < and, or `)`"),
    ("x for 3d within 5d", "within 5d", "a second length; write (x for 3d) within 5d"),
    ("x crosses over 25", "crosses over", "write crosses above or crosses below"),
    ("x crosses", "crosses", "write crosses above or crosses below"),
    ("x is below 25", "is", "`is` is no word of the language here; write =="),
    ("x below 25", "below", "`below` is no word of the language here; write <"),
    ("x between 1 and 2", "between", "`between` is no word of the language here; write x > low"),
    ("a if b else c", "if", "`if` is no word of the language here; write where("),
    ("a nd b", "nd", "`nd`: did you mean and?"),
    ("import os", "os", "`os` cannot stand here; expected an operator"),
    ("x 25", "25", "`25` cannot stand here; expected an operator"),
    ('x "a"', '"a"', "a text cannot stand here; expected an operator"),
    ("sma(vix, n bars)", "bars", "`bars` is no word of the language here; a length is one number"),
    ("sma(vix, 20 bars", "(", "`(` is never closed; write ) where it ends"),
    ("a + (b", "(", "`(` is never closed"),
    ("x[1", "[", "`[` is never closed; write ] where it ends"),
    ('f("(", a', "(", "`(` is never closed"),
    ("a)", ")", "`)` was never opened"),
    ("f(a]", "]", "`(` is closed by `]`"),
    ("x[1)", ")", "`[` is closed by `)`"),
    ("()", "()", "nothing stands between the brackets"),
    ("x[]", "[]", "nothing stands between the brackets"),
    ("f(,)", ",", "a value is missing before `,`"),
    ("f(a,)", ")", "a value is missing before `)`"),
    ("[1]", "[", "there are no lists"),
    ("a, b", ",", "a comma stands between the arguments of a function only"),
    ("x > 1,000", ",", "a comma stands between the arguments of a function only"),
    ("sma(vix, 20 d)", "20 d", "write 20d, without a space"),
    ("sma(vix, 20 days)", "20 days", "write 20d, without a space"),
    ("x > 25 bp", "25 bp", "write 25bp, without a space"),
    ("x > 5 %", "5 %", "write 5%, without a space"),
    ("x > 5%%", "5%%", "write 5%; a percentage has one %"),
    ("x > 5%y", "5%y", "write 5%; a percentage has one %"),
    ("20D", "20D", "write 20d"),
    ("2hours", "2hours", "write 2h"),
    ("1r", "1r", "write 1R"),
    ("20dd", "20dd", "`20dd` is no number and no length"),
    (
        "2x",
        "2x",
        "`2x` is no number and no length; write for example 25, 3%, 25bp, 1R, 20d or 14 bars",
    ),
    ("1_000", "1_000", "write 1000 without _"),
    ("0x1F", "0x1F", "`0x1F` is no number"),
    ("1.2.3", "1.2.3", "a number has one decimal point"),
    ("x > 3and y", "3and", "write 3 and, with a space"),
    ("14.5 bars", "14.5 bars", "write a whole number of bars"),
    ("1.5 sessions", "1.5 sessions", "write a whole number of sessions"),
    ("0d", "0d", "a length must be above 0"),
    ("x > 1e999", "1e999", "too large for a number"),
    ("x > 1e-999", "1e-999", "too small for a number; write 0"),
    (
        "VIX < 25",
        "VIX",
        "`VIX`: names are in small letters; write vix; an instrument or a series needs a line",
    ),
    ("x > BTCUSDT-PERP.close", "BTCUSDT-PERP", "`BTCUSDT-PERP`: names are in small letters"),
    ("btc.Close", "btc.Close", "`btc.Close`: write btc.close, in small letters"),
    ("a AND b", "AND", "write and, in small letters"),
    ("True", "True", "write true, in small letters"),
    ("btc.close@4h", "btc.close@4h", "`btc.close@4h`: the timeframe stands behind the instrument"),
    ("btc@.close", "btc@.close", "`btc@.close`: a timeframe is missing after @"),
    ("btc..close", "btc..close", "`btc..close`: a name is missing beside the dot"),
    ("btc . close", ". close", "only a name has parts"),
    ("_x", "_x", "`_x`: names begin with a letter"),
    ("__class__", "__class__", "`__class__`: names begin with a letter"),
    (
        "btc.__class__",
        "btc.__class__",
        "`btc.__class__`: every part of a name begins with a letter",
    ),
    ("btc.sma(20)", "btc.sma", "a value has no functions; write sma(btc, ...)"),
    ("btc.close.sma(20)", "btc.close.sma", "a value has no functions; write sma(btc.close, ...)"),
    ("btc@1h(2)", "btc@1h", "a value has no functions"),
    ("sma(x).close", ".close", "only a name has parts"),
    ("x[1].close", ".close", "only a name has parts; write x.close[1]"),
    ("'a'.format(x)", ".format", "only a name has parts"),
    ("f(x)(y)", "f(x)", "only the name of a function may stand before (...)"),
    ("(f)(x)", "(f)", "only the name of a function may stand before (...)"),
    ("2(x)", "2", "only the name of a function may stand before (...); write * to multiply"),
    ('x == "wait', '"', 'the text is not closed; write " at its end'),
    ("x == 'wait", "'", "the text is not closed; write ' at its end"),
    ('x == "a\nb"', '"', 'the text is not closed; write " at its end, on the same line'),
    ('x == "a\\nb"', "\\", "a text in quotes has no escapes"),
    ('x == "a\x00b"', "\x00", "`U+0000` cannot stand in a text"),
    ("vix \u2264 25", "\u2264", "`\u2264` is less-than or equal to; write <="),
    ("a \u2212 b", "\u2212", "`\u2212` is minus sign; write -"),
    ("a \u00d7 b", "\u00d7", "`\u00d7` is multiplication sign; write *"),
    ("x == \u201cwait\u201d", "\u201c", '`\u201c` is left double quotation mark; write "'),
    ("v\u0456x < 25", "\u0456", "`\u0456` is cyrillic small letter"),
    (
        "vix\u00a0< 25",
        "\u00a0",
        "`U+00A0` is a special space (no-break space); write a plain space",
    ),
    (
        "vix\u200b < 25",
        "\u200b",
        "`U+200B` is an invisible character (zero width space); remove it",
    ),
    ("\u202evix", "\u202e", "`U+202E` is an invisible character"),
    ("x > \uff12\uff15", "\uff12", "`\uff12` is fullwidth digit two; write 2"),
    ("x > \u0664", "\u0664", "`\u0664` is arabic-indic digit four; names are written"),
    ("vix < 25 \U0001f680", "\U0001f680", "`\U0001f680` is rocket"),
    ("", "", "empty; write an expression"),
    (" \n ", " \n ", "empty; write an expression"),
]


@pytest.mark.parametrize(("text", "part", "message"), REFUSALS, ids=[case[0] for case in REFUSALS])
def test_every_refusal_has_its_place_and_remedy(text: str, part: str, message: str):
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    error = caught.value
    assert (text[error.start : error.end], str(error)[: len(message)]) == (part, message)
    assert "\n" not in str(error)
    assert error.text == text


def test_the_caret_stands_at_the_wrong_part_and_not_at_an_equal_one_before():
    with pytest.raises(ExpressionError) as caught:
        parse("a <= b and c <= <= d")
    assert caught.value.pointed() == "a <= b and c <= <= d\n                ^^"


def test_a_long_text_and_a_text_of_two_lines_are_cut_around_the_wrong_part():
    with pytest.raises(ExpressionError) as caught:
        parse("vix < 25 and\nvix = 3 or\nvix > 2")
    assert caught.value.pointed() == "vix = 3 or\n    ^"
    with pytest.raises(ExpressionError) as caught:
        parse(f"{'a + ' * 60}= 3")
    line, carets = caught.value.pointed().splitlines()
    assert len(line) < 110
    assert line[carets.index("^")] == "="


def test_wide_and_invisible_letters_do_not_move_the_caret():
    error = ExpressionError("\u6f22\u202e = x", 3, 4, "")
    # A Chinese letter takes two cells of a terminal.
    assert error.pointed() == "\u6f22? = x\n    ^"


def refusal(text: str) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    return caught.value


def test_length_depth_and_parts_are_limited():
    assert parse("1" * 300 + " " * (MAX_CHARACTERS - 300))
    long = refusal("a" * (MAX_CHARACTERS + 1))
    assert (long.start, long.end) == (MAX_CHARACTERS, MAX_CHARACTERS + 1)
    assert str(long).startswith("501 characters; an expression may have 500; give a part")

    assert parse("-" * (MAX_DEPTH - 1) + "a")
    deep = refusal("-" * MAX_DEPTH + "a")
    assert (deep.start, deep.end) == (MAX_DEPTH, MAX_DEPTH + 1)
    assert str(deep).startswith("nested deeper than 30 levels here; give a part")

    parts = ",".join("a" * (MAX_NODES - 1))
    assert len(children(parse(f"f({parts})"))) == MAX_NODES - 1
    assert str(refusal(f"f({parts},a)")).startswith("201 parts; an expression may have 200")


@pytest.mark.parametrize(
    "text", ["(" * 500, "-" * 499 + "a", "f(" * 250, "not " * 124 + "a", "a[" * 250]
)
def test_deep_nesting_is_refused_without_recursion(text: str):
    assert isinstance(refusal(text), ExpressionError)


def test_parentheses_alone_are_not_depth():
    assert parse("(" * 200 + "a" + ")" * 200) == parse("a")


@pytest.mark.parametrize("word", sorted(RESERVED_WORDS))
def test_a_reserved_word_is_no_name(word: str):
    for text in (f"{word} > 1", f"1 < {word}", f"{word}.x > 1", f"sma({word})"):
        if word in ("true", "false") and ".x" not in text:
            assert isinstance(parse(text), Comparing | Call)
        elif word != "not" or text != "not > 1":
            refusal(text)
