"""The value of each wallet's currency in the account's, derived again from the rows of the data.

The audit reads the lines of the config and the rows of the channel that they name, and finds the
value of an instant in its own way: of the rows published by then it takes the latest fact, and of
several vintages of that fact the newest.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass

from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument, InstrumentKind, Wallet
from data_feeds.schema import Channel, ChannelKind
from engine.audit.channels import InstrumentData
from engine.audit.findings import FindingRecorder
from engine.run_folder.read import RunFolder

CONFIG = "config"


@dataclass(frozen=True)
class PublishedValues:
    """The values of one currency by the instant of their publication; none: one for one."""

    published_at: tuple[int, ...] = ()
    values: tuple[float, ...] = ()

    def at(self, at: int) -> float:
        """Return the value known at an instant; NaN before the first."""
        if not self.published_at:
            return 1.0
        place = bisect_right(self.published_at, at)
        return self.values[place - 1] if place else math.nan


ONE_FOR_ONE = PublishedValues()


class WalletValues:
    """Values the wallets of one run; an instrument has the value of its wallet."""

    def __init__(self, files: RunFolder, dataset: Dataset) -> None:
        self._account = files.config.account
        self._dataset = dataset
        venue = self._published(self._account.venue_currency)
        brokerage = self._published(self._account.brokerage_currency)
        # Cash moves between wallets of one value only, so what is on its way has that value.
        self._of = {Wallet.VENUE: venue, Wallet.BROKERAGE: brokerage, Wallet.TRANSIT: brokerage}

    @property
    def is_par(self) -> bool:
        """True when every wallet counts one for one."""
        return not any(item.published_at for item in self._of.values())

    def of(self, wallet: Wallet, at: int) -> float:
        """Return the account's currency per unit of a wallet's at an instant."""
        return self._of[wallet].at(at)

    def of_instrument(self, instrument: Instrument, at: int) -> float:
        """Return the account's currency per unit of that in which an instrument settles."""
        return self.of(instrument.wallet, at)

    def _published(self, currency: str | None) -> PublishedValues:
        own, rates = self._account.currency, self._account.rates
        if currency is None or currency == own or currency not in rates:
            return ONE_FOR_ONE
        rate = rates[currency]
        if rate.series is not None:
            rows = self._dataset.channel(rate.series, ChannelKind.SERIES)
            return _published(rows, "event_at", "value", turned=False)
        if rate.instrument is None or rate.timeframe is None:
            return ONE_FOR_ONE
        item = self._dataset.instruments[rate.instrument]
        rows = self._dataset.channel(rate.instrument, ChannelKind.BARS, rate.timeframe)
        # A market of the account's own currency prices it in the other one.
        turned = item.asset == own and item.quote == currency
        return _published(rows, "closed_at", "close", turned=turned)


def _published(rows: Channel, fact: str, column: str, *, turned: bool) -> PublishedValues:
    """Return the values known after each publication, by time."""
    known: list[tuple[int, float]] = []
    latest = -1
    order = sorted(
        zip(rows["available_at"].tolist(), rows[fact].tolist(), rows[column].tolist(), strict=True),
        key=lambda row: row[:2],
    )
    for at, fact_at, value in order:
        if fact_at < latest:
            continue
        latest = fact_at
        if known and known[-1][0] == at:
            known.pop()
        known.append((at, 1 / value if turned else value))
    return PublishedValues(tuple(at for at, _ in known), tuple(value for _, value in known))


def check_wallets(
    files: RunFolder, markets: dict[str, InstrumentData], recorder: FindingRecorder
) -> None:
    """Check that each traded instrument settles in the currency of its wallet, and has a value."""
    account = files.config.account
    currencies = {
        Wallet.VENUE: account.venue_currency,
        Wallet.BROKERAGE: account.brokerage_currency,
    }
    for name in files.traded:
        if name not in markets or currencies[markets[name].instrument.wallet] is None:
            continue
        item = markets[name].instrument
        line = recorder.line(CONFIG, f"account: {name}")
        line.equal(f"currency of the {item.wallet} wallet", _settles(item), currencies[item.wallet])
    for wallet, currency in currencies.items():
        valued = currency in (None, account.currency) or currency in account.rates
        recorder.line(CONFIG, f"account: {wallet}").equal(f"a rate of {currency}", True, valued)
    recorder.count("currencies of wallets", len(currencies))


def _settles(item: Instrument) -> str:
    """Return the currency in which an instrument pays: an inverse perp in its base."""
    return item.asset if item.kind is InstrumentKind.PERP and item.is_inverse else item.quote
