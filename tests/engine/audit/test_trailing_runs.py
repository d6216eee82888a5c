"""The audit of trailing stops: clean runs agree, and an altered row is found."""

import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_feeds.schema import ChannelKey, ChannelKind
from engine.audit import audit_run
from engine.broker import resolve
from engine.broker.trailing import TrailingLevel
from engine.config.models import RunMode
from engine.costs import floor_to_step
from engine.intents import Enter, MoveStop
from engine.testing import ETF, PERP, START, candles, table
from engine.trailing_stop import StopMoves, TrailingStop
from tests.engine.audit.simulated import audited_run, scripted

HOUR = 3_600 * 10**9
CLOCK = ChannelKey(PERP.id, ChannelKind.BARS, "1h")
FLAT = (100.0, 101.0, 99.0, 100.0)
# Two trades: the first is stopped inside the eighth bar at 107 - 3 = 104, the second by a signal.
ROWS = [
    FLAT, FLAT, (100, 104, 100, 103), (103, 105, 101, 104), (104, 106, 102, 105),
    (105, 108, 104, 107), (107, 107, 105, 106), (106, 107, 103, 104),
    (104, 105, 103, 104), (104, 107, 103, 106), (106, 110, 105, 109), (109, 110, 104, 105),
    (105, 106, 104, 105),
]  # fmt: skip
WIDTH = [5, 5, 5, 5, 5, 5, 5, 5, 5, 6, 3.5, 2, 2]
SCRIPT = {
    0: [Enter(PERP.id, 1, 90.0, "one", trailing=TrailingStop(distance=3.0, beyond=104.0))],
    4: [MoveStop(PERP.id, 102.5, "by hand")],
    8: [
        Enter(
            PERP.id,
            1,
            90.0,
            "two",
            trailing=TrailingStop(signal="width", moved=StopMoves.INSIDE_BARS),
        )
    ],
}
MARKET = table(candles(ROWS))
# Here the best close of 105 comes before the move and no close reaches the activation of 106, and
# the stop that moves inside bars is met by a bar whose high came last or first.
FINE_ROWS = [
    *ROWS[:4], (104, 106, 102, 105), (105, 105, 104, 104.5), (104.5, 104.5, 103, 104),
    (104, 104, 102, 103), *ROWS[8:11], (109, 112, 107, 110), (110, 110, 109, 110),
]  # fmt: skip
FINE_MARKET = table(candles(FINE_ROWS))
FINE_SCRIPTS = [
    {
        **SCRIPT,
        # 105 x (1 - 0.029) = 101.955 lies off the tick grid.
        0: [Enter(PERP.id, 1, 90.0, "one", trailing=TrailingStop(fraction=0.029, beyond=beyond))],
    }
    for beyond in (106.0, None)
]


@pytest.fixture
def folder(tmp_path):
    """Return the folder of a run with three trailing stops that audits clean."""
    run = scripted(MARKET, SCRIPT, CLOCK, {"width": WIDTH})
    stops = [order for order in run.outcome.orders if order.trail_moved]
    assert [stop.last_level for stop in stops] == [102.0, 104.0, 106.5]
    report = audited_run(run, MARKET, tmp_path / "run")
    assert report.ok, report.findings
    assert report.checks["trailing stops"] == 3
    return tmp_path / "run"


def findings(folder, name, change):
    """Return the rules that the audit finds broken once a table is changed."""
    path = folder / f"{name}.parquet"
    pq.write_table(change(pq.read_table(path)), path)
    return {finding.rule for finding in audit_run(folder, MARKET).findings}


def changed(column, row, value):
    """Return a change of one cell."""

    def change(rows):
        cells = rows[column].to_pylist()
        cells[row] = value(cells[row])
        place, field = rows.column_names.index(column), rows.schema.field(column)
        return rows.set_column(place, field, pa.array(cells, field.type))

    return change


def stop_row(folder, number):
    """Return the place of the n-th trailing stop among the orders."""
    moved = pq.read_table(folder / "orders.parquet")["trail_moved"].to_pylist()
    return [row for row, text in enumerate(moved) if text][number]


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("column", ["last_level", "best_price"])
def test_a_changed_level_or_best_price_is_found(folder, number, column):
    row = stop_row(folder, number)
    found = findings(folder, "orders", changed(column, row, lambda price: price + 0.1))
    assert any("trailing stop" in rule for rule in found), found


def test_a_shifted_bar_of_the_best_price_is_found(folder):
    row = stop_row(folder, 1)
    later = changed("best_at", row, lambda at: at + pa.scalar(HOUR, pa.duration("ns")).as_py())
    assert "bar of the best price" in findings(folder, "orders", later)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("trail_distance", 2.9),
        ("trail_fraction", 0.03),
        ("trail_beyond", 106.5),
        ("trail_moved", "inside_bars"),
        ("trail_moved", ""),
        ("price", 103.5),
    ],
)
def test_changed_terms_are_found(folder, column, value):
    row = stop_row(folder, 1)
    assert findings(folder, "orders", changed(column, row, lambda _: value))


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize("double", [False, True])
def test_a_stop_that_is_deleted_or_doubled_is_found(folder, number, double):
    row = stop_row(folder, number)
    again = (
        [slice(0, row + 1), slice(row, None)] if double else [slice(0, row), slice(row + 1, None)]
    )
    assert findings(folder, "orders", lambda rows: pa.concat_tables([rows[part] for part in again]))


@pytest.mark.parametrize("row", [0, 1, 2])
def test_a_distance_that_is_deleted_doubled_or_shifted_is_found(folder, row):
    path = folder / "trail_distances.parquet"
    whole = path.read_bytes()
    changes = (
        lambda rows: pa.concat_tables([rows[:row], rows[row + 1 :]]),
        lambda rows: pa.concat_tables([rows[: row + 1], rows[row:]]),
        changed("at", row, lambda at: at + pa.scalar(HOUR, pa.duration("ns")).as_py()),
        changed("order_id", row, lambda number: number + 50),
    )
    for change in changes:
        found = findings(folder, "trail_distances", change)
        assert found & {"rows of its distance", "its order"} or any(
            rule.startswith("instant of the distance") for rule in found
        ), found
        path.write_bytes(whole)


def test_a_changed_distance_that_sets_the_level_is_found(folder):
    # The level of 106.5 is the high of 110 less the 3.5 known at the open of the bar that meets it.
    rows = pq.read_table(folder / "trail_distances.parquet")["distance"].to_pylist()
    found = findings(folder, "trail_distances", changed("distance", rows.index(3.5), lambda _: 2.5))
    assert "last level of a trailing stop" in found


def _rounded_away(self, level):
    return floor_to_step(level, self.tick) if self.direction > 0 else level


def _high_first(self, part, t):
    """Sell at the high less the distance, as if the high came first."""
    best = resolve.better_price(self.direction, self.best, self._extremes(part)[0])
    return self._rounded(self._moved(best, t)) if self.moves_inside else self.level


WRONG = {
    "a stop that never moves at closes": ("pass_close", lambda self, close, t, at: None),
    "a stop that never moves inside bars": ("pass_part", lambda self, part, t, at: None),
    "the best close forgotten at a move": ("follow", lambda self, older: None),
    "a level rounded away from the price": ("_rounded", _rounded_away),
    "the high taken for the first price": ("level_within", _high_first),
    "no activation": ("beyond", property(lambda self: -math.inf)),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_broker_that_trails_by_other_rules_is_found(monkeypatch, tmp_path, wrong):
    name, broken = WRONG[wrong]
    monkeypatch.setattr(TrailingLevel, name, broken)
    # Dense: every level is moved by the broken method, none by the compiled catching up.
    runs = [
        scripted(FINE_MARKET, script, CLOCK, {"width": WIDTH}, mode=RunMode.DENSE)
        for script in FINE_SCRIPTS
    ]
    reports = [audited_run(run, FINE_MARKET, tmp_path / str(i)) for i, run in enumerate(runs)]
    assert not all(report.ok for report in reports)


@pytest.mark.parametrize("script", FINE_SCRIPTS)
def test_the_unbroken_broker_agrees(tmp_path, script):
    run = scripted(FINE_MARKET, script, CLOCK, {"width": WIDTH})
    assert audited_run(run, FINE_MARKET, tmp_path / "run").ok


def test_a_new_order_keeps_the_level_that_the_old_one_reached_inside_their_bar(tmp_path):
    # Hourly decisions inside sessions of QQQ. At the second open the distance is 8, since 16:00 it
    # is 12; the stop is moved at 17:00. The old order reaches 106 - 8 = 98 inside the session.
    opened = [START + int((24 * day + 14.5) * HOUR) for day in range(3)]
    closed = [START + (24 * day + 21) * HOUR for day in range(3)]
    sessions = [(100, 101, 99, 100), (100, 106, 99, 105), (104, 105, 103, 104)]
    fund = candles(sessions, instrument=ETF.id, timeframe="1d", opened_at=opened, closed_at=closed)
    market = table(candles([FLAT] * 72), fund)
    trail = TrailingStop(signal="width", moved=StopMoves.INSIDE_BARS)
    script = {
        30: [Enter(ETF.id, 1, 80.0, "one", trailing=trail)],
        40: [MoveStop(ETF.id, 97.0, "by hand")],
    }
    widths = [8.0] * 40 + [12.0] * 32
    account = {"brokerage_cash": 10_000.0}
    run = scripted(market, script, CLOCK, {"width": widths}, traded=ETF.id, account=account)
    stops = [order for order in run.outcome.orders if order.trail_moved]
    assert [stop.last_level for stop in stops] == [98.0, 98.0]
    report = audited_run(run, market, tmp_path / "run")
    assert report.ok, report.findings
