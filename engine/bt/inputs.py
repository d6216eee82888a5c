"""The inputs of one simulation: rules, data, signals, and the timeline that follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_feeds.calendar import zone_of
from data_feeds.clock import NEW_YORK, datetime_ns
from data_feeds.dataset import Dataset
from data_feeds.instrument import Wallet
from data_feeds.schema import Channel, ChannelKind
from engine.account_rates import WALLETS, WalletRates, wallet_rates
from engine.broker.timeline import RateSeries, Timeline, build_timeline, execution_bars
from engine.bt.carried_account import CarriedAccount
from engine.config.models import RunConfig
from engine.costs.market_activity import MarketActivity, load_activity
from engine.market_state import MarketState
from engine.playbook import Playbook, Requirements, Signals


@dataclass(frozen=True)
class SimulationInputs:
    """Holds the inputs of one simulated playbook, alone or as a sleeve of an account.

    ``stored_activity`` is the activity of the instruments by the finest stored bars; None: by those
    of the dataset. ``next_close`` is the first close after the data, where they end before the
    window does (:func:`~engine.broker.timeline.build_timeline`). ``carried`` is the account of the
    segment before, with which this run starts; None: the cash of the config. ``ends_flat`` closes
    each position at the last close of its instrument.
    """

    config: RunConfig
    dataset: Dataset
    playbook: Playbook[Any]
    signals: Signals
    requirements: Requirements
    market: MarketState | None = None
    stored_activity: Mapping[str, MarketActivity] | None = None
    next_close: int | None = None
    carried: CarriedAccount | None = None
    ends_flat: bool = False

    @cached_property
    def activity(self) -> Mapping[str, MarketActivity]:
        """Return daily volume and volatility by instrument; none where the costs read none."""
        if not self.config.venue.slippage.reads_activity:
            return {}
        if self.stored_activity is not None:
            return self.stored_activity
        start, end = datetime_ns(self.config.data.start), datetime_ns(self.config.data.end)
        return load_activity(self.dataset, self.requirements.traded, start, end)

    @cached_property
    def bars(self) -> dict[str, Channel]:
        """Return the bars that the orders of each traded instrument fill in, by name."""
        channels = tuple(self.requirements.channels)
        return {
            name: execution_bars(self.dataset, channels, name)
            for name in sorted(self.requirements.traded)
        }

    @cached_property
    def currencies(self) -> WalletRates:
        """Return the values of the wallets' currencies in the account's.

        Raises
        ------
        CoverageError : a rate is not known at the window's start.
        """
        return wallet_rates(self.dataset, self.config.account, self.start)

    @property
    def start(self) -> int:
        """Return the first instant of the window, ns UTC."""
        return datetime_ns(self.config.data.start)

    @property
    def start_equity(self) -> float:
        """Return the value of all cash at the start of the window."""
        rates = self.currencies
        return sum(cash * rates.of(wallet, self.start) for wallet, cash in self.start_cash.items())

    @property
    def start_cash(self) -> dict[Wallet, float]:
        """Return the cash of each wallet at the start, each in its currency."""
        if self.carried is None:
            account = self.config.account
            return {Wallet.VENUE: account.venue_cash, Wallet.BROKERAGE: account.brokerage_cash}
        return dict(zip(WALLETS, self.carried.arrived_by(self.start).cash, strict=True))

    @property
    def has_ny_days(self) -> bool:
        """Return whether account days are New York dates: every instrument trades by that clock."""
        calendars = {self.dataset.instruments[name].calendar for name in self.bars}
        return all(zone_of(calendar) == NEW_YORK for calendar in calendars)

    @property
    def rates(self) -> RateSeries:
        """Return the series that cash and lending earn, and the bill where the data hold one."""
        account = self.config.account
        held = (name for name in self.config.bills if self.dataset.has(name, ChannelKind.SERIES))
        terms, series = account.short_sales, account.interest_series
        paid = (series, account.venue_interest_series, next(held, None))
        if terms is None:
            return RateSeries(*paid)
        fees = {n: fee for n, fee in terms.borrow_fee_series.items() if n in self.bars}
        return RateSeries(*paid, terms.rebate_series, fees)

    def timeline(self, also_at: NDArray[np.int64] | None = None) -> Timeline:
        """Return the timeline; ``also_at`` adds the instants of other sleeves."""
        data, decided_at = self.config.data, self.signals.decided_at
        return build_timeline(
            self.dataset,
            self.bars,
            start=self.start,
            end=datetime_ns(data.end),
            decided_at=decided_at if also_at is None else np.append(decided_at, also_at),
            rates=self.rates,
            currencies=self.currencies,
            next_close=self.next_close,
        )
