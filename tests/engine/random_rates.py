"""Random runs whose wallets have other currencies than the account, with rates that move."""

import dataclasses

import numpy as np

from data_feeds.clock import HOUR_NS, MINUTE_NS, datetime_ns
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind, time_columns
from engine.config.currency_rates import AT_PAR, CurrencyRate
from tests.engine.random_cases import RandomCase, make_case

VENUE_RATE, BROKERAGE_RATE = "USDT-IN-CHF", "USD-IN-CHF"
# An hour's move of a rate, about; guards of a flat account trip at it now and then.
MOVE = 0.004


def rate_channel(name: str, start: int, end: int, rng: np.random.Generator) -> Channel:
    """Return an hourly series around 0.9 whose rows come late at times, some of them revised."""
    at = np.arange(start - 48 * HOUR_NS, end, HOUR_NS)
    value = 0.9 * np.exp(np.cumsum(rng.normal(0.0, MOVE, len(at))))
    late = np.where(rng.random(len(at)) < 0.2, rng.integers(1, 4 * HOUR_NS, len(at)), 0)
    again = np.flatnonzero(rng.random(len(at)) < 0.1)
    event, known = time_columns(ChannelKind.SERIES)
    facts = np.concatenate((at, at[again]))
    published = np.concatenate((at + late, at[again] + late[again] + 90 * MINUTE_NS))
    values = np.concatenate((value, value[again] * (1 + rng.normal(0.0, MOVE, len(again)))))
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
    start = datetime_ns(case.config.data.start)
    ends = (c[time_columns(k.kind)[0]][-1] for k, c in case.dataset.channels.items() if len(c))
    end = int(max(ends))
    made = [rate_channel(name, start, end, rng) for name in (VENUE_RATE, BROKERAGE_RATE)]
    items = {
        name: item.model_copy(update={"quote": brokerage if item.kind == "etf" else "USDT"})
        for name, item in case.dataset.instruments.items()
    }
    for channel in made:
        name = channel.key.instrument
        items[name] = Instrument(id=name, kind=InstrumentKind.SERIES)
    dataset = dataclasses.replace(
        case.dataset,
        instruments=items,
        channels={**case.dataset.channels, **{channel.key: channel for channel in made}},
    )
    names = {"USDT": VENUE_RATE, "USD": BROKERAGE_RATE}
    rates = {
        currency: CurrencyRate(series=name) if name in wallets else AT_PAR
        for currency, name in names.items()
    }
    settled = {"currency": "CHF", "venue_currency": "USDT", "brokerage_currency": brokerage}
    account = case.config.account.model_copy(update={**settled, "rates": rates})
    config = case.config.model_copy(update={"account": account})
    return dataclasses.replace(case, dataset=dataset, config=config)


def franc_case(seed: int) -> RandomCase:
    """Return the random case of a seed in francs, with two, one or equal rates that move."""
    case = make_case(seed)
    if seed % 4 == 3:
        return in_francs(case, wallets=(VENUE_RATE,))
    return in_francs(case, brokerage="USDT" if seed % 4 == 2 else "USD")
