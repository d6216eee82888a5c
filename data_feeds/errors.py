"""The error family of the data layer, and the root that the command line catches.

RiskoffError
+- YamlError            exit 2   a file the user wrote is not the YAML we accept
+- DataError            exit 3   SourceError (Transient, Permanent), SchemaError, GapError,
                                 CoverageError, IntegrityError, StorageError, LossError
Everything above (configuration, playbook, simulation, report) is in ``engine.errors``.
"""


class RiskoffError(Exception):
    """Root of every error that a user can act on; ``exit_code`` is the process's."""

    exit_code = 1


class YamlError(RiskoffError):
    """A YAML file breaks a rule of ``yaml_text``; the text is ``file:line: problem``."""

    exit_code = 2


class DataError(RiskoffError):
    """Data are missing, damaged or break their schema."""

    exit_code = 3


class SourceError(DataError):
    """A source could not deliver what was asked."""


class TransientSourceError(SourceError):
    """A venue or publisher could not answer now; the same question may be answered later.

    ``retry_after_s`` is the wait that it asked for, seconds; None when it named none.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class PermanentSourceError(SourceError):
    """A venue or publisher refused; a second request would be refused too."""


class SchemaError(DataError):
    """A table breaks its channel's rules: a column, a type, an order, a range."""


class GapError(DataError):
    """Rows are missing inside a channel that must be continuous."""


class CoverageError(DataError):
    """The data do not hold a requested channel or window."""


class IntegrityError(DataError):
    """A stored file differs from the written file."""


class StorageError(DataError):
    """A file could not be written: the disk is full, read-only or locked."""


class LossError(DataError):
    """A change would lose stored rows or values, and the user did not confirm the loss."""
