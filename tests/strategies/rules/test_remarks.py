"""Whose rows an expression counts, and what no unit was checked for."""

import pytest

from data_feeds.instrument import Instrument
from strategies.rules.bindings import BoundRules
from strategies.rules.params import RulesParams
from strategies.rules.remarks import counted_rows, midnight_pairs, unchecked_units

PERP = "BTCUSDT-PERP"
RECORDS = {
    PERP: Instrument(id=PERP, kind="perp", calendar="24/7"),
    "SPY": Instrument(id="SPY", kind="etf", calendar="XNYS"),
    "VIX": Instrument(id="VIX", kind="series", calendar="XNYS", quote="points"),
    "ODD": Instrument(id="ODD", kind="series", calendar="XNYS"),
}


@pytest.fixture
def rules() -> BoundRules:
    params = RulesParams.model_validate(
        {
            "instruments": {"btc": f"{PERP}@1h", "spy": "SPY@session"},
            "series": {"vix": "VIX", "odd": "ODD"},
            "clock": "btc@1h",
            "let": {"n": "atr(btc@4h, 14 bars)"},
            "trades": {"t": {"instrument": "btc", "enter": {"c": "vix < 25"}, "stop": "btc.low"}},
        }
    )
    return BoundRules.of(params, RECORDS)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("vix < 25", ""),
        ("btc.close - 3", ""),
        ("abs(vix) > min(3, odd)", ""),
        ("hour() == 3", ""),
        ("sma(vix, 20 sessions)", "counts values of VIX"),
        ("vix[1] < vix", "counts values of VIX"),
        ("btc.close > highest(btc.high, 20d)[1]", f"counts 1h bars of {PERP}"),
        ("btc.close - 2 * n", f"counts 4h bars of {PERP}"),
        ("spy.close < sma(spy.close, 200 sessions)", "counts sessions of SPY"),
        ("sma(month_end(spy.close), 10 bars)", "counts month ends of SPY"),
        ('state.action == "wait" for 3d', "counts days of the market state"),
        ("sma(btc.funding, 3 bars) < 0", f"counts funding rates of {PERP}"),
        (
            "correlation(btc@1d.close, spy.close, 60 bars) > 0.5",
            f"counts instants common to 1d bars of {PERP} and sessions of SPY",
        ),
        ("btc.close crosses above spy.close", "counts decisions"),
        (
            "count(vix > 30, 5 bars) > 2 and sma(btc.close, 3 bars) > 4",
            f"counts values of VIX and 1h bars of {PERP}",
        ),
        ("position.age > 10d", ""),
    ],
)
def test_the_rows_that_an_expression_counts_are_named(
    rules: BoundRules, text: str, counts: str
) -> None:
    assert counted_rows(text, rules) == counts


def test_numbers_without_a_declared_unit_are_listed_once(rules: BoundRules) -> None:
    texts = [
        "odd > 3",
        "odd + vix > 4",
        "state.vix > 20",
        "vix < 25",
        "btc.close > sma(odd, 3 bars)",
    ]
    assert unchecked_units(texts, rules) == ["odd", "sma(odd, 3 bars)", "state.vix"]


@pytest.mark.parametrize(
    ("text", "bars", "instead"),
    [
        ("correlation(btc.close, vix, 60 bars)", f"1h bars of {PERP}", "btc@1d"),
        ("sma(spy@5m.close / vix, 60 bars)", "5m bars of SPY", "spy@session"),
        ("correlation(btc.funding, vix, 9 bars)", f"funding rates of {PERP}", "daily values"),
    ],
)
def test_a_dated_value_beside_shorter_bars_in_a_window_is_remarked_once(
    rules: BoundRules, text: str, bars: str, instead: str
) -> None:
    (note,) = midnight_pairs([f"{text} > 0", f"{text} < 1"], rules)
    assert note.endswith(
        f" pairs values of VIX, which stand at midnight UTC, with {bars} at that instant alone; "
        f"to pair days, write {instead}."
    )


@pytest.mark.parametrize(
    "text",
    [
        "correlation(btc@1d.close, vix, 60 bars)",
        "correlation(spy.close, vix, 60 sessions)",
        "correlation(btc.close, spy.close, 60 bars)",
        "btc.close > 1000 * vix",
    ],
)
def test_rows_that_meet_by_date_or_at_the_decision_need_no_remark(
    rules: BoundRules, text: str
) -> None:
    assert midnight_pairs([text], rules) == []
