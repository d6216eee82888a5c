"""Inverse perps: their record, the units of their rows, and outages of a venue."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from data_feeds.catalog import Catalog
from data_feeds.clock import HOUR_NS, MINUTE_NS
from data_feeds.errors import SchemaError
from data_feeds.gate.cross_checks import check_beside
from data_feeds.instrument import Instrument, InstrumentKind, PerpContract
from data_feeds.outages import Outage, opens_in_outage
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.sources.local_files import import_mapping
from data_feeds.trading_terms import (
    LiquidationPrice,
    MaintenanceBase,
    MaintenanceSteps,
    TradingTerms,
)
from data_feeds.units import units_of
from tests.data_feeds.factory import bars, ns
from tests.data_feeds.test_instrument import shipped

INVERSE = Instrument(
    id="P", kind=InstrumentKind.PERP, contract=PerpContract.INVERSE, quote="USD", asset="BTC"
)
DOWN = Outage(since="2020-03-13T02:16Z", until="2020-03-13T02:30Z", source="test")


def test_an_inverse_perp_settles_in_its_asset_and_a_linear_one_in_its_quote():
    assert INVERSE.settlement == "BTC"
    assert Instrument(id="L", kind="perp", quote="USD", asset="BTC").settlement == "USD"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"kind": "spot", "contract": "inverse", "asset": "BTC"}, "spot instruments are not inv"),
        ({"kind": "perp", "contract": "inverse"}, "settles in its asset: set asset"),
        ({"kind": "perp", "contract_value": 10}, "only inverse perps have a contract_value"),
    ],
)
def test_an_inverse_record_that_makes_no_sense_is_refused(fields, problem):
    with pytest.raises(ValidationError, match=problem):
        Instrument(id="X", **fields)


# BitMEX -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "rate", "second", "cap"),
    [
        # The cap is 75% of initial less maintenance margin: 0.75 x (1% - 0.5%) = 0.375%.
        ("2020-03-12", 0.005, 0.01, 0.00375),
        ("2020-04-16", 0.005, 0.01, 0.00375),
        ("2020-04-17", 0.0045, 0.009, 0.004125),
        ("2020-05-05", 0.004, 0.008, 0.0045),
    ],
)
def test_bitmex_terms_hold_from_their_day(day, rate, second, cap):
    held = shipped("btc")["XBTUSD"].in_force(date.fromisoformat(day))
    (record,) = held.terms
    first, step = record.maintenance[:2]
    assert (first.rate, step.floor, step.rate) == (rate, 200, second)
    assert record.funding_cap == pytest.approx(cap)
    assert record.funding_cap == pytest.approx(0.75 * (record.initial_margin - rate))
    assert (held.lot_size, held.tick_size, held.contract_value) == (1, 0.5, 1)


def test_each_risk_limit_step_of_bitmex_adds_the_base_maintenance():
    for record in shipped("btc")["XBTUSD"].terms:
        rows = record.maintenance or ()
        for step, row in enumerate(rows):
            assert row.rate == pytest.approx((step + 1) * rows[0].rate)
            assert row.floor == (0 if step == 0 else 100 + step * 100)


def test_bitmex_terms_say_how_margin_and_liquidation_work():
    (record,) = shipped("btc")["XBTUSD"].in_force(date(2020, 3, 12)).terms
    assert record.maintenance_base is MaintenanceBase.ENTRY
    assert record.maintenance_steps is MaintenanceSteps.WHOLE
    assert record.liquidation is LiquidationPrice.BANKRUPTCY
    assert (record.funding_hours, record.initial_margin) == ((4, 12, 20), 0.01)
    assert (record.maker_fee_bps, record.taker_fee_bps) == (-2.5, 7.5)
    # The day on which the lot became 100 contracts.
    held = shipped("btc")["XBTUSD"].in_force(date(2021, 6, 8))
    assert held.lot_size == 100


@pytest.mark.parametrize("hours", [(4, 4), (12, 4), (24,), (-1, 3)])
def test_funding_hours_are_hours_of_a_day_in_order(hours):
    with pytest.raises(ValidationError, match="funding_hours must rise from 0 to 23"):
        TradingTerms(since="2020-01-01", source="a", funding_hours=hours)


def test_a_change_without_a_number_is_named_by_its_day_alone():
    terms = (
        TradingTerms(since="2020-01-01", source="a", liquidation="market", funding_cap=0.01),
        TradingTerms(since="2020-06-01", source="b", liquidation="bankruptcy", funding_cap=0.02),
    )
    held = Instrument(id="X", kind="perp", terms=terms).in_force(date(2020, 2, 1))
    assert [change.words for change in held.terms[0].changes] == [
        "liquidation on 2020-06-01",
        "funding_cap from 0.01 to 0.02 on 2020-06-01",
    ]


# Outages ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opened", "expected"),
    [("02:15", False), ("02:16", True), ("02:20", True), ("02:29", True), ("02:30", False)],
)
def test_a_bar_that_opens_inside_an_outage_fills_nothing(opened, expected):
    at = np.array([ns(f"2020-03-13 {opened}")], np.int64)
    assert opens_in_outage((DOWN,), at).tolist() == [expected]


@pytest.mark.parametrize(
    ("until", "words"),
    [
        ("2020-03-13T05:30+01:00", "2020-03-13 02:16 to 04:30 UTC (test)"),
        ("2020-03-14T01:00Z", "2020-03-13 02:16 to 2020-03-14 01:00 UTC (test)"),
    ],
)
def test_an_outage_is_told_in_utc_with_the_day_of_its_end(until, words):
    assert Outage(since="2020-03-13T03:16+01:00", until=until, source="test").words == words


def test_outages_add_up_and_none_flags_nothing():
    at = ns("2020-03-13") + np.arange(0, 24, dtype=np.int64) * HOUR_NS
    later = Outage(since="2020-03-13T05:00Z", until="2020-03-13T05:00:01Z", source="test")
    early = Outage(since="2020-03-13T01:30Z", until="2020-03-13T03:00Z", source="test")
    assert np.flatnonzero(opens_in_outage((early, later), at)).tolist() == [2, 5]
    assert not opens_in_outage((), at).any()
    assert not opens_in_outage((DOWN,), at + 31 * MINUTE_NS).any()


def test_an_outage_has_a_zone_and_ends_after_it_starts():
    with pytest.raises(ValidationError, match="must lie after since"):
        Outage(since="2020-03-13T02:16Z", until="2020-03-13T02:16Z", source="test")
    with pytest.raises(ValidationError, match="timezone"):
        Outage(since="2020-03-13T02:16", until="2020-03-13T02:30", source="test")


# Units --------------------------------------------------------------------------------------------


def busy(volume: float):
    """Return hourly bars at about 8,000 with a volume."""
    at = [ns("2020-03-12") + hour * HOUR_NS for hour in range(48)]
    rows = bars(at, [(8_000.0, 8_000.0, 8_000.0, 8_000.0, volume)] * 48)
    return Channel(ChannelKey("P", ChannelKind.BARS, "1h"), rows.columns)


def test_volume_of_an_inverse_perp_is_in_contracts():
    key = ChannelKey("P", ChannelKind.BARS, "1h")
    assert units_of(INVERSE, key)["volume"] == "contracts"
    assert units_of(INVERSE, ChannelKey("P", ChannelKind.OPEN_INTEREST)) == {
        "open_interest_base": "contracts",
        "open_interest_quote": "quote",
    }


def test_turnover_of_an_inverse_perp_is_contracts_times_their_value():
    # 1e9 contracts an hour are 24 billion dollars a day; as bitcoin they would be 1.9e14.
    channel = busy(1e9)
    check_beside(INVERSE, {channel.key: channel}, is_answered=True)
    linear = Instrument(id="P", kind="perp", quote="USD", asset="BTC")
    with pytest.raises(SchemaError, match="or contract: inverse in the instrument"):
        check_beside(linear, {channel.key: channel}, is_answered=True)
    with pytest.raises(SchemaError, match="volume times price"):
        check_beside(INVERSE, {channel.key: busy(1e12)}, is_answered=True)


def test_volume_in_quote_becomes_contracts(tmp_path: Path):
    mapping = """\
instruments:
  - {id: I, kind: perp, contract: inverse, contract_value: 100, quote: USD, asset: BTC}
files:
  - path: bars.csv
    instrument: I
    kind: bars
    timeframe: 1h
    stamp: open
    time: {column: t, zone: UTC}
    columns: {open: o, high: h, low: l, close: c, volume: v}
    volume_unit: quote
    label: observed
"""
    (tmp_path / "mapping.yaml").write_text(mapping)
    (tmp_path / "bars.csv").write_text("t,o,h,l,c,v\n2026-02-06 00:00,10,12,8,10,500\n")
    catalog = Catalog(tmp_path / "catalog")
    import_mapping(tmp_path / "mapping.yaml", catalog)
    # 500 dollars are five contracts of a hundred dollars, at any price.
    assert catalog.read(ChannelKey("I", ChannelKind.BARS, "1h"))["volume"].tolist() == [5.0]
