"""A set's number as text."""

import math

from engine.formatting import number

# The only infinite number is a gain over a deepest fall of zero.
NO_FALL = "no fall"


def number_text(value: float) -> str:
    """Return a set's number with three digits, ``no fall`` for an infinite one.

    >>> number_text(0.12345), number_text(math.inf), number_text(math.nan)
    ('0.123', 'no fall', '-')
    """
    return NO_FALL if math.isinf(value) else number(value, 3)
