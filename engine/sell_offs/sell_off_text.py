"""Found sell-offs as text for a terminal and as a document for other programs."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard

from data_feeds.catalog import Catalog
from data_feeds.clock import utc_text
from data_feeds.dataset import Dataset
from engine.episodes import DatedEvent
from engine.formatting import columns, percent, signed_percent, wrapped
from engine.sell_offs.falls import CLUSTER_SESSIONS, REGAINED
from engine.sell_offs.found import FoundSellOffs, SellOff, dated
from engine.sell_offs.held_channels import HeldThen, held_then
from engine.sell_offs.threshold_origins import knew, set_before

HEADING = ("#", "cluster", "high", "confirmed", "low", "end", "depth", "channels", "names")
OPEN = "open"
HINDSIGHT = (
    "The days from high to confirmation are hindsight: nobody could know of a sell-off before it "
    "was confirmed."
)


def sell_off_rows(found: FoundSellOffs, held: Sequence[HeldThen] = ()) -> list[tuple[str, ...]]:
    """Return the sell-offs as rows with a heading; the channels are those of ``held``."""
    counts = [f"{len(item.whole)}+{len(item.partly)}" for item in held]
    rows = [
        (
            str(item.number),
            str(item.cluster),
            f"{item.high}{'*' if item.from_first_row else ''}",
            str(item.confirmed),
            str(item.low),
            OPEN if item.is_open else str(item.last),
            signed_percent(item.depth, 1),
            counts[place] if counts else "",
            "; ".join(event.text for event in item.names),
        )
        for place, item in enumerate(found.sell_offs)
    ]
    return [HEADING, *rows]


def found_text(found: FoundSellOffs, source: Catalog | Dataset, *, data: str) -> str:
    """Return every sell-off of a market, its sensitivity and the events outside, as text."""
    held = [held_then(source, item) for item in found.sell_offs] if _stored(source) else []
    rows = [(*row[:6], row[6].rjust(6), *row[7:]) for row in sell_off_rows(found, held)]
    notes = [HINDSIGHT, _thresholds(found)]
    if any(item.from_first_row for item in found.sell_offs):
        notes.append("* the first close of the data: the fall may have begun earlier.")
    if held:
        notes.append("Channels: whole + in part; `--number N` names them.")
    return "\n".join(
        [
            f"{found.market.name}: {rule_text(found)}",
            f"Data: {data}, {_span(found)}.",
            "",
            *columns(rows, left=len(HEADING), indent=""),
            "",
            *(line for note in notes for line in wrapped(note)),
            "",
            "The same rule with other falls, shown and not chosen from",
            *columns([("fall", "sell-offs", "clusters"), *sensitivity_rows(found)]),
            "",
            "Dated events without such a fall: in no test",
            *(_event(event) for event in found.outside),
        ]
    )


def one_text(found: FoundSellOffs, item: SellOff, source: Catalog | Dataset) -> str:
    """Return one sell-off with its channels, events and thresholds, as text."""
    end = "open at the data's end" if item.ended_at is None else utc_text(item.ended_at)
    lines = [
        f"{found.market.name} {item.number}, cluster {item.cluster}: {item.high} to {item.last}, "
        f"{signed_percent(item.depth, 1)}",
        f"  high {item.high}, lowest close {item.low}",
        f"  known from {utc_text(item.confirmed_at)}; the days before are hindsight",
        f"  end known from {end}" if item.ended_at is not None else f"  {end}",
        "Events",
        *(_event(event) for event in item.names),
        "Thresholds set before it",
        *(f"  {origin.rules} ({origin.source})" for origin in set_before(item)),
        "Thresholds set knowing it",
        *(f"  {origin.rules} ({origin.source})" for origin in knew(item)),
    ]
    if not _stored(source):
        return "\n".join(lines)
    held = held_then(source, item)
    lines += ["Channels that cover it", *wrapped(", ".join(held.whole) or "none")]
    lines += ["Channels with some rows in it", *wrapped(", ".join(held.partly) or "none")]
    return "\n".join(lines)


def found_document(found: FoundSellOffs, source: Catalog | Dataset, *, data: str) -> dict[str, Any]:
    """Return every sell-off of a market for another program; instants are ISO texts in UTC."""
    days = found.closes.days
    return {
        "market": found.market.name,
        "instrument": found.market.instrument,
        "data": data,
        "first_day": str(days[0]),
        "last_day": str(days[-1]),
        "missing_sessions": found.closes.missing,
        "fall": found.fall,
        "regained": REGAINED,
        "cluster_sessions": CLUSTER_SESSIONS,
        "clusters": found.clusters,
        "sell_offs": [_record(item, source) for item in found.sell_offs],
        "sensitivity": [
            {"fall": other.fall, "sell_offs": len(other.sell_offs), "clusters": other.clusters}
            for other in _other_falls(found)
        ],
        "outside": _events(found.outside),
    }


def rule_text(found: FoundSellOffs) -> str:
    """Return the rule and its count in one sentence."""
    return (
        f"{len(found.sell_offs)} sell-offs in {found.clusters} clusters. A sell-off starts at a "
        f"closing high (total return), is confirmed at -{percent(found.fall, 0)} and ends at the "
        f"first close that has regained {percent(REGAINED, 0)} of the fall; legs at most "
        f"{CLUSTER_SESSIONS} sessions apart are one cluster."
    )


def sensitivity_rows(found: FoundSellOffs) -> list[tuple[str, ...]]:
    """Return the counts by other confirming falls, the rule's own first."""
    return [
        (percent(other.fall, 0), str(len(other.sell_offs)), str(other.clusters))
        for other in (found, *_other_falls(found))
    ]


def _other_falls(found: FoundSellOffs) -> list[FoundSellOffs]:
    return [dated(found.market, found.closes, fall) for fall in found.market.sensitivity]


def _thresholds(found: FoundSellOffs) -> str:
    """Return the sentence on thresholds: most of them knew every sell-off."""
    early = {
        origin.rules: sum(origin in set_before(item) for item in found.sell_offs)
        for item in found.sell_offs
        for origin in set_before(item)
    }
    later = ", ".join(f"{rules} before {count}" for rules, count in early.items())
    return (
        f"Thresholds set before a sell-off: {later or 'none'}, of {len(found.sell_offs)}. All "
        "other thresholds were set knowing every sell-off."
    )


def _span(found: FoundSellOffs) -> str:
    days = found.closes.days
    return (
        f"{found.market.instrument} closes with dividends, {days[0]} to {days[-1]}, "
        f"{found.closes.missing} sessions missing"
    )


def _record(item: SellOff, source: Catalog | Dataset) -> dict[str, Any]:
    held = held_then(source, item) if _stored(source) else None
    return {
        "number": item.number,
        "cluster": item.cluster,
        "high": str(item.high),
        "confirmed": str(item.confirmed),
        "confirmed_at": utc_text(item.confirmed_at),
        "low": str(item.low),
        "last": str(item.last),
        "ended_at": None if item.ended_at is None else utc_text(item.ended_at),
        "open": item.is_open,
        "depth": item.depth,
        "from_first_row": item.from_first_row,
        "hindsight": {"from": str(item.high), "to": str(item.confirmed)},
        "names": _events(item.names),
        "thresholds_set_before": [origin.rules for origin in set_before(item)],
        "thresholds_set_knowing": [origin.rules for origin in knew(item)],
        "channels": None if held is None else {"whole": held.whole, "partly": held.partly},
    }


def _events(events: Iterable[DatedEvent]) -> list[dict[str, str]]:
    return [{"day": str(e.day), "text": e.text, "source": e.source} for e in events]


def _event(event: DatedEvent) -> str:
    return f"  {event.day}  {event.text} ({event.source})"


def _stored(source: Catalog | Dataset) -> TypeGuard[Catalog]:
    """Return whether the source is a catalog, which lists what it holds."""
    return isinstance(source, Catalog)
