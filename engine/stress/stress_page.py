"""The page of a stress: conclusions, the fan, results with and without idle paths, worst paths."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from data_feeds.clock import utc_text
from data_feeds.schema import Provenance
from engine.formatting import MISSING, percent, signed, signed_percent, without
from engine.pages.html import render
from engine.run_folder.schema import CONFIG_FILE
from engine.stress.fan_chart import stress_chart
from engine.stress.measure import QUANTILES, Floats, distribution
from engine.stress.path import PathRow
from engine.stress.path_groups import PathGroups, stress_conclusions
from engine.stress.path_runs import StressResult
from engine.stress.stress_summary import FILES, WARNING, interval_text, probability_rows, reading

PAGE_FILE = "index.html"
STRESSES = "stress"

Rows = list[tuple[str, ...]]


def stress_page(result: StressResult, name: str) -> str:
    """Return the HTML of a stress; ``name`` is the name of its folder."""
    groups = PathGroups(result.rows)
    return render(
        "stress.html.j2",
        page_title=title(result),
        heading=title(result),
        is_synthetic=True,
        notes=_about(result, name),
        conclusions=stress_conclusions(groups, result.summary, result.job.scenario),
        warning=WARNING,
        chart=stress_chart(result, groups),
        chart_words=_chart_words(groups),
        results=result_rows(groups, seed=result.job.seed, level=result.summary.level),
        level=percent(result.summary.level, 0),
        happened=[("", "of all paths", "interval"), *probability_rows(result)],
        worst=worst_rows(groups),
        again=again(result, name),
        story=result.job.story.story,
        reading=reading(result.summary),
        left_out=[f"Without {key}: {why}." for key, why in result.job.base.left_out.items()],
        files_beside=[item for item in FILES if item[0] != PAGE_FILE],
    )


def title(result: StressResult) -> str:
    """Return the title of a stress."""
    config, story = result.job.config, result.job.story
    rules = f"{config.playbook.name}{without(config.playbook.ignore)}"
    return f"{config.name}: {rules} under scenario {story.name}, {story.title}"


def result_rows(groups: PathGroups, *, seed: int, level: float) -> Rows:
    """Return quantiles of the return: all paths, those with a trade, those without one."""
    parts = (groups.rows, groups.traded, groups.idle)
    rows: Rows = [
        ("total return", "all paths", "interval", "with a trade", "without a trade"),
        ("paths", str(len(parts[0])), "", str(len(parts[1])), str(len(parts[2]))),
    ]
    whole = distribution(_returns(groups.rows), seed=seed, level=level)
    for probability in QUANTILES:
        rows.append(
            (
                f"{percent(probability, 0)} of paths at or below",
                signed_percent(whole.quantiles[probability].estimate),
                interval_text(whole.quantiles[probability]),
                *(_shown(part, partial(np.quantile, q=probability)) for part in parts[1:]),
            )
        )
    means = (_shown(part, np.mean) for part in parts[1:])
    rows.append(("mean", signed_percent(whole.mean.estimate), interval_text(whole.mean), *means))
    lowest = (_shown(part, np.min) for part in parts[1:])
    rows.append(("lowest", signed_percent(whole.worst), "", *lowest))
    return rows


def worst_rows(groups: PathGroups) -> Rows:
    """Return the paths of the lowest returns, a heading row first."""
    heading = ("path", "return", "drawdown", "trades", "liquidations", "halts", "fees", "funding")
    rows: Rows = [heading]
    for row in groups.worst():
        counts = (str(count) for count in (row.trades, row.liquidations, row.halts))
        rows.append(
            (
                str(row.path),
                signed_percent(row.total_return),
                percent(row.max_drawdown),
                *counts,
                signed(-row.fees),
                signed(row.funding),
            )
        )
    return rows


def again(result: StressResult, name: str) -> str:
    """Return the command that writes the run folder of the path of the lowest return."""
    job = result.job
    (lowest,) = PathGroups(result.rows).worst(1)
    return (
        f"riskoff stress {STRESSES}/{name}/{CONFIG_FILE} --scenario {job.scenario} --days "
        f"{job.days} --seed {job.seed} --path {lowest.path}"
    )


def _about(result: StressResult, name: str) -> list[str]:
    job = result.job
    begun = job.continuation()
    account, audited = job.config.account, ", ".join(map(str, result.audited))
    return [
        f"{job.paths} paths of {job.days} days, {utc_text(begun.begin)} to {utc_text(begun.end)}; "
        f"seed {job.seed}. Before them: what was known then, "
        f"{Provenance(job.base.dataset.provenance).name.lower()} data.",
        f"Account {account.venue_cash:,.0f} at the venue, {account.brokerage_cash:,.0f} at the "
        f"brokerage; venue {job.config.venue.name}. Books derived again and decisions proved "
        f"causal on paths {audited}.",
        f"Folder {name}",
    ]


def _chart_words(groups: PathGroups) -> str:
    return (
        f"Quantiles of the return through time over {len(groups.rows)} paths, of which "
        f"{len(groups.idle)} never traded, and the distribution of the results at the end"
    )


def _returns(rows: Sequence[PathRow]) -> Floats:
    return np.array([row.total_return for row in rows])


def _shown(rows: Sequence[PathRow], measure: Callable[[Floats], Any]) -> str:
    """Return a measure of the paths' returns as text, a dash without a path."""
    return signed_percent(float(measure(_returns(rows)))) if rows else MISSING
