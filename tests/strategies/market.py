"""One sell-off on hourly bars, made by hand, and the account views around it."""

import numpy as np

from data_feeds.clock import HOUR_NS
from data_feeds.dataset import Dataset
from data_feeds.instrument import Companions, Instrument, InstrumentKind
from data_feeds.schema import ChannelKind
from engine.views import AccountView, Cursor, MarketView, PositionView
from strategies.liquidation_reclaim import LiquidationReclaim, ReclaimParams
from tests.engine.signals.channels import bars

PERP = "BTCUSDT-PERP"
START = int(np.datetime64("2026-02-03T00:00", "ns").astype(np.int64))  # a Tuesday
CALM = 24
RECLAIM = 27
NAN = float("nan")

# low, high, close, volume. Row 24 is the first flush, 25 the bounce, 26 the second flush, 27 the
# reclaim. Wilder's ATR of 3 bars, starting from 1: 24: (1 x 2 + 3) / 3 = 1.667 (range 100 - 97);
# 25: (1.667 x 2 + 1.8) / 3 = 1.711 (99 - 97.2); 26: (1.711 x 2 + 2.1) / 3 = 1.841 (98.6 - 96.5).
SELL_OFF = [
    (97.0, 100.0, 97.5, 5.0),
    (97.2, 99.0, 98.5, 2.0),
    (96.5, 98.6, 96.8, 3.0),
    (96.6, 98.0, 97.6, 2.0),
    (97.4, 98.4, 98.2, 1.0),
    (98.0, 99.0, 98.8, 1.0),
    (98.5, 99.8, 99.6, 1.0),
]
ATR_BEFORE_RECLAIM = ((((1 * 2 + 3) / 3) * 2 + 1.8) / 3 * 2 + 2.1) / 3


def small_params(**changes):
    """Return parameters with short windows, so that a day of bars is enough warm-up."""
    values = {
        "support_lookback": "6 bars",
        "atr_length": "3 bars",
        "volume_window": "6 bars",
        "trend_bars": 2,
        "spike_window": "4 bars",
        "spike_baseline": "8 bars",
        **changes,
    }
    return ReclaimParams(**values)


def sell_off_bars(mirrored=False):
    """Return a calm day around 100, then the sell-off; mirrored around 100 it is a squeeze."""
    calm = [(99.5, 100.5, 100.0, 1.0)] * CALM
    low, high, close, volume = (np.array(column) for column in zip(*calm, *SELL_OFF, strict=True))
    if mirrored:
        low, high, close = 200 - high, 200 - low, 200 - close
    return bars(START + np.arange(len(low)) * HOUR_NS, low, high, close, volume)


def instants(rows):
    """Return the decision instants of the first rows."""
    return START + (np.arange(rows, dtype=np.int64) + 1) * HOUR_NS


def market_data(*channels, mirrored=False):
    """Return a dataset of the bars and the given channels."""
    everything = [sell_off_bars(mirrored), *channels]
    perp = Instrument(
        id=PERP,
        kind=InstrumentKind.PERP,
        tick_size=0.1,
        companions=Companions(spot="BTCUSDT-SPOT"),
    )
    spot = Instrument(id="BTCUSDT-SPOT", kind=InstrumentKind.SPOT)
    return Dataset({PERP: perp, spot.id: spot}, {c.key: c for c in everything})


class ReclaimBench:
    """Runs a playbook on prepared data, with views at any row."""

    def __init__(self, params=None, data=None):
        self.playbook = LiquidationReclaim(small_params() if params is None else params)
        self.data = market_data() if data is None else data
        self.signals = self.playbook.prepare(self.data)
        self.conditions = {item.name: item for item in self.signals.conditions}

    def market(self, row):
        declared = self.playbook.requirements(self.playbook.params)
        truths = {name: item.truth for name, item in self.conditions.items()}
        cursor = Cursor(int(self.signals.decided_at[row]), row)
        return MarketView(self.data, declared.channels, self.signals.values, truths, cursor=cursor)

    def on_bar(self, row, account=None):
        return list(self.playbook.on_bar(self.market(row), account or account_at()))

    def bars(self):
        return self.data.channel(PERP, ChannelKind.BARS, "1h")


def position(quantity=1.0, entry=97.6, stop=95.0, plan_id=1):
    return PositionView(PERP, plan_id, quantity, entry, entry, 0.0, stop, NAN, NAN, 0, 1.0)


def account_at(*positions, pending=()):
    """Return an account that holds the given positions."""
    held = {item.instrument: item for item in positions}
    return AccountView(0, 1e5, 1e5, 0.0, 1e5, 0.0, held, frozenset(pending))
