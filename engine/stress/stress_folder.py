"""The folder of a stress, written into a hidden folder first and renamed at the end."""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.plugins import load_playbook_class
from engine.results.manifest import code_hash, package_versions, plain, unseen_reads
from engine.run_folder.schema import CONFIG_FILE, RUN_ID_DIGITS, TIMING_FILE
from engine.run_folder.seals import document_digest
from engine.run_folder.write import rows_table, staged, write_json, write_table, write_yaml
from engine.stress.fan_chart import stress_picture
from engine.stress.job import StressJob
from engine.stress.path import PathRow
from engine.stress.path_runs import StressResult
from engine.stress.stress_page import PAGE_FILE, stress_page
from engine.stress.stress_summary import summary_document, summary_text

PATHS_FILE = "paths.parquet"
PICTURE_FILE = "paths.png"
SUMMARY_FILE = "summary.txt"
SUMMARY_JSON = "summary.json"


def publish_stress(
    result: StressResult, root: Path, *, timing: Mapping[str, Any] | None = None
) -> Path:
    """Write the folder of a stress, ``<root>/<name>-<id>``, and return its path.

    The id is a hash of everything that determines the numbers. Equal stresses give equal bytes in
    every file but ``timing.json`` and but for places: ``data.source`` in the resolved config, and
    the folders in the command that the page shows.

    Raises
    ------
    ReportError : the folder cannot be written; nothing half-written is left.
    """
    inputs = inputs_document(result)
    final = root / f"{result.job.config.name}-{document_digest(inputs)[:RUN_ID_DIGITS]}"
    with staged(final) as folder:
        write_table(rows_table(PathRow, result.rows), folder / PATHS_FILE)
        document = summary_document(result, inputs) | {"not_reusable": not_reusable(result)}
        write_json(document, folder / SUMMARY_JSON)
        (folder / SUMMARY_FILE).write_text(
            summary_text(result, final.name), encoding="utf-8", newline="\n"
        )
        write_yaml(plain(result.job.config), folder / CONFIG_FILE)
        page = stress_page(result, final)
        (folder / PAGE_FILE).write_text(page, encoding="utf-8", newline="\n")
        (folder / PICTURE_FILE).write_bytes(stress_picture(result))
        if timing is not None:
            write_json(dict(timing), folder / TIMING_FILE)
    return final


def inputs_document(result: StressResult) -> dict[str, Any]:
    """Return the hashes and numbers that determine a stress; the number of processes does not."""
    job = result.job
    config = plain(job.config)
    # The place of the data does not matter; the fingerprint stands for their content.
    config["data"].pop("source")
    playbook = _rules(job)
    # A playbook may be found by several names; its class identifies it.
    config["playbook"]["name"] = f"{playbook.__module__}:{playbook.__qualname__}"
    return {
        "config_sha256": document_digest(config),
        "data_sha256": job.base.dataset.fingerprint,
        "code_sha256": code_hash(playbook, result.reads.modules),
        "files": result.reads.document(),
        "python": platform.python_version(),
        "packages": package_versions(playbook),
        "scenario": job.scenario,
        "paths": job.paths,
        "days": job.days,
        "seed": job.seed,
        "tolerance": result.summary.tolerance,
    }


def not_reusable(result: StressResult) -> list[str]:
    """Return the reasons why a stress of the same id may give other numbers; usually none."""
    return [*unseen_reads(_rules(result.job), result.reads), *result.reads.not_reusable]


def _rules(job: StressJob) -> type:
    return load_playbook_class(job.config.playbook.name, job.plugin_path)
