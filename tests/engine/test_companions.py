"""Check that records name companions and that no default belongs to one market."""

import numpy as np
import pytest
from pydantic import ValidationError

from data_feeds.dataset import Dataset
from data_feeds.instrument import Companions, Instrument, InstrumentKind
from data_feeds.quality import usual_peers
from data_feeds.schema import ChannelKey, ChannelKind
from data_feeds.simulation.scenario_perps import asset_of
from engine.conditions import Truth
from engine.config.market import MarketInputsConfig, MarketStateConfig
from engine.errors import ConfigError
from engine.plugins import new_playbook
from engine.settle import settle
from engine.signals.market.build import market_state, state_channels
from engine.testing import candles, table, table_config
from strategies.hedged_rebalance import HedgedParams, HedgedRebalance

BTC, ETH = "BTCUSDT-PERP", "ETHUSDT-PERP"


def fund(name: str, **companions: str) -> Instrument:
    return Instrument(
        id=name,
        kind=InstrumentKind.ETF,
        quote="USD",
        calendar="XNYS",
        companions=Companions(**companions),
    )


FUNDS = {
    "SPY": fund("SPY", volatility="VIX", inverse="SH"),
    "QQQ": fund("QQQ", volatility="VXN", inverse="PSQ"),
    "IWM": fund("IWM", volatility="RVX"),
}


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({"bitcoin": ETH}, "bitcoin_spot, bitcoin_daily, etf_flows, implied_volatility"),
        (
            {"bitcoin": ETH, "bitcoin_spot": "ETHUSDT-SPOT", "etf_flows": []},
            "bitcoin_daily, implied_volatility",
        ),
        ({"index": "QQQ"}, "vix"),
    ],
)
def test_another_market_beside_the_companions_of_the_default_is_refused(given, left):
    with pytest.raises(ValidationError, match=f"but {left} would stay those of"):
        MarketInputsConfig.model_validate(given)


def test_a_market_named_with_its_companions_is_taken():
    named = MarketInputsConfig.model_validate(
        {
            "bitcoin": ETH,
            "bitcoin_spot": None,
            "bitcoin_daily": None,
            "etf_flows": [],
            "implied_volatility": [],
            "index": "QQQ",
            "vix": ["VXN"],
        }
    )
    config = MarketStateConfig(inputs=named)
    read = {key.instrument for key in state_channels(config)}
    assert {ETH, "VXN", "QQQ"} < read
    assert read.isdisjoint({BTC, "BTCUSDT-SPOT", "BTC-USD", "DVOL", "ETF_FLOWS", "VIX", None})
    # Inputs without a name are unknown; the rest of the state is computed.
    data = table(candles([(100.0, 101.0, 99.0, 100.0)] * 48, instrument=ETH))
    state = market_state(data, config, np.datetime64("2026-02-02"), np.datetime64("2026-02-03"))
    for name in ("perp_discount", "etf_outflows", "implied_volatility_jump"):
        assert (state.conditions[name].truth == Truth.UNKNOWN).all(), name
    assert MarketInputsConfig.model_validate(named.model_dump(mode="json")) == named


@pytest.mark.parametrize(("factor", "known"), [(1.002, True), (30.0, False), (1.06, False)])
def test_a_perp_beside_another_spot_market_has_no_discount_in_the_state(factor, known):
    bar = (100.0, 101.0, 99.0, 100.0)
    data = table(
        candles([bar] * 48),
        candles([tuple(price * factor for price in bar)] * 48, instrument="BTCUSDT-SPOT"),
    )
    days = np.datetime64("2026-02-02"), np.datetime64("2026-02-03")
    found = market_state(data, MarketStateConfig(), *days).conditions["perp_discount"]
    assert bool(found.truth[-1] != Truth.UNKNOWN) is known


def hedged(clock: str, **hedges: object) -> HedgedParams:
    weights = {clock: 0.5, "IEF": 0.3}
    return HedgedParams(
        weights=weights,
        risk_assets=(clock,),
        crypto_assets=(),
        timeframes={},
        clock=clock,
        hedges=hedges,
    )


@pytest.mark.parametrize(
    ("clock", "given", "inverse", "underlying"),
    [
        ("SPY", {}, "SH", "SPY"),
        ("QQQ", {}, "PSQ", "QQQ"),
        ("QQQ", {"instrument": "QID"}, "QID", "QQQ"),
    ],
)
def test_hedges_are_of_the_clocks_market(clock, given, inverse, underlying):
    params = HedgedRebalance.settle(hedged(clock, inverse=given, puts={}), FUNDS)
    assert params.hedges.inverse.instrument == inverse
    assert params.hedges.puts.underlying == underlying
    assert HedgedRebalance.requirements(params).options == (underlying,)


def test_a_clock_without_an_inverse_fund_needs_one_named():
    with pytest.raises(ConfigError, match="record of IWM names no inverse fund"):
        HedgedRebalance.settle(hedged("IWM", inverse={}), FUNDS)


@pytest.mark.parametrize("clock", ["EEM", "XYZ"])
def test_a_clock_that_is_not_in_the_data_is_told_from_a_record_without_a_fund(clock):
    with pytest.raises(ConfigError, match=f"clock {clock} is not in the data.*import it") as told:
        HedgedRebalance.settle(hedged(clock, inverse={}), FUNDS)
    assert "names no inverse fund" not in str(told.value)
    # A fund written in the file needs no record.
    named = HedgedRebalance.settle(hedged(clock, inverse={"instrument": "QID"}), FUNDS)
    assert named.hedges.inverse.instrument == "QID"


@pytest.mark.parametrize(("clock", "index"), [("SPY", "VIX"), ("QQQ", "VXN"), ("IWM", "RVX")])
def test_options_are_priced_by_the_index_of_the_underlyings_record(clock, index):
    data = Dataset(FUNDS, {})
    playbook = new_playbook(HedgedRebalance, hedged(clock, puts={}))
    plain = table_config(table(candles([(1.0, 1.0, 1.0, 1.0)])))
    config, _ = settle(plain, data, playbook)
    assert config.options.volatility_index[clock] == index


def test_peers_are_of_one_asset_whatever_their_ids():
    def perp(name: str, asset: str, quote: str = "USDT") -> Instrument:
        return Instrument(id=name, kind=InstrumentKind.PERP, asset=asset, quote=quote)

    held = [perp("A-1", "X"), perp("B-1", "X"), perp("A-2", "Y"), perp("C", "X", "USDC")]
    instruments = {item.id: item for item in held}
    keys = [ChannelKey(name, ChannelKind.BARS, "1h") for name in instruments]
    assert usual_peers(keys, instruments) == [(keys[0], keys[1])]
    assert asset_of(Dataset(instruments, {}), "B-1") == "XUSDT"
    assert asset_of(Dataset({}, {}), "BTCUSDT-PERP") == "BTCUSDT"
