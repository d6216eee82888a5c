"""Declared values: levels where they change, stages as spans, and names that exist."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_feeds.clock import HOUR_NS
from data_feeds.dataset import Dataset
from engine.api import DrawnAs, DrawnValue
from engine.causality import prepare
from engine.errors import PlaybookContractError
from engine.playbook import Signals
from engine.price_chart.drawn_signals import drawn_lines, stage_spans
from engine.testing import PERP, START, ScriptedPlaybook, ScriptParams, candles, table

NAN = float("nan")
AT = START + np.arange(1, 9) * HOUR_NS
STAGES = DrawnValue("stage", "stages", DrawnAs.STAGES, stages={1: "flush", 2: "reclaim"})
SIGNALS = Signals(
    AT,
    {
        "level": np.array([NAN, NAN, 90, 90, 91, 91, NAN, 92.0]),
        "line": np.arange(8.0),
        "stage": np.array([0, 1, 1, 2, 1, 1, 0, 2], dtype=np.int8),
    },
    setup=np.array(["", "a", "a", "a", "b", "c", "", "c"], dtype=np.object_),
    drawn=(
        DrawnValue("level", "a level", DrawnAs.LEVEL),
        DrawnValue("line", "a line", DrawnAs.LINE),
        STAGES,
    ),
)


def hours(at):
    return ((np.asarray(at) - START) // HOUR_NS).tolist()


def test_a_level_has_a_row_where_it_changes_and_a_line_has_every_row():
    level, line = drawn_lines(SIGNALS, START, AT[-1])
    assert hours(level.at) == [1, 3, 5, 7, 8]
    np.testing.assert_array_equal(level.value, [NAN, 90, 91, NAN, 92])
    assert hours(line.at) == list(range(1, 9))


def test_nothing_is_drawn_outside_the_window():
    level, line = drawn_lines(SIGNALS, AT[3], AT[5])
    assert hours(level.at) == [4, 5]
    assert hours(line.at) == [4, 5, 6]
    assert [
        (s.title, *hours([s.from_at, s.until_at])) for s in stage_spans(SIGNALS, AT[2], AT[4])
    ] == [
        ("flush", 3, 4),
        ("reclaim", 4, 5),
        ("flush", 5, 5),
    ]


def test_a_stage_lasts_until_the_row_of_the_next_one_and_a_new_setup_begins_a_new_span():
    spans = stage_spans(SIGNALS, START, AT[-1])
    assert [(span.title, *hours([span.from_at, span.until_at])) for span in spans] == [
        ("flush", 2, 4),
        ("reclaim", 4, 5),
        ("flush", 5, 6),
        ("flush", 6, 7),
        ("reclaim", 8, 8),
    ]


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc")), min_size=1, max_size=40))
def test_spans_cover_exactly_the_rows_of_their_stage(rows):
    codes = np.array([code for code, _ in rows], dtype=np.int8)
    at = START + np.arange(1, len(rows) + 1) * HOUR_NS
    setup = np.array([name for _, name in rows], dtype=np.object_)
    signals = Signals(at, {"stage": codes}, setup=setup, drawn=(STAGES,))
    told = np.zeros(len(rows), dtype=np.int8)
    for span in stage_spans(signals, START, at[-1]):
        # A span ends at the row that brings another one; the last row of all is its own end.
        inside = (at >= span.from_at) & ((at < span.until_at) | (at == at[-1]))
        inside &= at <= span.until_at
        row = np.flatnonzero(at == span.until_at)[0]
        inside[row] = (
            row == len(rows) - 1
            and codes[row] == codes[at == span.from_at][0]
            and (setup[row] == setup[at == span.from_at][0])
        )
        inside |= at == span.from_at
        assert not told[inside].any()
        told[inside] = {"flush": 1, "reclaim": 2}[span.title]
    np.testing.assert_array_equal(told, np.where(codes == 3, 0, codes))


def test_only_declared_stages_are_drawn_and_a_resting_state_is_none():
    # Words of every state, as `riskoff rules check` prints them, and a declaration without "calm".
    storm = DrawnValue("state", "state held", DrawnAs.STAGES, stages={1: "storm"})
    states = replace(
        SIGNALS, drawn=(storm,), setup=None, state_names=("calm", "storm"),
        values={"state": np.array([-1, 0, 0, 1, 1, 0, 0, 0.0])},
    )  # fmt: skip
    assert [
        (span.title, *hours([span.from_at, span.until_at]))
        for span in stage_spans(states, START, AT[-1])
    ] == [("storm", 4, 6)]
    assert stage_spans(replace(states, drawn=()), START, AT[-1]) == []


@pytest.mark.parametrize("broken", [NAN, np.inf, -np.inf, 0.5, 1.5])
def test_a_value_that_is_no_code_has_no_stage(broken):
    stages = DrawnValue("stage", "stages", DrawnAs.STAGES, stages={-1: "out", 0: "in", 1: "on"})
    codes = np.array([0, 0, broken, broken, 1, 1, -1, -1.0])
    signals = replace(SIGNALS, values={"stage": codes}, setup=None, drawn=(stages,))
    assert [
        (span.title, *hours([span.from_at, span.until_at]))
        for span in stage_spans(signals, START, AT[-1])
    ] == [("in", 1, 3), ("on", 5, 7), ("out", 7, 8)]


def test_stages_without_words_are_refused():
    with pytest.raises(ValueError, match="stages are the words by code"):
        DrawnValue("state", "stages", DrawnAs.STAGES)


WIDTH = DrawnValue("width", "width", DrawnAs.LINE)


class Drawing(ScriptedPlaybook):
    """Declares what the test tells."""

    declared: tuple[DrawnValue, ...] = ()

    def prepare(self, data: Dataset) -> Signals:
        made = super().prepare(data)
        pairs = np.zeros((len(made.decided_at), 2))
        return replace(made, values={**made.values, "pairs": pairs}, drawn=self.declared)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ([WIDTH, WIDTH], "'width' is declared twice"),
        ([DrawnValue("pairs", "pairs", DrawnAs.PANEL)], "has the shape .4, 2.; draw one number"),
        ([replace(WIDTH, name="wdth")], "none of Signals.values; did you mean 'width'"),
        ([replace(WIDTH, instrument="ETHUSDT-PERP")], "belongs to 'ETHUSDT-PERP'"),
    ],
)
def test_a_run_refuses_a_drawn_value_that_is_not_there(declared, message):
    market = table(candles([(100, 101, 99, 100)] * 4))
    (key,) = market.channels
    params = ScriptParams(clock=key, channels=frozenset([key]), traded=(PERP.id,))
    playbook = Drawing(params, {}, {}, {"width": [1, 2, 3, 4]})
    playbook.declared = tuple(declared)
    with pytest.raises(PlaybookContractError, match=message):
        prepare(playbook, market, playbook.requirements(params))
