"""Sentences on shares that the brokerage lends: margins, carry, and what is not modelled."""

from data_feeds.instrument import InstrumentKind
from engine.results.finished import FinishedRun


def lending_sentences(run: FinishedRun) -> list[str]:
    """Return the assumptions on short sales, none for a run whose account borrows no shares."""
    terms = run.config.account.short_sales
    traded = [run.dataset.instruments[name] for name in run.requirements.traded]
    funds = [item for item in traded if item.kind is InstrumentKind.ETF]
    if terms is None or not funds:
        return []
    fees = []
    for fund in funds:
        stated = terms.fee_of(fund, run.config.venue)
        series = terms.borrow_fee_series.get(fund.id)
        if series is not None or stated is not None:
            fees.append(f"{fund.id} {series if series is not None else f'{stated:.2%}'}")
    earned = terms.rebate_series
    return [
        f"A short sale keeps {terms.initial_margin:.0%} of its value in cash at the brokerage, "
        "proceeds included; owned assets are no collateral. Where the cash falls to "
        f"{terms.maintenance_margin:.0%} of the value of all shorts, the broker covers the whole "
        "short at that price, in a bar with trades; a gap beyond it covers at the open, and a loss "
        "beyond the cash is owed. There is no margin call and no minimum in dollars a share.",
        f"Annual borrow fee: {', '.join(fees) or 'none stated, so nothing is sold short'}. The "
        f"collateral earns {earned or 'nothing'} and no other interest. Both are actual/360 on the "
        "value at the end of each account day, until the next one; the night before the last day "
        "of the run is not booked. The short pays dividends on the ex-date.",
        "Shares can always be borrowed, and no lender recalls them (buy-in): a squeeze is not "
        "modelled beyond its prices.",
    ]
