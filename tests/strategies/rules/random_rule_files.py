"""Random rule files over the small market: trades of every form, and weights by state."""

from typing import Any

import numpy as np

from tests.strategies.rules.expression_pieces import LETS
from tests.strategies.rules.random_expressions import RandomExpressions
from tests.strategies.rules.small_market import BINDINGS, SERIES, SPOT

CLOCKS = ("btc@4h", "btc@1h", "spy@session")
# Steps of a trade's own bars.
ROWS = {"btc": "bars", "eth": "bars", "spy": "sessions", "qqq": "sessions", "coin": "bars"}


class RandomRuleFile:
    """Draws the parameters of one file."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.has_weights = self._chance(0.27)
        self.clock = str(self.rng.choice(CLOCKS, p=[0.5, 0.15, 0.35]))
        self.expressions = RandomExpressions(self.rng, around=self.clock != "spy@session")

    def params(self) -> dict[str, Any]:
        """Return the file's parameters, as YAML would hold them."""
        file: dict[str, Any] = {
            "instruments": {**BINDINGS, "coin": f"{SPOT}@1h"},
            "series": dict(SERIES),
            "clock": self.clock,
            "let": dict(LETS),
            "max_age": {"yield10": "3d"},
        }
        if not self.has_weights:
            names = [f"trade_{i}" for i in range(int(self.rng.integers(1, 4)))]
            # Two trades may name one instrument.
            return {**file, "trades": {name: self._trade() for name in names}}
        states = self._states()
        dates = [
            {"when": "weekly", "band": "5%"},
            {"when": "month_end"},
            {"when": "never", "band": "2%"},
        ]
        shares = [share for state in states.values() for share in state["hold"].values()]
        if not any(isinstance(share, str) for share in shares):
            dates.append({"when": "never"})
        return {
            **file,
            "weights": states,
            "switch": self._pick(("at_once", "at_once", "weekly", "month_end")),
            "rebalance": self._pick(dates),
        }

    def _pick(self, items: Any) -> Any:
        return items[int(self.rng.integers(len(items)))]

    def _chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    # Trades ---------------------------------------------------------------------------------------

    def _trade(self) -> dict[str, Any]:
        name = str(self.rng.choice(("btc", "eth", "spy"), p=[0.5, 0.2, 0.3]))
        side = "long" if name == "spy" or self._chance(0.6) else "short"
        sign = 1 if side == "long" else -1
        trade: dict[str, Any] = {
            "instrument": name,
            "side": side,
            "risk": self._pick((1, 0.5, 0.25)),
            "enter": self._enter(name, side),
            "stop": self._stop(name, sign),
            "exit": self._exits(name),
        }
        if self._chance(0.5):
            trade["targets"] = self._targets(name, sign)
        if self._chance(0.6):
            trade["trail"] = self._trail(name, sign)
        if self._chance(0.5):
            trade["tranches"] = self._tranches(name, side)
        # A stream of its own leaves the other draws as they are.
        apart = self.rng.spawn(1)[0]
        if apart.random() < 0.3:
            trade["trailing_stop"] = self._trailing_stop(apart, name)
        return trade

    @staticmethod
    def _trailing_stop(rng: np.random.Generator, name: str) -> dict[str, Any]:
        distance = {"percent": "2%"}
        if rng.random() < 0.6:
            distance = {"distance": f"2 * atr({name}, 4 {ROWS[name]})"}
        begins = {"beyond_r": 0.5} if rng.random() < 0.4 else {}
        return {**distance, **begins, "moved": str(rng.choice(["at_closes", "inside_bars"]))}

    def _range(self, name: str) -> str:
        return f"atr({name}, {int(self.rng.integers(3, 8))} {ROWS[name]})"

    def _enter(self, name: str, side: str) -> dict[str, Any]:
        sign = ">" if side == "long" else "<"
        length = f"{int(self.rng.integers(3, 9))} {ROWS[name]}"
        usual = self._pick(
            (
                f"{name}.close {sign} sma({name}.close, {length})",
                f"change({name}.close, {length}) {sign} 0",
                f"{name}.close crosses {'above' if side == 'long' else 'below'} "
                f"ema({name}.close, {length})",
                f"({name}.close {sign} {name}.close[1]) within 3 bars",
            )
        )
        enter: dict[str, Any] = {"usual": usual}
        if self._chance(0.5):
            drawn = self.expressions.truth(2)
            passes = {"when": f"({drawn}) or {usual}", "unknown": "pass"}
            enter["drawn"] = passes if self._chance(0.5) else f"({drawn}) or {usual}"
        return enter

    def _stop(self, name: str, sign: int) -> str:
        beyond, factor = ("-", 0.997) if sign > 0 else ("+", 1.003)
        extreme = "lowest" if sign > 0 else "highest"
        column = "low" if sign > 0 else "high"
        return str(
            self._pick(
                (
                    f"{name}.close {beyond} {self._pick(('1.5', '2', '3'))} * {self._range(name)}",
                    f"{extreme}({name}.{column}, 5 {ROWS[name]}) * {factor}",
                )
            )
        )

    def _targets(self, name: str, sign: int) -> list[dict[str, Any]]:
        beyond = "+" if sign > 0 else "-"
        price = f"{name}.close {beyond} 1.5 * {self._range(name)}"
        return self._pick(
            (
                [{"r": 0.5, "fraction": 0.5}, {"r": 2, "fraction": 0.5}],
                [{"price": price, "fraction": 1}],
                [{"r": 1, "fraction": 0.4}, {"price": price, "fraction": 0.6}],
            )
        )

    def _trail(self, name: str, sign: int) -> str:
        beyond, extreme = ("-", "highest") if sign > 0 else ("+", "lowest")
        follow = f"{name}.close {beyond} 1.5 * {self._range(name)}"
        return str(
            self._pick(
                (
                    follow,
                    f"{extreme}({name}.close, 4 {ROWS[name]}) {beyond} 2 * {self._range(name)}",
                    "where(position.best_r > 0.5, entry, stop)",
                    f"where(position.r > 0, {follow}, stop)",
                )
            )
        )

    def _tranches(self, name: str, side: str) -> list[dict[str, Any]]:
        sign = ">" if side == "long" else "<"
        further = self._pick(
            (
                f"{name}.close {sign} entry",
                "position.r > -0.3",
                f"{name}.close {sign} sma({name}.close, 3 {ROWS[name]})",
                f"({self.expressions.truth(1)}) or position.age > 8h",
            )
        )
        parts: list[dict[str, Any]] = [
            {"fraction": 0.5},
            {"fraction": 0.25, "when": {"further": further}, "after": "1 bars"},
        ]
        last: dict[str, Any] = {"fraction": 0.25}
        if self._chance(0.5):
            last |= {"after": "2 bars"}
        return [*parts, last]

    def _exits(self, name: str) -> dict[str, Any]:
        chosen = {
            "old": self._pick(
                ("position.age > 2d", "position.age >= 10 bars", "position.age > 30h")
            ),
            "lost": self._pick(("position.r < -0.6", "position.drawdown < -2%")),
            "given_back": "position.best_r > 1 and position.r < 0.5",
            "halt": "equity.drawdown < -1%",
            "turned": f"{name}.close crosses below lowest({name}.low, 5 {ROWS[name]})[1]",
            "drawn_out": f"({self.expressions.truth(2)}) and position.r > 0",
            "plain": f"({self.expressions.truth(1)}) and {name}.close < {name}.close[2]",
        }
        names = self.rng.choice(list(chosen), int(self.rng.integers(1, 4)), replace=False)
        return {str(each): chosen[str(each)] for each in names}

    # Weights --------------------------------------------------------------------------------------

    def _states(self) -> dict[str, Any]:
        held = ("spy", "qqq") if self.clock == "spy@session" else ("coin",)
        found: dict[str, Any] = {}
        for i in range(int(self.rng.integers(1, 3))):
            own = self._pick(held)
            usual = f"{own}.close > sma({own}.close, {int(self.rng.integers(3, 8))} {ROWS[own]})"
            when: Any = usual
            if self._chance(0.5):
                when = {"usual": usual, "drawn": f"({self.expressions.truth(2)}) or {usual}"}
            state = {
                "when": when,
                "hold": self._hold(held),
                "unknown": self._pick(("block", "pass")),
            }
            if self._chance(0.4):
                state["leave_after"] = "2 bars"
            found[f"state_{i}"] = state
        return {**found, "usual": {"otherwise": True, "hold": self._hold(held)}}

    def _hold(self, held: tuple[str, ...]) -> dict[str, Any]:
        share: Any = self._pick((0.1, 0.4, 0.6, 0))
        if self._chance(0.3):
            own = held[0]
            share = f"0.2 / realized_vol({own}.close, 8 {ROWS[own]})"
        hold = {held[0]: share}
        if len(held) > 1 and self._chance(0.7):
            hold[held[1]] = self._pick((0.2, 0.3))
        return hold
