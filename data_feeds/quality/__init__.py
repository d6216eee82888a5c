"""Search stored data for defects: holes, idle bars, missing funding, unconfirmed prices.

The search uses hindsight: a row may be compared with later rows. No value is repaired, and no
decision of a run may use a finding.
"""

from data_feeds.quality.extremes import doubtful_extremes, extreme_findings
from data_feeds.quality.pairs import mark_findings, peer_findings, timeframe_findings
from data_feeds.quality.quality_finding import DEFAULT_LIMITS, FindingKind, Limits, QualityFinding
from data_feeds.quality.single_channel import (
    funding_findings,
    hole_findings,
    session_findings,
    spike_findings,
)
from data_feeds.quality.survey import Pair, findings, usual_peers

__all__ = [
    "DEFAULT_LIMITS",
    "FindingKind",
    "Limits",
    "Pair",
    "QualityFinding",
    "doubtful_extremes",
    "extreme_findings",
    "findings",
    "funding_findings",
    "hole_findings",
    "mark_findings",
    "peer_findings",
    "session_findings",
    "spike_findings",
    "timeframe_findings",
    "usual_peers",
]
