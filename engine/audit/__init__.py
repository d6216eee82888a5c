"""The second opinion on a run: ``audit_run`` and its report in plain words."""

from engine.audit.audit import audit_run
from engine.audit.report import AuditReport, Finding, format_report
from engine.audit.sleeves import audit_account

__all__ = [
    "AuditReport",
    "Finding",
    "audit_account",
    "audit_run",
    "format_report",
]
