"""Compare coverage bars with bars drawn by hand."""

from pathlib import Path

import pytest

from data_feeds.catalog import Catalog
from data_feeds.clock import HOUR_NS
from data_feeds.schema import Channel
from engine.cli.coverage_bar import ASCII, coverage_bar, stretches_of, year_marks
from tests.data_feeds.factory import PERP, bars, ns


@pytest.mark.parametrize(
    ("stretches", "expected"),
    [
        ([], "    "),
        ([(0, 40)], "████"),
        ([(0, 10), (30, 40)], "█  █"),
        # Half of the second cell, three quarters of the third.
        ([(15, 27.5)], " ▄▆ "),
        # A cell with a hole of a thousandth is not full; one with a thousandth of rows not empty.
        ([(0, 19.99), (20, 40)], "█▇██"),
        ([(20, 20.01)], "  ▁ "),
        # Rows beyond the axis are not drawn.
        ([(-50, 10), (35, 90)], "█  ▄"),
        ([(-50, -10)], "    "),
        # Many short stretches add up: 4 x 1 of 10.
        ([(0, 1), (2, 3), (4, 5), (6, 7)], "▃   "),
        # A single instant is drawn, also at the end of the axis.
        ([(12, 12)], " ▁  "),
        ([(40, 40)], "   ▁"),
    ],
)
def test_cells_show_their_share(stretches: list[tuple[int, int]], expected: str) -> None:
    scaled = [(int(start * 1_000), int(end * 1_000)) for start, end in stretches]
    assert coverage_bar(scaled, 0, 40_000, 4) == expected


def test_other_characters_keep_the_rule() -> None:
    # A quarter, three quarters, all and nothing.
    covered = [(0, 25), (100, 175), (200, 300)]
    assert coverage_bar(covered, 0, 400, 4, ASCII) == ".:# "


def test_one_missing_second_in_a_century_shows() -> None:
    first, last = ns("1950-01-01"), ns("2050-01-01")
    hole = ns("2020-02-19T12:00")
    bar = coverage_bar([(first, hole), (hole + 10**9, last)], first, last, 10)
    assert bar == "███████▇██"
    assert coverage_bar([(first, hole), (hole, last)], first, last, 10) == "█" * 10


def test_an_axis_of_one_instant_is_drawn() -> None:
    assert coverage_bar([(5, 5)], 5, 5, 3) == "▁  "


def test_years_are_named_where_they_begin() -> None:
    # 1,096 days from 2021 to 2024 in 36 cells: 2022 begins after 365 (cell 11.99), 2023 after 730
    # (23.98) and 2024 at the end.
    line = year_marks(ns("2021-01-01"), ns("2024-01-02"), 36)
    assert line == "2021       2022        2023         "


def test_years_without_room_are_left_out() -> None:
    # 2,192 days in 18 cells: the years begin in cells 0, 3, 6, 9, 11, 15; four digits and a blank.
    line = year_marks(ns("2020-01-01"), ns("2026-01-01"), 18)
    assert line == "2020  2022 2024   "


def test_a_year_begun_before_the_axis_stands_at_its_edge_if_there_is_room() -> None:
    assert year_marks(ns("2020-07-01"), ns("2021-07-01"), 20) == "2020      2021      "
    assert year_marks(ns("2020-12-01"), ns("2021-12-01"), 20) == " 2021               "


def test_an_axis_too_short_for_a_year_is_blank() -> None:
    assert year_marks(ns("2020-01-01"), ns("2021-01-01"), 3) == "   "


def stored(channel: Channel, catalog: Catalog) -> list[tuple[int, int]]:
    (entry,) = catalog.write(PERP, [channel])
    return stretches_of(entry)


def test_a_channel_covers_what_lies_between_its_gaps(tmp_path: Path) -> None:
    at = [0, 1, 4, 5, 9]
    channel = bars([hour * HOUR_NS for hour in at], [(1, 1, 1, 1, 1)] * len(at))
    found = stored(channel, Catalog(tmp_path / "catalog"))
    assert [(a // HOUR_NS, b // HOUR_NS) for a, b in found] == [(0, 2), (4, 6), (9, 10)]
