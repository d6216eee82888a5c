"""The recorded balances and positions of a simulation."""

from engine.broker.state_history import History


def test_states_come_back_in_their_columns():
    history = History(2)
    history.record(0, (100.0, 50.0, 0.0), (90.0, 50.0, 0.0), [0.0, 0.0], [0.0, 0.0])
    history.record(7, (80.0, 50.0, 1.0), (70.0, 50.0, 1.0), [2.0, -1.0], [10.0, 20.0])
    columns = history.columns()
    assert columns.since.tolist() == [0, 7]
    assert columns.cash.tolist() == [[100.0, 50.0, 0.0], [80.0, 50.0, 1.0]]
    assert columns.booked.tolist() == [[90.0, 50.0, 0.0], [70.0, 50.0, 1.0]]
    assert columns.quantities.tolist() == [[0.0, 0.0], [2.0, -1.0]]
    assert columns.averages.tolist() == [[0.0, 0.0], [10.0, 20.0]]


def test_a_history_goes_on_after_it_was_read():
    history = History(1)
    history.record(0, (1.0, 0.0, 0.0), (1.0, 0.0, 0.0), [0.0], [0.0])
    history.columns()
    history.record(1, (2.0, 0.0, 0.0), (2.0, 0.0, 0.0), [0.0], [0.0])
    assert history.columns().since.tolist() == [0, 1]
