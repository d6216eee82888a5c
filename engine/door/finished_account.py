"""Give a finished account of several playbooks as pandas tables, its sleeves as runs."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import pandas as pd

from data_feeds.load import open_source
from engine.audit import AuditReport, audit_account
from engine.config.account import AccountConfig
from engine.door.finished_run import Run
from engine.door.folder_tables import FolderTables
from engine.pages.account_page import ACCOUNT_PAGE
from engine.run_folder.read import AccountFolder
from engine.run_folder.schema import SLEEVE_EQUITY


class Account(FolderTables):
    """Read a finished account from its folder: the sums, and each sleeve as a run.

    Raises
    ------
    ReportError : a file of the folder is missing or altered.
    """

    _files: AccountFolder

    def __init__(self, folder: str | Path) -> None:
        self._files = AccountFolder(Path(folder))

    @property
    def config(self) -> AccountConfig:
        """Return the configuration with every default filled in."""
        return self._files.config

    @property
    def page(self) -> Path:
        """Return the path of the account's page, ``account.html``."""
        return self.folder / ACCOUNT_PAGE

    @cached_property
    def sleeves(self) -> Mapping[str, Run]:
        """Return the runs of the sleeves by name."""
        return {name: Run(folder) for name, folder in self._files.sleeves.items()}

    @cached_property
    def sleeve_equity(self) -> pd.DataFrame:
        """Return equity at every bar close, quote, one column a sleeve."""
        return self._files.frame(SLEEVE_EQUITY)

    def audit(self, data: str | Path | None = None) -> AuditReport:
        """Audit every sleeve and their sum, and return the differences.

        Parameters
        ----------
        data : a catalog's folder; None reads the data that the account names
        """
        return audit_account(self.folder, None if data is None else open_source(data))

    def _count(self) -> str:
        return f"sleeves {', '.join(self._files.sleeves)}"
