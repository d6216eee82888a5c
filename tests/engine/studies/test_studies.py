"""Events are dated when they become known, by the code that trades; studies on embedded data."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from data_feeds.dataset import Dataset
from data_feeds.embedded import embedded_catalog
from data_feeds.errors import CoverageError
from data_feeds.load import held_keys, load_dataset
from data_feeds.schema import ChannelKey, ChannelKind
from engine.config.load import load_state_config
from engine.config.locations import find_config
from engine.config.market import MarketStateConfig
from engine.episodes import find_episode
from engine.errors import ConfigError
from engine.market_state import Action, Regime
from engine.signals.market.build import history_days
from engine.signals.market.steps import STEPS
from engine.statistics import Missing, Sampling
from engine.studies import (
    EventKind,
    Sightings,
    StudyRules,
    Unseen,
    find_sightings,
    paths_table,
    run_study,
    study_document,
    study_text,
)
from engine.studies.sightings import _state, action_truth, firsts, rises, turns
from engine.studies.studied_markets import MARKETS, read_markets
from engine.studies.study import _check_episodes
from tests.embedded import PERP, embedded_dataset

HOUR = 3_600 * 10**9
DAY = 24 * HOUR
ALL = frozenset(EventKind)
RULES = StudyRules(sampling=Sampling(replications=200), draws=99)


@pytest.fixture(scope="module")
def episode():
    return find_episode("2026")


@pytest.fixture(scope="module")
def seen(episode):
    return {item.kind: item for item in find_sightings(embedded_catalog(), episode, ALL)}


@pytest.fixture(scope="module")
def study(episode):
    kinds = frozenset({EventKind.FLUSH, EventKind.HEDGE, EventKind.LIQUIDITY_SHOCK})
    return run_study(embedded_catalog(), [episode], kinds, RULES)


def test_a_setup_counts_once_and_rows_without_one_never():
    holds = np.array([True, False, True, True, True, True])
    setup = np.array(["", "a", "a", "a", "b", "b"])
    assert firsts(holds, setup).tolist() == [False, False, True, False, True, False]


def test_unknown_days_neither_begin_nor_end_anything():
    truth = np.array([-1, 1, 1, -1, 0, -1, 1, 0, 1], dtype=np.int8)
    assert np.flatnonzero(turns(truth)).tolist() == [6, 8]


def test_reduce_after_hedge_is_no_rise():
    action = np.array([2, 1, 0, 1, 2, 1, 0, 2], dtype=np.int8)
    assert np.flatnonzero(rises(action, 1)).tolist() == [3]
    assert np.flatnonzero(rises(action, 2)).tolist() == [4, 7]


def test_a_flush_is_known_at_the_close_of_the_bar_that_broke_support(seen):
    data = embedded_catalog()
    bars = load_dataset(
        data,
        [ChannelKey(PERP, ChannelKind.BARS, "1h")],
        int(seen[EventKind.FLUSH].clock[0]),
        int(seen[EventKind.FLUSH].clock[-1]),
        10 * 24 * HOUR,
    ).bars(PERP, "1h")
    events = seen[EventKind.FLUSH].at
    assert len(events) == 9
    for at in events:
        row = int(np.searchsorted(bars["available_at"], at))
        assert bars["closed_at"][row] == at
        assert bars["low"][row] < bars["low"][row - 24 : row].min()


def test_events_before_a_day_do_not_depend_on_later_rows(episode, seen):
    shorter = episode.model_copy(update={"end": date(2026, 2, 8)})
    end_at = shorter.end_at
    for item in find_sightings(embedded_catalog(), shorter, ALL):
        whole = seen[item.kind].at
        assert np.array_equal(item.at, whole[whole <= end_at])


def test_events_of_every_kind_lie_on_the_clock_that_could_see_them(seen):
    assert set(seen) == ALL
    for item in seen.values():
        assert isinstance(item, Sightings)
        assert (np.diff(item.clock) > 0).all()
    # A session of playbook B and a day of the checklist are decided at 18:30 New York.
    for kind in (EventKind.STABILIZATION, EventKind.HEDGE):
        assert set(seen[kind].clock // (HOUR // 2) % 48) <= {45, 47}


def test_what_the_data_do_not_reach_for_is_said(episode):
    found = list(find_sightings(embedded_dataset("2025-06-01", "2026-04-16"), episode, ALL))
    missing = {item.kinds: item.reason for item in found if isinstance(item, Unseen)}
    assert "QQQ/bars/1d" in missing.pop((EventKind.STABILIZATION,))
    # No index, no regime; the perp's own events are seen.
    assert (EventKind.LIQUIDITY_SHOCK,) in missing
    assert not missing.keys() & {(EventKind.FLUSH,), (EventKind.RECLAIM,)}


@pytest.fixture(scope="module")
def without(episode):
    """Return a function that gives the embedded data without some instruments or kinds."""
    source = embedded_catalog()
    begin = episode.start_at - (history_days(MarketStateConfig()) + 30) * DAY
    whole = load_dataset(source, (), begin, episode.end_at, optional=held_keys(source))

    def make(*names):
        kept = {
            key: channel
            for key, channel in whole.channels.items()
            if key.instrument not in names and key.kind.value not in names
        }
        return Dataset(whole.instruments, kept)

    return make


def looked_for(source, episode):
    """Return the events and the share of unknown rows by kind; None where not searched for."""
    found = find_sightings(source, episode, ALL)
    return {
        kind: (len(item.rows), round(item.unknown * len(item.clock)))
        if isinstance(item, Sightings)
        else None
        for item in found
        for kind in item.kinds
    }


def test_whole_data_leave_one_day_of_one_kind_open(without, episode):
    found = looked_for(without(), episode)
    # One day's macro step is unknown, and would change the action.
    assert found.pop(EventKind.REDUCE) == (16, 1)
    assert {unknown for _, unknown in found.values()} == {0}


@pytest.mark.parametrize(
    ("dropped", "kind", "events", "unknown"),
    [
        # Where all other conditions hold, the yields decide: 13 of 156 sessions.
        (("DGS10",), EventKind.STABILIZATION, 0, 13),
        (("DGS10",), EventKind.SINGLE_RISK_BOOK, 0, 1),
        (("open_interest",), EventKind.SINGLE_RISK_BOOK, 0, 12),
    ],
)
def test_missing_data_are_no_days_without_an_event(
    without, episode, dropped, kind, events, unknown
):
    assert looked_for(without(*dropped), episode)[kind] == (events, unknown)


@pytest.mark.parametrize("to", [Action.HEDGE, Action.REDUCE])
def test_a_day_is_open_where_the_unknown_steps_could_change_its_action(without, episode, to):
    rules = load_state_config(find_config("default", "checklist"))
    state = _state(without("SPY"), rules, episode)
    inside = (state.decided_at >= episode.start_at) & (state.decided_at <= episode.end_at)
    truths = np.stack([state.conditions[name].truth for name in STEPS])[:, inside]
    # No liquidity shock here: three steps hedge, two reduce, counted without and with the unknown.
    assert not (state.regime == Regime.LIQUIDITY_SHOCK).any()
    expected = 0
    for day in truths.T.tolist():
        lowest, highest = day.count(1), day.count(1) + day.count(-1)
        first, second = (2 if n >= 3 else 1 if n == 2 else 0 for n in (lowest, highest))
        expected += first != second and not (first < to and second < to)
    assert expected > 10
    assert looked_for(without("SPY"), episode)[EventKind(to.words)] == (0, expected)


@pytest.mark.parametrize(
    ("dropped", "kind", "reason"),
    [
        (("VIX", "VIX-INDEX"), EventKind.STABILIZATION, "vix_off_peak is unknown in the whole"),
        (("VIX", "VIX-INDEX"), EventKind.LIQUIDITY_SHOCK, "the regime is unknown in the whole"),
        (
            ("DGS10", "SPY", "open_interest"),
            EventKind.REDUCE,
            "the action is unknown in the whole window: its data are missing",
        ),
    ],
)
def test_a_kind_whose_condition_is_always_unknown_cannot_be_searched_for(
    without, episode, dropped, kind, reason
):
    found = [item for item in find_sightings(without(*dropped), episode, ALL) if kind in item.kinds]
    (missing,) = found
    assert isinstance(missing, Unseen)
    assert missing.reason.startswith(reason)


@pytest.mark.parametrize("dropped", ["DGS10", "SPY"])
@pytest.mark.parametrize("to", [Action.HEDGE, Action.REDUCE])
def test_an_action_that_is_known_without_a_market_is_the_one_with_it(without, episode, dropped, to):
    rules = load_state_config(find_config("default", "checklist"))
    less, whole = (
        action_truth(_state(source, rules, episode), rules.checklist, to)
        for source in (without(dropped), without())
    )
    known = (less >= 0) & (whole >= 0)
    assert 0 < known.sum() < (whole >= 0).sum()
    assert np.array_equal(less[known], whole[known])


def test_what_could_not_be_judged_is_printed_beside_the_count(without, episode):
    kinds = frozenset({EventKind.STABILIZATION, EventKind.SINGLE_RISK_BOOK})
    text = study_text(run_study(without("DGS10"), [episode], kinds, RULES), data="x")
    assert "stabilization: 0 events (2026: 0 with 8% unknown)" in text
    assert "single_risk_book: 0 events (2026: 0 with <1% unknown)" in text
    unseen = run_study(without("VIX", "VIX-INDEX"), [episode], kinds, RULES)
    text = study_text(unseen, data="x")
    assert "2026: stabilization cannot be searched for: vix_off_peak is unknown" in text
    (book,) = study_document(unseen, data="x")["kinds"]
    assert (book["kind"], book["unknown"]) == ("single_risk_book", {"2026": 0.0})


def test_an_episode_in_which_a_kind_cannot_be_looked_for_has_no_count(study):
    (flushes, *_) = study.kinds
    other = replace(study, episodes=("2020", "2026"), kinds=(flushes,))
    assert "flush: 9 events (2020: n/a, 2026: 9)" in study_text(other, data="x")


def test_a_study_of_nothing_is_an_error(episode):
    with pytest.raises(CoverageError, match="QQQ"):
        run_study(
            embedded_dataset("2025-06-01", "2026-04-16"),
            [episode],
            frozenset({EventKind.STABILIZATION}),
        )


def moved(episode, days, name):
    """Return the episode as one phase, moved."""
    start, end = (day + timedelta(days=days) for day in (episode.start, episode.end))
    phase = episode.phases[0].model_copy(update={"until": end})
    return type(episode)(name=name, title="moved", start=start, end=end, phases=(phase,))


def test_two_episodes_of_one_name_are_refused(episode):
    other = moved(episode, -400, "2026")
    with pytest.raises(ConfigError, match="two episodes are named 2026: 2025-09-02 to"):
        run_study(embedded_catalog(), [episode, other], frozenset({EventKind.FLUSH}))


@pytest.mark.parametrize("days", [0, 100, -100])
def test_episodes_that_share_days_are_no_independent_evidence(episode, days):
    other = moved(episode, days, "again")
    with pytest.raises(ConfigError, match=r"episodes 2026 \(.*\) and again \(.*\) overlap"):
        run_study(embedded_catalog(), [episode, other], frozenset({EventKind.FLUSH}))


def test_the_last_day_of_one_episode_and_the_first_of_the_next_must_differ(episode):
    length = (episode.end - episode.start).days
    _check_episodes([episode, moved(episode, length + 1, "next")])
    with pytest.raises(ConfigError, match="overlap"):
        _check_episodes([episode, moved(episode, length, "touching")])


def test_yields_are_read_when_published_and_open_interest_in_base_units(episode):
    found = read_markets(embedded_catalog(), episode.start_at, episode.end_at)
    ten_year = found.series["10Y"]
    channel = embedded_catalog().read(ChannelKey("DGS10", ChannelKind.SERIES))
    assert set(ten_year.known_at) <= set(channel["available_at"])
    assert not set(ten_year.known_at) & set(channel["event_at"])
    interest = found.series["OI"].values
    # Tens of thousands of bitcoin, not billions of dollars
    assert 1e3 < np.nanmedian(interest) < 1e7


def test_the_paths_follow_the_events_and_start_at_zero(study):
    flushes = study.kinds[0]
    assert flushes.kind is EventKind.FLUSH
    assert len(flushes.at) == len(flushes.episode) == 9
    for around in flushes.around:
        (origin,) = np.flatnonzero(around.paths.offsets == 0)
        assert around.paths.moves.shape[0] == 9
        assert (around.paths.moves[:, origin] == 0).all()
        for effect in around.effects:
            assert effect.reaction.events + effect.reaction.missing == 9


def test_a_move_after_a_flush_is_the_price_then_over_the_price_known_at_it(study):
    bars = embedded_catalog().read(ChannelKey(PERP, ChannelKind.BARS, "15m"))
    close = dict(zip(bars["closed_at"].tolist(), bars["close"].tolist(), strict=True))
    around = study.kinds[0].around[0]
    column = int(np.flatnonzero(around.paths.offsets == 24)[0])
    for at, move in zip(study.kinds[0].at.tolist(), around.paths.moves[:, column], strict=True):
        assert move == pytest.approx(close[at + 24 * HOUR] / close[at] - 1)


def test_too_few_independent_events_have_paths_and_no_judgement(study):
    hedges = study.kinds[1]
    assert 0 < len(hedges.at) < 8
    for around in hedges.around:
        assert np.isfinite(around.paths.moves).any()
        assert all(isinstance(effect.placebo, Missing) for effect in around.effects)
        assert all(isinstance(effect.reaction.interval, Missing) for effect in around.effects)


def test_the_same_seed_gives_the_same_study(study, episode):
    kinds = frozenset({EventKind.FLUSH})
    again = run_study(embedded_catalog(), [episode], kinds, RULES)
    one, other = (study_document(item, data="x")["kinds"][0] for item in (study, again))
    assert one == other


def test_a_kind_without_events_has_a_count_of_zero_and_no_path(study):
    shocks = study.kinds[2]
    assert len(shocks.at) == 0
    assert all(effect.reaction.events == 0 for a in shocks.around for effect in a.effects)
    assert "liquidity_shock: 0 events (2026: 0)" in study_text(study, data="x")


def test_the_table_of_paths_has_a_row_for_each_event_market_and_step(study):
    table = paths_table(study)
    steps = sum(len(market.offsets()) for market in MARKETS)
    assert table.num_rows == (9 + len(study.kinds[1].at)) * steps
    moves = table["move"].to_numpy(zero_copy_only=False)
    assert table["move"].null_count == np.isnan(moves).sum()
