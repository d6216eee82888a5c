"""Say in a few sentences what a study found, and how much of it chance alone would show."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.formatting import p_words, signed
from engine.statistics import Missing, Placebo
from engine.studies.study import Around, HorizonMove, KindStudy, Study

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class JudgedMove:
    """One comparison with random dates that could be made."""

    kind: KindStudy
    around: Around
    effect: HorizonMove
    placebo: Placebo


def judged_moves(study: Study) -> Iterator[JudgedMove]:
    """Yield the comparisons that have a p-value."""
    for kind, around, effect in _comparisons(study):
        if not isinstance(effect.placebo, Missing):
            yield JudgedMove(kind, around, effect, effect.placebo)


def study_conclusions(study: Study) -> list[str]:
    """Return the conclusions of a study, four or five sentences."""
    judged = list(judged_moves(study))
    made = sum(1 for _ in _comparisons(study))
    told = [_sample(study), _by_chance([item.placebo.p_value for item in judged])]
    told += [_clearest(judged)] if judged else []
    return [
        *told,
        f"{made - len(judged)} of {made} comparisons cannot be judged: too few independent events "
        "or too few dates to draw from.",
        "An event study looks into the future by construction: it is a report, never a signal. Its "
        "episodes were chosen because markets fell.",
    ]


def holm(p_values: Sequence[float], level: float = SIGNIFICANT) -> int:
    """Return how many p-values stay significant after Holm's correction for their number.

    The k-th smallest of n must be at most level / (n - k + 1); the first above it ends the count.

    >>> holm([0.01, 0.02, 0.3]), holm([0.02, 0.02, 0.02]), holm([])
    (2, 0, 0)
    """
    ordered = sorted(p_values)
    for place, value in enumerate(ordered):
        if value * (len(ordered) - place) > level:
            return place
    return len(ordered)


def move_text(around: Around, value: float) -> str:
    """Return a move in the market's unit, with its sign."""
    return f"{signed(value * around.market.scale)}{around.market.unit}"


def days_text(around: Around, days: int) -> str:
    """Return a horizon in days or sessions.

    A market around the clock counts days of 24 hours.
    """
    name = "day" if around.market.step_ns is not None else "session"
    return f"{days} {name}{'' if days == 1 else 's'}"


def _comparisons(study: Study) -> Iterator[tuple[KindStudy, Around, HorizonMove]]:
    for kind in study.kinds:
        for around in kind.around:
            for effect in around.effects:
                yield kind, around, effect


def _sample(study: Study) -> str:
    parts = "; ".join(
        f"{len(kind.at)} of {kind.kind.value.replace('_', ' ')}{_independent(kind)}"
        for kind in study.kinds
    )
    return f"Events in {len(study.episodes)} episodes ({', '.join(study.episodes)}): {parts}."


def _independent(kind: KindStudy) -> str:
    """Return the independent groups of events, which are fewer the longer the horizon."""
    counts = [
        effect.reaction.clusters
        for around in kind.around
        for effect in around.effects
        if effect.reaction.events
    ]
    if not counts:
        return ""
    few, many = min(counts), max(counts)
    return f" ({few} independent)" if few == many else f" ({few} to {many} independent)"


def _by_chance(p_values: Sequence[float]) -> str:
    if not p_values:
        return "No comparison with random dates could be made: nothing is shown."
    low, count = sum(value < SIGNIFICANT for value in p_values), len(p_values)
    left = holm(p_values)
    after = f"{left} of them" if left else "none"
    return (
        f"{low} of {count} comparisons with random dates have p below {SIGNIFICANT}; chance alone "
        f"would give about {SIGNIFICANT * count:.0f}. After Holm's correction for their number "
        f"{after} {'stay' if left > 1 else 'stays'} below it."
    )


def _clearest(judged: Sequence[JudgedMove]) -> str:
    item = min(judged, key=lambda found: found.placebo.p_value)
    seen, around = item.effect.reaction, item.around
    stale = around.market.step_ns is None and around.market.origin == 0
    early = ", and part of its first session may lie before the event" if stale else ""
    return (
        f"The smallest p of all: {around.market.title} {days_text(around, item.effect.days)} after "
        f"{item.kind.kind.value.replace('_', ' ')} moved {move_text(around, seen.mean)} on average "
        f"over {seen.events} events, against {move_text(around, item.placebo.mean)} after random "
        f"dates ({p_words(item.placebo.p_value)}). It was picked for being the smallest{early}."
    )
