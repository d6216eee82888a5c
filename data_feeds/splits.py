"""Adjust rows for splits: every row is per share of the instrument's first row.

A split changes the size of a share. Prices as traded show a loss of 90% at a ten-for-one split that
no holder had. Publishers scale past prices instead, so that a row depends on later splits. Here a
price is multiplied, and a volume divided, by the ratios of the splits between the first row and its
own row. A later split changes no earlier row.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from data_feeds.clock import DAY_NS, utc_text
from data_feeds.errors import SchemaError
from data_feeds.schema import Channel, ChannelKind, time_columns

Values = NDArray[np.float64]

SPLIT_KINDS = (ChannelKind.BARS, ChannelKind.MARK, ChannelKind.DIVIDENDS)
_PER_SHARE = ("open", "high", "low", "close", "amount")
_SHARES = ("volume",)
# Rows farther apart than this show no jump.
NEAR_NS = 10 * DAY_NS
# Largest distance of a split record from its jump: announced, recorded, paid, or a day off.
MISDATED_NS = 60 * DAY_NS
# A log ratio within a usual daily move, which proves little at a single row.
_PLAIN = 0.2
# New shares per old share in most splits; the inverses are reverse splits. A hundred is also the
# ratio of dollars to cents.
COMMON_RATIOS = (1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0, 100.0)
# Largest daily move beside the split's own move, in logs.
JUMP_TOLERANCE = 0.04


class ShareBasis(StrEnum):
    """Basis of rows: quoted as traded, or adjusted for all recorded splits."""

    AS_TRADED = "as_traded"
    ADJUSTED = "adjusted"


@dataclass(frozen=True)
class FirstShares:
    """Share unit of a run: the share at ``first_at`` (ns UTC), and later splits (at, ratio)."""

    first_at: int
    splits: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Jump:
    """A price move by a common split ratio from one bar to the next."""

    started_at: int
    ended_at: int
    before: float
    after: float
    ratio: float
    #: Nearest recorded split within sixty days (ns UTC, new shares per old share), or None.
    recorded: tuple[int, float] | None = None

    @property
    def text(self) -> str:
        """Text of the jump."""
        record = "no split is on record"
        if self.recorded is not None:
            at, ratio = self.recorded
            record = f"the split of {_ratio_text(ratio)} on record at {utc_text(at)} is not in it"
        return (
            f"the price goes from {self.before:g} ({utc_text(self.started_at)}) to {self.after:g} "
            f"({utc_text(self.ended_at)}), as in a split of {_ratio_text(self.ratio)}, and {record}"
        )


def _ratio_text(ratio: float) -> str:
    return f"{ratio:g}:1" if ratio > 1 else f"1:{1 / ratio:g}"


def first_shares(splits: Channel, first_at: int, end: int) -> FirstShares:
    """Return the share unit of rows that begin at ``first_at``, with the splits up to ``end``."""
    inside = (splits["event_at"] > first_at) & (splits["event_at"] <= end)
    found = splits.take(inside)
    pairs = zip(found["event_at"].tolist(), found["ratio"].tolist(), strict=True)
    return FirstShares(first_at, tuple(pairs))


def in_first_shares(
    channel: Channel, splits: Channel, first_at: int, shares: ShareBasis
) -> Channel:
    """Return rows per share at ``first_at``.

    Parameters
    ----------
    channel : bars, marks or dividends
    splits : all recorded splits, new shares per old share; a bar that opens at a split's
        ``event_at`` trades in new shares
    first_at : the first row of the instrument's bars, ns UTC
    shares : whether the rows are as traded or adjusted for these splits
    """
    through = np.concatenate(([1.0], np.cumprod(splits["ratio"])))
    at_first = through[np.searchsorted(splits["event_at"], first_at, side="right")]
    if shares is ShareBasis.ADJUSTED:
        factor = np.full(len(channel), through[-1] / at_first)
    else:
        facts = channel[time_columns(channel.key.kind)[0]]
        factor = through[np.searchsorted(splits["event_at"], facts, side="right")] / at_first
    return _scaled(channel, factor)


def unscaled(channel: Channel, splits: Channel) -> Channel:
    """Return rows as quoted on their day, from rows that were scaled for all ``splits``."""
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


def told_shares(bars: Channel, splits: Channel, declared: str = "") -> ShareBasis:
    """Return whether bars are as traded or adjusted: as declared, else as their jumps show.

    At each split between two bars the price fell by the ratio, or it did not. Without a split
    between two bars the rows count as traded.

    Raises
    ------
    SchemaError : some splits are in the prices and others are not, a price moves by a split's ratio
        near its instant but not at it, or the declaration contradicts the prices.
    """
    moves, ratios, at = _at_splits(bars, splits)
    _refuse_inverted(bars, moves, ratios, at)
    is_traded = np.abs(moves - ratios) < np.abs(moves)
    _refuse_misdated(bars, splits, at[is_traded])
    if not declared:
        _refuse_other_ratio(bars, moves, ratios, at)
    if len(moves) == 0:
        return ShareBasis(declared) if declared else ShareBasis.AS_TRADED
    plain = np.abs(ratios) > _PLAIN
    told = is_traded[plain] if plain.any() else np.array([_weighed(moves, ratios)])
    if told.all() != told.any():
        odd = int(at[plain][np.argmax(told != told[0])])
        raise SchemaError(
            f"{bars.key}: prices jump at some splits and not at others, such as that of "
            f"{utc_text(odd)}; correct the splits or take prices of one source"
        )
    found = ShareBasis.AS_TRADED if told.all() else ShareBasis.ADJUSTED
    if declared and plain.any() and ShareBasis(declared) is not found:
        raise SchemaError(
            f"{bars.key}: splits: {declared} is declared, but at the split of "
            f"{utc_text(int(at[plain][0]))} the price moves as if it were {found}"
        )
    return ShareBasis(declared) if declared else found


def told_dividends(paid: Channel, splits: Channel, prices: ShareBasis) -> ShareBasis:
    """Return whether dividends are as traded or adjusted, from their amounts, else ``prices``.

    At a four-for-one split a declared amount falls to a quarter, and a scaled amount stays. Up to
    four amounts on either side are compared. If the amounts show nothing, dividends beside prices
    as traded are as traded; beside adjusted prices an error asks, because most are as declared.

    Raises
    ------
    SchemaError : prices are adjusted, and the amounts do not show whether dividends are.
    """
    known = paid.take(paid["amount"] > 0)
    amounts = np.log(known["amount"])
    sizes = np.log(splits["ratio"])
    place = np.searchsorted(known["event_at"], splits["event_at"], side="left")
    inside = sorted({int(row) for row in place if 0 < row < len(known)})
    bounds = [0, *inside, len(known)]
    traded = adjusted = 0.0
    for first, row, stop in zip(bounds, inside, bounds[2:], strict=False):
        before = float(np.median(amounts[max(first, row - 4) : row]))
        after = float(np.median(amounts[row : min(stop, row + 4)]))
        traded += abs(before - after - float(sizes[place == row].sum()))
        adjusted += abs(before - after)
    if traded + adjusted > 0 and 2 * min(traded, adjusted) <= max(traded, adjusted):
        return ShareBasis.AS_TRADED if traded < adjusted else ShareBasis.ADJUSTED
    is_open = abs(float(sizes[place > 0].sum())) > _PLAIN
    if prices is ShareBasis.ADJUSTED and is_open:
        raise SchemaError(
            f"{paid.key}: prices are adjusted for the splits, and the amounts do not tell whether "
            "dividends before them are; set splits: as_traded (as declared) or splits: adjusted "
            "at the dividends in the mapping"
        )
    return prices


def _refuse_inverted(bars: Channel, moves: Values, ratios: Values, at: NDArray[np.int64]) -> None:
    """Refuse a price that moves by the inverse of a split's ratio."""
    odd = (np.abs(ratios) > _PLAIN) & (np.abs(moves + ratios) < 0.25 * np.abs(ratios))
    if odd.any():
        raise SchemaError(
            f"{bars.key}: at the split of {utc_text(int(at[odd][0]))} the price moves by "
            f"{np.exp(-moves[odd][0]):.3g}, the inverse of what a ratio of "
            f"{np.exp(ratios[odd][0]):g} does; write new shares per old share, 10 for ten to one"
        )


def _refuse_misdated(bars: Channel, splits: Channel, matched: NDArray[np.int64]) -> None:
    """Refuse a price that moves by a split's ratio near the split's instant, but not at it."""
    rows = _lasting_moves(bars, np.log(COMMON_RATIOS[0]) / 2)
    moves = _moves(bars)[rows]
    for at, ratio in zip(splits["event_at"].tolist(), splits["ratio"].tolist(), strict=True):
        size = abs(np.log(ratio))
        if size <= _PLAIN or at in matched:
            continue
        opened = bars["opened_at"][rows + 1]
        # The jump of another recorded split does not count.
        is_free = ~np.isin(rows + 1, np.searchsorted(bars["opened_at"], matched, side="left"))
        near = is_free & (np.abs(opened - at) <= MISDATED_NS)
        like = np.flatnonzero(near & (np.abs(np.abs(moves) - size) < 0.25 * size))
        if len(like) == 0:
            continue
        row = int(rows[like[np.argmin(np.abs(opened[like] - at))]])
        jumped = utc_text(int(bars["opened_at"][row + 1]))
        raise SchemaError(
            f"{bars.key}: the split of {_ratio_text(ratio)} is recorded at {utc_text(at)}, where "
            f"the price does not move by it, but the bar of {jumped} "
            f"opens at {bars['open'][row + 1]:g} after a close of {bars['close'][row]:g}; a split "
            "counts from the open of the first bar in new shares: correct its time, or leave it "
            "out of the splits if the prices are scaled for it and the market moved so"
        )


def _refuse_other_ratio(
    bars: Channel, moves: Values, ratios: Values, at: NDArray[np.int64]
) -> None:
    """Refuse a price that moves at a split by neither its ratio nor a usual daily move."""
    least = np.maximum(0.25, 0.25 * np.abs(ratios))
    odd = (np.abs(moves - ratios) > least) & (np.abs(moves) > least) & (np.abs(ratios) > _PLAIN)
    if odd.any():
        i = int(np.argmax(odd))
        raise SchemaError(
            f"{bars.key}: at the split of {_ratio_text(float(np.exp(ratios[i])))} at "
            f"{utc_text(int(at[i]))} the price falls to one part in {np.exp(moves[i]):.3g}; "
            "correct the ratio, or set splits: as_traded or adjusted if the market moved so"
        )


def _weighed(moves: Values, ratios: Values) -> bool:
    """Return whether prices jump at small splits, judged over all of them together."""
    return bool(np.sum((moves - ratios) ** 2) < np.sum(moves**2))


def _at_splits(bars: Channel, splits: Channel) -> tuple[Values, Values, NDArray[np.int64]]:
    """Return log fall, log ratio and instant of each split between two near bars."""
    at = splits["event_at"]
    after = np.searchsorted(bars["opened_at"], at, side="left")
    inside = (after > 0) & (after < len(bars))
    after, at, ratio = after[inside], at[inside], splits["ratio"][inside]
    near = bars["opened_at"][after] - bars["closed_at"][after - 1] <= NEAR_NS
    after, at, ratio = after[near], at[near], ratio[near]
    moves = np.log(bars["close"][after - 1] / bars["open"][after])
    return moves, np.log(ratio), at


def common_jumps(bars: Channel, splits: Iterable[tuple[int, float]] = ()) -> list[Jump]:
    """Return lasting price moves by a common split ratio from one bar to the next.

    Bars more than ten days apart are not compared. ``splits`` are the recorded splits (at, ratio).
    Rows from :func:`in_first_shares` do not jump at them, so every jump found is another one; the
    nearest recorded split is returned with it.
    """
    move, record = _moves(bars), list(splits)
    found = []
    for row in _lasting_moves(bars, np.log(COMMON_RATIOS[0]) - JUMP_TOLERANCE).tolist():
        size = abs(float(move[row]))
        ratio = min(COMMON_RATIOS, key=lambda known: abs(np.log(known) - size))
        if abs(np.log(ratio) - size) > JUMP_TOLERANCE:
            continue
        signed = ratio if move[row] > 0 else 1 / ratio
        before, after = float(bars["close"][row]), float(bars["open"][row + 1])
        times = int(bars["closed_at"][row]), int(bars["opened_at"][row + 1])
        near = [split for split in record if abs(split[0] - times[1]) <= MISDATED_NS]
        nearest = min(near, key=lambda split: abs(split[0] - times[1]), default=None)
        found.append(Jump(*times, before, after, signed, nearest))
    return found


def _moves(bars: Channel) -> Values:
    """Return the log fall from each bar's close to the next bar's open."""
    fall: Values = np.log(bars["close"][:-1] / bars["open"][1:])
    return fall


def _lasting_moves(bars: Channel, least: float) -> NDArray[np.int64]:
    """Return the rows after which the price moves by more than ``least`` in logs and stays.

    One more bar on either side is compared: a single bar that moves away and back is a spike.
    """
    if len(bars) < 2:
        return np.empty(0, np.int64)
    move, close = _moves(bars), bars["close"]
    near = bars["opened_at"][1:] - bars["closed_at"][:-1] <= NEAR_NS
    rows = np.flatnonzero(near & (np.abs(move) > least))
    was, becomes = close[np.maximum(rows - 1, 0)], close[np.minimum(rows + 2, len(bars) - 1)]
    stays: NDArray[np.int64] = rows[np.abs(np.log(was / becomes)) > np.abs(move[rows]) / 2]
    return stays
