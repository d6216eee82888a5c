"""List the acts of the risk module: guards and their sales, drawdown ladder, tiers, caps."""

from collections.abc import Iterable, Iterator, Sequence

from data_feeds.clock import utc_text
from engine.decision_terms import (
    ACCOUNT_CAPS,
    RISK_ADDING,
    DecisionOutcome,
    GuardEventKind,
    RiskTier,
)
from engine.records import Decision, GuardEvent, OrderRole, OrderRow

Act = tuple[str, int]
HEADING = ("what acted", "times", "first", "last")


def acts(
    events: Sequence[GuardEvent], decisions: Sequence[Decision], orders: Sequence[OrderRow]
) -> list[tuple[str, ...]]:
    """Return one row a kind of act, by its first instant, after a heading row.

    Parameters
    ----------
    events, decisions, orders : of one run, or of all sleeves of an account

    Returns
    -------
    (act, count, first, last); the heading alone where nothing acted.
    """
    found: dict[str, list[int]] = {}
    for act, at in (*_guards(events), *_sized(decisions), *_sold(orders)):
        found.setdefault(act, []).append(at)
    rows = sorted(found.items(), key=lambda item: (min(item[1]), item[0]))
    lines = [(act, str(len(at)), utc_text(min(at)), utc_text(max(at))) for act, at in rows]
    return [HEADING, *lines]


def _guards(events: Iterable[GuardEvent]) -> Iterator[Act]:
    for event in events:
        if event.event == GuardEventKind.TRIPPED:
            yield f"{event.guard} tripped", event.at


def _sized(decisions: Iterable[Decision]) -> Iterator[Act]:
    """Yield entries that a tier or a cap of the account made smaller, and entries refused."""
    for decision in decisions:
        if decision.intent not in RISK_ADDING:
            continue
        at = decision.decided_at
        if decision.outcome != DecisionOutcome.APPROVED:
            if decision.outcome == DecisionOutcome.BLOCKED:
                yield f"refused by {decision.blocked_by}", at
            continue
        if decision.tier not in ("", RiskTier.NORMAL):
            yield f"sized at account tier {decision.tier} (drawdown ladder)", at
        if decision.market_tier not in ("", RiskTier.NORMAL):
            yield f"sized at market tier {decision.market_tier}", at
        if decision.binding_cap in ACCOUNT_CAPS:
            yield f"cut by {decision.binding_cap}", at


def _sold(orders: Iterable[OrderRow]) -> Iterator[Act]:
    for order in orders:
        if order.role == OrderRole.GUARD.value:
            yield f"sold or closed: {order.reason}", order.decided_at
