"""Parts of the money add up as shown; zero parts have no line and are named."""

import pytest

from engine.compare.breakdown import by_phase
from engine.compare.money_tables import NAMES, PARTS, left_out_note, money_tables
from engine.compare.phase_map import phase_map


def test_the_shown_parts_add_up_to_the_shown_return(small):
    found = money_tables(small.matrix)
    assert [table.title for table in found.tables][1:] == ["Risky weights", "60/40", "Cash"]
    for table in found.tables:
        lines = {line.name: line.texts for line in table.lines}
        for place, _ in enumerate(table.episodes):
            parts = [float(lines[name][place].rstrip("%")) for name in PARTS if name in lines]
            assert sum(parts) == pytest.approx(float(lines["return"][place].rstrip("%")))


def test_a_part_that_is_zero_has_no_line_and_zero_everywhere_is_named(small):
    found = money_tables(small.matrix)
    shown = {line.name for table in found.tables for line in table.lines}
    assert set(found.left_out) == set(NAMES) - shown
    assert "borrow" in found.left_out
    for table in found.tables:
        for line in table.lines:
            assert line.name == "return" or any(text != "0.00%" for text in line.texts)
    cash = found.tables[-1]
    assert {line.name for line in cash.lines} == {"interest", "return"}
    assert left_out_note(["borrow", "other"]).endswith("zero in every cell: borrow, other.")
    assert left_out_note([]) == "A part without a line is zero."


def test_the_map_has_a_line_a_phase_and_a_column_a_playbook_and_the_reference(small):
    found = phase_map(small.matrix)
    assert found.columns[1:] == ("Risky weights", "60/40")
    assert [(name, len(lines)) for name, lines in found.episodes] == [("cascade", 3), ("crash", 3)]
    rows = ("reclaim", "weights", "balanced")
    cells = iter(found.values())
    for name, lines in found.episodes:
        for place, line in enumerate(lines):
            for row in rows:
                expected = by_phase(small.matrix.records[row, name])[place]
                told = next(cells)
                assert told["values"]["return"] == expected.total_return
                assert told["values"]["trades"] == expected.trades
                assert told["texts"]["drawdown"] == f"{expected.drawdown * 100:+.2f}%".replace(
                    "+0.00%", "0.00%"
                ).replace("-0.00%", "0.00%")
                assert line.name == expected.phase.name.value
