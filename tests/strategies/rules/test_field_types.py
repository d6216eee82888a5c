"""Names of conditions and states that the journal cannot hold."""

import pytest

from strategies.rules.field_types import read_conditions, read_states


@pytest.mark.parametrize("name", ["setup", "decisions", "measured", "age_hours"])
def test_a_condition_named_like_a_column_of_the_journal_is_refused(name):
    with pytest.raises(ValueError, match=f"{name}: .*column of the journal; choose another name"):
        read_conditions({name: "vix < 25"})


def test_a_state_named_like_a_column_of_the_journal_is_refused():
    with pytest.raises(ValueError, match="setup is a column of the journal"):
        read_states({"setup": {"when": "vix > 30", "hold": {}}})
    assert read_states({"storm": {"otherwise": True, "hold": {}}})
