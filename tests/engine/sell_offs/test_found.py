"""Check found sell-offs: days, total return, knowledge time, names, and the counts on real data."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from data_feeds.calendar import sessions_between
from data_feeds.clock import DAY_NS, HOUR_NS, midnight_ns
from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.schema import Channel, ChannelKey, ChannelKind, Provenance
from engine.errors import ConfigError
from engine.sell_offs import (
    SellOffMarket,
    find_market,
    find_sell_offs,
    found_document,
    found_text,
    held_then,
    knew,
    load_market,
    set_before,
    shipped_markets,
)

BARS = ChannelKey("X", ChannelKind.BARS, "1d")
PAID = ChannelKey("X", ChannelKind.DIVIDENDS)
EVENTS = [
    {"day": "2026-01-06", "text": "a fall", "source": "told"},
    {"day": "2026-01-20", "text": "no fall", "source": "told"},
]


def market(**changes):
    told = {
        "name": "X",
        "instrument": "X",
        "since": "2026-01-01",
        "fall": 0.10,
        "rival": {"X": 1.0},
        "events": EVENTS,
    }
    return SellOffMarket.model_validate({**told, **changes})


def data(closes, *, days=None, dividends=(), label=Provenance.OBSERVED, late=0, **instrument):
    """Return daily bars from 2026-01-05 (a Monday) on, 14:30 to 21:00 UTC, and dividends."""
    at = sessions_between("XNYS", np.datetime64("2026-01-05"), np.datetime64("2026-12-31"))
    held = at[: len(closes)] if days is None else at[list(days)]
    opened = held.astype("datetime64[ns]").astype(np.int64) + 14 * HOUR_NS + HOUR_NS // 2
    closes = np.asarray(closes, dtype=np.float64)
    columns = {
        "opened_at": opened,
        "closed_at": opened + 13 * HOUR_NS // 2,
        "available_at": opened + 13 * HOUR_NS // 2 + late,
        **dict.fromkeys(("open", "high", "low", "close"), closes),
        "volume": np.ones(len(closes)),
        "label": np.full(len(closes), int(label), dtype=np.int8),
    }
    channels = {BARS: Channel(BARS, columns)}
    if dividends:
        row, amount = map(np.array, zip(*dividends, strict=True))
        paid_at = opened[row]
        told = {
            "event_at": paid_at,
            "available_at": paid_at,
            "amount": amount,
            "label": np.zeros(len(row), dtype=np.int8),
        }
        channels[PAID] = Channel(PAID, told)
    record = Instrument(
        id="X", kind=InstrumentKind.ETF, quote="USD", venue="v", calendar="XNYS",
        tick_size=0.01, lot_size=1, **instrument,
    )  # fmt: skip
    return Dataset({"X": record}, channels)


def test_days_are_those_of_the_closes_and_confirmation_is_the_first_knowledge():
    found = find_sell_offs(data([100, 90, 88, 94, 95], late=HOUR_NS), market())
    (only,) = found.sell_offs
    assert (only.high, only.confirmed, only.low, only.last) == (
        date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 7), date(2026, 1, 8),
    )  # fmt: skip
    # The close is at 21:00 and known an hour later.
    assert only.confirmed_at == midnight_ns(date(2026, 1, 6)) + 22 * HOUR_NS
    assert only.ended_at == midnight_ns(date(2026, 1, 8)) + 22 * HOUR_NS
    assert only.depth == pytest.approx(-0.12)
    assert only.from_first_row
    assert not only.is_open


def test_dividends_are_reinvested_so_an_ex_date_is_no_fall():
    # 100 to 90 on prices; with 5 paid on that day (90 + 5) / 100 is a fall of 5%.
    assert find_sell_offs(data([100, 90, 91]), market()).sell_offs
    assert not find_sell_offs(data([100, 90, 91], dividends=[(1, 5.0)]), market()).sell_offs
    held = find_sell_offs(data([100, 90, 99], dividends=[(1, 5.0)]), market()).closes.value
    # 100, then x 95 / 100, then x 99 / 90
    assert held == pytest.approx([100, 95, 95 * 99 / 90])


def test_prices_that_contain_dividends_count_them_once():
    adjusted = data([100, 90, 91], dividends=[(1, 5.0)], dividend_adjusted=True)
    assert len(find_sell_offs(adjusted, market()).sell_offs) == 1


def test_a_missing_session_is_counted_and_never_filled():
    found = find_sell_offs(data([100, 85, 95], days=[0, 2, 3]), market())
    assert found.closes.missing == 1
    assert found.sell_offs[0].confirmed == date(2026, 1, 7)


def test_legs_with_a_hole_of_sessions_between_them_are_two_clusters():
    # The first leg ends at 95, the next one starts at 96: a session later, or 22 with the hole.
    closes = [100, 90, 95, 96, 80, 90]
    assert find_sell_offs(data(closes), market()).clusters == 1
    assert find_sell_offs(data(closes, days=[0, 1, 2, 24, 25, 26]), market()).clusters == 2


def test_until_leaves_out_what_was_not_known_at_the_days_end():
    closes = data([100, 95, 89, 94, 95], late=2 * DAY_NS)
    assert not find_sell_offs(closes, market(), until=date(2026, 1, 8)).sell_offs
    (known,) = find_sell_offs(closes, market(), until=date(2026, 1, 9)).sell_offs
    assert (known.confirmed, known.is_open) == (date(2026, 1, 7), True)


def test_an_event_inside_names_a_sell_off_and_the_others_stay_outside():
    found = find_sell_offs(data([100, 90, 88, 94, *[95] * 12]), market())
    assert [event.text for event in found.sell_offs[0].names] == ["a fall"]
    assert [event.text for event in found.outside] == ["no fall"]
    # Names add nothing and drop nothing.
    unnamed = find_sell_offs(data([100, 90, 88, 94, *[95] * 12]), market(events=[]))
    assert [i.high for i in unnamed.sell_offs] == [i.high for i in found.sell_offs]


def test_generated_rows_and_absent_bars_are_refused():
    with pytest.raises(CoverageError, match="generated rows"):
        find_sell_offs(data([100, 90], label=Provenance.SYNTHETIC), market())
    with pytest.raises(CoverageError, match="Y/bars/1d: no daily bars since 2026-01-01"):
        find_sell_offs(data([100, 90]), market(instrument="Y"))


def test_the_text_and_the_document_say_the_same():
    source = data([100, 90, 88, 94, 95, 80])
    found = find_sell_offs(source, market(sensitivity=[0.2]))
    text, document = (made(found, source, data="told") for made in (found_text, found_document))
    assert "2 sell-offs in 1 clusters" in text
    assert document["sell_offs"][1]["open"] is True
    assert document["sell_offs"][0]["hindsight"] == {"from": "2026-01-05", "to": "2026-01-06"}
    assert document["sensitivity"] == [{"fall": 0.2, "sell_offs": 1, "clusters": 1}]
    assert document["sell_offs"][0]["channels"] is None


def test_thresholds_knew_what_was_confirmed_when_they_were_set():
    (only,) = find_sell_offs(data([100, 90, 95]), market()).sell_offs
    assert {origin.rules for origin in set_before(only)} >= {"faber_filter", "rsi_two"}
    assert len(set_before(only)) + len(knew(only)) == 5


def test_a_market_file_names_its_mistakes(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("name: own\ninstrument: X\nsince: 2026-01-01\nfall: 10\nrival: {X: 1}\n")
    with pytest.raises(ConfigError, match="fall"):
        load_market(path)
    path.write_text("name: other\ninstrument: X\nsince: 2026-01-01\nfall: 0.1\nrival: {X: 1}\n")
    with pytest.raises(ConfigError, match="must be the file's, 'own'"):
        load_market(path)


def test_the_shipped_markets_are_in_order_of_their_first_day():
    assert [item.name for item in shipped_markets()] == ["QQQ", "BTC"]


def test_real_closes_give_the_counts_of_the_rule(real_catalog):
    qqq, btc = (find_sell_offs(real_catalog, find_market(name)) for name in ("QQQ", "BTC"))
    assert (len(qqq.sell_offs), qqq.clusters) == (28, 21)
    assert (len(btc.sell_offs), btc.clusters) == (19, 14)
    crisis = [item for item in qqq.sell_offs if 2007 <= item.high.year <= 2008]
    assert [str(item.high) for item in crisis] == [
        "2007-10-31",
        "2007-12-26",
        "2008-06-05",
        "2008-08-14",
    ]
    tightening = [item for item in qqq.sell_offs if item.cluster == 17]
    assert [str(item.low) for item in tightening] == ["2022-03-14", "2022-06-16", "2022-11-03"]
    assert not any(item.is_open for item in qqq.sell_offs)
    assert [item.is_open for item in btc.sell_offs].index(True) == 18
    assert btc.sell_offs[0].from_first_row
    # The perp's bars begin in September 2019.
    assert "BTCUSDT-PERP/bars/1h" not in held_then(real_catalog, btc.sell_offs[9]).whole
    assert "BTCUSDT-PERP/bars/1h" in held_then(real_catalog, btc.sell_offs[12]).whole


def test_real_sell_offs_known_in_2012_are_those_of_today(real_catalog):
    whole = find_sell_offs(real_catalog, find_market("QQQ"))
    then = find_sell_offs(real_catalog, find_market("QQQ"), until=date(2012, 12, 31))
    assert then.sell_offs == whole.sell_offs[: len(then.sell_offs)]
    assert pd.Timestamp(whole.sell_offs[len(then.sell_offs)].confirmed_at) > pd.Timestamp("2013")
