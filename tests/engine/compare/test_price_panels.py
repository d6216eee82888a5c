"""A comparison draws the prices of the instruments that a playbook traded most, with its fills."""

from types import SimpleNamespace

import pytest

from data_feeds.clock import MINUTE_NS
from data_feeds.dataset import Dataset
from data_feeds.load import open_source
from engine.compare.price_panels import MAIN_INSTRUMENTS, main_instruments, price_panels


def traded(instrument, quantity, price):
    return SimpleNamespace(instrument=instrument, quantity=quantity, price=price)


def test_the_main_instruments_have_the_largest_traded_notional():
    # BTC 0.1 x 40,000 twice = 8,000; QQQ 10 x 350 = 3,500; SPY 10 x 400 = 4,000; IEF 5 x 100 = 500.
    fills = [
        traded("IEF", 5.0, 100.0),
        traded("QQQ", -10.0, 350.0),
        traded("BTC", 0.1, 40_000.0),
        traded("SPY", 10.0, 400.0),
        traded("BTC", -0.1, 40_000.0),
    ]
    assert main_instruments(fills) == ["BTC", "SPY", "QQQ"]
    assert MAIN_INSTRUMENTS == 3
    assert main_instruments([]) == []


def test_a_panel_holds_every_fill_inside_its_prices(small):
    (episode, _) = small.matrix.episodes
    cells = small.matrix.of_episode(episode)
    panels = price_panels(episode, cells, open_source("embedded"))
    # Baselines have none.
    assert [(panel["row"], panel["instrument"]) for panel in panels] == [
        ("reclaim", "BTCUSDT-PERP"),
        ("weights", "QQQ"),
    ]
    for panel in panels:
        cell = next(cell for cell in cells if cell.row == panel["row"])
        fills = [fill for fill in cell.files.fills if fill.instrument == panel["instrument"]]
        assert len(panel["marks"]) == len(fills) > 0
        for mark, fill in zip(panel["marks"], fills, strict=True):
            assert mark["at"] == fill.at // MINUTE_NS
            assert mark["price"] == pytest.approx(fill.price, rel=1e-6)
            assert mark["text"]
        for low, close, high in zip(panel["low"], panel["close"], panel["high"], strict=True):
            assert low <= close <= high
        assert episode.start_at <= panel["at"][0] * MINUTE_NS
        assert panel["at"][-1] * MINUTE_NS <= episode.end_at
    stops = panels[0]["stops"]
    assert stops
    assert all(begin <= until for begin, until, _ in stops)


def test_a_playbook_whose_bars_are_gone_has_no_prices(small):
    (episode, _) = small.matrix.episodes
    assert price_panels(episode, small.matrix.of_episode(episode), Dataset({}, {})) == []
