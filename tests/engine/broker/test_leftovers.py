"""Volume caps where one order leaves something to another; each case by hand."""

from engine.intents import Enter, Target
from engine.testing import PERP, candles, fill_lines, play, table

CAP = {"participation_cap": 0.1}


def test_the_farthest_target_leaves_a_waiting_nearer_one_its_share():
    # 10 bought at 100. The bar before holds 20: the open of 111 fills 2 of the nearer target's 5.
    # Inside 109 to 112 the farther fills its own 5 at 110; the nearer's last 3 wait for the open.
    market = table(
        candles(
            [
                (100, 100, 100, 100),
                (100, 101, 99, 100, 20),
                (111, 112, 109, 111),
                (111, 112, 109, 111),
            ]
        )
    )
    targets = (Target(105.0, 0.5), Target(110.0, 0.5))
    enter = Enter(PERP.id, 1, 90.0, "test", targets=targets)
    assert fill_lines(play(market, {0: [enter]}, venue=CAP)) == [
        (1.0, "entry", 10.0, 100.0),
        (2.0, "target", -2.0, 111.0),
        (3.0, "target", -5.0, 110.0),
        (3.0, "target", -3.0, 111.0),
    ]


def test_what_the_volume_cap_leaves_of_a_stop_is_liquidated_in_that_bar():
    # 10 bought at 100, margin 1,000 / 10 = 100: liquidation at (1,000 - 100) / 9.96 = 90.36.
    # The bar holds 20: 2 are stopped at 95, then the mark goes on to 89 and takes the other 8.
    market = table(
        candles([(100, 100, 100, 100), (100, 101, 99, 100), (100, 100, 89, 99, 20), (99,) * 4])
    )
    outcome = play(market, {0: [Enter(PERP.id, 1, 95.0, "test")]}, venue=CAP)
    assert [(fill.role, fill.quantity, fill.at) for fill in outcome.fills[1:]] == [
        ("stop", -2.0, outcome.fills[1].at),
        ("liquidation", -8.0, outcome.fills[1].at),
    ]
