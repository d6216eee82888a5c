"""Today's filters and brackets of a market, and the venue file from them."""

import pytest
from ruamel.yaml import YAML

from data_feeds.errors import SchemaError, TransientSourceError
from data_feeds.sources.ccxt_client import CcxtMarket, Exchange
from data_feeds.sources.retry import RetryPolicy
from data_feeds.sources.venue_terms import brackets_of
from tests.data_feeds.loopback import binance
from tests.data_feeds.loopback.server import Fault
from tests.data_feeds.sources.made_venue import SYMBOL, asked, served


def test_the_terms_without_a_key_have_no_brackets_and_say_why() -> None:
    with served() as (source, _, _):
        terms = source.venue_terms()
    assert (terms.as_of, terms.tick_size, terms.lot_size) == ("2026-01-20", 0.1, 0.001)
    assert terms.min_notional == 100.0
    assert (terms.brackets, terms.note) == ((), "needs BINANCE_API_KEY")
    assert "# maintenance: needs BINANCE_API_KEY" in terms.as_yaml()


def test_the_terms_with_a_key_have_the_venue_s_brackets_and_deductions() -> None:
    with served(keyed=True) as (source, loopback, _):
        terms = source.venue_terms()
        (query,) = asked(loopback, binance.BRACKETS)
    assert "signature" in query
    # The venue's own "cum": 300,000 x 0.001 = 300, and 300 + 800,000 x 0.0015 = 1500.
    assert [(b.floor, b.rate) for b in terms.brackets] == [
        (0, 0.004),
        (300_000, 0.005),
        (800_000, 0.0065),
    ]
    assert [b.deduction for b in terms.brackets] == pytest.approx([0.0, 300.0, 1500.0])


def test_the_terms_as_yaml_have_the_form_of_a_venue_file() -> None:
    with served(keyed=True) as (source, _, _):
        text = source.venue_terms().as_yaml()
    assert text.startswith("# binanceusdm, BTC/USDT:USDT, as of 2026-01-20.\n")
    assert "today's brackets stand for the past" in text
    assert "#   tick_size: 0.1\n#   lot_size: 0.001\n#   min_notional: 100\n" in text
    assert YAML(typ="safe").load(text) == {
        "name": "binanceusdm",
        "maker_fee_bps": 2.0,
        "taker_fee_bps": 5.0,
        "maintenance": [
            {"floor": 0, "rate": 0.004},
            {"floor": 300_000, "rate": 0.005},
            {"floor": 800_000, "rate": 0.0065},
        ],
    }


def test_a_signed_question_that_fails_does_not_show_its_signature() -> None:
    with served(keyed=True) as (source, loopback, _):
        loopback.fail([Fault.ERROR] * 4, binance.BRACKETS)
        with pytest.raises(TransientSourceError) as caught:
            source.venue_terms()
    assert binance.BRACKETS in str(caught.value)
    assert "signature" not in str(caught.value)


def test_an_answer_without_brackets_is_refused() -> None:
    with served(keyed=True) as (source, loopback, _):
        loopback.fail([Fault.EMPTY], binance.BRACKETS)
        with pytest.raises(SchemaError, match="binanceusdm BTC/USDT:USDT"):
            source.venue_terms()


def test_brackets_must_begin_at_zero_and_be_fractions() -> None:
    with pytest.raises(SchemaError, match="begins at 10"):
        brackets_of([(10.0, 0.01)], "X")
    with pytest.raises(SchemaError, match="no fractions"):
        brackets_of([(0.0, 1.5)], "X")


@pytest.mark.parametrize(
    ("exchange", "given"),
    [("binanceusdm", True), ("binance", True), ("bybit", False), ("okx", False)],
)
def test_binance_s_key_is_given_to_no_other_venue(exchange: Exchange, given: bool) -> None:
    market = CcxtMarket(
        exchange, SYMBOL, now=lambda: 0, policy=RetryPolicy(), api_key="key", secret="secret"
    )
    assert market.has_key is given
    assert market.ask(lambda client: client.check_required_credentials(False)) is given
