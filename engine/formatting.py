"""Format numbers and small tables as plain text, the same way everywhere."""

import math
import textwrap
import unicodedata
from collections.abc import Callable, Sequence

from engine.errors import SimulationError

MISSING = "-"
NOT_AVAILABLE = "n/a"
WIDTH = 100
SMALL_FRACTION = 0.005  # below it a fraction reads better in basis points than in percent
SAME_SUM = 1e-9  # fraction of the largest number; a sum in another order differs by less


def money(amount: float | None) -> str:
    """Return an amount in quote with two decimals and thousands separators; a dash for None or NaN.

    >>> money(-1234.5), money(float("nan"))
    ('-1,234.50', '-')
    """
    return MISSING if _absent(amount) else f"{_plain_zero(amount, 2):,.2f}"


def signed(amount: float | None, digits: int = 2) -> str:
    """Return a number with its sign always shown.

    >>> signed(1.5), signed(-2.0), signed(0.0)
    ('+1.50', '-2.00', '0.00')
    """
    if amount is None or _absent(amount):
        return MISSING
    value = _plain_zero(amount, digits)
    return f"{value:+,.{digits}f}" if value else f"{value:,.{digits}f}"


def percent(fraction: float | None, digits: int = 2) -> str:
    """Return a fraction in percent.

    >>> percent(0.1234), percent(None)
    ('12.34%', '-')
    """
    if fraction is None or _absent(fraction):
        return MISSING
    return f"{_plain_zero(fraction * 100, digits):,.{digits}f}%"


def percent_points(fraction: float, digits: int = 2) -> float:
    """Return a fraction in percent, rounded as :func:`percent` shows it.

    Differences of such numbers agree with the numbers on the page.

    >>> percent_points(0.07468), percent_points(-0.00004)
    (7.47, 0.0)
    """
    return _plain_zero(fraction * 100, digits)


def signed_percent(fraction: float | None, digits: int = 2) -> str:
    """Return a fraction in percent with its sign always shown.

    >>> signed_percent(0.1234), signed_percent(None)
    ('+12.34%', '-')
    """
    if fraction is None or _absent(fraction):
        return MISSING
    return f"{signed(fraction * 100, digits)}%"


def percent_share(fraction: float, digits: int = 0) -> str:
    """Return a share in percent; neither a small one nor nearly all is rounded to none or all.

    >>> percent_share(0.001), percent_share(0.999), percent_share(0.0004, 1), percent_share(0.25)
    ('<1%', '>99%', '<0.1%', '25%')
    >>> percent_share(0.0), percent_share(1.0, 1), percent_share(math.nan)
    ('0%', '100.0%', '-')
    """
    step = 10.0**-digits
    shown = round(fraction * 100, digits) if math.isfinite(fraction) else math.nan
    if shown == 0 < fraction:
        return f"<{step:.{digits}f}%"
    if fraction < 1 and shown == 100:
        return f">{100 - step:.{digits}f}%"
    return percent(fraction, digits)


def share_against(fraction: float, limit: float) -> str:
    """Return a share in percent; one below a limit is never rounded up to the limit.

    >>> share_against(0.058, 0.95), share_against(0.9496, 0.95), share_against(0.95, 0.95)
    ('5.8%', 'just below 95.0%', '95.0%')
    """
    shown = percent_share(fraction, 1)
    return f"just below {shown}" if fraction < limit and shown == percent(limit, 1) else shown


def counted_noun(number: int, one: str, several: str = "") -> str:
    """Return a number with its noun in the singular or the plural.

    >>> counted_noun(1, "entry", "entries"), counted_noun(0, "trade"), counted_noun(1_200, "path")
    ('1 entry', '0 trades', '1,200 paths')
    """
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"


def p_value(value: float, digits: int = 3) -> str:
    """Return a p-value; a small one is never shown as zero.

    >>> p_value(0.0412), p_value(0.0), p_value(0.004, 2)
    ('0.041', 'below 0.001', 'below 0.01')
    """
    smallest = 10.0**-digits
    return f"{value:.{digits}f}" if value >= smallest else f"below {smallest:.{digits}f}"


def p_words(value: float, digits: int = 3) -> str:
    """Return a p-value for a sentence.

    >>> p_words(0.5712, 2), p_words(0.0)
    ('p = 0.57', 'p below 0.001')
    """
    shown = p_value(value, digits)
    return f"p {shown}" if shown.startswith("below") else f"p = {shown}"


def number(value: float | None, significant: int = 6) -> str:
    """Return a number with up to six significant digits and no exponent where avoidable.

    >>> number(0.0123456789), number(64250.5), number(1234567.0)
    ('0.0123457', '64,250.5', '1,234,567')
    """
    if value is None or _absent(value):
        return MISSING
    if math.isinf(value):
        return "no limit"
    if abs(value) >= 10**significant:
        return f"{value:,.0f}"
    return f"{value:,.{significant}g}"


def in_unit(
    numbers: Sequence[float], unit: str, significant: int = 6
) -> tuple[tuple[str, ...], str]:
    """Return numbers as text and the word of their unit; fractions in percent, small ones in bp.

    All numbers are in one unit, so that they can be compared.

    >>> in_unit((-3.27556e-06, 0.0003), "fraction")
    (('-0.0327556', '3'), 'bp')
    >>> in_unit((0.25, 0.001), "fraction"), in_unit((1234.5,), "points")
    ((('25', '0.1'), '%'), (('1,234.5',), 'points'))
    """
    scale, word = 1.0, unit
    if unit == "fraction":
        small = all(abs(value) < SMALL_FRACTION for value in numbers if math.isfinite(value))
        scale, word = (10_000.0, "bp") if small else (100.0, "%")
    return tuple(number(value * scale, significant) for value in numbers), word


def or_none(value: float, text: Callable[[float], str]) -> str:
    """Return a ratio as text, ``n/a`` for NaN.

    >>> or_none(1.5, signed), or_none(math.nan, signed)
    ('+1.50', 'n/a')
    """
    return NOT_AVAILABLE if math.isnan(value) else text(value)


def adding_up(whole: float, *parts: float, digits: int = 4) -> tuple[float, ...]:
    """Return a sum and its parts rounded so that the rounded parts add up to the rounded sum.

    The remainder goes to the part that rounding changed most. A fraction shown in percent with two
    decimals needs ``digits`` = 4. If a number is not finite, all are returned unchanged.

    Raises
    ------
    SimulationError : the parts do not add up to the sum; rounding must not hide it.

    >>> adding_up(0.00508, 0.00254, 0.00254)
    (0.0051, 0.0026, 0.0025)
    """
    if not all(map(math.isfinite, (whole, *parts))):
        return (whole, *parts)
    total = math.fsum(parts)
    if abs(whole - total) > SAME_SUM * max(map(abs, (whole, *parts))):
        raise SimulationError(
            f"numbers to be shown: {parts} add up to {total!r}, not to {whole!r}; a mistake of "
            "riskoff itself, please report it"
        )
    unit = 10**digits
    steps = [round(part * unit) for part in parts]
    left = round(whole * unit) - sum(steps)
    sign = 1 if left > 0 else -1
    order = sorted(range(len(parts)), key=lambda i: sign * (steps[i] - parts[i] * unit))
    for place in order[: abs(left)]:
        steps[place] += sign
    return (round(whole * unit) / unit, *(step / unit for step in steps))


def without(names: Sequence[str]) -> str:
    """Return the suffix of a title that names conditions counted as true, "" without any.

    >>> without(["macro_gate"])
    ' WITHOUT macro_gate'
    """
    return f" WITHOUT {', '.join(names)}" if names else ""


def columns(rows: Sequence[Sequence[str]], *, left: int = 1, indent: str = "  ") -> list[str]:
    """Return aligned lines: ``left`` columns flush left, the others flush right."""
    if not rows:
        return []
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return [
        (
            indent
            + "  ".join(
                cell.ljust(width) if place < left else cell.rjust(width)
                for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
        ).rstrip()
        for row in rows
    ]


def wrapped(sentence: str, mark: str = "") -> list[str]:
    """Return a sentence as indented lines of a summary."""
    return textwrap.wrap(
        sentence,
        WIDTH,
        initial_indent=f"  {mark}",
        subsequent_indent="  " + " " * len(mark),
        break_on_hyphens=False,  # BTCUSDT-PERP is one word
    )


def pointed(text: str, start: int, end: int) -> str:
    """Return two lines: the line of a text that holds ``text[start:end]``, and carets under it.

    Long lines are cut around the start; characters that cannot be shown become ``?``. Only the
    first line of a part of several lines is shown.

    >>> print(pointed("vix = 25", 4, 5))
    vix = 25
        ^
    """
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", start)
    line = text[first : len(text) if last < 0 else last]
    start, end = start - first, min(end - first, len(line))
    cut = max(start - WIDTH // 2, 0) if len(line) > WIDTH else 0
    before, after = ("..." if cut else ""), ("..." if len(line) > cut + WIDTH else "")
    shown = line[cut : cut + WIDTH]
    start, end = start - cut, min(end - cut, len(shown))
    shown = "".join(letter if letter.isprintable() else "?" for letter in shown)
    space, carets = _cells(before + shown[:start]), max(_cells(shown[start:end]), 1)
    return f"{before}{shown}{after}\n{' ' * space}{'^' * carets}"


def _cells(text: str) -> int:
    """Return the width of a text on a terminal: Chinese letters take two cells, accents none."""
    return sum(
        0 if unicodedata.combining(letter) else 1 + (unicodedata.east_asian_width(letter) in "WF")
        for letter in text
    )


def _absent(value: float | None) -> bool:
    return value is None or math.isnan(value)


def _plain_zero(value: float | None, digits: int) -> float:
    """Return the rounded value, zero for a negative zero: "-0.00" looks like a loss."""
    return round(float(value or 0.0), digits) + 0.0


def json_number(value: float) -> float | None:
    """Return a number for JSON: None for NaN and the infinities."""
    return value if math.isfinite(value) else None
