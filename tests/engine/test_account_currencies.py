"""Check the currencies of an account: which the wallets have, and which lines value the others."""

from typing import Any

import pytest
from pydantic import ValidationError

from data_feeds.instrument import Instrument, InstrumentKind
from engine.account_currencies import (
    is_reciprocal,
    rate_sentences,
    rates_in_use,
    settled_wallets,
)
from engine.config.models import WalletsConfig
from engine.errors import ConfigError
from engine.settle import one_account_currency
from engine.testing import PERP, candles, table, table_config

FLAT = (100.0, 101.0, 99.0, 100.0)
QQQ = Instrument(id="QQQ", kind=InstrumentKind.ETF, quote="USD", asset="QQQ", calendar="XNYS")
BTC = Instrument(id="BTCUSDT-SPOT", kind=InstrumentKind.SPOT, quote="USDT", asset="BTC")
DAX = Instrument(id="DAX-ETF", kind=InstrumentKind.ETF, quote="EUR", asset="DAX", calendar="XNYS")
HELD = {item.id: item for item in (PERP, QQQ, BTC, DAX)}


def settled(
    account: dict[str, Any], *traded: Instrument, compared: tuple[Instrument, ...] = ()
) -> WalletsConfig:
    return settled_wallets(WalletsConfig.model_validate(account), traded, compared, HELD)


def names(account: WalletsConfig) -> tuple[str | None, str | None, str | None]:
    return account.currency, account.venue_currency, account.brokerage_currency


@pytest.mark.parametrize(("item", "currency"), [(PERP, "USDT"), (QQQ, "USD"), (DAX, "EUR")])
def test_a_run_in_one_currency_needs_no_line(item, currency):
    assert names(settled({}, item)) == (currency, currency, currency)


def test_two_dollars_are_two_currencies_and_the_error_gives_the_lines_to_write():
    with pytest.raises(ConfigError) as caught:
        settled({}, PERP, QQQ)
    text = str(caught.value)
    assert "2 currencies (USDT of venue wallet: BTCUSDT-PERP; USD of brokerage wallet: QQQ)" in text
    assert text.endswith(
        "write under account:\n    currency: USD\n    rates:\n"
        "      USDT: par  # or a series: {series: ID}"
    )


def test_the_lines_of_the_error_settle_the_run():
    account = settled({"currency": "USD", "rates": {"USDT": "par"}}, PERP, QQQ)
    assert names(account) == ("USD", "USDT", "USD")
    assert list(rates_in_use(account)) == ["USDT"]


def test_the_benchmark_counts_as_a_currency_of_the_run():
    with pytest.raises(ConfigError, match="USD of benchmark QQQ"):
        settled({}, PERP, compared=(QQQ,))
    account = settled({"currency": "USDT", "rates": {"USD": "par"}}, PERP, compared=(QQQ,))
    assert names(account) == ("USDT", "USDT", "USDT")


def test_a_currency_of_equity_without_a_rate_is_refused_with_its_line():
    with pytest.raises(ConfigError, match=r"no line for USDT .*no value in USD; write"):
        settled({"currency": "USD"}, PERP)
    with pytest.raises(ConfigError, match=r"EUR: \{series: ID\}  # the value of 1 EUR in USDT"):
        settled({"currency": "USDT"}, DAX)


def test_the_error_names_a_market_of_the_data_that_values_the_currency():
    with pytest.raises(ConfigError) as caught:
        settled({"currency": "USD", "venue_currency": "BTC"}, QQQ)
    assert str(caught.value).endswith(
        "    currency: USD\n    rates:\n"
        "      BTC: {instrument: BTCUSDT-SPOT, timeframe: 1h}\n      USDT: par"
    )


def test_a_wallet_holds_one_currency():
    other = PERP.model_copy(update={"id": "ETHUSD-PERP", "quote": "USD"})
    with pytest.raises(ConfigError, match=r"settle in 2 currencies \(USDT: B.*; USD: ETH.*sleeves"):
        settled({"currency": "USD", "rates": {"USDT": "par"}}, PERP, other)


def test_instruments_settle_in_the_currency_of_their_wallet():
    with pytest.raises(ConfigError, match="write venue_currency: USDT, or leave the key out"):
        settled({"currency": "USD", "venue_currency": "USD", "rates": {"USDT": "par"}}, PERP)
    assert settled({"venue_currency": "USDT"}, PERP).venue_currency == "USDT"


def test_a_market_values_its_asset_through_a_currency_at_par():
    account = {"currency": "USD", "venue_currency": "BTC"}
    market = {"instrument": "BTCUSDT-SPOT", "timeframe": "1h"}
    with pytest.raises(ConfigError, match=r"quoted in USDT, which is not at par with USD"):
        settled({**account, "rates": {"BTC": market}}, QQQ)
    whole = settled({**account, "rates": {"BTC": market, "USDT": "par"}}, QQQ)
    assert rate_sentences(whole, (), HELD) == [
        "BTC is valued in USD by the last close of BTCUSDT-SPOT 1h known at each instant, at most "
        "2d old; USDT counts as USD at par."
    ]
    with pytest.raises(ConfigError, match="is a market of BTC; name one of EUR"):
        settled({"currency": "USD", "rates": {"EUR": market}}, DAX)


def test_an_account_in_bitcoin_values_dollars_by_one_over_the_price():
    market = {"instrument": "BTCUSDT-SPOT", "timeframe": "1h"}
    account = settled({"currency": "BTC", "rates": {"USDT": market}}, PERP)
    assert names(account) == ("BTC", "USDT", "BTC")
    assert is_reciprocal("USDT", account, BTC)
    assert rate_sentences(account, (), HELD) == [
        "USDT is valued in BTC by one over the last close of BTCUSDT-SPOT 1h known at each "
        "instant, at most 2d old."
    ]


def test_the_accounts_own_currency_has_no_rate():
    with pytest.raises(ConfigError, match=r"USDT is account\.currency; leave the line out"):
        settled({"rates": {"USDT": {"series": "FX"}}}, PERP)


def test_an_unused_line_values_nothing_and_is_allowed():
    account = settled({"rates": {"EUR": {"series": "EURUSD"}}}, PERP)
    assert rates_in_use(account) == {}
    assert rate_sentences(account, (), HELD) == []


def test_sentences_name_par_and_series():
    account = settled(
        {"currency": "USD", "rates": {"USDT": "par", "EUR": {"series": "DEXUSEU"}}}, PERP, DAX
    )
    assert rate_sentences(account, (), HELD) == [
        "EUR is valued in USD by the series DEXUSEU, the last value known at each instant, at "
        "most 14d old.",
        "USDT counts as USD at par, one for one (account.rates).",
    ]


def test_equities_that_are_added_or_compared_have_one_currency():
    market = table(candles([FLAT] * 4), instruments=(PERP,))
    config = table_config(market)

    def of(currency: str) -> Any:
        account = config.account.model_copy(update={"currency": currency})
        return config.model_copy(update={"account": account})

    assert one_account_currency({"a": of("USD"), "b": of("USD")}, "the rows") == "USD"
    with pytest.raises(ConfigError, match=r"the rows have equities in 2 currencies \(USDT: a; USD"):
        one_account_currency({"a": of("USDT"), "b": of("USD")}, "the rows")


@pytest.mark.parametrize(
    "rate",
    [
        "PAR",
        1.0,
        {},
        {"series": None},
        {"instrument": "X"},
        {"series": "X", "instrument": "Y", "timeframe": "1h"},
    ],
)
def test_a_rate_is_par_a_series_or_bars(rate):
    with pytest.raises(ValidationError, match=r"write par, \{series: ID\} or \{instrument: ID"):
        WalletsConfig.model_validate({"rates": {"EUR": rate}})


def test_a_rate_is_stored_as_it_is_written():
    rates = {"USDT": "par", "EUR": {"series": "DEXUSEU", "max_age": "9d"}}
    account = WalletsConfig.model_validate({"rates": rates})
    assert account.model_dump(mode="json")["rates"] == rates
    assert WalletsConfig.model_validate(account.model_dump(mode="json")) == account


@pytest.mark.parametrize("name", ["usdt", "US$", "USD/T"])
def test_a_currency_is_a_ticker(name):
    with pytest.raises(ValidationError, match="should match pattern"):
        WalletsConfig.model_validate({"currency": name})
