"""``summary.txt`` and ``summary.json`` of a stress: the same numbers for people and programs."""

from collections.abc import Callable
from functools import partial
from typing import Any

from data_feeds.clock import utc_text
from data_feeds.schema import Provenance
from engine.formatting import (
    columns,
    counted_noun,
    json_number,
    percent,
    percent_share,
    without,
    wrapped,
)
from engine.statistics import Interval
from engine.stress.job import StressJob
from engine.stress.measure import Distribution, Estimate, StressSummary
from engine.stress.path_runs import StressResult

WARNING = (
    "SYNTHETIC SCENARIO: invented paths, no forecast. The story has no probability; every "
    "probability here is one within the story."
)
PROBABILITIES = {
    "loss": "a loss",
    "liquidation": "at least one liquidation",
    "halt": "at least one drawdown halt",
    "breach": "a drawdown of {tolerance} or more",
    "no_trade": "no trade at all",
}
FILES = (
    ("index.html", "the page: conclusions, fans, results with and without idle paths"),
    ("paths.parquet", "one row a path"),
    ("paths.png", "equity through time, and its distribution at the end"),
    ("summary.json", "these numbers for programs"),
    ("config.resolved.yaml", "the run, every default filled in"),
)


def summary_text(result: StressResult, name: str) -> str:
    """Return the summary of a stress; its first line warns that the data are synthetic.

    ``name`` is the name of its folder.
    """
    measured = result.summary
    level = f"{measured.level:.0%}"
    parts = [
        _head(result, name),
        [
            f"RESULT of {counted_noun(measured.paths, 'path')}; in brackets the {level} interval "
            "of each number",
            *columns(_quantile_rows(result)),
        ],
        [
            f"HOW OFTEN in {counted_noun(measured.paths, 'path')}; {level} interval",
            *columns(probability_rows(result), left=1),
        ],
        ["READING", *(line for told in reading(measured) for line in wrapped(told, "- "))],
        ["FILES", *columns(FILES, left=2)],
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _head(result: StressResult, name: str) -> list[str]:
    job = result.job
    config, story, dataset = job.config, job.story, job.base.dataset
    before = Provenance(dataset.provenance).name
    lines = [
        f"*** {WARNING} ***",
        f"{config.name}: {config.playbook.name}{without(config.playbook.ignore)} under scenario "
        f"{story.name}, {story.title}",
        *wrapped(f"{story.story[0].upper()}{story.story[1:]}."),
        f"Paths   {paths_words(job)}, {window_words(job)}.",
        f"Before  what was known at {utc_text(job.continuation().begin)}, {before} data.",
        f"Account {account_words(job)}.",
        f"Audited {audited_words(result)}.",
    ]
    lines += [f"Without {key}: {why}." for key, why in job.base.left_out.items()]
    return [*lines, f"Stress  {name}"]


def paths_words(job: StressJob) -> str:
    """Return the number of paths and their length."""
    return f"{counted_noun(job.paths, 'path')} of {counted_noun(job.days, 'day')}"


def window_words(job: StressJob) -> str:
    """Return the instants between which the paths lie, and their seed."""
    begun = job.continuation()
    return f"{utc_text(begun.begin)} to {utc_text(begun.end)}; seed {job.seed}"


def account_words(job: StressJob) -> str:
    """Return the cash at the start and the venue."""
    account = job.config.account
    return (
        f"{account.venue_cash:,.0f} at the venue, {account.brokerage_cash:,.0f} at the brokerage; "
        f"venue {job.config.venue.name}"
    )


def audited_words(result: StressResult) -> str:
    """Return the paths that were audited."""
    paths = ", ".join(str(number) for number in result.audited)
    many = "s" if len(result.audited) > 1 else ""
    return f"path{many} {paths}: books derived again, decisions proved causal"


def _quantile_rows(result: StressResult) -> list[tuple[str, ...]]:
    both = (result.summary.total_return, result.summary.max_drawdown)
    rows: list[tuple[str, ...]] = [("", "total return", "", "maximum drawdown", "")]
    for probability in both[0].quantiles:
        label = f"{probability:.0%} of paths at or below"
        rows.append((label, *_cells(both, partial(_quantile, probability=probability))))
    rows.append(("mean", *_cells(both, lambda of: of.mean)))
    # The two minima may belong to different paths.
    rows.append(("lowest", percent(both[0].worst), "", percent(both[1].worst), ""))
    return rows


def _quantile(of: Distribution, probability: float) -> Estimate:
    return of.quantiles[probability]


def _cells(
    both: tuple[Distribution, Distribution], pick: Callable[[Distribution], Estimate]
) -> list[str]:
    cells = []
    for of in both:
        figure = pick(of)
        cells += [percent(figure.estimate), interval_text(figure)]
    return cells


def interval_text(figure: Estimate, digits: int = 2) -> str:
    """Return an interval of fractions in brackets, or the reason why it is missing."""
    found = figure.interval
    if isinstance(found, Interval):
        return f"[{percent(found.low, digits)}, {percent(found.high, digits)}]"
    return f"[{found}]"


def probability_rows(result: StressResult) -> list[tuple[str, str, str]]:
    """Return the share of paths with each event, and its interval."""
    return [
        (
            PROBABILITIES[name].format(tolerance=_short_percent(result.summary.tolerance)),
            percent_share(figure.estimate, 2),
            interval_text(figure),
        )
        for name, figure in result.summary.probabilities.items()
    ]


def _short_percent(fraction: float) -> str:
    """Return a fraction in percent without needless zeros.

    >>> _short_percent(0.15), _short_percent(0.125)
    ('15%', '12.5%')
    """
    return f"{fraction * 100:g}%"


def reading(summary: StressSummary) -> tuple[str, ...]:
    """Return sentences on how to read the intervals and the lowest values."""
    return (
        "An interval covers the error from a limited number of paths. It does not cover an error "
        "in the scenario itself.",
        "The lowest return and the lowest drawdown may belong to two paths. At "
        f"{summary.level:.0%} confidence, at most {percent(summary.worse_at_most)} of the "
        "scenario's paths lie below each of them.",
        "Drawdowns are measured at bar closes, from the highest equity so far.",
    )


def summary_document(result: StressResult, inputs: dict[str, Any]) -> dict[str, Any]:
    """Return the content of ``summary.json``; null where a number does not exist."""
    job, summary = result.job, result.summary
    begun = job.continuation()
    return {
        "synthetic": True,
        "warning": WARNING,
        "name": job.config.name,
        "playbook": job.config.playbook.name,
        "without": list(job.config.playbook.ignore),
        "scenario": job.scenario,
        "title": job.story.title,
        "begin": utc_text(begun.begin),
        "end": utc_text(begun.end),
        "paths": summary.paths,
        "days": job.days,
        "seed": job.seed,
        "level": summary.level,
        "tolerance": summary.tolerance,
        "audited_paths": list(result.audited),
        "left_out": dict(job.base.left_out),
        "total_return": _distribution_document(summary.total_return),
        "max_drawdown": _distribution_document(summary.max_drawdown),
        "probabilities": {
            name: _figure_document(figure) for name, figure in summary.probabilities.items()
        },
        "worse_at_most": summary.worse_at_most,
        "inputs": inputs,
    }


def _distribution_document(of: Distribution) -> dict[str, Any]:
    return {
        "quantiles": {
            f"{probability:.2f}": _figure_document(figure)
            for probability, figure in of.quantiles.items()
        },
        "mean": _figure_document(of.mean),
        "worst": json_number(of.worst),
    }


def _figure_document(figure: Estimate) -> dict[str, Any]:
    found = figure.interval
    if isinstance(found, Interval):
        return {"estimate": json_number(figure.estimate), "low": found.low, "high": found.high}
    return {
        "estimate": json_number(figure.estimate),
        "low": None,
        "high": None,
        "reason": found.reason,
    }
