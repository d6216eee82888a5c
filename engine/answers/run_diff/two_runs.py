"""The difference of two runs: inputs, headline numbers, trades with causes, and the money.

Every number comes from the two folders; nothing is simulated again. The parts of the money add up
to the difference of the two equities at the end.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from engine.answers.account_money import value_of
from engine.answers.run_diff.absence import absence_causes, entry_of_trade
from engine.answers.run_diff.causes import DiffCause
from engine.answers.run_diff.diff_side import DiffSide, differ
from engine.answers.run_diff.input_changes import InputChange, input_changes
from engine.answers.run_diff.net_parts import PARTS, TradeMoney, net_parts, trade_money
from engine.answers.run_diff.trade_changes import TradeChange, change_causes, trade_changes
from engine.answers.run_diff.trade_pairs import TradePair, trade_pairs
from engine.metrics import METRICS
from engine.records import FactKind
from engine.run_folder.read import Row, moment
from engine.run_folder.schema import DAILY


class TradeVerdict(StrEnum):
    """Name what became of a trade from run A to run B."""

    SAME = "same"
    CHANGED = "changed"
    VANISHED = "vanished"
    APPEARED = "appeared"


@dataclass(frozen=True)
class TradeDifference:
    """One trade of either run with its counterpart.

    Attributes
    ----------
    number : 1, 2, ... by the instant of the decision; ``--trade`` takes it
    at : instant of the decision
    a, b : rows of ``trades``; None where the run has no such trade
    net : the difference of the net results, B less A, quote; a missing trade has 0
    parts : of a changed trade, the parts of ``net``, see ``net_parts``
    changes, causes : empty for the same trade; the first cause is the first in time
    """

    number: int
    verdict: TradeVerdict
    at: datetime
    instrument: str
    direction: int
    a: Row | None
    b: Row | None
    net: float
    parts: Mapping[str, float]
    changes: tuple[TradeChange, ...]
    causes: tuple[DiffCause, ...]

    @property
    def cause(self) -> DiffCause | None:
        """The first cause, None for the same trade."""
        return self.causes[0] if self.causes else None


@dataclass(frozen=True)
class HeadlineChange:
    """A headline number of both runs, NaN where it does not exist; :attr:`differs` compares."""

    name: str
    title: str
    a: float
    b: float

    @property
    def differs(self) -> bool:
        """Return whether the numbers differ by more than rounding."""
        return differ(self.a, self.b)


@dataclass(frozen=True)
class RunDiff:
    """The difference of run B from run A.

    Attributes
    ----------
    inputs : configuration, data, code and versions that differ
    headline : every headline number of both runs
    trades : every trade of both runs, by the instant of the decision
    money : the parts of :attr:`end_equity_change` by name, quote; they add up to it
    notes : what the reader must know first: no common window, synthetic data, folder formats
    """

    a: DiffSide
    b: DiffSide
    inputs: tuple[InputChange, ...]
    headline: tuple[HeadlineChange, ...]
    trades: tuple[TradeDifference, ...]
    money: Mapping[str, float]
    notes: tuple[str, ...]

    @property
    def end_equity_change(self) -> float:
        """Equity at the end of B less that of A, quote."""
        return self.b.files.metrics["end_equity"] - self.a.files.metrics["end_equity"]

    @property
    def is_same(self) -> bool:
        """Return whether no trade and no headline number differs."""
        same = all(trade.verdict is TradeVerdict.SAME for trade in self.trades)
        return same and not any(line.differs for line in self.headline)

    def counts(self) -> Mapping[TradeVerdict, int]:
        """Return how many trades are the same, changed, vanished and appeared."""
        found = Counter(trade.verdict for trade in self.trades)
        return {verdict: found[verdict] for verdict in TradeVerdict}


def diff_runs(folder_a: Path, folder_b: Path) -> RunDiff:
    """Return the difference of two runs.

    Parameters
    ----------
    folder_a, folder_b : folders of runs or of sleeves; an earlier format can be read too

    Raises
    ------
    ReportError : a folder is not a run's, or a file in it is missing, altered or unreadable.
    """
    a, b = DiffSide(folder_a, "A"), DiffSide(folder_b, "B")
    trades = _trade_differences(a, b)
    return RunDiff(
        a=a,
        b=b,
        inputs=input_changes(a, b),
        headline=tuple(_headline(a, b)),
        trades=trades,
        money=_money(a, b, trades),
        notes=tuple(_notes(a, b)),
    )


def _trade_differences(a: DiffSide, b: DiffSide) -> tuple[TradeDifference, ...]:
    found: list[TradeDifference] = []
    earlier = ""
    for number, pair in enumerate(trade_pairs(a, b), start=1):
        difference = _difference(a, b, pair, number, earlier)
        if not earlier and difference.verdict is not TradeVerdict.SAME:
            earlier = f"trade {number} of {moment(pair.at)}"
        found.append(difference)
    return tuple(found)


def _difference(
    a: DiffSide, b: DiffSide, pair: TradePair, number: int, earlier: str
) -> TradeDifference:
    x, y = pair.a, pair.b
    verdict = TradeVerdict.SAME
    parts: Mapping[str, float] = {}
    changes: tuple[TradeChange, ...] = ()
    causes: tuple[DiffCause, ...] = ()
    if x is not None and y is not None:
        changes = trade_changes(a, x, b, y)
        if changes:
            verdict = TradeVerdict.CHANGED
            causes = change_causes(a, x, b, y, earlier)
            parts = net_parts(_money_of(a, x), _money_of(b, y))
    elif x is not None:
        verdict, causes = TradeVerdict.VANISHED, absence_causes(a, b, entry_of_trade(a, x))
    elif y is not None:
        verdict, causes = TradeVerdict.APPEARED, absence_causes(b, a, entry_of_trade(b, y))
    row: Any = x if x is not None else y
    net = (y["net_pnl"] if y is not None else 0.0) - (x["net_pnl"] if x is not None else 0.0)
    return TradeDifference(
        number, verdict, pair.at, row["instrument"], row["direction"], x, y, net, parts, changes,
        causes,
    )  # fmt: skip


def _money_of(side: DiffSide, trade: Row) -> TradeMoney:
    value = side.unit_value(trade["instrument"])
    rates = side.rate_of_fill
    return trade_money(
        trade,
        side.entries(trade["plan_id"]),
        lambda fill: value(fill["raw_price"]) * rates.get(fill["fill_id"], 1.0),
    )


def _headline(a: DiffSide, b: DiffSide) -> Iterable[HeadlineChange]:
    """Yield the numbers of the registry, then numbers that only an earlier riskoff had."""
    values_a, values_b = a.files.metrics, b.files.metrics
    titles = {metric.name: metric.title for metric in METRICS}
    for name in dict.fromkeys([*titles, *values_a, *values_b]):
        if name in values_a or name in values_b:
            pair = values_a.get(name, math.nan), values_b.get(name, math.nan)
            yield HeadlineChange(name, titles.get(name, name), *pair)


def _money(a: DiffSide, b: DiffSide, trades: Sequence[TradeDifference]) -> dict[str, float]:
    """Return the parts of the change of the equity at the end, B less A, quote."""
    changed = [trade for trade in trades if trade.verdict is TradeVerdict.CHANGED]
    per_part = {part: math.fsum(trade.parts[part] for trade in changed) for part in PARTS}
    by_verdict = {
        f"{verdict} trades": math.fsum(trade.net for trade in trades if trade.verdict is verdict)
        for verdict in (TradeVerdict.VANISHED, TradeVerdict.APPEARED, TradeVerdict.SAME)
    }
    of_a, of_b = _outside_trades(a), _outside_trades(b)
    return {
        "equity at the start": _start(b) - _start(a),
        **{f"changed trades: {part}": amount for part, amount in per_part.items()},
        **by_verdict,
        **{name: of_b[name] - of_a[name] for name in of_a},
    }


def _start(side: DiffSide) -> float:
    return side.files.metrics["start_equity"]


def _outside_trades(side: DiffSide) -> dict[str, float]:
    """Return the money that belongs to no trade: interest, and the rest."""
    facts = side.facts_of_plan.get(0, [])
    interest = math.fsum(value_of(row) for row in facts if row["kind"] == FactKind.INTEREST)
    # Folders of earlier formats have one currency, and no such column.
    revalued = math.fsum(row.get("revaluation") or 0.0 for row in side.rows(DAILY.name))
    trades = math.fsum(row["net_pnl"] for row in side.trades)
    change = side.files.metrics["end_equity"] - _start(side)
    return {
        "interest": interest,
        "revaluation of cash": revalued,
        "not assigned to a trade": change - trades - interest - revalued,
    }


def _notes(a: DiffSide, b: DiffSide) -> Iterable[str]:
    if a.start >= b.end or b.start >= a.end:
        yield (
            f"The windows do not overlap: A {moment(a.start)} to {moment(a.end)}, "
            f"B {moment(b.start)} to {moment(b.end)}; no trade can be in both runs."
        )
    if not a.states.keys() & b.states.keys():
        yield (
            f"The runs trade no common instrument: A {', '.join(sorted(a.states)) or 'none'}; "
            f"B {', '.join(sorted(b.states)) or 'none'}."
        )
    synthetic = [s.letter for s in (a, b) if s.files.manifest["data_label"] == "synthetic"]
    if synthetic:
        yield f"SYNTHETIC DATA in {' and '.join(synthetic)}."
    if a.format != b.format:
        yield (
            f"The folders have the formats {a.format} and {b.format}: columns that one of them "
            "lacks are not compared."
        )
