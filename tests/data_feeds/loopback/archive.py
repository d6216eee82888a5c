"""A fake Binance archive: zips with checksums, built on request."""

import hashlib
import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from data_feeds.clock import HOUR_NS, MINUTE_NS
from data_feeds.timeframe import Timeframe
from tests.data_feeds.factory import ns
from tests.data_feeds.loopback.server import Request, Response

MS = 10**6
US = 10**3
STEP_NS = 5 * MINUTE_NS
RELABELLED = ns("2026-06-25")
KLINES = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
    "taker_buy_quote_volume,ignore"
)
FUNDING = "calc_time,funding_interval_hours,last_funding_rate"
METRICS = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
    "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio"
)
_PATH = re.compile(
    r"/data/(?P<market>futures/um|spot)/(?P<cut>monthly|daily)/(?P<folder>\w+)/(?P<symbol>\w+)/"
    r"(?:(?P<timeframe>\w+)/)?(?P=symbol)-(?P<stem>\w+)-(?P<date>[\d-]+)\.zip(?P<sum>\.CHECKSUM)?"
)
Edit = Callable[[str, str], str]


@dataclass
class Archive:
    """Serves BTCUSDT as Binance does.

    Parameters
    ----------
    listed, delisted : the market's life, ISO times
    months_to, days_to : months and days that end after these are not published yet
    missing : files that are not there, by the date in their names
    lacking : days that are left out of monthly files
    header : whether files have one; by the date in a file's name
    unit : nanoseconds of one count of a kline's stamps; by the date in a file's name
    zero_interest : hours (from the epoch) at which open interest is written as 0
    edit : changes a file's text: ``edit(name, text)``
    wrong_sums : how many checksums are still to be answered wrongly
    without_sum : dates of files that have no checksum
    """

    listed: str = "2024-01-10"
    delisted: str = "2030-01-01"
    months_to: str = "2030-01-01"
    days_to: str = "2030-01-01"
    missing: set[str] = field(default_factory=set)
    lacking: set[str] = field(default_factory=set)
    header: Callable[[str], bool] = lambda _: True
    unit: Callable[[str], int] = lambda _: MS
    zero_interest: set[int] = field(default_factory=set)
    edit: Edit = lambda _, text: text
    wrong_sums: int = 0
    without_sum: set[str] = field(default_factory=set)

    def __call__(self, request: Request) -> Response | None:
        """Answer one request."""
        found = _PATH.fullmatch(request.path)
        if found is None or found["symbol"] != "BTCUSDT" or found["date"] in self.missing:
            return None
        month = len(found["date"]) == len("2024-01")
        unit, limit = ("M", self.months_to) if month else ("D", self.days_to)
        first = np.datetime64(found["date"], unit)
        begun, ended = (
            int(edge.astype("datetime64[ns]").astype(int)) for edge in (first, first + 1)
        )
        if ended > ns(limit) or ended <= ns(self.listed) or begun >= ns(self.delisted):
            return None
        text = self._text(found, begun, ended)
        name = request.path.rsplit("/", 1)[1].removesuffix(".CHECKSUM")
        body = zipped(name.replace(".zip", ".csv"), self.edit(name, text))
        return self._sum(name, found["date"], body) if found["sum"] else Response(body)

    def _sum(self, name: str, date: str, body: bytes) -> Response | None:
        if date in self.without_sum:
            return None
        digest = hashlib.sha256(body).hexdigest()
        if self.wrong_sums:
            self.wrong_sums -= 1
            digest = hashlib.sha256(b"another file").hexdigest()
        return Response(f"{digest}  {name}\n".encode())

    def _text(self, found: re.Match[str], begun: int, ended: int) -> str:
        live = range(max(begun, ns(self.listed)), min(ended, ns(self.delisted)))
        date, folder = found["date"], found["folder"]
        if folder == "fundingRate":
            head, lines = FUNDING, funding_lines(live)
        elif folder == "metrics":
            head, lines = METRICS, self._metrics(live)
        else:
            lacking = self.lacking if found["cut"] == "monthly" else set()
            length = Timeframe(found["timeframe"]).ns
            opened = [at for at in grid(live, length) if day_of(at) not in lacking]
            head, lines = KLINES, [kline(at, length, self.unit(date), folder) for at in opened]
        return "".join(f"{line}\n" for line in ([head] if self.header(date) else []) + lines)

    def _metrics(self, live: range) -> list[str]:
        """Return rows every five minutes after ``live.start`` to ``live.stop``, both included."""
        early = STEP_NS if live.start >= RELABELLED else 0
        lines = []
        for at in grid(range(live.start + STEP_NS, live.stop + 1), STEP_NS):
            base, quote = interest(at)
            if at // HOUR_NS in self.zero_interest:
                base = quote = 0.0
            stamp = str(np.datetime64(at - early, "ns").astype("datetime64[s]")).replace("T", " ")
            lines.append(f"{stamp},BTCUSDT,{base},{quote},1.1,1.2,1.3,1.4")
        return lines


def grid(live: range, length: int) -> range:
    """Return the multiples of a step in a stretch."""
    return range(-(-live.start // length) * length, live.stop, length)


def day_of(at: int) -> str:
    """Return an instant's day, e.g. ``2024-01-31``."""
    return str(np.datetime64(at, "ns").astype("datetime64[D]"))


def price(minute: int) -> float:
    """Return the price at a minute since the epoch."""
    return round(40_000 + 500 * float(np.sin(minute / 700)) + minute % 7 / 10, 2)


def ohlcv(opened: int, length: int, folder: str = "klines") -> tuple[float, ...]:
    """Return a bar's values; mark prices are 1 above."""
    first, last = opened // MINUTE_NS, (opened + length) // MINUTE_NS
    shift = 1.0 if folder == "markPriceKlines" else 0.0
    begin, end = price(first) + shift, price(last) + shift
    return begin, max(begin, end) + 2.5, min(begin, end) - 2.5, end, float(first % 1_000) / 8


def kline(opened: int, length: int, unit: int, folder: str) -> str:
    """Return a line of a kline file."""
    values = ",".join(map(repr, ohlcv(opened, length, folder)))
    return f"{opened // unit},{values},{(opened + length) // unit - 1},1.5,7,0.5,0.75,0"


def rate(at: int) -> float:
    """Return the funding rate at an instant."""
    return (at // HOUR_NS % 41 - 20) / 100_000


def funding_lines(live: range) -> list[str]:
    """Return lines every eight hours, stamped up to 29 ms late."""
    return [f"{at // MS + at // HOUR_NS % 30},8,{rate(at):.8f}" for at in grid(live, 8 * HOUR_NS)]


def interest(at: int) -> tuple[float, float]:
    """Return open interest in base and quote at an instant."""
    base = 70_000.0 + at // STEP_NS % 1_000
    return base, base * 40_000.0


def zipped(name: str, text: str) -> bytes:
    """Return a zip of one file; the same text gives the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), text)
    return buffer.getvalue()
