"""Make the tables of docs/findings.md: the comparison on real data."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from doc_tables.blocks import ROOT, PageBlock, table
from engine.compare import CellWork, Matrix, cells_of, episodes_of, finished_matrix, run_cells
from engine.compare.breakdown import HEDGES, attribution, by_phase, hedges
from engine.compare.cells import row_title
from engine.compare.inference import CellInference, cell_inference, family_inference
from engine.compare.inference_text import family_lines, interval_text
from engine.compare.matrix import texts, values
from engine.config.load import load_compare_config
from engine.formatting import signed, signed_percent
from engine.plugins import load_playbook_class
from engine.workers import Workers

CONFIG = ROOT / "configs" / "compare" / "playbooks_by_episode_real.yaml"
HEADLINE = ("total_return", "max_drawdown", "trades", "average_r", "costs", "funding")


def comparison(folder: Path, catalog: Path) -> Matrix:
    """Run the comparison and return its matrix."""
    config = load_compare_config(
        CONFIG,
        [f"source={catalog}"],
        params_model=lambda name: load_playbook_class(name).Params,
    )
    episodes = episodes_of(config)
    cells = cells_of(config, episodes)
    work = CellWork(folder / "runs", folder / "index.html")
    outcomes = run_cells(cells, work, workers=Workers.chosen())
    for outcome in outcomes:
        if outcome.problem or outcome.findings:
            raise SystemExit(f"{outcome.row} {outcome.episode}: {outcome}")
    return finished_matrix(config, episodes, outcomes)


def headline(matrix: Matrix) -> list[str]:
    """Return the headline numbers of every cell."""
    head = (
        "row",
        "episode",
        "return",
        "deepest drawdown",
        "trades",
        "average R",
        "costs",
        "funding",
    )
    rows = []
    for cell in matrix.records.values():
        said = texts(values(cell))
        rows.append((row_title(cell.item), cell.episode.name, *(said[name] for name in HEADLINE)))
    return table(head, rows)


def intervals(matrix: Matrix) -> list[str]:
    """Return the intervals of the playbooks, and of their differences from the reference."""
    head = (
        "row",
        "episode",
        "return",
        "Sharpe",
        "less 60/40: return",
        "less 60/40: deepest drawdown",
    )
    rows = []
    for key, cell in matrix.records.items():
        if cell.item.baseline:
            continue
        found: CellInference = cell_inference(matrix.records[key], matrix.records, matrix.config)
        rows.append(
            (
                row_title(cell.item),
                cell.episode.name,
                interval_text(found.metrics["total_return"], signed_percent),
                interval_text(found.metrics["sharpe"], signed),
                interval_text(found.differences["total_return"], signed_percent),
                interval_text(found.differences["max_drawdown_days"], signed_percent),
            )
        )
    return table(head, rows)


def family(matrix: Matrix) -> list[str]:
    """Return the sentences about all playbooks together."""
    names = [episode.name for episode in matrix.episodes]
    lines = family_lines(family_inference(matrix.records, matrix.config, names), matrix.config)
    return [f"- {line}" for line in lines]


def phases(matrix: Matrix) -> list[str]:
    """Return the result of each playbook and the reference in each phase, and trades entered."""
    shown = [
        name
        for name, item in matrix.config.rows.items()
        if not item.baseline or name == matrix.config.reference
    ]
    rows = []
    for episode in matrix.episodes:
        columns = [by_phase(matrix.records[name, episode.name]) for name in shown]
        for place, phase in enumerate(episode.spans()):
            results = [
                f"{signed_percent(column[place].total_return)} ({column[place].trades})"
                for column in columns
            ]
            rows.append((episode.name, phase.name.value, f"{phase.start} to {phase.end}", *results))
    titles = [row_title(matrix.config.rows[name]) for name in shown]
    return table(("episode", "phase", "days", *titles), rows)


def money(matrix: Matrix) -> list[str]:
    """Return the parts of each playbook's return."""
    names: tuple[str, ...] = ()
    rows = []
    for cell in matrix.records.values():
        if not cell.item.baseline:
            parts = {name: v for name, v in attribution(cell).items() if name != "other"}
            names = tuple(parts)
            shown = [signed_percent(v) for v in (*parts.values(), *hedges(cell).values())]
            rows.append((row_title(cell.item), cell.episode.name, *shown))
    said = [
        name.replace("bought_", "bought, ").replace("held_back_", "held back, ") for name in HEDGES
    ]
    return table(("row", "episode", *names, *said), rows)


def blocks(catalog: Path) -> Iterator[PageBlock]:
    """Yield every part of the page."""
    with tempfile.TemporaryDirectory() as folder:
        matrix = comparison(Path(folder), catalog)
        for make in (headline, intervals, family, phases, money):
            yield PageBlock("findings.md", make.__name__, make(matrix))
