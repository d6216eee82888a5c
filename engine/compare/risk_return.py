"""Place the dots of a picture of return against risk: one a cell, with labels that do not overlap.

Lengths are units of the picture's view box; the template draws it as SVG, with a link a dot.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from engine.compare.cells import row_title
from engine.compare.matrix import Matrix
from engine.compare.record import CellRecord
from engine.episodes import Episode
from engine.formatting import percent, signed_percent

WIDTH, HEIGHT = 364.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 12.0, 12.0, 40.0
RADIUS = 5.0
# Text of 11 units: widths of a narrow and of a wide letter, and the height of a line.
LETTER, WIDE_LETTER, LINE = 5.6, 8.6, 13.0
WIDE_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ%mwMW+…")
LONGEST_LABEL = 24
TICKS = 5
# Room between the axes and the lowest value, so that a mark on zero covers no number of an axis.
INSET = 10.0
# A row that lies further out than this multiple of the playbooks and the reference is drawn at the
# edge with its numbers, so that it does not press the others together.
FAR = 3.0
# Distances of a label from its dot, nearest first; one beyond the first has a line to the dot.
DISTANCES = (9.0, 22.0, 36.0, 52.0, 70.0)
BESIDE = ((1, 0), (-1, 0), (0, -1), (0, 1))
ASLANT = ((1, -1), (1, 1), (-1, -1), (-1, 1))

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class RiskMeasure:
    """One choice of the horizontal axis; ``risk`` is a fraction, zero or positive."""

    name: str
    title: str
    risk: Callable[[CellRecord], float]


RISKS = (
    RiskMeasure("drawdown", "deepest drawdown", lambda cell: -cell.metrics["max_drawdown_bars"]),
    RiskMeasure("volatility", "volatility a year", lambda cell: cell.metrics["volatility"]),
)


@dataclass(frozen=True)
class RiskDot:
    """One cell: ``color`` is the number of its row; ``is_off`` says that it lies off the scale."""

    key: str
    color: int
    is_baseline: bool
    is_off: bool
    x: float
    y: float
    label: str
    label_x: float
    label_y: float
    has_line: bool
    words: str


@dataclass(frozen=True)
class RiskTick:
    """One mark of an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class RiskPicture:
    """The dots of one episode against one measure of risk; ``zero`` is the height of no return."""

    episode: str
    measure: str
    risk_title: str
    dots: tuple[RiskDot, ...]
    across: tuple[RiskTick, ...]
    up: tuple[RiskTick, ...]
    zero: float

    @property
    def edges(self) -> Box:
        """Left, top, right and bottom of the grid."""
        return LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM


@dataclass(frozen=True)
class RiskPoint:
    """A cell before it is placed; return and risk are fractions."""

    key: str
    color: int
    is_baseline: bool
    sets_scale: bool
    title: str
    total_return: float
    risk: float


def risk_pictures(matrix: Matrix) -> list[RiskPicture]:
    """Return the pictures: every measure of risk in every episode that has a finished cell."""
    pictures = []
    for measure in RISKS:
        for episode in matrix.episodes:
            points = list(_points(matrix, episode, measure))
            if points:
                pictures.append(risk_picture(episode.name, measure, points))
    return pictures


def _points(matrix: Matrix, episode: Episode, measure: RiskMeasure) -> Iterator[RiskPoint]:
    for place, (row, item) in enumerate(matrix.config.rows.items()):
        record = matrix.records.get((row, episode.name))
        if record is None:
            continue
        point = RiskPoint(
            key=f"{row}/{episode.name}",
            color=place,
            is_baseline=item.baseline,
            sets_scale=not item.baseline or row == matrix.config.reference,
            title=row_title(item),
            total_return=record.metrics["total_return"],
            risk=measure.risk(record),
        )
        if math.isfinite(point.risk) and math.isfinite(point.total_return):
            yield point


def risk_picture(episode: str, measure: RiskMeasure, points: Sequence[RiskPoint]) -> RiskPicture:
    """Return one picture with its dots, labels and axes placed."""
    reach = _reach(points)
    shown = [point for point in points if _is_near(point, reach)]
    across = _scale(0.0, max((point.risk for point in shown), default=0.0))
    up = _scale(
        min((point.total_return for point in shown), default=0.0),
        max((point.total_return for point in shown), default=0.0),
    )
    left, bottom, right = LEFT + INSET, HEIGHT - BOTTOM - INSET, WIDTH - RIGHT

    def x(risk: float) -> float:
        return left + (risk - across[0]) / (across[-1] - across[0]) * (right - left)

    def y(value: float) -> float:
        return bottom - (value - up[0]) / (up[-1] - up[0]) * (bottom - TOP)

    placed = [
        (_inside(x(point.risk), left, right), _inside(y(point.total_return), TOP, bottom))
        for point in points
    ]
    labels = [_label(point, is_off=point not in shown) for point in points]
    places = label_places(placed, labels)
    dots = tuple(
        RiskDot(
            key=point.key,
            color=point.color,
            is_baseline=point.is_baseline,
            is_off=point not in shown,
            x=round(at[0], 1),
            y=round(at[1], 1),
            label=label,
            label_x=round(box[0], 1),
            label_y=round(box[3] - 3, 1),
            has_line=distance > DISTANCES[0],
            words=f"{point.title}, {episode}: return {signed_percent(point.total_return)}, "
            f"{measure.title} {percent(point.risk)}",
        )
        for point, at, label, (box, distance) in zip(points, placed, labels, places, strict=True)
    )
    return RiskPicture(
        episode=episode,
        measure=measure.name,
        risk_title=measure.title,
        dots=dots,
        across=tuple(
            RiskTick(round(x(value), 1), percent(value, _tick_digits(across))) for value in across
        ),
        up=tuple(RiskTick(round(y(value), 1), _tick_text(value, up)) for value in up),
        zero=round(y(0.0), 1),
    )


def _reach(points: Sequence[RiskPoint]) -> tuple[float, float]:
    """Return the largest risk and return, by size, of the rows that set the scale."""
    setting = [point for point in points if point.sets_scale] or list(points)
    return max(p.risk for p in setting), max(abs(p.total_return) for p in setting)


def _is_near(point: RiskPoint, reach: tuple[float, float]) -> bool:
    return point.risk <= FAR * reach[0] and abs(point.total_return) <= FAR * reach[1]


def _scale(low: float, high: float) -> list[float]:
    """Return round values, equal steps apart, from below ``low`` to above ``high``, with zero.

    >>> _scale(-0.12, 0.2)
    [-0.2, -0.1, 0.0, 0.1, 0.2]
    """
    low, high = min(low, 0.0), max(high, 0.0, low + 0.01)
    span = high - low
    power = 10.0 ** math.floor(math.log10(span / TICKS))
    step = next(n * power for n in (1, 2, 5, 10) if span / (n * power) <= TICKS)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(n * step, 6) for n in range(first, last + 1)]


def _tick_text(value: float, scale: Sequence[float]) -> str:
    return signed_percent(value, _tick_digits(scale)) if value else "0%"


def _tick_digits(scale: Sequence[float]) -> int:
    """Return the digits in percent that tell a scale's steps, 1, 2 or 5 times a power, apart.

    >>> _tick_digits([0.0, 0.01]), _tick_digits([0.0, 0.002]), _tick_digits([0.0, 0.00005])
    (0, 1, 3)
    """
    return max(0, -math.floor(math.log10((scale[1] - scale[0]) * 100) + 1e-9))


def _inside(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _label(point: RiskPoint, *, is_off: bool) -> str:
    """Return a short name: the title up to a comma; a row off the scale has its numbers.

    >>> _label(RiskPoint("a/x", 0, False, True, "A, liquidation reclaim", 0.1, 0.1), is_off=False)
    'A'
    """
    name = point.title.split(",")[0].strip()
    if len(name) > LONGEST_LABEL:
        name = f"{name[: LONGEST_LABEL - 1]}…"
    numbers = f" {signed_percent(point.total_return, 0)}, risk {percent(point.risk, 0)}"
    return f"{name}{numbers if is_off else ''}"


def label_places(
    dots: Sequence[tuple[float, float]], labels: Sequence[str]
) -> list[tuple[Box, float]]:
    """Return each label's box (left, top, right, bottom) and its distance from the dot.

    A label takes the nearest place that covers no dot and no earlier label; where there is none,
    the place to the right of its dot, inside the picture.
    """
    taken = [(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS) for x, y in dots]
    placed: list[tuple[Box, float]] = []
    for dot, label in zip(dots, labels, strict=True):
        free = (
            (box, distance)
            for distance in DISTANCES
            # A line to a distant label leaves aslant, past the labels beside other dots.
            for direction in (BESIDE if distance == DISTANCES[0] else ASLANT)
            if _is_in_picture(box := _box(dot, label, distance, direction))
            and not any(_overlap(box, other) for other in taken)
        )
        box, distance = next(free, (_clamped(dot, label), DISTANCES[0]))
        taken.append(box)
        placed.append((box, distance))
    return placed


def _box(dot: tuple[float, float], label: str, distance: float, direction: tuple[int, int]) -> Box:
    wide, (across, down) = _width(label), direction
    left = dot[0] + {1: distance, -1: -distance - wide, 0: -wide / 2}[across]
    top = dot[1] - LINE / 2 + down * (distance if across else distance + LINE / 2 - 2)
    return left, top, left + wide, top + LINE


def _clamped(dot: tuple[float, float], label: str) -> Box:
    """Return the place to the right of a dot, moved left where it would leave the picture."""
    left, top, right, bottom = _box(dot, label, DISTANCES[0], BESIDE[0])
    back = max(0.0, right - (WIDTH - 2))
    return left - back, top, right - back, bottom


def _width(label: str) -> float:
    return sum(WIDE_LETTER if letter in WIDE_LETTERS else LETTER for letter in label)


def _is_in_picture(box: Box) -> bool:
    return (
        box[0] >= LEFT - 4 and box[1] >= 0 and box[2] <= WIDTH - 2 and box[3] <= HEIGHT - BOTTOM + 2
    )


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
