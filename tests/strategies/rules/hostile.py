"""Draw malformed and hostile expressions: broken good ones, soups of words, deep, long, strange."""

import random
import re
from collections.abc import Callable, Iterator

GOOD = (
    'state.action == "wait" for 3d',
    "btc.close crosses above highest(btc.high, 20d)[1]",
    "vix < vix_max and not (btc.funding > 3bp)",
    "btc@4h.close - 2 * n",
    "where(vix > 30 or state.leadership_breaks, -0.5%, 1.5e-3) / 2",
    "sma(spy.close / btc.close, 20 sessions) >= 1",
    "position.r > 1R or position.age > 10d and entry < stop",
    "count(btc.close < lowest(btc.low, 14 bars)[look], 30m) != 0",
    "days_to_month_end() == 0 and weekday('America/New_York') <= 5",
)
WORDS = (
    *re.split(
        " ",
        "and or not crosses above below for within true false bars sessions rows is over then "
        "btc btc.close btc@4h.close vix state.action sma highest atr where n look entry x "
        "VIX BTCUSDT-PERP btc. .close @4h __class__ __import__ lambda import None self "
        "1 0 25 1.5 4e-4 3% 25bp 1R 20d 4h 14bars 2w 1e999 1e-999 1_000 0x1F 5%% 20dd 1.2.3 "
        "( ) [ ] , + - * / < <= > >= == != = && || ! ** // ^ ~ % : ; @ # $ ? { } ` \\ ' \"",
    ),
    "14 bars",
    "10 sessions",
    '"wait"',
    "'a b'",
    "\n",
)
# Signs and letters that look like others, invisible ones, controls, and half a letter.
STRANGE = (
    "\u2264\u2265\u2260\u00d7\u00f7\u2212\u201c\u2019\u0456\u0430\uff12\u0664\u00b2\u6f22\u0301\u00df\u0130"
    "\u00a0\u200b\u202e\ufeff\u2009\u0000\u001b\u007f\u0085\u2028\ud800\U0001f680"
)
FORMATS = (
    "%s", "%n%n%n", "%(vix)s", "{}", "{0}", "{vix.__class__}", "{vix!r:>99999999}", "${vix}",
    "#{vix}", "$(reboot)", "`reboot`", "{{7*7}}", "${jndi:ldap://x}", "%00", "\\x41", "\\N{DASH}",
    "<script>", "'; drop table runs; --", "../../etc/passwd", "\r\nerror: vix",
)  # fmt: skip
TRICKS = (
    "__import__('os').system('true')",
    "().__class__.__bases__[0].__subclasses__()",
    "(lambda: vix)()",
    "[x for x in (1, 2)]",
    "vix.__init__.__globals__['os']",
    "exec('vix')",
    "open('/etc/passwd').read()",
    "vix if vix else vix",
    "vix; import os",
    "getattr(vix, 'close')",
    "f'{vix}'",
    "eval(compile('1', '', 'eval'))",
    "globals()",
    "vix.close.sma(20)",
    "btc.close.mean()",
    "9**9**9**9",
    "'a' * 999999999",
    "x[999999999999999999999999]",
    "sma(vix, 99999999999999999999 bars)",
    "sma(vix, 9e99 bars)",
    "print(vix)",
    "vix := 3",
    "*vix",
    "**vix",
    "sma(*vix)",
    "...",
    "None",
    "@vix",
    "vix\\",
)

Draw = Callable[[random.Random], str]


def hostile_expressions(seed: int, n: int) -> Iterator[str]:
    """Yield ``n`` expressions; the same seed draws the same ones. Some of them may be correct."""
    draw = random.Random(seed)
    for i in range(n):
        yield FAMILIES[i % len(FAMILIES)](draw)


def broken(draw: random.Random) -> str:
    """Return a good expression with one to four changes."""
    text = draw.choice(GOOD)
    for _ in range(draw.randint(1, 4)):
        at, to = sorted(draw.randint(0, len(text)) for _ in range(2))
        put = draw.choice((draw.choice(WORDS), chr(draw.randint(32, 126)), text[at:to]))
        match draw.randrange(4):
            case 0:
                text = text[:at] + put + text[at:]
            case 1:
                text = text[:at] + put + text[at + 1 :]
            case 2:
                text = text[:at] + text[min(to, at + 5) :]
            case _:
                text = text[:at] + text[at:to][::-1] + text[to:]
    return text


def soup(draw: random.Random) -> str:
    """Return words in a random order."""
    space = draw.choice(("", " ", " ", "\n"))
    return space.join(draw.choices(WORDS, k=draw.randint(1, 25)))


def nested(draw: random.Random) -> str:
    """Return a value inside many levels, all of them closed or not."""
    levels = draw.randint(1, 300)
    kinds = (
        ("(", ")"),
        ("-", ""),
        ("not ", ""),
        ("abs(", ")"),
        ("x[", "]"),
        ("[", "]"),
        ("{", "}"),
    )
    some = draw.choices(kinds, k=draw.randint(1, 3))
    chosen = [some[i % len(some)] for i in range(levels)]
    opening = "".join(level[0] for level in chosen)
    closing = "".join(level[1] for level in reversed(chosen))
    return opening + draw.choice(("vix", "")) + closing[: draw.choice((len(closing), levels // 2))]


def long(draw: random.Random) -> str:
    """Return a text of one piece repeated, up to a hundred thousand letters."""
    pieces = (
        "a", "1", "1.", "a.", "a@", "1e", "%", "'", '"', " ", "\n", "(", ")", "-", "_", "\\", "a,",
        "1 ", "a b ", "a and ", "a + ", "a < ", "f(a, ", "x[1]", "not ", "'' ", "\u0456", "1bars",
        "a crosses above ", "a for 3d ", "[1]", "#", "=",
    )  # fmt: skip
    piece, size = draw.choice(pieces), draw.choice((40, 200, 480, 499, 500, 501, 2_000, 100_000))
    return (piece * (size // len(piece) + 1))[:size] + draw.choice(("", "", "!", "b", ")"))


def strange(draw: random.Random) -> str:
    """Return a good expression with letters that no plain keyboard writes."""
    text = draw.choice(GOOD)
    for _ in range(draw.randint(1, 3)):
        at = draw.randint(0, len(text))
        any_letter = chr(draw.randrange(0x110000))
        text = text[:at] + draw.choice((draw.choice(STRANGE), any_letter)) + text[at:]
    return text


def formats(draw: random.Random) -> str:
    """Return a good expression with a piece that other programs would expand."""
    text, piece = draw.choice(GOOD), draw.choice(FORMATS)
    at = draw.randint(0, len(text))
    return draw.choice((piece, text[:at] + piece + text[at:], f'state.action == "{piece}"'))


def tricks(draw: random.Random) -> str:
    """Return a piece of another language, alone or inside a good expression."""
    piece = draw.choice(TRICKS)
    return draw.choice((piece, f"vix < {piece}", f"sma({piece}, 20 bars)", f"({piece}) > 1"))


def numbers(draw: random.Random) -> str:
    """Return a comparison with letters that look like a number or a length."""
    digits = "".join(draw.choices("0123456789.eE+-_%", k=draw.randint(1, 12)))
    unit = draw.choice(("", "", "d", "h", " bars", "bars", "%", "bp", "R", " d", "D", "days", "x"))
    place = draw.choice(("vix < {}", "sma(vix, {}) > 1", "vix[{}]", "vix < 3 for {}"))
    return place.replace("{}", digits + unit)


FAMILIES: tuple[Draw, ...] = (
    broken,
    soup,
    nested,
    broken,
    long,
    strange,
    formats,
    tricks,
    numbers,
    broken,
)
