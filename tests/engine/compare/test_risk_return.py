"""Dots lie where return and risk put them, and no label covers another."""

from itertools import combinations

import pytest

from engine.compare.risk_return import (
    BOTTOM,
    HEIGHT,
    INSET,
    LEFT,
    RIGHT,
    RISKS,
    TOP,
    WIDTH,
    RiskPoint,
    _overlap,
    _scale,
    label_places,
    risk_picture,
    risk_pictures,
)

DRAWDOWN = RISKS[0]


def point(title, total_return, risk, *, baseline=False, sets_scale=True):
    return RiskPoint(f"{title}/x", 0, baseline, sets_scale, title, total_return, risk)


def test_a_dot_lies_at_its_share_of_both_axes():
    # Across 0% to 20%, up -10% to +10%: 5% risk is a quarter across, -5% a quarter up.
    points = [point("A", -0.05, 0.05), point("B", 0.10, 0.20), point("C", -0.10, 0.0)]
    picture = risk_picture("2020", DRAWDOWN, points)
    left, right, bottom = LEFT + INSET, WIDTH - RIGHT, HEIGHT - BOTTOM - INSET
    assert [tick.text for tick in picture.across] == ["0%", "5%", "10%", "15%", "20%"]
    assert [tick.text for tick in picture.up] == ["-10%", "-5%", "0%", "+5%", "+10%"]
    first = picture.dots[0]
    assert first.x == pytest.approx(left + 0.25 * (right - left), abs=0.1)
    assert first.y == pytest.approx(bottom - 0.25 * (bottom - TOP), abs=0.1)
    assert picture.zero == pytest.approx((bottom + TOP) / 2, abs=0.1)
    assert first.words == "A, 2020: return -5.00%, deepest drawdown 5.00%"


def test_a_row_far_outside_stays_on_the_edge_with_its_numbers():
    near = [point("A", 0.05, 0.10), point("B", -0.05, 0.05)]
    far = point("BTC, buy and hold", -0.70, 0.80, baseline=True, sets_scale=False)
    picture = risk_picture("2022", DRAWDOWN, [*near, far])
    alone = risk_picture("2022", DRAWDOWN, near)
    assert picture.across == alone.across
    assert [dot.is_off for dot in picture.dots] == [False, False, True]
    assert picture.dots[2].x == WIDTH - RIGHT
    assert picture.dots[2].label == "BTC -70%, risk 80%"
    # At three times the others' reach a row still is on the scale.
    edge = point("QQQ", 0.15, 0.30, baseline=True, sets_scale=False)
    assert not risk_picture("2022", DRAWDOWN, [*near, edge]).dots[2].is_off


def test_labels_of_dots_in_one_place_do_not_cover_each_other_or_a_dot():
    dots = [(60.0, 200.0), (63.0, 203.0), (66.0, 198.0), (61.0, 206.0)]
    labels = ["A", "B", "cash at the bill", "60/40 at 10% volatility"]
    boxes = [box for box, _ in label_places(dots, labels)]
    marks = [(x - 5, y - 5, x + 5, y + 5) for x, y in dots]
    assert not any(_overlap(one, other) for one, other in combinations(boxes, 2))
    assert not any(_overlap(box, mark) for box in boxes for mark in marks)
    assert all(box[0] >= LEFT - 4 and box[2] <= WIDTH for box in boxes)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 0.0, [0.0, 0.002, 0.004, 0.006, 0.008, 0.01]),
        (0.0, 0.2, [0.0, 0.05, 0.1, 0.15, 0.2]),
        (-0.31, 0.02, [-0.4, -0.3, -0.2, -0.1, 0.0, 0.1]),
    ],
)
def test_an_axis_has_round_steps_and_zero(low, high, expected):
    assert _scale(low, high) == pytest.approx(expected)


def test_every_finished_cell_has_a_dot_in_each_picture(small):
    pictures = risk_pictures(small.matrix)
    assert [(p.measure, p.episode) for p in pictures] == [
        (measure, episode)
        for measure in ("drawdown", "volatility")
        for episode in ("cascade", "crash")
    ]
    for picture in pictures:
        assert {dot.key for dot in picture.dots} == {
            f"{row}/{picture.episode}" for row in small.matrix.config.rows
        }
        assert [dot.is_baseline for dot in picture.dots] == [False, False, True, True]


def test_labels_without_a_free_place_stay_inside_the_picture():
    # Twelve rows of equal numbers at the right edge: more than there are places around a dot.
    placed = label_places([(WIDTH - 10.0, 100.0)] * 12, ["60/40 at 10%"] * 12)
    assert all(box[2] <= WIDTH - 2 for box, _ in placed)
