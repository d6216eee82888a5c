"""The findings of an audit, and the number of checks."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from data_feeds.clock import utc_text

# Amounts may differ by a cent, plus rounding of float sums.
AMOUNT_TOLERANCE = 0.01
TURNOVER_TOLERANCE = 1e-9
# Prices and quantities result from a few operations.
RELATIVE_TOLERANCE = 1e-9
SHOWN_FINDINGS = 50


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference: table, row, rule, the value by the rules, and the value found."""

    table: str
    row: str
    rule: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.table}, {self.row}: {self.rule}: expected {self.expected}, {self.found}"


@dataclass(frozen=True)
class AuditReport:
    """All findings of one audit, and the number of checks by name."""

    findings: tuple[Finding, ...]
    checks: Mapping[str, int]

    @property
    def ok(self) -> bool:
        """True without any finding."""
        return not self.findings


class FindingRecorder:
    """Collects checks and findings; ``amount_tolerance`` is in the account's currency."""

    def __init__(self, turnover: float = 0.0) -> None:
        self.amount_tolerance = AMOUNT_TOLERANCE
        self.allow_rounding(turnover)
        self._findings: list[Finding] = []
        self._checks: Counter[str] = Counter()

    def allow_rounding(self, turnover: float) -> None:
        """Widen the tolerance by the rounding of sums over a turnover, quote."""
        self.amount_tolerance += TURNOVER_TOLERANCE * turnover

    def count(self, what: str, times: int = 1) -> None:
        """Add to the number of things checked."""
        self._checks[what] += times

    def line(self, table: str, row: str) -> "CheckedRow":
        """Return the checks of one row of a table."""
        return CheckedRow(self, table, row)

    def add(self, finding: Finding) -> None:
        """Record a difference."""
        self._findings.append(finding)

    def report(self) -> AuditReport:
        """Return the findings and counts so far."""
        return AuditReport(tuple(self._findings), dict(self._checks))


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """Checks of one row; each records a finding and returns False when the row differs."""

    recorder: FindingRecorder
    table: str
    row: str

    def differs(self, rule: str, *, expected: str, found: str) -> bool:
        """Record a difference."""
        self.recorder.add(Finding(self.table, self.row, rule, expected, found))
        return False

    def equal(self, rule: str, expected: object, found: object) -> bool:
        """Compare names, numbers of rows or flags."""
        if expected == found:
            return True
        return self.differs(rule, expected=_text(expected), found=f"found {_text(found)}")

    def instant(self, rule: str, expected: int, found: int) -> bool:
        """Compare instants (ns UTC)."""
        if expected == found:
            return True
        return self.differs(rule, expected=when(expected), found=f"found {when(found)}")

    def amount(self, rule: str, expected: float, found: float, unit: float = 1.0) -> bool:
        """Compare money with the audit's tolerance.

        ``unit`` is the amount of the money's currency that one unit of the account's buys: a
        hundredth of a bitcoin is no rounding.
        """
        return self.near(rule, expected, found, self.recorder.amount_tolerance * unit)

    def number(self, rule: str, expected: float, found: float, slack: float = 0.0) -> bool:
        """Compare prices, rates or quantities up to rounding plus ``slack``."""
        width = slack + RELATIVE_TOLERANCE * max(abs(expected), 1e-3)
        return self.near(rule, expected, found, width)

    def near(self, rule: str, expected: float, found: float, tolerance: float) -> bool:
        """Compare with a tolerance; two NaN are equal, NaN and a number are not."""
        if math.isnan(expected) and math.isnan(found):
            return True
        if abs(expected - found) <= tolerance:
            return True
        return self.differs(rule, expected=_text(expected), found=f"found {_text(found)}")


def when(at: int) -> str:
    """Return an instant as UTC text; ``never`` for an empty cell."""
    return utc_text(at) if at > 0 else "never"


def format_report(report: AuditReport) -> str:
    """Return the report as text: the checks, then every difference."""
    lines = ["Checked:"]
    width = max((len(f"{count:,}") for count in report.checks.values()), default=1)
    lines += [f"  {count:>{width},} {what}" for what, count in report.checks.items()]
    if report.ok:
        lines.append("Everything agrees.")
        return "\n".join(lines)
    number = len(report.findings)
    lines.append(f"{number} difference{'s' if number > 1 else ''}:")
    lines += [f"  {finding}" for finding in report.findings[:SHOWN_FINDINGS]]
    if number > SHOWN_FINDINGS:
        lines.append(f"  and {number - SHOWN_FINDINGS} more")
    return "\n".join(lines)


def _text(value: object) -> str:
    return f"{value:,.10g}" if isinstance(value, float) else str(value)
