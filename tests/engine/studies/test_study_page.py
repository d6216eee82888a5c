"""Check the page of a study against the study's own numbers."""

from dataclasses import replace

import numpy as np
import pytest

from data_feeds.embedded import embedded_catalog
from engine.episodes import find_episode
from engine.statistics import Missing, Placebo, Sampling
from engine.studies import EventKind, StudyRules, run_study, study_page
from engine.studies.path_chart import kind_chart
from engine.studies.study_page import EPISODE_DAYS, episode_rows, result_rows, sample_rows
from engine.studies.study_sentences import holm, judged_moves, study_conclusions
from tests.engine.pages.test_html import Texts


@pytest.fixture(scope="module")
def study():
    rules = StudyRules(sampling=Sampling(replications=200), draws=99)
    kinds = frozenset({EventKind.FLUSH, EventKind.HEDGE})
    return run_study(embedded_catalog(), [find_episode("2026")], kinds, rules)


def test_conclusions_count_events_comparisons_and_p_values(study):
    sample, chance, clearest, unjudged, limits = study_conclusions(study)
    flush, hedge = study.kinds
    p_values = [item.placebo.p_value for item in judged_moves(study)]
    made = sum(len(around.effects) for kind in study.kinds for around in kind.around)
    assert sample.startswith(f"Events in 1 episode (2026): {len(flush.at)} of flush (")
    assert f"{len(hedge.at)} of hedge" in sample
    low = sum(value < 0.05 for value in p_values)
    assert chance.startswith(f"{low} of {len(p_values)} comparisons with random dates ")
    assert f"would give about {0.05 * len(p_values):.1f}." in chance
    assert "picked for being the smallest" in clearest
    assert unjudged.startswith(f"{made - len(p_values)} of {made} comparisons cannot be judged")
    few = sum(
        effect.reaction.clusters < 8
        for kind in study.kinds for around in kind.around for effect in around.effects
    )  # fmt: skip
    assert f"fewer than 8 independent events ({few})" in unjudged
    assert "never a signal" in limits


def test_a_study_that_can_compare_nothing_shows_nothing(study):
    def without(around):
        effects = tuple(replace(e, placebo=Missing("too few")) for e in around.effects)
        return replace(around, effects=effects)

    kinds = tuple(replace(k, around=tuple(map(without, k.around))) for k in study.kinds)
    told = study_conclusions(replace(study, kinds=kinds))
    assert told[1] == "No comparison with random dates could be made: nothing is shown."
    assert len(told) == 4


def test_holms_correction_asks_more_of_the_smallest():
    # Of four, the smallest must be below 0.0125, the next 0.0167, then 0.025 and 0.05.
    assert holm([0.0124, 0.016, 0.024, 0.049]) == 4
    # At the level itself nothing is significant, as in the count of p below 0.05.
    assert holm([0.05]) == 0
    assert holm([0.0125, 0.016, 0.025, 0.05]) == 0
    assert holm([0.013, 0.001, 0.03, 0.04]) == 2
    assert holm([0.0126, 0.0126, 0.0126, 0.0126]) == 0


def test_means_by_episode_add_up_to_the_mean_of_all(study):
    flush = study.kinds[0]
    heading, row = episode_rows(flush)
    assert (heading[1], row[0]) == ("BTC perp", "2026")
    (seen,) = [e.reaction for e in flush.around[0].effects if e.days == EPISODE_DAYS]
    assert row[1] == f"{100 * seen.mean:+.2f}% ({seen.events})"


def test_every_market_and_horizon_has_a_row_and_every_episode_its_sample(study):
    flush = study.kinds[0]
    rows = result_rows(flush)
    assert len(rows) == 1 + sum(len(around.effects) for around in flush.around)
    assert {len(row) for row in rows} == {12}
    (row,) = sample_rows(flush, study.episodes)[1:]
    first, last = (np.datetime64(int(at), "ns") for at in (flush.at.min(), flush.at.max()))
    assert row[0] == "2026"
    assert row[2:] == tuple(f"{str(at)[:16]}Z" for at in (first, last))


def test_the_page_has_a_section_a_kind_and_is_the_same_twice(study):
    page = study_page(study, data="embedded")
    assert page == study_page(study, data="embedded")
    texts = Texts(page)
    assert {"Flush: 9 events", "Conclusions", "How to read it"} <= set(texts.texts)
    assert "svg" in texts.elements
    assert "SYNTHETIC DATA" in page


def placebos(study, p_values, draws=999):
    """Return the study with these p-values, one a comparison; the others cannot be judged."""
    given = iter(p_values)

    def judged(effect):
        value = next(given, None)
        if value is None:
            return replace(effect, placebo=Missing("5 independent event(s), 8 needed"))
        return replace(effect, placebo=Placebo(0.0, -1.0, 1.0, 0.5, value, 0.1, draws, "apart"))

    kinds = tuple(
        replace(kind, around=tuple(
            replace(around, effects=tuple(map(judged, around.effects))) for around in kind.around
        ))
        for kind in study.kinds
    )  # fmt: skip
    return replace(study, kinds=kinds)


@pytest.mark.parametrize(
    ("p_values", "draws", "words"),
    [
        # 0.05 / 25 = 0.002 = 2 / 1000: not below it, even if every p is the least possible.
        ([0.002] * 25, 999, "asks p below 0.002 of the clearest, and 999 draws give none below"),
        ([0.002] * 24, 999, "After Holm's correction for their number 24 of them stay below it."),
        ([0.0004] * 40, 4_999, "40 of them stay below it."),
        ([0.002, 0.3], 999, "1 of 2 comparisons with random dates has p below 0.05; chance alone "
         "would give about 0.1. After Holm's correction for their number 1 of them stays below"),
        # Exactly the level counts in neither.
        ([0.05], 999, "0 of 1 comparison with random dates have p below 0.05; chance alone would "
         "give about 0.1. After Holm's correction for their number none stays below it."),
    ],
)  # fmt: skip
def test_the_correction_is_said_to_be_out_of_reach_where_it_is(study, p_values, draws, words):
    assert words in study_conclusions(placebos(study, p_values, draws))[1]


def test_ties_of_the_smallest_p_are_all_told(study):
    told = study_conclusions(placebos(study, [0.3, 0.002, 0.002, 0.4]))[2]
    assert told.startswith("The smallest p of all, 0.002, is shared by 2 comparisons: ")
    assert told.count(" moved ") == 2
    assert "They were picked for being the smallest" in told
    many = study_conclusions(placebos(study, [0.01] * 5))[2]
    assert "shared by 5 comparisons" in many
    assert many.count(" moved ") == 3
    assert "; and 2 more." in many


def test_a_study_that_judged_everything_says_so(study):
    count = sum(len(around.effects) for kind in study.kinds for around in kind.around)
    told = study_conclusions(placebos(study, [0.3] * count))
    assert told[3] == f"All {count} comparisons could be judged."


def test_a_missing_number_gives_its_own_reason(study):
    reason = "19 date(s) in a window, 20 needed"
    flush = study.kinds[0]
    around = flush.around[0]
    effects = tuple(
        replace(
            effect,
            placebo=Missing(reason),
            reaction=replace(effect.reaction, interval=Missing("all values are equal")),
        )
        for effect in around.effects
    )
    rows = result_rows(replace(flush, around=(replace(around, effects=effects),)))[1:]
    assert all(row[5].endswith("all values are equal") for row in rows)
    assert all(any(cell.endswith(reason) for cell in row) for row in rows)


def test_too_few_events_are_told_once_a_row(study):
    rows = [row for row in result_rows(study.kinds[0])[1:] if int(row[3]) < 8]
    assert rows
    for row in rows:
        assert sum("independent event(s), 8 needed" in cell for cell in row) == 1


def test_unknown_shares_are_explained_where_the_page_shows_one(study):
    def page(unknown):
        kinds = tuple(replace(kind, unknown={"2026": unknown}) for kind in study.kinds)
        return study_page(replace(study, kinds=kinds), data="embedded")

    assert "With a share unknown" not in page(0.0)
    told = page(0.997)
    assert "With a share unknown" in told
    # Neither none nor all.
    assert "with &gt;99% unknown" in told


def test_the_chart_draws_every_market_and_names_the_level_of_its_bands(study):
    flush = study.kinds[0]
    picture = kind_chart(flush, 0.9)
    assert "90% of the means" in picture
    for around in flush.around:
        assert around.market.title in picture
