"""Sentences on a venue: its outages inside the window, and marks that are a stand-in."""

from collections.abc import Iterator

from data_feeds.clock import datetime_ns
from data_feeds.instrument import Instrument
from data_feeds.outages import opens_in_outage
from data_feeds.schema import ChannelKind, Provenance
from data_feeds.trading_terms import LiquidationPrice, MaintenanceBase
from engine.results.finished import FinishedRun, RunRecord


def venue_sentences(record: RunRecord) -> list[str]:
    """Return the sentences on margins, outages and stand-in marks of the traded instruments."""
    run = record.run
    traded = [run.dataset.instruments[name] for name in run.requirements.traded]
    return [
        *(words for item in traded if item.is_margined for words in _margin_sentences(item)),
        *(words for item in traded for words in _outage_sentences(item, record)),
        *(words for item in traded if item.is_margined for words in _mark_sentences(item, run)),
    ]


def is_taken_over(item: Instrument) -> bool:
    """Return whether the venue takes a liquidated position over at its bankruptcy price."""
    return any(record.liquidation is LiquidationPrice.BANKRUPTCY for record in item.terms)


def _margin_sentences(item: Instrument) -> list[str]:
    """Return a sentence on terms of margin that differ from the usual ones of a linear perp."""
    parts = []
    if item.is_inverse:
        parts.append(
            f"counts contracts of {item.contract_value:g} {item.quote} and settles in {item.asset}"
        )
    if any(record.maintenance_base is MaintenanceBase.ENTRY for record in item.terms):
        parts.append("its maintenance margin is a fraction of the value at entry")
    if is_taken_over(item):
        parts.append("a liquidated position loses its whole margin")
    return [f"{item.id} {', '.join(parts)} (docs/liquidation.md)."] if parts else []


def _outage_sentences(item: Instrument, record: RunRecord) -> Iterator[str]:
    """Yield a sentence on each outage inside the window."""
    for outage in item.outages:
        is_early = datetime_ns(outage.until) <= record.start
        if is_early or datetime_ns(outage.since) >= record.end:
            continue
        opened = record.traded_bars[item.id]["opened_at"]
        count = int(opens_in_outage((outage,), opened).sum())
        bars = "1 bar opens" if count == 1 else f"{count} bars open"
        yield (
            f"{item.id}: the venue was down from {outage.words}; {bars} inside it, and no order "
            "fills there. A bar that opened before keeps its fills, and the mark can liquidate "
            "throughout."
        )


def _mark_sentences(item: Instrument, run: FinishedRun) -> list[str]:
    """Return a sentence on marks of which no row is observed at the venue."""
    marks = [
        channel
        for key, channel in run.dataset.channels.items()
        if (key.instrument, key.kind) == (item.id, ChannelKind.MARK) and len(channel)
    ]
    if not marks or any((channel["label"] != Provenance.INFERRED).any() for channel in marks):
        return []
    names = " and ".join(str(channel.key) for channel in marks)
    return [
        f"The mark of {item.id} is a stand-in and not the venue's record: every row of {names} is "
        "inferred (`riskoff data list` names the source). Between its instants the mark follows "
        "the last price, inside the stand-in's range."
    ]
