"""Write the tables of docs/findings.md from the comparison on real data.

    make real-data
    .venv/bin/python docs/findings.py

Every run is audited; one that does not audit clean stops it. Numbers of ours only; no market data
are copied.
"""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.compare import Matrix, cells_of, episodes_of, finished_matrix, run_cells
from engine.compare.breakdown import HEDGES, attribution, by_phase, hedges
from engine.compare.cells import row_title
from engine.compare.inference import CellLuck, cell_luck, family_luck
from engine.compare.inference_text import family_lines, interval_text
from engine.compare.matrix import texts, values
from engine.config.load import load_compare_config
from engine.plugins import load_playbook_class
from engine.text import signed, signed_percent

ROOT = Path(__file__).parent.parent
CONFIG = ROOT / "configs" / "compare" / "playbooks_by_episode_real.yaml"
PAGE = ROOT / "docs" / "findings.md"
BEGIN, END = "<!-- {} begin -->", "<!-- {} end -->"
HEADLINE = ("total_return", "max_drawdown", "trades", "average_r", "costs", "funding")


def comparison(folder: Path) -> Matrix:
    """Run the comparison."""
    config = load_compare_config(
        CONFIG,
        [f"source={ROOT / '.data' / 'catalog'}"],
        params_model=lambda name: load_playbook_class(name).Params,
    )
    episodes = episodes_of(config)
    cells = cells_of(config, episodes)
    outcomes = run_cells(cells, folder / "runs", page=folder / "index.html")
    for outcome in outcomes:
        if outcome.problem or outcome.findings:
            raise SystemExit(f"{outcome.row} {outcome.episode}: {outcome}")
    return finished_matrix(config, episodes, outcomes)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def headline(matrix: Matrix) -> str:
    """Return the headline numbers of every cell."""
    head = (
        "row",
        "episode",
        "return",
        "deepest drawdown",
        "trades",
        "expectancy, R",
        "costs",
        "funding",
    )
    rows = []
    for cell in matrix.records.values():
        said = texts(values(cell))
        rows.append((row_title(cell.item), cell.episode.name, *(said[name] for name in HEADLINE)))
    return table(head, rows)


def luck(matrix: Matrix) -> str:
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
        found: CellLuck = cell_luck(matrix.records[key], matrix.records, matrix.config)
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


def family(matrix: Matrix) -> str:
    """Return what is said of all playbooks together."""
    names = [episode.name for episode in matrix.episodes]
    lines = family_lines(family_luck(matrix.records, matrix.config, names), matrix.config)
    return "\n".join(f"- {line}" for line in lines)


def phases(matrix: Matrix) -> str:
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


def money(matrix: Matrix) -> str:
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


def sections(matrix: Matrix) -> Iterator[tuple[str, str]]:
    """Yield each part of the page by the name of its markers."""
    for make in (headline, luck, family, phases, money):
        yield make.__name__, make(matrix)


def main() -> None:
    """Write the tables between their markers."""
    with tempfile.TemporaryDirectory() as folder:
        matrix = comparison(Path(folder))
        text = PAGE.read_text(encoding="utf-8")
        for name, content in sections(matrix):
            before, rest = text.split(BEGIN.format(name))
            after = rest.split(END.format(name))[1]
            text = f"{before}{BEGIN.format(name)}\n\n{content}\n\n{END.format(name)}{after}"
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
