"""Check the page of an attribution against the numbers that it is made from."""

from dataclasses import replace

from engine.attribution import Attribution, ConditionEffect, RunFigures
from engine.attribution.attribution_page import attribution_conclusions, attribution_page
from tests.engine.pages.test_html import Texts

NAN = float("nan")


def effect(name, earned, *, added=0, gone=0, error="", core=False) -> ConditionEffect:
    return ConditionEffect(
        name, f"{name} holds", core, 3, 0.02 - earned, -0.05, 4, 0.1, earned, 0.01, added, gone,
        0.2, "id", error,
    )  # fmt: skip


FOUND = Attribution(
    name="demo",
    playbook="toy",
    window="2026-01-01 to 2026-02-01",
    data_label="synthetic",
    left_out=(),
    full=RunFigures(0.02, -0.04, 12, 0.3),
    full_run_id="abc",
    effects=(
        effect("gate", 0.0211, added=24, gone=1, core=True),
        effect("dip", 0.01, added=1),
        effect("volume", 0.0),
        effect("macro", -0.003, added=2),
        effect("broken", NAN, error="no data"),
    ),
)


def test_the_conclusions_name_what_earned_what_cost_and_what_changed_nothing():
    assert attribution_conclusions(FOUND) == [
        "2 conditions earned return: gate +2.11 points (24 trades without it only); dip +1.00 "
        "points (1 trade without it only).",
        "1 condition cost return: macro -0.30 points (2 trades without it only).",
        "1 of 4 conditions changed no entry: without it the rules traded alike (volume).",
        "The full rules made 12 trades, fewer than 30, in one window: the page cannot say which "
        "condition would earn in another.",
    ]


def test_of_many_conditions_the_three_largest_are_named():
    many = tuple(effect(f"c{n}", (6 - n) / 100, added=1) for n in range(5))
    earned, cost, idle, _ = attribution_conclusions(replace(FOUND, effects=many))
    assert earned.startswith("5 conditions earned return: c0 +6.00 points")
    assert earned.endswith("c2 +4.00 points (1 trade without it only); and 2 more.")
    assert cost == "No condition cost return."
    assert idle == "Every condition changed at least one entry."


def test_the_page_has_a_row_a_condition_bars_and_the_errors():
    page = attribution_page(FOUND, "demo-attribution-abc")
    assert page == attribution_page(FOUND, "demo-attribution-abc")
    texts = Texts(page)
    assert {
        "gate *",
        "dip",
        "volume",
        "macro",
        "SYNTHETIC DATA: generated, nothing here happened.",
    } <= {text.strip() for text in texts.texts}
    assert "svg" in texts.elements
    assert "broken: could not be run: no data" in page
    assert "gate</b>: gate holds" in page


def test_where_no_run_could_be_made_the_page_says_so():
    found = replace(FOUND, effects=(effect("broken", NAN, error="no data"),))
    assert attribution_conclusions(found)[0] == "No run without a condition could be made."
    assert "<svg" not in attribution_page(found, "x")


def test_one_condition_and_one_trade_are_told_as_one():
    one = replace(FOUND, full=RunFigures(0.02, -0.04, 1, 0.3), effects=(effect("volume", 0.0),))
    *_, idle, limits = attribution_conclusions(one)
    assert idle.startswith("1 of 1 condition changed no entry: without it")
    assert limits.startswith("The full rules made 1 trade, fewer than 30")
    assert "1 trade, average R" in attribution_page(one, "x")
