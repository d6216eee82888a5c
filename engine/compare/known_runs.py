"""Know the run of a cell without preparing it: everything that decides it but its data.

A run id holds a hash of the rows that the run reads, which only ``prepare`` can compute. A
comparison keeps a table from the hash of a cell's other inputs and of the catalog's index to the
run. A kept run is used only if its seals hold and its manifest names the same inputs.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_feeds.catalog import Catalog
from data_feeds.errors import RiskoffError
from data_feeds.load import open_source
from engine.compare.cells import Cell
from engine.config.models import RunConfig
from engine.playbook import Playbook
from engine.plugins import configured_playbook, requirements_of
from engine.results.declared_reads import declared_reads
from engine.results.manifest import inputs_without_data, unseen_reads
from engine.run_folder.read import RunFolder
from engine.run_folder.seals import document_digest
from engine.settle import settle


@dataclass(frozen=True)
class CellInputs:
    """The inputs of a cell's run that are known before its data are read.

    Attributes
    ----------
    inputs : as in the manifest, without the hashes of data
    data : hash of the catalog's index, which names the content of every stored file
    name : of the run
    """

    inputs: Mapping[str, Any]
    data: str
    name: str

    @property
    def key(self) -> str:
        """The hash under which the run is kept."""
        return document_digest({"inputs": self.inputs, "data": self.data, "name": self.name})

    def made(self, folder: Path) -> bool:
        """Return whether a run folder was made from these inputs and may be reused.

        False, too, where ``prepare`` imported further modules or read further files.
        """
        manifest = RunFolder(folder).manifest
        held = manifest["inputs"]
        same = all(held.get(name) == value for name, value in self.inputs.items())
        return same and manifest["name"] == self.name and not manifest["not_reusable"]


@dataclass(frozen=True)
class _Rules:
    config: RunConfig
    playbook: Playbook[Any]


def cell_inputs(cell: Cell, plugin_path: Path | None) -> CellInputs | None:
    """Return the inputs of a cell; None where the cell must be prepared to know them.

    A cell that cannot run has none; its run reports why.
    """
    with suppress(RiskoffError, OSError):
        source = open_source(cell.config.data.source)
        data = index_print(source) if isinstance(source, Catalog) else ""
        playbook = configured_playbook(cell.config.playbook, plugin_path)
        config, playbook = settle(cell.config, source, playbook)
        playbook.reads |= declared_reads(playbook, requirements_of(playbook))
        if data and not unseen_reads(type(playbook), playbook.reads):
            inputs = inputs_without_data(_Rules(config, playbook))
            return CellInputs(inputs, data, config.name)
    return None


def index_print(catalog: Catalog) -> str:
    """Return the sha256 of a catalog's index."""
    return hashlib.sha256(catalog.index_file.read_bytes()).hexdigest()
