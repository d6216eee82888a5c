"""The files that a playbook may read: declared files, and any file before it decides."""

from collections.abc import Sequence
from typing import Any

from engine.errors import PlaybookContractError
from engine.playbook import Playbook, Requirements
from engine.reads import Reads, declared_files
from engine.results.code_files import code_files


def declared_reads(playbook: Playbook[Any], requirements: Requirements) -> Reads:
    """Return the files that a playbook declares, as they are now.

    Raises
    ------
    PlaybookContractError : a declared file does not exist.
    """
    return declared_files(playbook.name, type(playbook).__module__, requirements.files)


def refuse_late_reads(playbooks: Sequence[Playbook[Any]], late: Reads) -> None:
    """Check that playbooks read no undeclared file while they decided.

    Such a file cannot be part of the run id. Reads outside of files are recorded: such a run is
    not reused.

    Raises
    ------
    PlaybookContractError : a file that no playbook declares, or a local module that no line of
        their code names.
    """
    names = ", ".join(dict.fromkeys(playbook.name for playbook in playbooks))
    declared = {item.path for playbook in playbooks for item in playbook.reads.declared}
    for item in sorted(late.files):
        if item.path not in declared:
            raise PlaybookContractError(
                f"playbook {names}: {item.path} was read while the run went on; name it in "
                "Requirements.files, or read it in prepare"
            )
    if late.modules:
        known = {
            path.resolve()
            for playbook in playbooks
            for _, path in code_files(type(playbook), playbook.reads.modules)
        }
        for name, path in sorted(late.module_files.items()):
            if path.resolve() not in known:
                raise PlaybookContractError(
                    f"playbook {names}: module {name} ({path}) was imported while the run went on, "
                    "and nothing in its code names it; import it at the top of the module"
                )
    for playbook in playbooks:
        playbook.reads |= Reads(outside=late.outside)
