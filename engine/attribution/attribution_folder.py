"""The folder of an attribution, written into a hidden folder first and renamed at the end."""

from pathlib import Path

from engine.attribution.attribution_page import (
    DOCUMENT_FILE,
    PAGE_FILE,
    TABLE_FILE,
    attribution_page,
)
from engine.attribution.effects import Attribution, ConditionEffect
from engine.run_folder.write import rows_table, staged, write_json, write_table


def write_attribution(found: Attribution, root: Path) -> Path:
    """Write page, JSON and table of an attribution into a folder of ``root``; return the folder.

    Raises
    ------
    ReportError : the folder cannot be written; nothing half-written is left.
    """
    final = root / f"{found.name}-attribution-{found.full_run_id}"
    with staged(final) as folder:
        write_json(found.document(), folder / DOCUMENT_FILE)
        write_table(rows_table(ConditionEffect, found.effects), folder / TABLE_FILE)
        page = attribution_page(found, final.name)
        (folder / PAGE_FILE).write_text(page, encoding="utf-8", newline="\n")
    return final
