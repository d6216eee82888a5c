"""The sentences at the head of a comparison, each against numbers worked out by hand."""

from dataclasses import replace

import pytest
from markupsafe import escape

from engine.compare.cells import row_title
from engine.compare.conclusions import CellFacts, conclusions, facts_of, not_compared

LOST = CellFacts(
    row="a", title="A", episode="2020", total_return=-0.01, lead=0.10, interval=(-0.02, 0.20),
    interest=0.0, exposure=0.02,
)  # fmt: skip
WON = replace(LOST, episode="2022", total_return=0.03, lead=0.15, interval=(0.05, 0.25))
HELD = CellFacts(
    row="b", title="B", episode="2020", total_return=0.04, lead=-0.01, interval=None,
    interest=0.03, exposure=0.50,
)  # fmt: skip
DIFFERENCE = "The 95% interval of the difference in return"
FACTS = [LOST, WON, HELD]


def said(facts=FACTS, absent=None):
    return conclusions(facts, reference="60/40", level=0.95, absent=absent or {})


def test_who_returned_more_than_the_reference_counts_episodes_by_playbook():
    # A's differences are 10% and 15%, B's is -1%.
    assert said()[0] == (
        "Episodes in which a playbook returned more than 60/40, with the difference: A in 2 of 2 "
        "(+10.00% to +15.00%); B in 0 of 1 (-1.00%)."
    )
    even = [replace(LOST, lead=0.0)]
    assert said(even)[0].endswith("A in 0 of 1 (0.00%).")


def test_intervals_that_leave_out_zero_are_named_on_either_side():
    assert said()[1] == (
        f"{DIFFERENCE} leaves out zero in 1 of 2 cells: A in 2022 (+5.00% to "
        "+25.00%); 1 cannot be computed. By chance alone 0.1 would be expected to."
    )
    below = [replace(WON, interval=(-0.3, -0.1))]
    assert "leaves out zero in 1 of 1 cell: A in 2022 (-30.00% to -10.00%)." in said(below)[1]
    # Of 2 intervals of 95%, 0.05 x 2 leave out zero where there is nothing.


def test_intervals_that_all_hold_zero_show_nothing_and_none_shows_nothing():
    assert said([LOST])[1] == (
        f"{DIFFERENCE} holds zero in the only cell: none is shown to be more than chance."
    )
    touching = [replace(LOST, interval=(0.0, 0.2))]
    assert "holds zero in the only cell" in said(touching)[1]
    assert said([HELD])[1] == (
        f"{DIFFERENCE} cannot be computed in any cell: no difference is shown."
    )


def test_interest_stands_beside_the_return_that_holds_it():
    # A: 0 of -1% + 3%; B: 3% of 4%.
    assert said()[2] == (
        "Of the returns, added over the episodes, interest on cash is: A 0.00% of +2.00%; B +3.00% "
        "of +4.00%."
    )


def test_exposure_is_the_mean_time_in_position():
    assert said()[3].startswith(
        "Time in position: A 2.0%; B 50.0%. The episodes were chosen because"
    )


def test_observations_are_episodes_not_days():
    assert said()[4] == (
        "2 episodes are 2 observations, however many days they have; no statistic makes up for "
        "that."
    )
    assert said([WON])[4].startswith("One episode is one observation, however many days it has;")


def test_cells_that_did_not_run_are_named_before_all_else():
    absent = {"A": ["2022", "2026"], "B": ["2026"]}
    left_out = (
        "Not compared, because the cell or that of 60/40 did not run: A in 2022, 2026; B in 2026."
    )
    assert said([LOST], absent) == [left_out, *said([LOST])]
    # Nothing is left to conclude, and the page says why.
    assert said([], absent) == [left_out]
    assert said([]) == []


def test_rows_of_one_title_stay_apart():
    twin = replace(LOST, row="a2", lead=-0.1)
    assert "A in 1 of 1 (+10.00%); A in 0 of 1 (-10.00%)." in said([LOST, twin])[0]


def test_a_missing_cell_and_a_missing_reference_leave_cells_out(small):
    matrix = small.matrix
    whole = facts_of(matrix, lambda _: {"return_difference": None})
    assert not_compared(matrix, whole) == {}
    first = matrix.episodes[0].name
    reference = matrix.config.reference
    kept = {key: cell for key, cell in matrix.records.items() if key != (reference, first)}
    cut = replace(matrix, records=kept)
    facts = facts_of(cut, lambda _: {"return_difference": None})
    rows = {cell.row: cell.title for cell in whole}
    assert not_compared(cut, facts) == {title: [first] for title in rows.values()}


def test_the_page_concludes_from_the_run_folders(small):
    facts = facts_of(small.matrix, lambda _: {"return_difference": None})
    assert len(facts) > 1
    for cell in facts:
        found = small.matrix.records.items()
        (record,) = [
            record
            for (_, episode), record in found
            if (episode, row_title(record.item)) == (cell.episode, cell.title)
        ]
        assert not record.item.baseline
        reference = small.matrix.records[small.matrix.config.reference, cell.episode]
        own, other = (r.metrics["end_equity"] / r.start_equity for r in (record, reference))
        assert cell.lead == pytest.approx(own - other)
    html = (small.folder / "index.html").read_text(encoding="utf-8")
    assert html.index("Conclusions</h2>") < html.index("Matrix</h2>")
    title = row_title(small.config.rows[small.config.reference])
    told = conclusions(facts, reference=title, level=0.95, absent={})
    # All but the intervals, which are resampled for the page.
    for line in (told[0], *told[2:]):
        assert f"<li>{escape(line)}</li>" in html
