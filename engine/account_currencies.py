"""The currencies of an account's wallets, and the lines of the config that value them.

Equity has one currency, ``account.currency``. A wallet has the currency in which the instruments
traded there settle. Every other currency needs a line in ``account.rates``: an account adds no two
currencies without one.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from data_feeds.instrument import Instrument, Wallet
from engine.config.currency_rates import CurrencyRate
from engine.config.models import AccountTerms, WalletsConfig
from engine.contracts import contract_of
from engine.errors import ConfigError

DOLLARS = frozenset({"USD", "USDT", "USDC", "BUSD", "FDUSD", "TUSD", "DAI"})
_KEYS = {Wallet.VENUE: "venue_currency", Wallet.BROKERAGE: "brokerage_currency"}
_TIMEFRAME = "1h"


@dataclass(frozen=True)
class CurrencyUse:
    """Names one currency of a run and where it comes from, in words."""

    currency: str
    where: str


def settled_wallets(
    account: WalletsConfig,
    traded: Collection[Instrument],
    compared: Iterable[Instrument],
    held: Mapping[str, Instrument],
) -> WalletsConfig:
    """Return an account whose three currencies are set, each with its rate.

    Parameters
    ----------
    account : as the config writes it
    traded : instruments that can be held, underlyings of options among them
    compared : instruments of the benchmark
    held : all instruments of the data, for the lines that an error suggests

    Raises
    ------
    ConfigError : two settlement currencies in one wallet, or no line for a currency.
    """
    settling = {wallet: _settling(wallet, account, traded) for wallet in _KEYS}
    uses = [use for found in settling.values() for use in found]
    uses += [CurrencyUse(x.quote, f"benchmark {x.id}") for x in compared if x.is_tradable]
    different = list(dict.fromkeys(use.currency for use in uses))
    currency = account.currency
    if currency is None:
        if len(different) > 1:
            raise ConfigError(_several(account, uses, held))
        currency = different[0] if different else None
    names = {
        key: next((use.currency for use in settling[wallet]), currency)
        for wallet, key in _KEYS.items()
    }
    settled = account.model_copy(update={"currency": currency, **names})
    _refuse_unvalued(settled, uses, held)
    return settled


def rates_in_use(account: WalletsConfig, compared: Iterable[str] = ()) -> dict[str, CurrencyRate]:
    """Return the rate of each currency of a settled account that is not its own, by name.

    The currencies are those of the wallets, and ``compared``, those of the benchmark.
    """
    names = {account.venue_currency, account.brokerage_currency, *compared}
    return {
        name: rate
        for name, rate in account.rates.items()
        if name in names and name != account.currency
    }


def _settling(
    wallet: Wallet, account: WalletsConfig, traded: Collection[Instrument]
) -> list[CurrencyUse]:
    """Return the currency of a wallet with its reasons; empty where nothing decides it."""
    key = _KEYS[wallet]
    written = getattr(account, key)
    by_currency: dict[str, list[str]] = {}
    for item in sorted(traded, key=lambda item: item.id):
        if item.wallet is wallet:
            by_currency.setdefault(contract_of(item).settlement_currency, []).append(item.id)
    told = "; ".join(f"{name}: {', '.join(ids)}" for name, ids in by_currency.items())
    if len(by_currency) > 1:
        raise ConfigError(
            f"instruments of the {wallet} wallet settle in {len(by_currency)} currencies ({told}): "
            "a wallet holds one; trade them in sleeves of an account (docs/sleeves.md), each with "
            "its own wallets"
        )
    if by_currency and written is not None and written not in by_currency:
        settles = next(iter(by_currency))
        raise ConfigError(
            f"account.{key} = {written}, but the instruments of the {wallet} wallet settle in "
            f"another currency ({told}): write {key}: {settles}, or leave the key out"
        )
    found = [
        CurrencyUse(name, f"{wallet} wallet: {', '.join(i)}") for name, i in by_currency.items()
    ]
    if not found and written is not None:
        found = [CurrencyUse(written, f"account.{key}")]
    return found


def _several(
    account: AccountTerms, uses: Iterable[CurrencyUse], held: Mapping[str, Instrument]
) -> str:
    """Return the text on several currencies without ``account.currency``."""
    different = sorted({use.currency for use in uses})
    best = "USD" if "USD" in different else min(different, key=lambda x: (x not in DOLLARS, x))
    missing = [name for name in different if name != best and name not in account.rates]
    return (
        f"account: this run has {len(different)} currencies ({_told(uses)}), and an account adds "
        f"none without a line; write under account:\n{_lines(best, missing, account, held)}"
    )


def _told(uses: Iterable[CurrencyUse]) -> str:
    found: dict[str, list[str]] = {}
    for use in uses:
        found.setdefault(use.currency, []).append(use.where)
    return "; ".join(f"{name} of {', '.join(where)}" for name, where in found.items())


def _lines(
    currency: str, missing: Iterable[str], account: AccountTerms, held: Mapping[str, Instrument]
) -> str:
    """Return the lines to write: the currency of equity, and a rate for each other."""
    rates: dict[str, str] = {}
    for name in missing:
        rates |= _suggested(name, currency, account, held)
    lines = [f"    currency: {currency}"]
    if rates:
        lines += ["    rates:", *(f"      {name}: {text}" for name, text in rates.items())]
    return "\n".join(lines)


def _suggested(
    name: str, currency: str, account: AccountTerms, held: Mapping[str, Instrument]
) -> dict[str, str]:
    """Return a rate line for a currency, and for the currency in which its market is quoted."""
    if {name, currency} <= DOLLARS:
        return {name: "par  # or a series: {series: ID}"}
    dollars = DOLLARS if currency in DOLLARS else {currency}
    markets = sorted(
        (item for item in held.values() if item.asset == name and item.quote in dollars),
        key=lambda item: (item.kind != "spot", item.quote != currency, item.id),
    )
    if not markets:
        return {name: f"{{series: ID}}  # the value of 1 {name} in {currency}"}
    market = markets[0]
    line = {name: f"{{instrument: {market.id}, timeframe: {_TIMEFRAME}}}"}
    if market.quote != currency and market.quote not in account.rates:
        line[market.quote] = "par"
    return line


def _refuse_unvalued(
    account: WalletsConfig, uses: Sequence[CurrencyUse], held: Mapping[str, Instrument]
) -> None:
    """Refuse a currency without a rate, and a rate from an instrument that cannot give it."""
    own = account.currency or ""
    missing = sorted({use.currency for use in uses if account.rate_of(use.currency) is None})
    if missing:
        raise ConfigError(
            f"account.rates: no line for {', '.join(missing)} ({_told(uses)}), so that it has no "
            f"value in {own}; write under account:\n{_lines(own, missing, account, held)}"
        )
    line = account.rates.get(own)
    if line is not None and not line.is_par:
        raise ConfigError(f"account.rates.{own}: {own} is account.currency; leave the line out")
    for name in sorted({use.currency for use in uses} & set(account.rates)):
        item = held.get(account.rates[name].instrument or "")
        if item is not None and not is_reciprocal(name, account, item):
            _refuse_market(name, account, item)


def is_reciprocal(name: str, account: AccountTerms, item: Instrument) -> bool:
    """Return whether a market is of the account's currency, priced in the currency ``name``.

    Its rate is one over the close: an account in BTC values USD by BTC in USD.
    """
    return item.asset == account.currency and item.quote == name


def _refuse_market(name: str, account: AccountTerms, item: Instrument) -> None:
    """Refuse a market of another asset, or one quoted in a currency that is not at par."""
    own = account.currency
    if item.asset and item.asset != name:
        raise ConfigError(
            f"account.rates.{name}: {item.id} is a market of {item.asset}; name one of {name}, "
            f"quoted in {own} or in a currency at par with it"
        )
    quoted = account.rate_of(item.quote)
    if quoted is None or not quoted.is_par:
        raise ConfigError(
            f"account.rates.{name}: {item.id} is quoted in {item.quote}, which is not at par with "
            f"{own}; write {item.quote}: par under account.rates, or name a market quoted in {own}"
        )


def rate_sentences(
    account: WalletsConfig, compared: Iterable[str], held: Mapping[str, Instrument]
) -> list[str]:
    """Return one sentence for each rate of a settled account."""
    own = account.currency
    return [
        _rate_sentence(name, account, held)
        for name in rates_in_use(account, compared)
        if own is not None
    ]


def _rate_sentence(name: str, account: WalletsConfig, held: Mapping[str, Instrument]) -> str:
    own, rate = account.currency, account.rates[name]
    if rate.is_par:
        return f"{name} counts as {own} at par, one for one (account.rates)."
    if rate.series is not None:
        return (
            f"{name} is valued in {own} by the series {rate.series}, the last value known at each "
            f"instant, at most {rate.max_age} old."
        )
    source = (
        f"the last close of {rate.instrument} {rate.timeframe} known at each instant, at most "
        f"{rate.max_age} old"
    )
    item = held.get(rate.instrument or "")
    if item is None:
        return f"{name} is valued in {own} by {source}."
    if is_reciprocal(name, account, item):
        return f"{name} is valued in {own} by one over {source}."
    quoted = "" if item.quote == own else f"; {item.quote} counts as {own} at par"
    return f"{name} is valued in {own} by {source}{quoted}."
