"""The audit: a second program that derives a run again and reports each difference."""

from engine.audit.account_audit import audit_account
from engine.audit.findings import AuditReport, Finding, format_report
from engine.audit.run_audit import audit_run

__all__ = [
    "AuditReport",
    "Finding",
    "audit_account",
    "audit_run",
    "format_report",
]
