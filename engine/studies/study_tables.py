"""A study as text for a terminal, as JSON and as Parquet."""

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from data_feeds.clock import utc_text
from data_feeds.schema import Provenance
from engine.formatting import columns, counted_noun, p_value, percent, percent_share, signed
from engine.statistics import MIN_CLUSTERS, Interval, Missing
from engine.studies.study import Around, HorizonMove, KindStudy, Study
from engine.studies.study_sentences import SIGNIFICANT, expected_by_chance, judged_moves

NOTHING = "-"


def study_text(study: Study, *, data: str) -> str:
    """Return a table for each kind of event, and a sentence on the p-values."""
    lines = [f"Event study of {', '.join(study.episodes)}; data: {data}", ""]
    for kind in study.kinds:
        counts = ", ".join(f"{name}: {count_text(kind, name)}" for name in study.episodes)
        lines += [
            f"{kind.kind}: {counted_noun(len(kind.at), 'event')} ({counts})",
            f"  {kind.kind.meaning}",
        ]
        if len(kind.at):
            lines += columns([_head(study.rules.sampling.level), *_rows(kind)])
        lines.append("")
    lines += [
        f"{item.episode}: {', '.join(item.kinds)} cannot be searched for: {item.reason}"
        for item in study.unseen
    ]
    return "\n".join([*lines, *_notes(study)]) + "\n"


def count_text(kind: KindStudy, episode: str) -> str:
    """Return an episode's number of events, and the share of its rows that is unknown."""
    unknown = kind.unknown.get(episode)
    if unknown is None:
        return "n/a"
    count = str(kind.episode.count(episode))
    if unknown == 0:
        return count
    return f"{count} with {percent_share(unknown)} unknown"


def _head(level: float) -> tuple[str, ...]:
    share = f"{level:.0%}"
    return (
        *("market", "after", "events", "clusters", "mean", f"{share} interval", "rises"),
        *("hit rate", f"{share} interval", "placebo", f"{share} band", "p", "seen from", "dates"),
    )


def _rows(kind: KindStudy) -> list[tuple[str, ...]]:
    return [_row(around, effect) for around in kind.around for effect in around.effects]


def _row(around: Around, effect: HorizonMove) -> tuple[str, ...]:
    market, seen, placebo = around.market, effect.reaction, effect.placebo
    unit, scale = market.unit, market.scale

    def shown(value: float) -> str:
        return NOTHING if math.isnan(value) else f"{signed(value * scale)}{unit}"

    def between(found: Interval | Missing) -> str:
        return "n/a" if isinstance(found, Missing) else f"{shown(found.low)} {shown(found.high)}"

    rate = seen.hit_rate
    told = ("n/a", "n/a")
    if isinstance(rate, Interval):
        told = (percent(rate.estimate, 0), f"{percent(rate.low, 0)} {percent(rate.high, 0)}")
    tested = ("n/a", "n/a", "n/a", "n/a", NOTHING)
    if not isinstance(placebo, Missing):
        band = f"{shown(placebo.low)} {shown(placebo.high)}"
        smallest = f"{placebo.detectable * scale:.2f}{unit}"
        tested = (*(shown(placebo.mean), band, p_value(placebo.p_value), smallest, placebo.way),)
    counts = (str(seen.events), str(seen.clusters))
    return (
        *(market.name, f"{effect.days} d", *counts, shown(seen.mean), between(seen.interval)),
        *(f"{seen.hits}/{seen.events}", *told, *tested),
    )


def _notes(study: Study) -> list[str]:
    judged = [item.placebo.p_value for item in judged_moves(study)]
    low = sum(p < SIGNIFICANT for p in judged)
    return [
        f"{low} of {len(judged)} p-values lie below {SIGNIFICANT}; "
        f"{expected_by_chance(len(judged))} would by chance alone.",
        "seen from: a true difference from the placebo mean at least this large, either way, would",
        "have been found in four of five such samples; a smaller one mostly not.",
        "Unknown: the share of days or bars at which data were missing to tell whether it held.",
        f"n/a: fewer than {MIN_CLUSTERS} independent events (clusters). A day is 24 hours for BTC, "
        "funding and",
        "open interest, a session for QQQ, DXY and the 10-year yield; their first session may hold",
        "hours before the event, because a path starts at the last value known to it. 'QQQ next'",
        "starts at the first close after the event instead.",
        "An event study looks into the future by construction: it is a report, never a signal.",
    ]


def study_document(study: Study, *, data: str) -> dict[str, Any]:
    """Return the study without its paths as JSON values; a missing number is null with a reason."""
    return {
        "data": data,
        "synthetic": study.provenance is Provenance.SYNTHETIC,
        "episodes": list(study.episodes),
        "rules": asdict(study.rules),
        "kinds": [_kind_document(kind) for kind in study.kinds],
        "unseen": [
            {"episode": item.episode, "kinds": [*map(str, item.kinds)], "reason": item.reason}
            for item in study.unseen
        ],
    }


def _kind_document(kind: KindStudy) -> dict[str, Any]:
    return {
        "kind": kind.kind.value,
        "meaning": kind.kind.meaning,
        "unknown": dict(kind.unknown),
        "events": [
            {"episode": name, "known_at": utc_text(int(at))}
            for name, at in zip(kind.episode, kind.at, strict=True)
        ],
        "markets": [
            {
                "market": around.market.name,
                "channel": str(around.market.key),
                "starts_at_step": around.market.origin,
                "move": "fraction" if around.market.relative else "difference",
                "effects": [_effect_document(effect) for effect in around.effects],
            }
            for around in kind.around
        ],
    }


def _effect_document(effect: HorizonMove) -> dict[str, Any]:
    seen = effect.reaction
    return {
        "days": effect.days,
        "events": seen.events,
        "missing": seen.missing,
        "clusters": seen.clusters,
        "mean": _finite(seen.mean),
        "median": _finite(seen.median),
        "mean_interval": _part(seen.interval),
        "hits": seen.hits,
        "hit_rate": _part(seen.hit_rate),
        "placebo": _part(effect.placebo),
    }


def _part(found: Any) -> dict[str, Any]:
    return {"missing": found.reason} if isinstance(found, Missing) else asdict(found)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def paths_table(study: Study) -> pa.Table:
    """Return one row an event, market and step: the move since the event, null where missing.

    Columns: kind, episode, event_at, market, step (the unit of ``offset``), offset, move (a
    fraction, or a difference in the series' own unit).
    """
    parts = [
        _path_part(kind, around) for kind in study.kinds for around in kind.around if len(kind.at)
    ]
    return pa.concat_tables(parts) if parts else _SCHEMA.empty_table()


_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("episode", pa.string()),
        ("event_at", pa.timestamp("ns", tz="UTC")),
        ("market", pa.string()),
        ("step", pa.string()),
        ("offset", pa.int64()),
        ("move", pa.float64()),
    ]
)


def _path_part(kind: KindStudy, around: Around) -> pa.Table:
    events, steps = around.paths.moves.shape
    rows = events * steps
    moves = around.paths.moves.ravel()
    return pa.table(
        [
            pa.array([kind.kind.value] * rows),
            pa.array(np.repeat(np.array(kind.episode, dtype=object), steps), pa.string()),
            pa.array(np.repeat(kind.at, steps), pa.timestamp("ns", tz="UTC")),
            pa.array([around.market.name] * rows),
            pa.array([around.market.step_name] * rows),
            pa.array(np.tile(around.paths.offsets, events)),
            pa.array(moves, mask=~np.isfinite(moves)),
        ],
        schema=_SCHEMA,
    )
