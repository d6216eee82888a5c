"""Numbers that look like another unit are refused with a question, not converted."""

import json
import math
import statistics
from pathlib import Path

import numpy as np
import pytest

from data_feeds.calendar import session_bounds, sessions_between
from data_feeds.catalog import Catalog, Origin, TimeSpan
from data_feeds.clock import DAY_NS, HOUR_NS
from data_feeds.errors import IntegrityError, SchemaError
from data_feeds.gate import admitted
from data_feeds.gate.cross_checks import adjusted_odds, check_beside
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.quality import findings
from data_feeds.schema import Array, Channel, ChannelKey, ChannelKind
from tests.data_feeds.factory import PERP, bars, ns, replaced, series
from tests.data_feeds.imports import imported
from tests.data_feeds.quality_cases import funding

T0 = ns("2025-03-03")
FUNDING = ChannelKey("P", ChannelKind.FUNDING)
ENTRY = """\
  - path: funding.csv
    instrument: P
    kind: funding
    stamp: event
    time: {column: t, unit: ms}
    columns: {rate: r}
    label: observed
"""


def rates(values: list[float], hours: int = 8) -> Channel:
    rows = funding([T0 + i * hours * HOUR_NS for i in range(len(values))])
    return replaced(rows, rate=values)


def drawn(usual: float, count: int = 60, share: float = 0.4) -> list[float]:
    """Return rates like a venue's: the default in a share of the rows, others around it."""
    rng = np.random.default_rng(3)
    return [
        usual if rng.random() < share else float(rng.normal(usual, usual)) for _ in range(count)
    ]


@pytest.mark.parametrize(
    ("usual", "hours"),
    # 0.01% every eight hours; by the hours: 0.005% every four, 0.0025% every two, 0.00125% hourly;
    # some venues keep 0.01% whatever the hours.
    [(0.01, 8), (0.005, 4), (0.0025, 2), (0.00125, 1), (0.01, 4), (0.01, 1)],
)
def test_the_venues_default_rate_in_percent_is_asked_about(usual: float, hours: int) -> None:
    with pytest.raises(SchemaError, match=rf"{usual:g}, in .* rate in percent, .*{hours} h"):
        admitted(PERP, rates(drawn(usual), hours))
    # The same rates as fractions are usual.
    fractions = [rate / 100 for rate in drawn(usual)]
    assert admitted(PERP, rates(fractions, hours)).channel["rate"].tolist() == fractions


@pytest.mark.parametrize("values", [[0.01], [0.01] * 3, [0.01, -0.004, 0.01, 0.02]])
def test_a_few_settlements_are_enough(values: list[float]) -> None:
    with pytest.raises(SchemaError, match="default rate in percent"):
        admitted(PERP, rates(values))


def test_percent_without_a_default_rate_is_asked_about_by_its_size() -> None:
    # 0.3% every eight hours are 0.003 x 3 x 365 = 329% a year.
    with pytest.raises(SchemaError, match=r"its usual rate of 0.003 would be 32[89]% a year"):
        admitted(PERP, rates([0.003, -0.003] * 15))
    assert len(admitted(PERP, rates([0.003, -0.003] * 15), "fraction").channel) == 30


@pytest.mark.parametrize(
    "values",
    [
        # A crash: fractions of a percent for days, the default before and after.
        [1e-4] * 30 + [-0.004] * 9 + [1e-4] * 30,
        # One settlement of exactly a hundred times the default.
        [1e-4] * 20 + [0.01] + [1e-4] * 20,
        [0.0, 0.0, 0.0],
    ],
)
def test_fractions_are_not_asked_about(values: list[float]) -> None:
    assert len(admitted(PERP, rates(values)).channel) == len(values)


def lines(values: list[float]) -> str:
    at = T0 // 10**6
    return "t,r\n" + "".join(f"{at + i * 8 * 3_600_000},{r}\n" for i, r in enumerate(values))


def test_the_mapping_answers_and_percent_is_converted(tmp_path: Path) -> None:
    text = lines([0.01, 0.02, -0.005])
    with pytest.raises(SchemaError) as caught:
        imported(tmp_path, ENTRY, funding=text)
    assert "funding.csv" in str(caught.value)
    assert (
        "unit: percent in the mapping; if these are fractions of notional, unit: fraction"
        in str(caught.value)
    )
    found = {}
    for unit in ("percent", "fraction"):
        folder = tmp_path / unit
        folder.mkdir()
        catalog = imported(folder, ENTRY + f"    unit: {unit}\n", funding=text)
        found[unit] = catalog.read(FUNDING)["rate"].tolist()
        assert catalog.entry(FUNDING).units == {"rate": "fraction"}
    assert found["percent"] == pytest.approx([0.0001, 0.0002, -0.00005])
    assert found["fraction"] == [0.01, 0.02, -0.005]


def test_basis_points_are_refused_with_their_factor(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"beyond any venue's cap.* if basis points, scale"):
        imported(tmp_path, ENTRY, funding=lines([1.0, 2.0]))


# Series -------------------------------------------------------------------------------------------


def yearly(name: str, values: list[float]) -> Channel:
    at = [T0 + i * DAY_NS for i in range(len(values))]
    return series(at, at, values, name)


@pytest.mark.parametrize(
    ("name", "unit", "values", "factor"),
    [
        ("DGS10", "percent", [0.0425, 0.0431, 0.0399], "100"),
        ("DGS2", "percent", [425.0, 431.0, 399.0], "0.01"),
        ("DFII10", "percent", [-0.0105, 0.0021, 0.0187], "100"),
        ("VIX", "points", [0.18, 0.23, 0.65], "100"),
    ],
)
def test_a_series_of_another_size_is_asked_about(
    name: str, unit: str, values: list[float], factor: str
) -> None:
    instrument = Instrument(id=name, kind=InstrumentKind.SERIES, quote=unit)
    with pytest.raises(SchemaError, match=rf"set scale: \{{value: {factor}\}} in the mapping; if"):
        admitted(instrument, yearly(name, values), unit)
    admitted(instrument, yearly(name, values), unit, is_answered=True)


@pytest.mark.parametrize(
    ("name", "values"),
    # The bill of 2021, in percent with two decimals; a spread that is often near zero.
    [("DGS3MO", [0.04, 0.05, 0.02]), ("T10Y2Y", [-0.35, 0.12, 1.5]), ("MINE", [0.0425, 0.04])],
)
def test_small_percents_are_not_asked_about(name: str, values: list[float]) -> None:
    instrument = Instrument(id=name, kind=InstrumentKind.SERIES, quote="percent")
    admitted(instrument, yearly(name, values), "percent")


@pytest.mark.parametrize(("values", "kinds"), [([0.01] * 6, ["doubtful_unit"]), ([1e-4] * 6, [])])
def test_verify_reports_confirmed_doubts_of_an_import(
    tmp_path: Path, values: list[float], kinds: list[str]
) -> None:
    catalog = imported(tmp_path, ENTRY + "    unit: fraction\n", funding=lines(values))
    assert [finding.kind for finding in findings(catalog)] == kinds
    assert all(row.is_sound for row in catalog.verify())


# Pairs of channels --------------------------------------------------------------------------------

STOCK = Instrument(id="S", kind=InstrumentKind.ETF, quote="USD", calendar="XNYS")
DATES = sessions_between("XNYS", np.datetime64("2023-01-03"), np.datetime64("2024-12-31"))
OPENED, CLOSED = session_bounds("XNYS", DATES)
EX_DAYS = range(40, len(DATES), 60)
WITH_DIVIDENDS = dict.fromkeys(EX_DAYS, 0.012)


def stock(*, adjusted: bool) -> tuple[Channel, Channel]:
    """Return two years of a share with eight dividends of 1.2%, as traded or adjusted."""
    rng = np.random.default_rng(9)
    moves = rng.normal(0, 0.004, len(DATES))
    night = rng.normal(0, 0.003, len(DATES))
    falls = np.zeros(len(DATES))
    if not adjusted:
        falls[list(EX_DAYS)] = np.log1p(-0.012)
    closes = 100 * np.exp(np.cumsum(moves + night + falls))
    opens = closes / np.exp(moves)
    rows = [(o, max(o, c), min(o, c), c, 1e6) for o, c in zip(opens, closes, strict=True)]
    made = bars(OPENED.tolist(), rows, "1d")
    times = {"opened_at": OPENED, "closed_at": CLOSED, "available_at": CLOSED.copy()}
    channel = Channel(ChannelKey("S", ChannelKind.BARS, "1d"), {**made.columns, **times})
    amounts = [0.012 * float(closes[i - 1]) for i in EX_DAYS]
    return channel, points("S", ChannelKind.DIVIDENDS, OPENED[list(EX_DAYS)], amount=amounts)


def points(name: str, kind: ChannelKind, at: Array, **values: list[float]) -> Channel:
    columns: dict[str, Array] = {"event_at": at, "available_at": at.copy()}
    columns |= {column: np.array(held, np.float64) for column, held in values.items()}
    return Channel(ChannelKey(name, kind), {**columns, "label": np.zeros(len(at), np.int8)})


def test_adjusted_prices_beside_dividends_are_asked_about(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    with pytest.raises(SchemaError, match=r"over 8 ex-dates .* paid twice; set dividend_ad"):
        catalog.write(STOCK, list(stock(adjusted=True)))
    assert not catalog.exists()
    catalog.write(STOCK, list(stock(adjusted=False)))
    # Another catalog, and with the confirmation.
    said = Instrument(**{**STOCK.model_dump(exclude_unset=True), "dividend_adjusted": False})
    Catalog(tmp_path / "other").write(said, list(stock(adjusted=True)))


def test_the_odds_follow_the_two_densities() -> None:
    # One ex-date with a dividend of 1% and an open that does not fall: Student's t, 4 degrees, of
    # the night as it was and of the night with the dividend put back.
    nights = np.random.default_rng(2).permutation(np.linspace(-0.003, 0.003, 120))
    nights[50] = 0.0
    closes = 100 * np.exp(np.cumsum(nights))
    made = bars(OPENED[:120].tolist(), [(c, c, c, c, 1.0) for c in closes], "1d")
    times = {"opened_at": OPENED[:120], "closed_at": CLOSED[:120], "available_at": CLOSED[:120]}
    channel = Channel(ChannelKey("S", ChannelKind.BARS, "1d"), {**made.columns, **times})
    paid = points("S", ChannelKind.DIVIDENDS, OPENED[[50]], amount=[0.01 * closes[49]])
    others = [float(night) for row, night in enumerate(nights) if 0 < row < 111 and row != 50]
    middle = statistics.median(others)
    spread = 1.4826 * statistics.median([abs(night - middle) for night in others])
    as_it_was, put_back = -middle / spread, (-math.log(0.99) - middle) / spread
    expected = 2.5 * math.log((1 + put_back**2 / 4) / (1 + as_it_was**2 / 4))
    assert adjusted_odds(channel, paid) == (pytest.approx(expected, rel=1e-6), 1)


def flat(price: float, timeframe: str, kind: ChannelKind = ChannelKind.BARS) -> Channel:
    step, count = (HOUR_NS, 60) if timeframe == "1h" else (DAY_NS, 20)
    rows = [(price,) * 4 + (5.0,)] * count
    return bars([T0 + i * step for i in range(count)], rows, timeframe, kind)


@pytest.mark.parametrize(
    "other",
    [flat(1.0, "1h", ChannelKind.MARK), flat(100_000.0, "1h"), flat(10_000.0, "1h")],
)
def test_prices_of_one_instrument_are_of_one_scale(other: Channel) -> None:
    days = flat(100.0, "1d")
    with pytest.raises(SchemaError, match=r"prices are .* times those of BTCUSDT-PERP/bars/1d"):
        check_beside(PERP, {days.key: days, other.key: other}, is_answered=False)
    near = flat(101.0, "1h")
    check_beside(PERP, {days.key: days, near.key: near}, is_answered=False)


@pytest.mark.parametrize(
    ("base", "quote", "words"),
    [
        # 50 coins at 100 are 5,000.
        (5_000.0, 50.0, "open_interest_quote is 0.0001 times open_interest_base"),
        (5_000.0, np.nan, None),
        (5e9, np.nan, "open_interest_base is 1e.09 days of volume"),
        (50.0, 5_000.0, None),
        (np.nan, 5_000.0, None),
        (np.nan, 1e-6, "open_interest_quote is 2e-09 days of volume"),
    ],
)
def test_open_interest_is_in_coins_and_in_dollars(
    base: float, quote: float, words: str | None
) -> None:
    days = flat(100.0, "1d")
    at = days["closed_at"]
    held = points(
        PERP.id, ChannelKind.OPEN_INTEREST, at,
        open_interest_base=[base] * len(at), open_interest_quote=[quote] * len(at),
    )  # fmt: skip
    channels = {days.key: days, held.key: held}
    if words is None:
        check_beside(PERP, channels, is_answered=False)
        return
    with pytest.raises(SchemaError, match=words):
        check_beside(PERP, channels, is_answered=False)


def test_volume_in_dollars_is_asked_about() -> None:
    # 1e10 dollars a day in the column of coins, at 60,000 each.
    days = replaced(flat(60_000.0, "1d"), volume=[1e10] * 20)
    with pytest.raises(SchemaError, match=r"volume times price is usually 6e.14 USDT a day"):
        check_beside(PERP, {days.key: days}, is_answered=False)


def test_dividends_in_percent_are_asked_about() -> None:
    channel, paid = stock(adjusted=False)
    cents = replaced(paid, amount=paid["amount"] * 100)
    with pytest.raises(SchemaError, match="a dividend is usually 120% of the price"):
        check_beside(STOCK, {channel.key: channel, cents.key: cents}, is_answered=True)


QUOTE_VOLUME = """\
  - path: bars.csv
    instrument: P
    kind: bars
    timeframe: 1h
    stamp: open
    time: {column: t, zone: UTC}
    columns: {open: o, high: h, low: l, close: c, volume: v}
    volume_unit: quote
    label: observed
"""


def test_volume_in_quote_becomes_base_where_the_mapping_says_so(tmp_path: Path) -> None:
    catalog = imported(tmp_path, QUOTE_VOLUME, bars="t,o,h,l,c,v\n2026-02-06 00:00,10,12,8,10,50\n")
    assert catalog.read(ChannelKey("P", ChannelKind.BARS, "1h"))["volume"].tolist() == [5.0]


# Units in the index -------------------------------------------------------------------------------


def test_every_channel_says_its_units(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    catalog.write(PERP, [flat(100.0, "1h"), rates([1e-4] * 3)])
    index = Instrument(id="I", kind=InstrumentKind.INDEX, quote="points")
    quoted = flat(100.0, "1h")
    catalog.write(index, [Channel(ChannelKey("I", ChannelKind.BARS, "1h"), quoted.columns)])
    for name, quote, unit in (("Y", "percent", ""), ("F", "USD", ""), ("Z", "points", "fraction")):
        instrument = Instrument(id=name, kind=InstrumentKind.SERIES, quote=quote)
        catalog.write(instrument, [yearly(name, [1.0, 2.0])], Origin(unit=unit))
    catalog.write(Instrument(id="U", kind=InstrumentKind.SERIES), [yearly("U", [1.0])])
    units = {str(entry.key): entry.units for entry in catalog.entries()}
    prices = dict.fromkeys(("open", "high", "low", "close"), "price")
    assert units == {
        "BTCUSDT-PERP/bars/1h": {**prices, "volume": "base"},
        "BTCUSDT-PERP/funding": {"rate": "fraction"},
        "I/bars/1h": {**dict.fromkeys(prices, "points"), "volume": "base"},
        "Y/series": {"value": "percent"},
        "F/series": {"value": "quote"},
        "Z/series": {"value": "fraction"},
        "U/series": {"value": "undeclared"},
    }


def test_another_unit_in_the_index_is_refused(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    catalog.write(PERP, [rates([1e-4] * 3)])
    path = tmp_path / "index.json"
    index = json.loads(path.read_text())
    index["channels"][0]["units"] = {"rate": "percent"}
    path.write_text(json.dumps(index))
    with pytest.raises(IntegrityError, match="its units are rate percent, of this kind rate fract"):
        catalog.read(ChannelKey(PERP.id, ChannelKind.FUNDING))


@pytest.mark.parametrize(
    ("values", "usual"),
    [
        # Ten quiet rates around 0.006 percent; fifteen between 0.003 and 0.009.
        (
            [0.0052, 0.0061, 0.0068, 0.0057, 0.0063, 0.0059, 0.0066, 0.0054, 0.0062, 0.006],
            "0.00605",
        ),
        ([0.003 + 0.0004 * i for i in range(15)], "0.0058"),
        # Sixty days around 0.001 percent.
        ([0.0008 + 0.0002 * (i % 3) for i in range(200)], "0.001"),
    ],
)
def test_few_or_quiet_rates_in_percent_are_asked_about(values: list[float], usual: str) -> None:
    with pytest.raises(SchemaError, match=rf"usual rate of {usual} would be .* a year"):
        admitted(PERP, rates(values))
    admitted(PERP, rates([value / 100 for value in values]))


def test_wild_days_and_months_of_a_large_perp_pass() -> None:
    # Two days at 0.18% every eight hours, two months at 0.033%: the largest there were.
    admitted(PERP, rates([0.0018, 0.0019, 0.0018, 0.0012, 0.0021]))
    admitted(PERP, rates([0.00033 + 1e-7 * i for i in range(200)]))


def test_pages_are_asked_as_whole_files_are(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    catalog.write(
        PERP, [bars([T0 + i * HOUR_NS for i in range(48)], [(100, 101, 99, 100, 5)] * 48)]
    )

    def page(channel: Channel) -> None:
        with catalog.batch() as batch:
            span = TimeSpan(started_at=T0, ended_at=T0 + 400 * 8 * HOUR_NS)
            batch.extend(PERP, channel, span, Origin(source="s"))

    with pytest.raises(SchemaError, match="default rate in percent"):
        page(rates([0.01] * 30))
    cents = bars([T0 + i * HOUR_NS for i in range(48)], [(1e4, 1e4, 1e4, 1e4, 0)] * 48)
    columns = {name: values for name, values in cents.columns.items() if name != "volume"}
    with pytest.raises(SchemaError, match="prices are 100 times those of"):
        page(Channel(ChannelKey(PERP.id, ChannelKind.MARK, "1h"), columns))
    # The refused channel is not stored; a channel in its unit is.
    assert [entry.kind for entry in catalog.entries()] == [ChannelKind.BARS]
    page(rates([0.0001] * 30))
    assert len(catalog.entries()) == 2
