"""Say in a few sentences what a study found, and how much of it chance alone would show."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.formatting import counted_noun, p_value, p_words, signed
from engine.statistics import MIN_CLUSTERS, Missing, Placebo
from engine.studies.study import Around, HorizonMove, KindStudy, Study

SIGNIFICANT = 0.05
# Reasons and ties that a sentence names; it counts the others.
SHOWN_REASONS, SHOWN_TIES = 3, 3


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
    told = [_sample(study), _by_chance([item.placebo for item in judged])]
    told += [_clearest(judged)] if judged else []
    return [
        *told,
        _unjudged(study),
        "An event study looks into the future by construction: it is a report, never a signal. Its "
        "episodes were chosen because markets fell.",
    ]


def holm(p_values: Sequence[float], level: float = SIGNIFICANT) -> int:
    """Return how many p-values stay below the level after Holm's correction for their number.

    The k-th smallest of n must be below level / (n - k + 1); the first that is not ends the count.

    >>> holm([0.01, 0.02, 0.3]), holm([0.02, 0.02, 0.02]), holm([])
    (2, 0, 0)
    """
    ordered = sorted(p_values)
    for place, value in enumerate(ordered):
        if value * (len(ordered) - place) >= level:
            return place
    return len(ordered)


def expected_by_chance(comparisons: int) -> str:
    """Return how many of some comparisons chance alone makes significant, a mean.

    >>> expected_by_chance(7), expected_by_chance(300)
    ('0.4', '15')
    """
    mean = SIGNIFICANT * comparisons
    return f"{mean:.0f}" if mean >= 10 else f"{mean:.1f}"


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
    episodes = counted_noun(len(study.episodes), "episode")
    return f"Events in {episodes} ({', '.join(study.episodes)}): {parts}."


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


def _by_chance(judged: Sequence[Placebo]) -> str:
    if not judged:
        return "No comparison with random dates could be made: nothing is shown."
    p_values = [found.p_value for found in judged]
    low, count = sum(value < SIGNIFICANT for value in p_values), len(p_values)
    return (
        f"{low} of {counted_noun(count, 'comparison')} with random dates "
        f"{'has' if low == 1 else 'have'} p below {SIGNIFICANT}; chance alone would give about "
        f"{expected_by_chance(count)}. {_corrected(judged)}"
    )


def _corrected(judged: Sequence[Placebo]) -> str:
    """Return how many comparisons stay after Holm's correction, or that none can."""
    count = len(judged)
    # By the add-one rule; see Placebo.p_value.
    draws = max(found.draws for found in judged)
    least = 2 / (draws + 1)
    if least * count >= SIGNIFICANT:
        return (
            f"Holm's correction for their number asks p below {SIGNIFICANT / count:.2g} of the "
            f"clearest, and {draws:,} draws give none below {least:.2g}: so few draws cannot show "
            "that any of them is more than chance."
        )
    left = holm([found.p_value for found in judged])
    after = f"{left} of them" if left else "none"
    return (
        f"After Holm's correction for their number {after} {'stay' if left > 1 else 'stays'} below "
        "it."
    )


def _clearest(judged: Sequence[JudgedMove]) -> str:
    smallest = min(item.placebo.p_value for item in judged)
    first, *others = (item for item in judged if item.placebo.p_value == smallest)
    early = ""
    if any(_begins_early(item.around) for item in (first, *others)):
        early = ", and part of a first session may lie before the event"
    if others:
        more = len(others) + 1 - SHOWN_TIES
        named = "; ".join(_moved(item) for item in (first, *others)[:SHOWN_TIES])
        return (
            f"The smallest p of all, {p_value(smallest)}, is shared by {len(others) + 1} "
            f"comparisons: {named}{f'; and {more} more' if more > 0 else ''}. They were picked for "
            f"being the smallest{early}."
        )
    return (
        f"The smallest p of all: {_moved(first)} ({p_words(smallest)}). It was picked for being "
        f"the smallest{early}."
    )


def _moved(item: JudgedMove) -> str:
    around = item.around
    return (
        f"{around.market.title} {days_text(around, item.effect.days)} after "
        f"{item.kind.kind.value.replace('_', ' ')} moved "
        f"{move_text(around, item.effect.reaction.mean)} on average over "
        f"{counted_noun(item.effect.reaction.events, 'event')}, against "
        f"{move_text(around, item.placebo.mean)} after random dates"
    )


def _begins_early(around: Around) -> bool:
    """Return whether a path's first session may begin before its event."""
    return around.market.step_ns is None and around.market.origin == 0


def _unjudged(study: Study) -> str:
    """Return how many comparisons have no p, and why."""
    found = [effect for _, _, effect in _comparisons(study)]
    reasons = Counter(
        f"fewer than {MIN_CLUSTERS} independent events"
        if effect.reaction.clusters < MIN_CLUSTERS
        else effect.placebo.reason
        for effect in found
        if isinstance(effect.placebo, Missing)
    )
    if not reasons:
        return f"All {len(found)} comparisons could be judged."
    shown = [f"{reason} ({count})" for reason, count in reasons.most_common(SHOWN_REASONS)]
    others = reasons.total() - sum(count for _, count in reasons.most_common(SHOWN_REASONS))
    shown += [f"other reasons ({others})"] if others else []
    return (
        f"{reasons.total()} of {counted_noun(len(found), 'comparison')} cannot be judged: "
        f"{'; '.join(shown)}."
    )
