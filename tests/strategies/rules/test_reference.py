"""The lists of functions and values, against the code that they describe."""

import pytest

from data_feeds.instrument import Instrument
from data_feeds.schema import ChannelKey, ChannelKind
from engine.api import MarketStateConfig, ValueEntry
from strategies.rules.functions.registry import FUNCTIONS
from strategies.rules.names import Names, NameSettings
from strategies.rules.parse import parse
from strategies.rules.phrases import FLUSH_WORDS, PLAN_WORDS
from strategies.rules.reference import (
    FIELD_UNITS,
    FIELD_WORDS,
    FLUSH,
    PLAN,
    STATE,
    function_entries,
    made_values,
    value_table,
    values_of_data,
)
from strategies.rules.syntax import Name
from strategies.rules.vocabulary import FLUSH_UNITS, INSTRUMENT_FIELDS, PLAN_UNITS

PERP, SPOT, ETF = "BTCUSDT-PERP", "BTCUSDT-SPOT", "SPY"
RECORDS = {
    PERP: Instrument(id=PERP, kind="perp", calendar="24/7", companions={"spot": SPOT}),
    SPOT: Instrument(id=SPOT, kind="spot", calendar="24/7"),
    ETF: Instrument(id=ETF, kind="etf", calendar="XNYS"),
    "VIX": Instrument(id="VIX", kind="series", calendar="XNYS", quote="points"),
    "ODD": Instrument(id="ODD", kind="series", calendar="XNYS"),
}


def key(name: str, kind: str, timeframe: str = "") -> ChannelKey:
    return ChannelKey(name, ChannelKind(kind), timeframe)


HELD = [
    key(PERP, "bars", "15m"),
    key(PERP, "bars", "1h"),
    key(PERP, "bars", "5m"),
    key(PERP, "mark", "1h"),
    key(PERP, "funding"),
    key(SPOT, "bars", "1h"),
    key(ETF, "bars", "1d"),
    key(ETF, "dividends"),
    key("ODD", "series"),
    key("VIX", "series"),
]


def by_name(group: str) -> dict[str, ValueEntry]:
    """Return the values whose group begins with a text, by name."""
    listed = values_of_data(RECORDS, HELD)
    return {item.name: item for item in listed if item.group.startswith(group)}


def test_every_function_is_listed_with_nothing_left_empty() -> None:
    entries = function_entries()
    assert [item.name for item in entries] == list(FUNCTIONS)
    for item in entries:
        assert all(vars(item).values()), item.name
        assert item.call.startswith(f"{item.name}(")


def test_every_value_has_words_and_a_unit() -> None:
    assert set(FIELD_WORDS) == set(FIELD_UNITS) == set(INSTRUMENT_FIELDS)
    assert set(PLAN_WORDS) == set(PLAN_UNITS)
    assert set(FLUSH_WORDS) == {*FLUSH_UNITS, "stage"}


def test_an_instrument_has_the_values_that_its_channels_give() -> None:
    perp, spot, etf = by_name(PERP), by_name(SPOT), by_name(ETF)
    plain = {".open", ".high", ".low", ".close", ".volume"}
    assert set(perp) == {*plain, ".mark", ".basis", ".funding"}
    assert set(spot) == plain
    assert set(etf) == {*plain, ".total_return"}


def test_channels_are_listed_by_the_length_of_their_bars() -> None:
    assert [item.timeframe for item in by_name(PERP)[".close"].channels] == ["5m", "15m", "1h"]
    # The spot market has no bars of five or fifteen minutes.
    assert by_name(PERP)[".basis"].channels == (key(PERP, "bars", "1h"),)
    assert by_name(ETF)[".total_return"].channels[1] == key(ETF, "dividends")


def test_a_heading_shows_how_to_bind_the_name() -> None:
    groups = {item.group for item in values_of_data(RECORDS, HELD)}
    assert f"{PERP}, bound for example as x: {PERP}@1h" in groups
    assert f"{ETF}, bound for example as x: {ETF}@session" in groups


def test_a_series_without_a_declared_unit_is_not_checked() -> None:
    series = by_name("Series")
    assert (series["VIX"].unit, series["ODD"].unit) == ("points", "not checked")


@pytest.mark.parametrize("group", [STATE, FLUSH, PLAN])
def test_every_listed_value_is_a_name_of_the_language(group: str) -> None:
    settings = NameSettings(instruments={"btc": f"{PERP}@1h"}, series={}, clock="btc", flush=None)
    names = Names.of(settings)
    listed = [item for item in made_values(MarketStateConfig()) if item.group == group]
    assert listed
    for item in listed:
        node = parse(item.name)
        assert isinstance(node, Name)
        if group != FLUSH:
            term = names.term_of(node, plan_values=True)
            kinds = {"truth": "truth", "label": "label"}
            assert term.kind == kinds.get(item.unit, "number"), item.name


def test_the_table_of_values_has_a_row_a_name_and_whole_columns() -> None:
    values = value_table().splitlines()
    assert {line.count("|") for line in values} == {4}
    for name in (*PLAN_UNITS, "state.tier", "flush.reclaimed", "X.basis"):
        assert any(line.startswith(f"| `{name}` |") for line in values), name
