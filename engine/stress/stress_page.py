"""The page of a stress: conclusions, the fan, results with and without idle paths, worst paths."""

import shlex
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data_feeds.schema import Provenance
from engine.formatting import (
    MISSING,
    counted_noun,
    money,
    percent,
    signed,
    signed_percent,
    without,
)
from engine.pages.html import render
from engine.run_folder.schema import CONFIG_FILE
from engine.stress.fan_chart import stress_chart
from engine.stress.measure import QUANTILES, Distribution, Floats
from engine.stress.path import PathRow
from engine.stress.path_groups import PathGroups, stress_conclusions
from engine.stress.path_runs import StressResult
from engine.stress.stress_summary import (
    FILES,
    WARNING,
    account_words,
    audited_words,
    interval_text,
    paths_words,
    probability_rows,
    reading,
    window_words,
)

PAGE_FILE = "index.html"

Rows = list[tuple[str, ...]]


def stress_page(result: StressResult, folder: Path) -> str:
    """Return the HTML of a stress; ``folder`` is where it will lie."""
    groups = PathGroups(result.rows)
    return render(
        "stress.html.j2",
        page_title=title(result),
        heading=title(result),
        is_synthetic=True,
        notes=_about(result, folder.name),
        conclusions=stress_conclusions(groups, result.summary, result.job.scenario),
        warning=WARNING,
        chart=stress_chart(result, groups),
        chart_words=_chart_words(groups),
        results=result_rows(groups, result.summary.total_return),
        level=percent(result.summary.level, 0),
        happened=[("", "of all paths", "interval"), *probability_rows(result)],
        worst=worst_rows(groups, result.job.config.account.currency or "quote"),
        again=again(result, folder),
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


def result_rows(groups: PathGroups, whole: Distribution) -> Rows:
    """Return quantiles of the return: all paths, those with a trade, those without one.

    ``whole`` is the distribution of the return over all paths.
    """
    parts = (groups.rows, groups.traded, groups.idle)
    rows: Rows = [
        ("total return", "all paths", "interval", "with a trade", "without a trade"),
        ("paths", str(len(parts[0])), "", str(len(parts[1])), str(len(parts[2]))),
    ]
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


def worst_rows(groups: PathGroups, currency: str) -> Rows:
    """Return the paths of the lowest returns, a heading row first; amounts in the currency."""
    heading = (
        *("path", "return", "drawdown", "trades", "liquidations", "halts"),
        *(f"fees paid, {currency}", f"funding received, {currency}"),
    )
    rows: Rows = [heading]
    for row in groups.worst():
        counts = (str(count) for count in (row.trades, row.liquidations, row.halts))
        rows.append(
            (
                str(row.path),
                signed_percent(row.total_return),
                percent(row.max_drawdown),
                *counts,
                money(row.fees),
                signed(row.funding),
            )
        )
    return rows


def again(result: StressResult, folder: Path) -> str:
    """Return the command that writes the run folder of the path of the lowest return.

    It works in the working folder of the stress; ``folder`` is the folder of the stress from there.
    """
    job = result.job
    (lowest,) = PathGroups(result.rows).worst(1)
    plugins = () if job.plugin_path is None else ("--plugin-path", str(job.plugin_path))
    return shlex.join(
        (
            *("riskoff", "stress", str(folder / CONFIG_FILE), "--scenario", job.scenario),
            *("--days", str(job.days), "--seed", str(job.seed), "--path", str(lowest.path)),
            *plugins,
        )
    )


def _about(result: StressResult, name: str) -> list[str]:
    job = result.job
    return [
        f"{paths_words(job)}, {window_words(job)}. Before them: what was known then, "
        f"{Provenance(job.base.dataset.provenance).name.lower()} data.",
        f"Account {account_words(job)}. Audited {audited_words(result)}.",
        f"Folder {name}",
    ]


def _chart_words(groups: PathGroups) -> str:
    return (
        "Quantiles of the return through time over "
        f"{counted_noun(len(groups.rows), 'path')}, of which {len(groups.idle)} never traded, and "
        "the distribution of the results at the end"
    )


def _returns(rows: Sequence[PathRow]) -> Floats:
    return np.array([row.total_return for row in rows])


def _shown(rows: Sequence[PathRow], measure: Callable[[Floats], Any]) -> str:
    """Return a measure of the paths' returns as text, a dash without a path."""
    return signed_percent(float(measure(_returns(rows)))) if rows else MISSING
