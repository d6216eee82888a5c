"""Splits: one share for the whole history, that of the first row, in every order of events.

The stock trades at 1200 until 2024-06-07 and, split ten for one, at 120 from 2024-06-10 on.
"""

from pathlib import Path

import numpy as np
import pytest

from data_feeds.calendar import session_bounds, sessions_between
from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, HOUR_NS, MINUTE_NS
from data_feeds.dataset import Dataset
from data_feeds.errors import SchemaError
from data_feeds.instrument import Instrument, InstrumentKind
from data_feeds.load import load_dataset
from data_feeds.quality import FindingKind, findings
from data_feeds.schema import Channel, ChannelKey, ChannelKind
from data_feeds.sources.local_files import import_mapping
from data_feeds.splits import ShareBasis, common_jumps, in_first_shares, told_shares, unscaled
from tests.data_feeds.factory import bars
from tests.data_feeds.imports import HEAD

STOCK = Instrument(id="NV", kind=InstrumentKind.ETF, quote="USD", calendar="XNYS")
KEY = ChannelKey("NV", ChannelKind.BARS, "1d")
PAID = ChannelKey("NV", ChannelKind.DIVIDENDS)
DATES = sessions_between("XNYS", np.datetime64("2024-06-03"), np.datetime64("2024-06-14"))
OPENED, CLOSED = session_bounds("XNYS", DATES)
SPLIT_AT = int(OPENED[5])  # 2024-06-10


def days(prices: list[float], volumes: list[float] | None = None) -> Channel:
    rows = [(p, p, p, p, v) for p, v in zip(prices, volumes or [10.0] * len(prices), strict=True)]
    made = bars(OPENED[: len(prices)].tolist(), rows, "1d")
    closed = CLOSED[: len(prices)]
    return Channel(KEY, {**made.columns, "closed_at": closed, "available_at": closed.copy()})


def point(kind: ChannelKind, column: str, *rows: tuple[int, float]) -> Channel:
    at = np.array([row[0] for row in rows], np.int64)
    values = np.array([row[1] for row in rows])
    columns = {"event_at": at, "available_at": at.copy(), column: values}
    return Channel(ChannelKey("NV", kind), {**columns, "label": np.zeros(len(at), np.int8)})


def splits(*rows: tuple[int, float]) -> Channel:
    return point(ChannelKind.SPLITS, "ratio", *(rows or ((SPLIT_AT, 10.0),)))


TRADED = days([1200.0] * 5 + [120.0] * 5, [10.0] * 5 + [100.0] * 5)
SCALED = days([120.0] * 10, [100.0] * 10)
# Twelve old dollars before the split, one and a half new ones after it: 12 and 15 of the first.
DIVIDENDS = point(ChannelKind.DIVIDENDS, "amount", (int(OPENED[2]), 12.0), (int(OPENED[7]), 1.5))
SCALED_DIVIDENDS = point(
    ChannelKind.DIVIDENDS, "amount", (int(OPENED[2]), 1.2), (int(OPENED[7]), 1.5)
)


def stored(folder: Path, *steps: list[Channel]) -> Catalog:
    catalog = Catalog(folder)
    for step in steps:
        catalog.write(STOCK, step)
    return catalog


@pytest.mark.parametrize(
    ("rows", "paid"), [(TRADED, DIVIDENDS), (SCALED, SCALED_DIVIDENDS)], ids=["traded", "scaled"]
)
def test_rows_are_per_share_of_the_first_one(tmp_path: Path, rows: Channel, paid: Channel) -> None:
    catalog = stored(tmp_path, [rows, paid, splits()])
    found = catalog.read(KEY)
    for name in ("open", "high", "low", "close"):
        assert found[name] == pytest.approx([1200.0] * 10)
    # A hundred new shares are ten old ones.
    assert found["volume"] == pytest.approx([10.0] * 10)
    assert catalog.read(PAID)["amount"] == pytest.approx([12.0, 15.0])
    assert all(row.is_sound for row in catalog.verify())


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_order_in_which_channels_came_does_not_matter(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    channels = [TRADED, DIVIDENDS, splits()]
    catalog = stored(tmp_path, *([channels[i]] for i in order))
    assert catalog.read(KEY)["close"] == pytest.approx([1200.0] * 10)
    assert catalog.read(PAID)["amount"] == pytest.approx([12.0, 15.0])


def test_a_later_split_changes_no_earlier_row(tmp_path: Path) -> None:
    before = stored(tmp_path / "one", [TRADED.take(slice(0, 7)), splits()])
    later = days([1200.0] * 5 + [120.0] * 3 + [30.0] * 2, [10.0] * 5 + [100.0] * 3 + [400.0] * 2)
    after = stored(tmp_path / "two", [later, splits((SPLIT_AT, 10.0), (int(OPENED[8]), 4.0))])
    found = after.read(KEY)
    assert found["close"] == pytest.approx([1200.0] * 10)
    assert found["volume"] == pytest.approx([10.0] * 10)
    for name, values in before.read(KEY).columns.items():
        assert found.take(slice(0, 7))[name].tolist() == values.tolist()


def test_a_reverse_split_makes_one_share_of_many(tmp_path: Path) -> None:
    rows = days([5.0] * 5 + [40.0] * 5, [80.0] * 5 + [10.0] * 5)
    found = stored(tmp_path, [rows, splits((SPLIT_AT, 0.125))]).read(KEY)
    assert found["close"] == pytest.approx([5.0] * 10)
    assert found["volume"] == pytest.approx([80.0] * 10)


def test_bars_of_all_lengths_share_the_first_share(tmp_path: Path) -> None:
    # Half hours begin after the split; a day's bars before it.
    late = bars([int(OPENED[6])], [(120, 120, 120, 120, 5)], "30m")
    late = Channel(ChannelKey("NV", ChannelKind.BARS, "30m"), late.columns)
    catalog = stored(tmp_path, [TRADED, late, splits()])
    assert catalog.read(late.key)["close"].tolist() == [1200.0]
    assert catalog.read(late.key)["volume"].tolist() == [0.5]


def test_a_split_before_the_first_row_is_none(tmp_path: Path) -> None:
    catalog = stored(tmp_path, [days([50.0] * 10), splits((int(OPENED[0]) - DAY_NS, 4.0))])
    assert catalog.read(KEY)["close"].tolist() == [50.0] * 10


def test_a_file_by_a_mapping_is_converted_too(tmp_path: Path) -> None:
    dates = [str(date) for date in DATES]
    prices = [1200] * 5 + [120] * 5
    table = "".join(f"{d},{p},{p},{p},{p},10\n" for d, p in zip(dates, prices, strict=True))
    (tmp_path / "b.csv").write_text("d,o,h,l,c,v\n" + table)
    (tmp_path / "s.csv").write_text("d,r\n2024-06-10,10\n")
    common = (
        "    instrument: SPY\n    stamp: session_date\n    time: {column: d}\n    label: observed\n"
    )
    (tmp_path / "mapping.yaml").write_text(
        HEAD + "  - path: b.csv\n    kind: bars\n    timeframe: 1d\n"
        "    columns: {open: o, high: h, low: l, close: c, volume: v}\n" + common
        + "  - path: s.csv\n    kind: splits\n    columns: {ratio: r}\n" + common
    )  # fmt: skip
    catalog = Catalog(tmp_path / "catalog")
    import_mapping(tmp_path / "mapping.yaml", catalog)
    rows = catalog.read(ChannelKey("SPY", ChannelKind.BARS, "1d"))
    assert rows["close"].tolist() == [1200.0] * 10
    # A second import loses and changes nothing.
    import_mapping(tmp_path / "mapping.yaml", catalog)


@pytest.mark.parametrize("in_memory", [True, False])
def test_a_run_receives_the_share_unit(tmp_path: Path, *, in_memory: bool) -> None:
    channels = [TRADED, DIVIDENDS, splits()]
    source: Catalog | Dataset = stored(tmp_path, channels)
    if in_memory:
        source = Dataset({"NV": STOCK}, {channel.key: channel for channel in channels})
    keys = [KEY, PAID, splits().key]
    data = load_dataset(source, keys, int(OPENED[3]), int(CLOSED[9]))
    assert data.channels[KEY]["close"] == pytest.approx([1200.0] * 7)
    assert data.channels[PAID]["amount"][-1] == pytest.approx(15.0)
    assert data.shares["NV"].first_at == OPENED[0]
    assert data.shares["NV"].splits == ((SPLIT_AT, 10.0),)
    # Loaded rows are not converted again.
    again = load_dataset(data, keys, int(OPENED[3]), int(CLOSED[9]))
    assert again.fingerprint == data.fingerprint
    assert again.cut(int(CLOSED[8])).shares == data.shares


# How prices stand to the record -------------------------------------------------------------------


def test_an_inverted_ratio_is_asked_about(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match=r"2024-06-10.* inverse of what a ratio of 0.1 does"):
        stored(tmp_path, [TRADED, splits((SPLIT_AT, 0.1))])


def test_prices_adjusted_for_one_split_and_not_another_are_refused(tmp_path: Path) -> None:
    record = splits((int(OPENED[2]), 4.0), (SPLIT_AT, 10.0))
    with pytest.raises(SchemaError, match="jump at some splits and not at others"):
        stored(tmp_path, [TRADED, record])


@pytest.mark.parametrize(("rows", "said"), [(TRADED, "adjusted"), (SCALED, "as_traded")])
def test_a_declaration_that_the_prices_contradict_is_refused(rows: Channel, said: str) -> None:
    with pytest.raises(SchemaError, match=f"splits: {said} is declared, but at the split of"):
        told_shares(rows, splits(), said)


@pytest.mark.parametrize("said", ["", "adjusted"])
@pytest.mark.parametrize(
    ("at", "recorded"),
    [
        (int(OPENED[4]), "2024-06-07T13:30Z"),  # the session before
        (int(OPENED[6]), "2024-06-11T13:30Z"),  # the session after
        (SPLIT_AT + 150 * MINUTE_NS, "2024-06-10T16:00Z"),  # inside the day
        (SPLIT_AT - 13 * HOUR_NS - 30 * MINUTE_NS + DAY_NS, "2024-06-11T00:00Z"),
        (int(OPENED[0]) - DAY_NS, "2024-06-02T13:30Z"),  # before the first bar
        (int(CLOSED[-1]) + 19 * DAY_NS, "2024-07-03T20:00Z"),  # after the last one
    ],
)
def test_a_split_recorded_beside_its_jump_is_refused(at: int, recorded: str, said: str) -> None:
    with pytest.raises(SchemaError) as caught:
        told_shares(TRADED, splits((at, 10.0)), said)
    assert f"recorded at {recorded}, where the price does not move by it" in str(caught.value)
    assert "the bar of 2024-06-10T13:30Z opens at 120 after a close of 1200" in str(caught.value)


def test_a_reverse_split_recorded_a_day_off_is_refused() -> None:
    rows = days([12.0] * 5 + [120.0] * 5)
    assert told_shares(rows, splits((SPLIT_AT, 0.1))) is ShareBasis.AS_TRADED
    with pytest.raises(SchemaError, match=r"split of 1:10 is recorded at 2024-06-11.*06-10T13"):
        told_shares(rows, splits((int(OPENED[6]), 0.1)))


def test_the_jump_of_one_split_is_not_asked_of_another() -> None:
    # 1200 before both, 600 from the first on, 300 from the second on, both in their places.
    rows = days([1200.0] * 4 + [600.0] * 3 + [300.0] * 3)
    both = splits((int(OPENED[4]), 2.0), (int(OPENED[7]), 2.0))
    assert told_shares(rows, both) is ShareBasis.AS_TRADED
    # Scaled prices of a market that loses a fifth in a day.
    assert told_shares(days([120.0] * 6 + [96.0] * 4), splits()) is ShareBasis.ADJUSTED


@pytest.mark.parametrize(("ratio", "part"), [(4.0, "10"), (25.0, "10"), (3.0, "10")])
def test_a_move_of_another_ratio_is_asked_about(ratio: float, part: str) -> None:
    with pytest.raises(SchemaError, match=f"split of {ratio:g}:1 at 2024-06-10.* part in {part};"):
        told_shares(TRADED, splits((SPLIT_AT, ratio)))
    assert told_shares(TRADED, splits((SPLIT_AT, ratio)), "as_traded") is ShareBasis.AS_TRADED


def test_a_jump_names_the_split_on_record_beside_it() -> None:
    (alone,) = common_jumps(TRADED)
    assert alone.text.endswith("as in a split of 10:1, and no split is on record")
    (near,) = common_jumps(TRADED, [(int(OPENED[4]), 4.0), (SPLIT_AT - 70 * DAY_NS, 2.0)])
    assert near.text.endswith("the split of 4:1 on record at 2024-06-07T13:30Z is not in it")


def test_a_ratio_is_positive() -> None:
    catalog = Catalog("nowhere")
    with pytest.raises(SchemaError, match="ratio 0 is not positive"):
        catalog.write(STOCK, [splits((SPLIT_AT, 0.0))])


def test_small_splits_are_judged_together() -> None:
    # Stock dividends of 5%: single days move as far.
    record = splits((int(OPENED[3]), 1.05), (int(OPENED[6]), 1.05))
    traded = days([105.0] * 3 + [101.0] * 3 + [95.0] * 4)
    assert told_shares(traded, record) is ShareBasis.AS_TRADED
    assert told_shares(days([105.0, 104.0] * 5), record) is ShareBasis.ADJUSTED


def test_every_cut_gives_the_rows_of_the_whole() -> None:
    # An independent walk: multiply by each ratio as it comes.
    record = splits((int(OPENED[2]), 3.0), (SPLIT_AT, 10.0), (int(OPENED[8]), 0.25))
    prices = np.linspace(500, 40, 10).tolist()
    expected, ratio = [], 1.0
    for i, price in enumerate(prices):
        ratio *= {2: 3.0, 5: 10.0, 8: 0.25}.get(i, 1.0)
        expected.append(price * ratio)
    found = in_first_shares(days(prices), record, int(OPENED[0]), ShareBasis.AS_TRADED)
    assert found["close"] == pytest.approx(expected, rel=1e-12)
    for stop in range(1, 10):
        known = record.cut(int(OPENED[stop - 1]))
        cut = in_first_shares(days(prices[:stop]), known, int(OPENED[0]), ShareBasis.AS_TRADED)
        assert cut["close"].tolist() == found["close"][:stop].tolist()


# Jumps without a record ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "ratio"),
    [(1200, 120, 10), (100, 51, 2), (300, 200, 1.5), (5, 40, 1 / 8), (45.0, 4500, 1 / 100)],
)
def test_a_jump_by_a_common_ratio_is_found(
    tmp_path: Path, before: float, after: float, ratio: float
) -> None:
    rows = days([before] * 5 + [after] * 5)
    (jump,) = common_jumps(rows)
    assert (jump.started_at, jump.ended_at) == (CLOSED[4], OPENED[5])
    assert jump.ratio == pytest.approx(ratio)
    catalog = stored(tmp_path, [rows])
    assert [f.kind for f in findings(catalog)] == [FindingKind.JUMP]


@pytest.mark.parametrize("after", [73.0, 60.0, 140.0, 1000.0 / 7.3])
def test_other_moves_are_the_market_s(after: float) -> None:
    assert common_jumps(days([100.0] * 5 + [after] * 5)) == []


def test_a_jump_that_reverts_is_a_spike() -> None:
    assert common_jumps(days([100.0] * 5 + [50.0] + [100.0] * 4)) == []
    assert common_jumps(days([100.0] * 5 + [300.0] + [100.0] * 4)) == []


def test_a_recorded_split_is_no_jump(tmp_path: Path) -> None:
    assert list(findings(stored(tmp_path, [TRADED, splits()]))) == []


def test_rows_weeks_apart_are_not_compared() -> None:
    rows = days([100.0, 50.0])
    later = {name: rows[name] + np.array([0, 11 * DAY_NS]) for name in ("opened_at", "closed_at")}
    assert common_jumps(Channel(KEY, {**rows.columns, **later})) == []


# Dividends beside prices of another kind ----------------------------------------------------------

FOUR = splits((SPLIT_AT, 4.0))


def amounts(*values: float) -> Channel:
    """Dividends at the third, fourth and eighth session, or at the first of them."""
    rows = zip((2, 3, 7), values, strict=False)
    made = [(int(OPENED[i]), value) for i, value in rows]
    return point(ChannelKind.DIVIDENDS, "amount", *made)


@pytest.mark.parametrize(
    ("prices", "paid"),
    [
        # A share of 400 pays 4 each time; after the split a quarter of a share of 100 pays 1.
        ([100.0] * 10, amounts(4.0, 4.0, 1.0)),
        ([100.0] * 10, amounts(1.0, 1.0, 1.0)),
        ([400.0] * 5 + [100.0] * 5, amounts(4.0, 4.0, 1.0)),
        ([400.0] * 5 + [100.0] * 5, amounts(1.0, 1.0, 1.0)),
    ],
)
def test_amounts_tell_how_dividends_stand_to_a_split(
    tmp_path: Path, prices: list[float], paid: Channel
) -> None:
    catalog = stored(tmp_path, [days(prices), paid, FOUR])
    assert catalog.read(KEY)["close"] == pytest.approx([400.0] * 10)
    assert catalog.read(PAID)["amount"] == pytest.approx([4.0] * 3)
    # The same for rows in memory.
    held = {channel.key: channel for channel in (days(prices), paid, FOUR)}
    data = load_dataset(Dataset({"NV": STOCK}, held), [PAID, KEY], int(OPENED[0]), int(CLOSED[9]))
    assert data.channels[PAID]["amount"] == pytest.approx([4.0] * 3)


@pytest.mark.parametrize("paid", [amounts(4.0), amounts(4.0, 4.0), amounts(2.0, 2.0, 1.0)])
def test_amounts_that_tell_nothing_beside_adjusted_prices_are_asked_about(
    tmp_path: Path, paid: Channel
) -> None:
    with pytest.raises(SchemaError, match=r"set splits: as_traded .as declared. or"):
        stored(tmp_path / "a", [days([100.0] * 10), paid, FOUR])
    # Beside prices as traded they are as traded: 1 of a quarter is 4 of the first share.
    catalog = stored(tmp_path / "b", [days([400.0] * 5 + [100.0] * 5), paid, FOUR])
    found = catalog.read(PAID)["amount"].tolist()
    assert found == pytest.approx([*paid["amount"][:2], 4.0][: len(paid)])


# Rows as quoted on their day ----------------------------------------------------------------------


def test_prices_before_a_split_are_multiplied_and_volume_divided() -> None:
    # 120 scaled was 1200 on the days before, and a hundred new shares were ten old ones.
    found = unscaled(SCALED, splits())
    for name in ("open", "high", "low", "close"):
        assert found[name].tolist() == [1200.0] * 5 + [120.0] * 5
    assert found["volume"].tolist() == [10.0] * 5 + [100.0] * 5
    assert found["opened_at"].tolist() == SCALED["opened_at"].tolist()
    assert SCALED["close"].tolist() == [120.0] * 10


def test_ratios_of_later_splits_multiply_and_a_reverse_split_is_below_one() -> None:
    both = splits((int(OPENED[1]), 2.0), (int(OPENED[3]), 0.1))
    found = unscaled(days([10.0] * 4, [1_000.0] * 4), both)
    # Before the first split 2 x 0.1 = 0.2 of 10, up to the second one 0.1 of 10.
    assert found["close"] == pytest.approx([2.0, 1.0, 1.0, 10.0], rel=1e-14)
    assert found["volume"] == pytest.approx([5_000.0, 10_000.0, 10_000.0, 1_000.0], rel=1e-14)


def test_scaled_dividends_become_the_declared_amounts() -> None:
    assert unscaled(SCALED_DIVIDENDS, splits())["amount"].tolist() == [12.0, 1.5]
