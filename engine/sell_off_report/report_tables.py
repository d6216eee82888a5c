"""The judgement over every sell-off as tables, as text and as a document."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.formatting import columns, p_value, percent, signed, signed_percent, wrapped
from engine.sell_off_report.row_judgement import (
    CommonRisk,
    PartedReturns,
    RowJudgement,
    adjusted,
)
from engine.sell_offs import HINDSIGHT, FoundSellOffs, rule_text, sell_off_rows
from engine.statistics import ClusterEffect, Missing

CALM_HEADING = (
    "row", "days", "total", "calm", "sell-offs", "run-up", "after confirmation", "deepest drawdown",
)  # fmt: skip
TEST_HEADING = (
    "row", "b", "clusters", "mean a cluster", "95% interval", "p, flips", "p, Holm", "p, t",
    "smallest effect found", "calm, a year",
)  # fmt: skip
EXPOSURE_HEADING = ("row", "benchmark", "mean difference a cluster")
RISK_HEADING = (
    "row", "k from", "mean k", "total", "calm", "sell-offs", "volatility", "deepest drawdown",
)  # fmt: skip
CALM_NOTE = (
    "Returns are compounded over the run's own days: (1 + calm) x (1 + sell-offs) = 1 + total. The "
    "day of a high is calm, the day of an end is inside."
)
RIVAL_NOTE = (
    "The rival is a static book of the row's own beta, b x benchmark + (1 - b) x bill, without "
    "costs. b comes from the whole run, with hindsight: it is a reference. Each cluster counts as "
    "one number, the sum of its daily differences. 'Calm, a year' is the sum of the differences on "
    "calm days, for a year of all days."
)
INSIDE_NOTE = (
    "Days inside sell-offs. The test holds for rows that do not follow prices. A trend follower "
    "without skill holds most at highs: it loses to its rival here in eight of ten simulated "
    "markets, and gains it back in calm time. Read such a row in the next table."
)
CYCLE_NOTE = (
    "From each cluster's first day to the next one's, calm days included: every day counts once. "
    "Here rows without skill gain and lose alike, whatever they follow. A mix other than the "
    "benchmark's (gold, growth shares) differs from it for reasons that are no timing."
)
EXPOSURE_NOTE = (
    "The plain difference to the benchmark inside sell-offs. It is no skill and has no p-value: "
    "the windows were chosen because the market fell, which favours whatever holds cash."
)
RISK_NOTE = (
    "bill + k x trading. Trading is the excess without interest, the money of owned shares paid "
    "for at the bill; k makes it move as much as the benchmark's excess. 'Mean k' is over the days "
    "with a result. Costs are repriced at the scaled size."
)


@dataclass(frozen=True)
class SellOffReport:
    """The rows judged over the sell-offs of one market."""

    found: FoundSellOffs
    rows: Sequence[RowJudgement]
    data: str

    @property
    def is_synthetic(self) -> bool:
        """Return whether a row read generated data."""
        return any(row.run.is_synthetic for row in self.rows)


def calm_rows(report: SellOffReport) -> list[tuple[str, ...]]:
    """Return the returns of calm days and of sell-offs, a row a run, then the benchmarks."""
    lines = [(row.run.name, row, row.own) for row in report.rows]
    seen = set()
    for row in report.rows:
        span = (row.benchmark.name, str(row.run.days[0]), str(row.run.days[-1]))
        if span not in seen:
            seen.add(span)
            lines.append((f"{span[0]}, {span[1]} to {span[2]}", row, row.held))
    return [CALM_HEADING, *((name, *_parts(row, parts)) for name, row, parts in lines)]


def rival_rows(report: SellOffReport, *, over_cycles: bool) -> list[tuple[str, ...]]:
    """Return the pooled test of each row against its rival."""
    effects = [row.cycle if over_cycles else row.inside for row in report.rows]
    tested = [effect.p_value for effect in effects if isinstance(effect, ClusterEffect)]
    holm = iter(adjusted(tested))
    lines: list[tuple[str, ...]] = [TEST_HEADING]
    for row, effect in zip(report.rows, effects, strict=True):
        start = (row.run.name, signed(row.beta), str(len(row.days.clusters)))
        calm = signed_percent(row.calm_a_year)
        if isinstance(effect, Missing):
            lines.append((*start, str(effect), *("",) * 5, calm))
            continue
        lines.append(
            (
                *start,
                signed_percent(effect.mean),
                f"{signed_percent(effect.low)} to {signed_percent(effect.high)}",
                f"{p_value(effect.p_value)}{'' if effect.exact else ' (random flips)'}",
                p_value(next(holm)),
                p_value(effect.t_p_value),
                percent(effect.detectable),
                calm,
            )
        )
    return lines


def exposure_rows(report: SellOffReport) -> list[tuple[str, ...]]:
    """Return the plain difference to the benchmark of each row."""
    return [
        EXPOSURE_HEADING,
        *((row.run.name, row.benchmark.name, signed_percent(row.exposure)) for row in report.rows),
    ]


def risk_rows(report: SellOffReport) -> list[tuple[str, ...]]:
    """Return the rows at the benchmark's volatility, two ways each."""
    return [
        RISK_HEADING,
        *(_risk(row.run.name, scaled) for row in report.rows for scaled in row.scaled),
    ]


def partly_lines(report: SellOffReport) -> list[str]:
    """Return a sentence for each run that has only some days of a sell-off."""
    return [
        f"{row.run.name} ({row.run.days[0]} to {row.run.days[-1]}) has some days only of "
        f"sell-off {', '.join(map(str, row.days.partly))}."
        for row in report.rows
        if row.days.partly
    ]


def report_text(report: SellOffReport) -> str:
    """Return the whole judgement as text for a terminal."""
    listed = [row[:7] + row[8:] for row in sell_off_rows(report.found)]
    parts = (
        (f"{report.found.market.name}: {rule_text(report.found)}", listed, HINDSIGHT),
        ("Calm and sell-offs", calm_rows(report), CALM_NOTE),
        ("Against the rival, inside", rival_rows(report, over_cycles=False), INSIDE_NOTE),
        ("Against the rival, cycles", rival_rows(report, over_cycles=True), CYCLE_NOTE),
        ("Exposure", exposure_rows(report), EXPOSURE_NOTE),
        ("At a common risk", risk_rows(report), RISK_NOTE),
    )
    lines = [f"Data: {report.data}{' (SYNTHETIC DATA)' if report.is_synthetic else ''}"]
    for title, rows, note in parts:
        lines += ["", title, *columns(rows), *wrapped(note)]
    for sentence in (RIVAL_NOTE, trials_note(report), *partly_lines(report)):
        lines += wrapped(sentence)
    return "\n".join(lines) + "\n"


def trials_note(report: SellOffReport) -> str:
    """Return the sentence on the number of tests."""
    tested = sum(isinstance(row.inside, ClusterEffect) for row in report.rows)
    return (
        f"Rows with a test: {tested}. Holm's p-values allow for the rows of one table, not for "
        "both tables together, nor for rows that were run and left out of this page."
    )


def report_document(report: SellOffReport, sell_offs: dict[str, Any]) -> dict[str, Any]:
    """Return every number for another program; None where one does not exist."""
    return {
        "synthetic": report.is_synthetic,
        "market": sell_offs,
        "rows": [_row_document(row) for row in report.rows],
    }


def _row_document(row: RowJudgement) -> dict[str, Any]:
    return {
        "name": row.run.name,
        "run": row.run.folder.folder.name,
        "first_day": str(row.run.days[0]),
        "last_day": str(row.run.days[-1]),
        "benchmark": row.benchmark.name,
        "partly": list(row.days.partly),
        "own": _finite(vars(row.own)),
        "benchmark_returns": _finite(vars(row.held)),
        "beta": row.beta,
        "against_rival": {
            "inside": _effect(row.inside),
            "cycle": _effect(row.cycle),
            "calm_a_year": row.calm_a_year,
        },
        "exposure": _finite({"mean": row.exposure})["mean"],
        "clusters": [
            {"cluster": number, "against_rival": against, "exposure": plain}
            for number, against, plain in row.sums
        ],
        "common_risk": [_risk_document(item) for item in row.scaled],
    }


def _risk_document(item: CommonRisk) -> dict[str, Any]:
    shared = {"k_from": item.label, **_finite({"mean_k": item.k})}
    if isinstance(item.result, Missing):
        return {**shared, "missing": item.result.reason}
    return {**shared, **_finite(vars(item.result))}


def _effect(effect: ClusterEffect | Missing) -> dict[str, Any]:
    if isinstance(effect, Missing):
        return {"missing": effect.reason}
    return _finite(vars(effect))


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value if not isinstance(value, float) or math.isfinite(value) else None
        for name, value in values.items()
    }


def _parts(row: RowJudgement, parts: PartedReturns) -> tuple[str, ...]:
    inside = int(row.days.inside.sum())
    returns = (parts.total, parts.calm, parts.inside, parts.run_up, parts.confirmed)
    return (
        f"{len(row.run.days):,}, {inside:,} inside",
        *map(signed_percent, returns),
        percent(parts.drawdown),
    )


def _risk(name: str, scaled: CommonRisk) -> tuple[str, ...]:
    start = (name, scaled.label, f"{scaled.k:.2f}" if math.isfinite(scaled.k) else "-")
    result = scaled.result
    if isinstance(result, Missing):
        return (*start, result.reason, "", "", "", "")
    return (
        *start,
        signed_percent(result.total),
        signed_percent(result.calm),
        signed_percent(result.inside),
        percent(result.volatility),
        percent(result.drawdown),
    )
