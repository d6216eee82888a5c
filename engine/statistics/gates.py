"""When a sample is too small for a judgement."""

from engine.statistics.samples import Missing

MIN_TRADES = 30
MIN_DAYS = 250


def enough(trades: int, days: int) -> Missing | None:
    """Return why a run is too short to judge, or None when it is long enough.

    Parameters
    ----------
    trades : closed plans
    days : daily returns

    >>> enough(12, 400)
    Missing(reason='12 trades, 30 needed')
    >>> enough(12, 100)
    Missing(reason='12 trades, 30 needed; 100 daily returns, 250 needed')
    >>> enough(30, 250) is None
    True
    """
    counts = ((trades, MIN_TRADES, "trades"), (days, MIN_DAYS, "daily returns"))
    short = [f"{held} {name}, {needed} needed" for held, needed, name in counts if held < needed]
    return Missing("; ".join(short)) if short else None
