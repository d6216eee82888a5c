"""Random well-typed expressions over the small market, as text.

A piece carries its unit and its rows, so that only comparisons, windows and mixtures are drawn that
the language takes. Inside a window the operand stays in one group of channels with common instants.
"""

from collections.abc import Callable, Sequence

import numpy as np

from tests.strategies.rules.expression_pieces import (
    AROUND,
    AT_THE_CLOSE,
    BARS_AROUND,
    BTC,
    CLOCK,
    EXACT,
    EXCHANGE,
    GROUPS,
    LEAST_ROWS,
    NONE,
    OF_THE_CLOCK,
    OFTEN,
    ON_EXCHANGE,
    POINTS_AROUND,
    SAME_UNIT,
    SCALED,
    TYPICAL,
    Piece,
    one,
)


class RandomExpressions:
    """Draws expressions for one clock; ``around`` says that the clock never closes."""

    def __init__(self, rng: np.random.Generator, *, around: bool) -> None:
        self.rng, self.around = rng, around

    def truth(self, depth: int = 3) -> str:
        """Return a truth over any channels."""
        return self._truth(depth, None).text

    def number(self, depth: int = 3) -> str:
        """Return a number over any channels."""
        return self._number(depth, None).text

    # Draws ----------------------------------------------------------------------------------------

    def _pick(self, items: Sequence) -> object:
        return items[int(self.rng.integers(len(items)))]

    def _chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def _group(self) -> Sequence[Piece]:
        return GROUPS[int(self.rng.choice(len(GROUPS), p=OFTEN))]

    def _mixed(self, pieces: Sequence[Piece], group: Sequence[Piece] | None) -> frozenset[str]:
        """Return the rows of a term of several parts, as the language decides."""
        rows = {piece.rows for piece in pieces} - {NONE}
        if len(rows) < 2:
            return rows.pop() if rows else NONE
        return CLOCK if group is None or CLOCK in rows else frozenset().union(*rows)

    def _rows_text(self, most: int = 9, least: int = 1) -> str:
        return f"{int(self.rng.integers(least, most))} bars"

    def _length(  # noqa: PLR0911 - one case a kind of rows
        self, rows: frozenset[str], *, recursive: bool = False, least: int = 1
    ) -> str:
        """Return a length that the rows take, of at least so many rows."""
        if self._chance(0.1):
            return "n"
        if rows <= {"month ends of spy"}:
            return self._rows_text(least + 2, least)
        if rows == CLOCK:
            hours = self._pick(("4h", "8h", "12h", "1d", "look")[least - 1 :])
            drawn = self.around and self._chance(0.4)
            return str(hours) if drawn else self._rows_text(least=least)
        if rows <= ON_EXCHANGE:
            count = int(self.rng.integers(least, 9))
            return f"{count} sessions" if self._chance(0.6) else f"{count} bars"
        if rows <= BARS_AROUND and self._chance(0.5):
            return str(self._pick(("12h", "1d", "look", "36h", "8h")[: 7 - least]))
        if rows <= BARS_AROUND | POINTS_AROUND and not recursive and self._chance(0.5):
            return self._hours(rows)
        return self._rows_text(least=least)

    def _hours(self, rows: frozenset[str]) -> str:
        return str(self._pick(("1d", "look", "3d") if "funding" in rows else ("6h", "1d", "90m")))

    # Numbers --------------------------------------------------------------------------------------

    def _leaf(self, group: Sequence[Piece] | None, unit: str | None = None) -> Piece:
        pieces = self._group() if group is None else group
        fitting = [piece for piece in pieces if unit in (None, piece.unit)]
        if not fitting:
            fitting = [p for each in GROUPS for p in each if p.unit == unit]
        return self._pick(fitting)

    def _number(self, depth: int, group: Sequence[Piece] | None, unit: str | None = None) -> Piece:
        if depth <= 0 or self._chance(0.15):
            return self._leaf(group, unit)
        makers: list[tuple[Callable[..., Piece], float]] = [
            (self._windowed, 0.42),
            (self._lookback, 0.12),
            (self._arithmetic, 0.16),
            (self._choice, 0.12),
            (self._negative, 0.03),
            (self._special, 0.15),
        ]
        weights = np.array([weight for _, weight in makers])
        make = makers[int(self.rng.choice(len(makers), p=weights / weights.sum()))][0]
        return make(depth, group, unit)

    def _windowed(self, depth: int, group, unit) -> Piece:
        inside = self._inside(group, unit)
        name = str(self._pick(EXACT if inside is OF_THE_CLOCK else SAME_UNIT))
        operand = self._number(depth - 1, inside, unit)
        if operand.rows == NONE:
            return operand
        recursive = name in ("ema", "wilder", "macd", "macd_signal", "macd_histogram")
        if name.startswith("macd"):
            lengths = ["3 bars", "6 bars"] + ["4 bars"] * (name != "macd")
        else:
            least = LEAST_ROWS.get(name, 1)
            lengths = [self._length(operand.rows, recursive=recursive, least=least)]
        extra = ["1.5"] if name.endswith("band") else []
        text = f"{name}({', '.join([operand.text, *lengths, *extra])})"
        return Piece(text, operand.unit, operand.rows)

    def _inside(self, group, unit: str | None):
        """Return the group of a window's operand: the one around it, or any that has the unit."""
        if group is not None:
            return group
        fitting = [each for each in GROUPS if any(unit in (None, piece.unit) for piece in each)]
        weights = np.array([OFTEN[i] for i, each in enumerate(GROUPS) if each in fitting])
        return fitting[int(self.rng.choice(len(fitting), p=weights / weights.sum()))]

    def _lookback(self, depth: int, group, unit) -> Piece:
        operand = self._number(depth - 1, self._inside(group, unit), unit)
        back = "k" if self._chance(0.15) else int(self.rng.integers(0, 6))
        return Piece(f"{operand.closed}[{back}]", operand.unit, operand.rows)

    def _arithmetic(self, depth: int, group, unit) -> Piece:
        left = self._number(depth - 1, group, unit)
        if self._chance(0.4):
            text = f"{left.closed} * {self._pick(('1.01', '0.5', '2'))}"
            return Piece(text, left.unit, left.rows)
        right = self._beside(left, depth, group)
        rows = self._mixed([left, right], group)
        if unit is None and self._chance(0.4):
            return Piece(f"{left.closed} / {right.closed}", "x", rows)
        sign = self._pick(("+", "-"))
        return Piece(f"{left.closed} {sign} {right.closed}", left.unit, rows)

    def _offers(self, group: Sequence[Piece] | None, unit: str) -> bool:
        pieces = group or [piece for each in GROUPS for piece in each]
        return any(piece.unit == unit for piece in pieces)

    def _beside(self, left: Piece, depth: int, group: Sequence[Piece] | None) -> Piece:
        """Return a second number of the first one's unit."""
        if self._offers(group, left.unit):
            return self._number(depth - 1, group, left.unit)
        return Piece(f"{left.closed} * 0.99", left.unit, left.rows)

    def _choice(self, depth: int, group, unit) -> Piece:
        name = str(self._pick(("min", "max", "abs", "where")))
        first = self._number(depth - 1, group, unit)
        if name == "abs":
            return Piece(f"abs({first.text})", first.unit, first.rows)
        parts = [first, self._beside(first, depth, group)]
        if name == "where":
            parts.insert(0, self._truth(depth - 1, group))
        text = f"{name}({', '.join(part.text for part in parts)})"
        return Piece(text, first.unit, self._mixed(parts, group))

    def _negative(self, depth: int, group, unit) -> Piece:
        operand = self._number(depth - 1, group, unit)
        return Piece(f"-{operand.closed}", operand.unit, operand.rows)

    def _special(self, depth: int, group, unit) -> Piece:
        """Return an average true range, a month's end, a named value, or a scaled function."""
        if unit is None and self._chance(0.5):
            return self._scaled(depth, group)[0]
        around = group is None or group[0].rows <= BARS_AROUND
        if unit in (None, "price") and around and self._chance(0.6):
            name = str(self._pick(("btc", "btc@4h")))
            if group in (BTC, AT_THE_CLOSE):
                name = "btc"
            return one(
                f"atr({name}, {self._length(frozenset([name]), recursive=True)})", "price", name
            )
        if unit in (None, "price") and group in (None, BTC, AROUND) and self._chance(0.4):
            return one("mean", "price", "btc")
        if unit is None and group is None:
            return Piece("ratio", "x", CLOCK)
        if unit is None and group is EXCHANGE and self._chance(0.5):
            return one("ratio", "x", "spy", "qqq")
        return self._number(depth - 1, group, unit)

    def _scaled(  # noqa: C901, PLR0911 - one case a function
        self, depth: int, group
    ) -> tuple[Piece, str]:
        """Return a function with a scale of its own, and a number on that scale."""
        name = str(self._pick(tuple(SCALED)))
        level = str(self._pick(SCALED[name]))
        if name in ("weekday", "hour", "days_to_month_end"):
            if group is not None:
                return self._scaled(depth, group)
            zone = "" if name.startswith("days") else self._pick(("", '"America/New_York"'))
            return Piece(f"{name}({zone})", "number", CLOCK), level
        if name == "log":
            inner = self._number(depth - 1, group)
            return Piece(f"log({inner.text})", "log", inner.rows), level
        inside = self._inside(group, None)
        if inside is OF_THE_CLOCK and name not in ("count", "since"):
            return self._scaled(depth, group)
        if name in ("count", "since"):
            operand = self._truth(depth - 1, inside)
        elif name in ("correlation", "beta"):
            if len(inside) < 2:
                return self._scaled(depth, group)
            return self._paired(name, inside), level
        elif name in ("realized_vol", "drawdown", "pct_change"):
            operand = self._leaf(inside)
        else:
            operand = self._number(depth - 1, inside)
        if operand.rows == NONE:
            return self._scaled(depth, group)
        least = LEAST_ROWS.get(name, 1)
        length = self._length(operand.rows, recursive=name == "rsi", least=least)
        if name == "realized_vol" and not operand.rows <= BARS_AROUND | {"spy", "qqq"}:
            return self._scaled(depth, group)
        return Piece(f"{name}({operand.text}, {length})", name, operand.rows), level

    def _paired(self, name: str, group: Sequence[Piece]) -> Piece:
        left, right = self._leaf(group), self._leaf(group)
        while right == left:  # The spread of ones would be rounding.
            right = self._leaf(group)
        rows = left.rows | right.rows
        length = self._length(rows, least=3)
        return Piece(f"{name}({left.text}, {right.text}, {length})", name, rows)

    # Truths ---------------------------------------------------------------------------------------

    def _truth(self, depth: int, group: Sequence[Piece] | None) -> Piece:
        if depth <= 0:
            return self._comparing(0, group)
        makers: list[tuple[Callable[..., Piece], float]] = [
            (self._comparing, 0.4),
            (self._logic, 0.2),
            (self._negation, 0.08),
            (self._lasting, 0.2),
            (self._crossing, 0.12),
        ]
        weights = np.array([weight for _, weight in makers])
        make = makers[int(self.rng.choice(len(makers), p=weights / weights.sum()))][0]
        return make(depth, group)

    def _comparing(self, depth: int, group) -> Piece:
        sign = str(self._pick(("<", "<=", ">", ">=")))
        draw = self.rng.random()
        if draw < 0.4:
            scaled, level = self._scaled(depth, group)
            if scaled.rows != NONE:
                if self._chance(0.1):
                    sign = str(self._pick(("==", "!=")))
                return Piece(f"{scaled.text} {sign} {level}", "truth", scaled.rows)
        if draw < 0.55:
            leaf = self._leaf(group)
            if leaf.text in TYPICAL:
                level = self._pick(TYPICAL[leaf.text])
                return Piece(f"{leaf.text} {sign} {level}", "truth", leaf.rows)
        if draw < 0.6 and group in (None, EXCHANGE):
            return one("nervous", "truth", "vix")
        left, right = self._two(depth, group)
        text = f"{left.closed} {sign} {right.closed}"
        return Piece(text, "truth", self._mixed([left, right], group))

    def _two(self, depth: int, group) -> tuple[Piece, Piece]:
        """Return two numbers of one unit, often a leaf and a window over it."""
        left = self._number(depth - 1, group)
        offered = self._offers(group, left.unit)
        leaf = self._leaf(group, left.unit) if offered else left
        if not offered or self._chance(0.5):
            name = str(self._pick(("sma", "ema", "highest", "lowest", "wilder")))
            if leaf.rows in {NONE, CLOCK}:
                return left, Piece(f"{left.closed} * 0.99", left.unit, left.rows)
            length = self._length(leaf.rows, recursive=True)
            return leaf, Piece(f"{name}({leaf.text}, {length})[1]", leaf.unit, leaf.rows)
        return left, self._beside(left, depth, group)

    def _logic(self, depth: int, group) -> Piece:
        word = f" {self._pick(('and', 'or'))} "
        parts = [self._truth(depth - 1, group) for _ in range(int(self.rng.integers(2, 4)))]
        return Piece(word.join(part.closed for part in parts), "truth", self._mixed(parts, group))

    def _negation(self, depth: int, group) -> Piece:
        operand = self._truth(depth - 1, group)
        return Piece(f"not {operand.closed}", "truth", operand.rows)

    def _lasting(self, depth: int, group) -> Piece:
        operand = self._truth(depth - 1, group)
        word = self._pick(("for", "within"))
        text = f"{operand.closed} {word} {self._length(operand.rows)}"
        return Piece(text, "truth", operand.rows)

    def _crossing(self, depth: int, group) -> Piece:
        left, right = self._two(depth, group)
        if left.text in TYPICAL and self._chance(0.5):
            right = Piece(str(self._pick(TYPICAL[left.text])), left.unit, NONE)
        text = f"{left.closed} crosses {self._pick(('above', 'below'))} {right.closed}"
        return Piece(text, "truth", self._mixed([left, right], group))
