"""One share for the whole history: the first row's, whatever was split since.

A split changes what a share is. Read as they were traded, prices after a ten-for-one split show a
loss of 90% that nobody had. Publishers scale the past instead, so that a row depends on what came
later. Here rows are per share of the instrument's first row: a price is multiplied by the ratios of
the splits between that row and its own, a volume divided. A later split changes no earlier row.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from data_feeds.errors import SchemaError
from data_feeds.schema import Channel, ChannelKind, time_columns, utc_text
from data_feeds.timeframe import DAY_NS

Values = NDArray[np.float64]

SPLIT_KINDS = (ChannelKind.BARS, ChannelKind.MARK, ChannelKind.DIVIDENDS)
_PER_SHARE = ("open", "high", "low", "close", "amount")
_SHARES = ("volume",)
# Beyond this distance two rows say nothing about a jump between them.
NEAR_NS = 10 * DAY_NS
# New shares per old one in most splits there are; their inverses are reverse splits. A hundred is
# also what parts dollars from cents.
COMMON_RATIOS = (1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0, 100.0)
# A day's own move beside the split's, in logs.
JUMP_TOLERANCE = 0.04


class Shares(StrEnum):
    """How rows stand to the splits on record: quoted as traded, or scaled for all of them."""

    AS_TRADED = "as_traded"
    ADJUSTED = "adjusted"


@dataclass(frozen=True)
class FirstShares:
    """What a share is in a run: that of ``first_at`` (ns UTC), and the splits since (at, ratio)."""

    first_at: int
    splits: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Jump:
    """A price that moved by a common ratio from one bar to the next, between two instants."""

    started_at: int
    ended_at: int
    before: float
    after: float
    ratio: float

    @property
    def text(self) -> str:
        """The jump in words."""
        names = f"{self.ratio:g}:1" if self.ratio > 1 else f"1:{1 / self.ratio:g}"
        return (
            f"the price goes from {self.before:g} ({utc_text(self.started_at)}) to {self.after:g} "
            f"({utc_text(self.ended_at)}), as in a split of {names}, and no split is on record"
        )


def first_shares(splits: Channel, first_at: int, end: int) -> FirstShares:
    """Return what a share is when rows begin at ``first_at``, with the splits up to ``end``."""
    inside = (splits["event_at"] > first_at) & (splits["event_at"] <= end)
    found = splits.take(inside)
    pairs = zip(found["event_at"].tolist(), found["ratio"].tolist(), strict=True)
    return FirstShares(first_at, tuple(pairs))


def in_first_shares(channel: Channel, splits: Channel, first_at: int, shares: Shares) -> Channel:
    """Return rows per share of ``first_at``.

    Parameters
    ----------
    channel : bars, marks or dividends
    splits : the instrument's whole record, new shares per old one; a bar that opens at a split's
        ``event_at`` trades in new shares
    first_at : the first row of the instrument's bars, ns UTC
    shares : how the rows stand to the record
    """
    through = np.concatenate(([1.0], np.cumprod(splits["ratio"])))
    at_first = through[np.searchsorted(splits["event_at"], first_at, side="right")]
    if shares is Shares.ADJUSTED:
        factor = np.full(len(channel), through[-1] / at_first)
    else:
        facts = channel[time_columns(channel.key.kind)[0]]
        factor = through[np.searchsorted(splits["event_at"], facts, side="right")] / at_first
    return _scaled(channel, factor)


def unscaled(channel: Channel, splits: Channel) -> Channel:
    """Return rows that were scaled for all of ``splits`` as they were quoted on their day."""
    later = np.append(np.cumprod(splits["ratio"][::-1])[::-1], 1.0)
    facts = channel[time_columns(channel.key.kind)[0]]
    return _scaled(channel, later[np.searchsorted(splits["event_at"], facts, side="right")])


def _scaled(channel: Channel, factor: Values) -> Channel:
    columns = dict(channel.columns)
    for name, values in channel.columns.items():
        if name in _PER_SHARE:
            columns[name] = values * factor
        elif name in _SHARES:
            columns[name] = values / factor
    return Channel(channel.key, columns)


def told_shares(bars: Channel, splits: Channel, declared: str = "") -> Shares:
    """Return how bars stand to the splits: as declared, else as their jumps tell.

    At each split between two bars the price fell by the ratio, or did not. Without one between two
    bars the rows are taken as traded.

    Raises
    ------
    SchemaError : some splits are in the prices and others are not, or it was declared otherwise.
    """
    moves, ratios, at = _at_splits(bars, splits)
    _refuse_inverted(bars, moves, ratios, at)
    is_traded = np.abs(moves - ratios) < np.abs(moves)
    if len(moves) == 0:
        return Shares(declared) if declared else Shares.AS_TRADED
    plain = np.abs(ratios) > 0.2
    told = is_traded[plain] if plain.any() else np.array([_weighed(moves, ratios)])
    if told.all() != told.any():
        odd = int(at[plain][np.argmax(told != told[0])])
        raise SchemaError(
            f"{bars.key}: prices jump at some splits and not at others, such as that of "
            f"{utc_text(odd)}; correct the splits or take prices of one source"
        )
    found = Shares.AS_TRADED if told.all() else Shares.ADJUSTED
    if declared and plain.any() and Shares(declared) is not found:
        raise SchemaError(
            f"{bars.key}: splits: {declared} is declared, but at the split of "
            f"{utc_text(int(at[plain][0]))} the price moves as if it were {found}"
        )
    return Shares(declared) if declared else found


def _refuse_inverted(bars: Channel, moves: Values, ratios: Values, at: NDArray[np.int64]) -> None:
    """Raise where the price rose by what it should have fallen, or the other way round."""
    odd = (np.abs(ratios) > 0.2) & (np.abs(moves + ratios) < 0.25 * np.abs(ratios))
    if odd.any():
        raise SchemaError(
            f"{bars.key}: at the split of {utc_text(int(at[odd][0]))} the price moves by "
            f"{np.exp(-moves[odd][0]):.3g}, the inverse of what a ratio of "
            f"{np.exp(ratios[odd][0]):g} does; write new shares per old share, 10 for ten to one"
        )


def _weighed(moves: Values, ratios: Values) -> bool:
    """Whether small splits, each within a day's own move, are jumped at on the whole."""
    return bool(np.sum((moves - ratios) ** 2) < np.sum(moves**2))


def _at_splits(bars: Channel, splits: Channel) -> tuple[Values, Values, NDArray[np.int64]]:
    """Return the fall in logs over each split between two near bars, its log ratio and instant."""
    at = splits["event_at"]
    after = np.searchsorted(bars["opened_at"], at, side="left")
    inside = (after > 0) & (after < len(bars))
    after, at, ratio = after[inside], at[inside], splits["ratio"][inside]
    near = bars["opened_at"][after] - bars["closed_at"][after - 1] <= NEAR_NS
    after, at, ratio = after[near], at[near], ratio[near]
    moves = np.log(bars["close"][after - 1] / bars["open"][after])
    return moves, np.log(ratio), at


def common_jumps(bars: Channel) -> list[Jump]:
    """Return where the price moves by a common ratio from one bar to the next, and stays.

    Bars more than ten days apart are not compared. Splits on record are not in rows that
    :func:`in_first_shares` has returned, so what is found here has none.
    """
    if len(bars) < 2:
        return []
    move = np.log(bars["close"][:-1] / bars["open"][1:])
    near = bars["opened_at"][1:] - bars["closed_at"][:-1] <= NEAR_NS
    found = []
    for i in np.flatnonzero(near & (np.abs(move) > np.log(COMMON_RATIOS[0]) - JUMP_TOLERANCE)):
        size = abs(float(move[i]))
        ratio = min(COMMON_RATIOS, key=lambda known: abs(np.log(known) - size))
        # A bar more on either side: a single bar that leaves and comes back is a spike.
        row = int(i)
        was, becomes = bars["close"][max(row - 1, 0)], bars["close"][min(row + 2, len(bars) - 1)]
        stays = abs(np.log(was / becomes)) > size / 2
        if abs(np.log(ratio) - size) <= JUMP_TOLERANCE and stays:
            signed = ratio if move[i] > 0 else 1 / ratio
            before, after = float(bars["close"][i]), float(bars["open"][i + 1])
            times = int(bars["closed_at"][i]), int(bars["opened_at"][i + 1])
            found.append(Jump(*times, before, after, signed))
    return found
