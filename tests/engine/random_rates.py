"""Random runs whose wallets have other currencies than the account, with rates that move."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data_feeds.clock import HOUR_NS, MINUTE_NS, datetime_ns
from data_feeds.instrument import Instrument, InstrumentKind, Wallet
from data_feeds.schema import Channel, ChannelKey, ChannelKind, time_columns
from engine.config.currency_rates import AT_PAR, CurrencyRate
from tests.engine.random_cases import RandomCase, make_case

VENUE_RATE, BROKERAGE_RATE = "USDT-IN-CHF", "USD-IN-CHF"
# An hour's move of a rate, about; guards of a flat account trip at it now and then.
MOVE = 0.004
BITCOIN_RATE, WILD_MOVE = "BTC-IN-USD", 0.012


def rate_channel(
    name: str, start: int, end: int, rng: np.random.Generator, move: float = MOVE
) -> Channel:
    """Return an hourly series around 0.9 whose rows come late at times, some of them revised."""
    at = np.arange(start - 48 * HOUR_NS, end, HOUR_NS)
    value = 0.9 * np.exp(np.cumsum(rng.normal(0.0, move, len(at))))
    late = np.where(rng.random(len(at)) < 0.2, rng.integers(1, 4 * HOUR_NS, len(at)), 0)
    again = np.flatnonzero(rng.random(len(at)) < 0.1)
    event, known = time_columns(ChannelKind.SERIES)
    facts = np.concatenate((at, at[again]))
    published = np.concatenate((at + late, at[again] + late[again] + 90 * MINUTE_NS))
    values = np.concatenate((value, value[again] * (1 + rng.normal(0.0, move, len(again)))))
    order = np.lexsort((published, facts))
    columns = {
        event: facts[order],
        known: published[order],
        "label": np.zeros(len(facts), np.int8),
        "value": values[order],
    }
    return Channel(ChannelKey(name, ChannelKind.SERIES), columns)


def in_francs(
    case: RandomCase,
    *,
    wallets: tuple[str, ...] = (VENUE_RATE, BROKERAGE_RATE),
    brokerage: str = "USD",
) -> RandomCase:
    """Return the case with equity in francs; the rates of ``wallets`` move, others are par.

    ``brokerage`` is the currency of the brokerage wallet; cash moves between equal wallets.
    """
    rng = np.random.default_rng(90_000 + case.seed)
    start, end = _span(case)
    made = [rate_channel(name, start, end, rng) for name in (VENUE_RATE, BROKERAGE_RATE)]
    items = {
        name: item.model_copy(update={"quote": brokerage if item.kind == "etf" else "USDT"})
        for name, item in case.dataset.instruments.items()
    }
    names = {"USDT": VENUE_RATE, "USD": BROKERAGE_RATE}
    rates = {
        currency: CurrencyRate(series=name) if name in wallets else AT_PAR
        for currency, name in names.items()
    }
    settled = {"currency": "CHF", "venue_currency": "USDT", "brokerage_currency": brokerage}
    return _settled(case, items, made, {**settled, "rates": rates})


def in_dollars(case: RandomCase) -> RandomCase:
    """Return the case with a venue wallet of bitcoin, whose rate moves, and equity in dollars.

    The perps settle in bitcoin. Most of the cash lies there, so that guards trip while nothing is
    held.
    """
    rng = np.random.default_rng(95_000 + case.seed)
    start, end = _span(case)
    made = [rate_channel(BITCOIN_RATE, start, end, rng, WILD_MOVE)]
    items = {
        name: item.model_copy(
            update={"asset": "BTC"}
            if item.is_inverse
            else {"quote": "BTC" if item.wallet is Wallet.VENUE else "USD"}
        )
        for name, item in case.dataset.instruments.items()
    }
    settled = {
        "currency": "USD",
        "venue_currency": "BTC",
        "brokerage_currency": "USD",
        "rates": {"BTC": CurrencyRate(series=BITCOIN_RATE)},
        "brokerage_cash": case.config.account.venue_cash / 10,
    }
    return _settled(case, items, made, settled)


def _span(case: RandomCase) -> tuple[int, int]:
    """Return the window's start and the last row of the data, ns UTC."""
    ends = (c[time_columns(k.kind)[0]][-1] for k, c in case.dataset.channels.items() if len(c))
    return datetime_ns(case.config.data.start), int(max(ends))


def _settled(
    case: RandomCase,
    items: dict[str, Instrument],
    made: Sequence[Channel],
    settled: Mapping[str, Any],
) -> RandomCase:
    """Return the case with other instruments, the series of rates, and an account's terms."""
    for channel in made:
        name = channel.key.instrument
        items[name] = Instrument(id=name, kind=InstrumentKind.SERIES)
    channels = {**case.dataset.channels, **{channel.key: channel for channel in made}}
    dataset = dataclasses.replace(case.dataset, instruments=items, channels=channels)
    account = case.config.account.model_copy(update=settled)
    config = case.config.model_copy(update={"account": account})
    return dataclasses.replace(case, dataset=dataset, config=config)


def franc_case(seed: int) -> RandomCase:
    """Return the random case of a seed in francs, with two, one or equal rates that move."""
    case = make_case(seed)
    if seed % 4 == 3:
        return in_francs(case, wallets=(VENUE_RATE,))
    return in_francs(case, brokerage="USDT" if seed % 4 == 2 else "USD")
