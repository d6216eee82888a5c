"""The cash flow of a perp position at one funding timestamp."""


def funding_cash_flow(quantity: float, mark_price: float, funding_rate: float) -> float:
    """Return the cash credited to the account at one funding timestamp, quote.

    ``quantity`` is the signed position held just before the timestamp, ``funding_rate`` a fraction
    of notional for this interval. Negative means the account pays; longs pay when the rate is
    positive.

    >>> funding_cash_flow(2.0, 30_000.0, 0.0001)
    -6.0
    """
    return -quantity * mark_price * funding_rate
