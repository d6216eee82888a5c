"""The value of each wallet's currency in the account's currency, at every instant.

A value holds from the instant at which it became known until the next one: the last row with
``available_at`` at or before an instant, the newest fact first (``data_feeds.align.as_of``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from data_feeds.align import as_of
from data_feeds.clock import DAY_NS, parse_duration, utc_text
from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError
from data_feeds.instrument import Wallet
from engine.account_currencies import is_reciprocal
from engine.config.models import AccountTerms

Floats = NDArray[np.float64]
Instants = NDArray[np.int64]
# In the order in which cash is summed.
WALLETS = (Wallet.VENUE, Wallet.BROKERAGE, Wallet.TRANSIT)


@dataclass(frozen=True)
class RateSteps:
    """Holds the value of one currency as steps: ``value[i]`` from the instant ``known_at[i]`` on.

    Without steps the value is 1. Before the first step it is NaN. ``dated[i]`` is the time of the
    fact behind a value, which ages from there; ``max_age_ns`` is the age that is allowed, None:
    any. ``name`` tells the line of the config and the channel.
    """

    known_at: Instants = field(default_factory=lambda: np.zeros(0, np.int64))
    value: Floats = field(default_factory=lambda: np.zeros(0))
    dated: Instants = field(default_factory=lambda: np.zeros(0, np.int64))
    max_age_ns: int | None = None
    name: str = ""

    @property
    def is_par(self) -> bool:
        """Return whether the value is 1 at every instant."""
        return len(self.known_at) == 0

    def at(self, instants: Instants) -> Floats:
        """Return the value at each instant."""
        if self.is_par:
            return np.ones(len(instants))
        step = np.searchsorted(self.known_at, instants, side="right")
        found: Floats = np.append(np.nan, self.value)[step]
        return found

    def refuse_stale(self, instants: Instants) -> None:
        """Refuse a value that is too old at an instant; instants are in order.

        Raises
        ------
        CoverageError : the first such instant, with the value's time and its age.
        """
        if self.is_par or self.max_age_ns is None or not len(instants):
            return
        step = np.searchsorted(self.known_at, instants, side="right") - 1
        age = instants - self.dated[step]
        if not bool((age > self.max_age_ns).any()):
            return
        first = int(np.argmax(age > self.max_age_ns))
        raise CoverageError(
            f"{self.name} at {utc_text(int(instants[first]))} is of "
            f"{utc_text(int(self.dated[step[first]]))}, {age[first] / DAY_NS:.1f} days old, more "
            f"than its max_age of {self.max_age_ns / DAY_NS:g} days; import the missing rows, or "
            "raise max_age"
        )

    def one(self, at: int) -> float:
        """Return the value at one instant."""
        return 1.0 if self.is_par else float(self.at(np.array([at]))[0])


PAR = RateSteps()


@dataclass(frozen=True)
class WalletRates:
    """Holds the steps of each wallet's currency, by the wallet's name; par where none is given."""

    steps: Mapping[str, RateSteps] = field(default_factory=dict)

    @property
    def is_par(self) -> bool:
        """Return whether every wallet counts one for one at every instant."""
        return all(steps.is_par for steps in self.steps.values())

    def of(self, wallet: str, at: int) -> float:
        """Return the account's currency per unit of a wallet's, at one instant."""
        steps = self.steps.get(wallet)
        return 1.0 if steps is None else steps.one(at)

    def table(self, instants: Instants) -> Floats:
        """Return the rates as a (wallet, instant) array, wallets in the order of ``WALLETS``.

        Raises
        ------
        CoverageError : a rate is too old at an instant.
        """
        if self.is_par:
            return np.ones((len(WALLETS), len(instants)))
        for steps in self.steps.values():
            steps.refuse_stale(instants)
        return np.stack([self.steps.get(wallet, PAR).at(instants) for wallet in WALLETS])


ALL_AT_PAR = WalletRates()


def wallet_rates(dataset: Dataset, account: AccountTerms, start: int) -> WalletRates:
    """Return the rates of a settled account's wallets.

    Cash in transit has the currency of both wallets: transfers between currencies are made at par
    only (:func:`refused_transfer`).

    Raises
    ------
    CoverageError : a rate is not known at ``start`` (ns UTC).
    """
    venue = currency_steps(dataset, account, account.venue_currency, start)
    brokerage = currency_steps(dataset, account, account.brokerage_currency, start)
    steps = {Wallet.VENUE: venue, Wallet.BROKERAGE: brokerage, Wallet.TRANSIT: brokerage}
    moving = {wallet.value: item for wallet, item in steps.items() if not item.is_par}
    return WalletRates(moving) if moving else ALL_AT_PAR


def currency_steps(
    dataset: Dataset, account: AccountTerms, currency: str | None, start: int
) -> RateSteps:
    """Return the value of a currency in the account's; par where a line says so.

    Raises
    ------
    CoverageError : no value is known at ``start`` (ns UTC).
    """
    rate = account.rate_of(currency)
    channel = None if rate is None else rate.channel
    if rate is None or channel is None or currency is None:
        return PAR
    rows = dataset.channel(channel.instrument, channel.kind, channel.timeframe)
    known_at = np.unique(rows["available_at"])
    found = as_of(rows, rate.column, known_at)
    value = found.values
    if is_reciprocal(currency, account, dataset.instruments[channel.instrument]):
        value = 1 / value
    if not len(known_at) or known_at[0] > start:
        first = utc_text(int(known_at[0])) if len(known_at) else "never"
        raise CoverageError(
            f"account.rates.{currency}: {channel} is first known {first}, after the start "
            f"{utc_text(start)}; start later, or import earlier rows"
        )
    if not bool((value > 0).all()):
        wrong = int(known_at[int(np.argmin(value > 0))])
        raise CoverageError(
            f"account.rates.{currency}: {channel} is {value[known_at == wrong][0]} at "
            f"{utc_text(wrong)}; a rate is above 0"
        )
    return RateSteps(
        known_at,
        value,
        known_at - found.age_ns,
        parse_duration(rate.max_age),
        f"account.rates.{currency}: the value of {channel}",
    )


def refused_transfer(account: AccountTerms) -> str:
    """Return why cash cannot move between the wallets, "" where it can.

    It moves one for one: between wallets of one currency, or of two that are both at par.
    """
    venue, brokerage = account.venue_currency, account.brokerage_currency
    rates = (account.rate_of(venue), account.rate_of(brokerage))
    if venue == brokerage or all(rate is not None and rate.is_par for rate in rates):
        return ""
    return (
        f"the wallets hold {venue} and {brokerage}, which are not at par: a conversion is not "
        "modelled"
    )
