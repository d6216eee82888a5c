"""Check the page of a study against the study's own numbers."""

from dataclasses import replace

import numpy as np
import pytest

from data_feeds.embedded import embedded_catalog
from engine.episodes import find_episode
from engine.statistics import Missing, Sampling
from engine.studies import EventKind, StudyRules, run_study, study_page
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
    assert sample.startswith(f"Events in 1 episodes (2026): {len(flush.at)} of flush (")
    assert f"{len(hedge.at)} of hedge" in sample
    low = sum(value < 0.05 for value in p_values)
    assert chance.startswith(f"{low} of {len(p_values)} comparisons with random dates have p below")
    assert f"would give about {0.05 * len(p_values):.0f}." in chance
    assert "picked for being the smallest" in clearest
    assert unjudged.startswith(f"{made - len(p_values)} of {made} comparisons cannot be judged")
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
    # Of four, the smallest must be at most 0.0125, the next 0.0167, then 0.025 and 0.05.
    assert holm([0.0125, 0.016, 0.025, 0.05]) == 4
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
    assert {len(row) for row in rows} == {11}
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
