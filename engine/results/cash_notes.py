"""Say which wallet begins without cash, and what the venue pays on idle cash."""

from collections.abc import Iterator

from data_feeds.instrument import Wallet
from engine.results.finished import FinishedRun


def cash_sentences(run: FinishedRun) -> Iterator[str]:
    """Yield a sentence for each wallet that begins empty but is needed, and one on interest."""
    account = run.config.account
    wallets = ((Wallet.VENUE, account.venue_cash), (Wallet.BROKERAGE, account.brokerage_cash))
    for wallet, cash in wallets:
        names = [
            name
            for name in run.requirements.traded
            if run.dataset.instruments[name].wallet is wallet
        ]
        if names and cash == 0:
            place, key = wallet.value, f"account.{wallet.value}_cash"
            yield (
                f"The {place} wallet pays for {', '.join(names)} and begins with 0 ({key}): "
                "nothing is bought there before the playbook sends it cash."
            )
    paid = account.venue_interest_series
    if paid is not None:
        yield f"The venue pays {paid} on its wallet's cash, isolated margins included."
    elif account.venue_cash > 0 and (account.interest_series or run.outcome.bill.series):
        yield "The venue pays no interest on its wallet's cash."
