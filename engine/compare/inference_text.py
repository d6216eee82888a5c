"""Texts of a comparison's intervals and probabilities."""

import math
from collections.abc import Callable

from engine.compare.cells import row_title
from engine.compare.inference import CellInference, FamilyInference
from engine.compare.record import CellRecord
from engine.compare.too_few import TOO_FEW, sample_of, too_few
from engine.config.compare import CompareConfig
from engine.formatting import number, p_words, percent, signed, signed_percent
from engine.metrics import METRICS
from engine.statistics import Interval, Missing

TEXTS = {metric.name: metric.text for metric in METRICS}
INFERENCE_HEADING = (
    "cell", "trades", "days", "return", "Sharpe", "deepest drawdown, days", "hit rate",
    "average R", "return less reference", "Sharpe less reference, on its days",
    "P(Sharpe > 0)", "deflated", "days needed",
)  # fmt: skip


def inference_note(config: CompareConfig) -> str:
    """Return the note on how to read the table."""
    level = percent(config.level, 0)
    return (
        f"Intervals of {level} from {config.replications:,} resamples of blocks of days (hit "
        "rate: Wilson; average R: single trades). Differences are from "
        f"“{row_title(config.rows[config.reference])}” on its days, those of Sharpe ratios "
        "annualized like its own; a difference whose interval holds 0 shows nothing. “Seen from” "
        "is the smallest true value, in either direction, that a two-sided test at 5% tells from 0 "
        "in four of five such samples."
    )


def inference_row(record: CellRecord, inference: CellInference) -> tuple[str, ...]:
    """Return a cell's row, in the order of ``INFERENCE_HEADING``.

    A number that the matrix leaves blank is blank here; its interval shows how little is known.
    """
    blank = too_few(sample_of(record))
    sharpe, hit_rate, average_r = (name in blank for name in ("sharpe", "hit_rate", "average_r"))
    return (
        f"{row_title(record.item)}, {record.episode.name}",
        str(inference.trades),
        str(inference.days),
        _tested_text(inference.metrics["total_return"], TEXTS["total_return"]),
        interval_text(inference.metrics["sharpe"], TEXTS["sharpe"], blank=sharpe),
        interval_text(inference.metrics["max_drawdown_days"], TEXTS["max_drawdown_days"]),
        interval_text(inference.hit_rate, TEXTS["hit_rate"], blank=hit_rate),
        _tested_text(inference.average_r, TEXTS["average_r"], blank=average_r),
        _tested_text(inference.differences["total_return"], signed_percent),
        interval_text(inference.differences["sharpe"], signed, blank=sharpe),
        _probability(inference.probabilistic_sharpe),
        _probability(inference.deflated_sharpe),
        str(inference.minimum_track_record)
        if isinstance(inference.minimum_track_record, Missing)
        else number(math.ceil(inference.minimum_track_record)),
    )


def interval_texts(inference: CellInference) -> dict[str, str]:
    """Return the interval of each column that has one, by the column's name."""
    found = {**inference.metrics, "hit_rate": inference.hit_rate, "average_r": inference.average_r}
    texts = {
        metric.name: range_text(found[metric.name], metric.text)
        for metric in METRICS
        if metric.compared and metric.name in found
    }
    # The column's number is of bar closes, its interval of day ends.
    days = TEXTS["max_drawdown_days"]
    texts["max_drawdown"] = f"{range_text(found['max_drawdown_days'], days)} (daily closes)"
    return texts


def range_text(found: Interval | Missing, text: Callable[[float], str]) -> str:
    """Return an interval without its estimate, or the reason why it is missing."""
    if isinstance(found, Missing):
        return str(found)
    return f"{text(found.low)} to {text(found.high)}"


def interval_text(
    found: Interval | Missing, text: Callable[[float], str], *, blank: bool = False
) -> str:
    """Return an estimate with its interval, or the reason why it is missing.

    A blank one has its interval alone.
    """
    if isinstance(found, Missing):
        return str(found)
    return f"{TOO_FEW if blank else text(found.estimate)} ({range_text(found, text)})"


def _probability(found: float | Missing) -> str:
    return str(found) if isinstance(found, Missing) else percent(found, 1)


def _tested_text(
    found: Interval | Missing, text: Callable[[float], str], *, blank: bool = False
) -> str:
    """Return an estimate, its interval, and the smallest true value that a test would find."""
    told = interval_text(found, text, blank=blank)
    if isinstance(found, Missing) or found.detectable is None:
        return told
    return f"{told.removesuffix(')')}; seen from {text(found.detectable).removeprefix('+')})"


def family_lines(inference: FamilyInference, config: CompareConfig) -> list[str]:
    """Return the sentences about all playbooks together."""
    names = [row_title(config.rows[name]) for name in inference.names]
    reference = row_title(config.rows[config.reference])
    best = inference.superiority
    if isinstance(best, Missing):
        return [f"Superior predictive ability over “{reference}”: {best}."]
    lines = [
        f"Hypothesis that none of {', '.join(names)} beats “{reference}” in mean daily return: "
        f"{p_words(best.consistent, 2)} (superior predictive ability, {best.days} days in blocks "
        f"of {best.block}, none across episodes)."
    ]
    seen = [
        f"{name} {percent(smallest * best.days, 1)}"
        for name, smallest in zip(names, best.detectable, strict=True)
        if not math.isnan(smallest)
    ]
    lines.append(
        f"The smallest true difference in return, added over these {best.days} days, that the test "
        f"of one playbook finds in four of five samples: {', '.join(seen)}."
    )
    if best.powerless:
        idle = ", ".join(names[column] for column in best.powerless)
        lines.append(f"No power, active on too few days to be tested: {idle}.")
    return lines
