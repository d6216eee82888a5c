"""Check an instrument's costs: from the run file, its own terms, or the venue."""

import math
from datetime import date

import pytest

from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.trading_terms import MaintenanceBracket, SlippageTerms, TradingTerms
from data_feeds.yaml_text import load_yaml
from engine.audit.venue_terms import (
    annual_borrow_fee,
    fee_fraction,
    instrument_brackets,
    slippage_terms,
)
from engine.config.load import load_run_config
from engine.config.locations import find_venue
from engine.config.models import WalletsConfig
from engine.config.short_sale_terms import ShortSaleTerms
from engine.config.venue import TERMS, VenueConfig
from engine.costs import RangeSlippage
from engine.intents import Enter
from engine.testing import PERP, candles, play, table

FLAT = (100.0, 101.0, 99.0, 100.0)
OWN = (MaintenanceBracket(floor=0, rate=0.02),)
VENUES = (MaintenanceBracket(floor=0, rate=0.004),)
RECORD = TradingTerms(
    since="2020-01-01",
    source="test",
    maker_fee_bps=1,
    taker_fee_bps=7,
    commission_bps=9,
    liquidation_fee_bps=50,
    slippage=SlippageTerms(base_bps=4),
    maintenance=OWN,
)


def of(kind=InstrumentKind.PERP, *, own=True, name="X"):
    calendar = "XNYS" if kind is InstrumentKind.ETF else "24/7"
    return Instrument(id=name, kind=kind, calendar=calendar, terms=(RECORD,) if own else ())


def venue(**changes):
    return VenueConfig.model_validate({"maintenance": VENUES, **changes})


def rates(config, instrument):
    costs = config.costs_of(instrument)
    found = (costs.maker_rate, costs.taker_rate, costs.liquidation_fee_rate)
    return tuple(round(rate * 10_000, 9) for rate in found)


def audited(config, instrument):
    at_brokerage = instrument.kind is InstrumentKind.ETF
    perps = ("maker_fee_bps", "taker_fee_bps")
    keys = ("commission_bps", "commission_bps") if at_brokerage else perps
    # A broker that covers a short charges its commission.
    liquidated = keys[1] if at_brokerage else "liquidation_fee_bps"
    found = (fee_fraction(config, instrument, key) for key in (*keys, liquidated))
    return tuple(round(rate * 10_000, 9) for rate in found)


@pytest.mark.parametrize(
    ("config", "instrument", "expected"),
    [
        # An empty section: the instrument's own terms; without a record the built-in values.
        (venue(), of(), (1, 7, 50)),
        (venue(), of(own=False), (2, 5, 125)),
        (venue(), of(InstrumentKind.ETF), (9, 9, 9)),
        (venue(), of(InstrumentKind.SPOT), (1, 7, 50)),
        # A key in the run file holds for every instrument.
        (venue(taker_fee_bps=20), of(), (1, 20, 50)),
        (venue(taker_fee_bps=20), of(own=False), (2, 20, 125)),
        (venue(commission_bps=3), of(InstrumentKind.ETF), (3, 3, 3)),
        # An instrument's terms replace keys of a venue's file.
        (venue(taker_fee_bps=20, general=TERMS), of(), (1, 7, 50)),
        (venue(taker_fee_bps=20, general=TERMS), of(own=False), (2, 20, 125)),
    ],
)
def test_fees_in_order_of_precedence(config, instrument, expected):
    assert rates(config, instrument) == expected
    assert audited(config, instrument) == expected


@pytest.mark.parametrize(
    ("config", "base", "share"),
    [
        (venue(slippage={"model": "range"}), 4, 0.02),
        (venue(slippage={"range_share": 0.5}), 4, 0.5),
        (venue(slippage={"model": "range", "base_bps": 0}), 0, 0.02),
        (venue(slippage=RangeSlippage(base_bps=9, range_share=0, impact=0)), 9, 0),
        (venue(slippage={"model": "range", "base_bps": 9}, general=TERMS), 4, 0.02),
    ],
)
def test_slippage_part_by_part(config, base, share):
    held, audited = config.costs_of(of()).slippage, slippage_terms(config, of())
    assert audited.model == "range"
    for found in (held.model_dump(), audited.values):
        assert (found["base_bps"], found["range_share"]) == (base, share)


def test_brackets_of_the_run_of_the_instrument_and_of_the_venue():
    written, general = venue(), venue(general=TERMS)
    assert written.costs_of(of()).maintenance == VENUES
    assert general.costs_of(of()).maintenance == OWN
    assert general.costs_of(of(own=False)).maintenance == VENUES
    assert instrument_brackets(written, of())[0].rate == 0.004
    assert instrument_brackets(general, of())[0].rate == 0.02
    assert instrument_brackets(general, of(own=False))[0].rate == 0.004


def test_a_named_venue_is_general_and_a_setting_is_written_for_all(run_file):
    plain = load_run_config(run_file()).venue
    assert plain.general == TERMS
    changed = load_run_config(
        run_file(),
        ("venue.taker_fee_bps=20", "venue.slippage.impact=0", "venue.maintenance.0.rate=0.003"),
    ).venue
    left = set(TERMS) - {"taker_fee_bps", "slippage.impact", "maintenance"}
    assert set(changed.general) == left
    assert rates(changed, of()) == (1, 20, 50)
    assert changed.costs_of(of()).slippage.base_bps == 4
    with pytest.raises(ValueError, match="general names 'fees'"):
        venue(general=["fees"])


def test_the_shipped_venue_names_its_table_a_stand_in():
    text = find_venue("binance_usdm").read_text(encoding="utf-8")
    assert "stand" in text.partition("maintenance:")[0]
    assert "general" not in load_yaml(find_venue("binance_usdm")).data


def test_two_perps_pay_their_own_fees_and_slippage():
    cheap = PERP.model_copy(update={"terms": (RECORD.model_copy(update={"taker_fee_bps": 1.0}),)})
    dear = Instrument(
        id="OTHER",
        kind=InstrumentKind.PERP,
        tick_size=0.01,
        terms=(
            TradingTerms(since="2020-01-01", source="a", taker_fee_bps=30),
            TradingTerms(since="2030-01-01", source="b", taker_fee_bps=99),
        ),
    )
    market = table(
        candles([FLAT] * 3),
        candles([FLAT] * 3, instrument="OTHER"),
        instruments=(cheap, dear),
    )
    script = {0: [Enter(name, 1, 50.0, "test") for name in (PERP.id, "OTHER")]}
    outcome = play(market, script, venue={"general": ("taker_fee_bps", "slippage.base_bps")})
    paid = {fill.instrument: (fill.price, fill.fee / fill.quantity) for fill in outcome.fills}
    # 100 + 4 bps is 100.04, on a tick of 0.1 against the buyer 100.1; 1 bp of it.
    assert paid[PERP.id] == pytest.approx((100.1, 0.01001))
    # No slippage of its own; 30 bps of 100, the record of 2030 not yet in force.
    assert paid["OTHER"] == pytest.approx((100.0, 0.3))


def test_a_run_keeps_the_terms_of_its_first_day():
    later = TradingTerms(since="2026-02-03", source="b", taker_fee_bps=20)
    record = PERP.model_copy(update={"terms": (RECORD, later)})
    # Tables begin on 2026-02-02: the record of the next day is not yet known.
    market = table(candles([FLAT] * 40), instruments=(record,))
    outcome = play(
        market, {30: [Enter(PERP.id, 1, 50.0, "test")]}, venue={"general": ("taker_fee_bps",)}
    )
    assert outcome.fills[0].fee_rate == pytest.approx(0.0007)
    assert record.in_force(date(2026, 2, 2)).terms[0].until == date(2026, 2, 3)


def test_what_is_general_survives_a_round_trip():
    for config in (venue(), venue(taker_fee_bps=20), venue(general=TERMS)):
        again = VenueConfig.model_validate_json(config.model_dump_json(), strict=True)
        assert rates(again, of()) == rates(config, of())
        assert again.costs_of(of()).slippage == config.costs_of(of()).slippage
        assert again.costs_of(of()).maintenance == config.costs_of(of()).maintenance


@pytest.mark.parametrize(
    ("changes", "own", "rate"),
    [
        ({}, None, None),
        ({}, 40, 0.0040),
        ({"borrow_fee_bps": 25}, 40, 0.0025),
        ({"borrow_fee_bps": 25, "general": TERMS}, 40, 0.0040),
        ({"borrow_fee_bps": 25}, None, 0.0025),
        ({"borrow_fee_bps": 0}, 40, 0.0),
    ],
)
def test_a_borrow_fee_has_no_default_and_the_order_of_the_other_costs(changes, own, rate):
    record = RECORD.model_copy(update={"borrow_fee_bps": own})
    fund = of(InstrumentKind.ETF).model_copy(update={"terms": (record,)})
    found = venue(**changes).costs_of(fund).borrow_fee_rate
    audited_rate = annual_borrow_fee(venue(**changes), fund)
    if rate is None:
        assert found is None
        assert math.isnan(audited_rate)
    else:
        assert (found, audited_rate) == (pytest.approx(rate), pytest.approx(rate))


def test_margins_of_short_sales_are_in_order():
    with pytest.raises(ValueError, match=r"maintenance_margin 1\.6 must not exceed"):
        ShortSaleTerms(maintenance_margin=1.6)
    terms = ShortSaleTerms(borrow_fee_series={"SPY": "FEE"})
    assert WalletsConfig(short_sales=terms).paid_series == {"DGS3MO", "FEE"}
