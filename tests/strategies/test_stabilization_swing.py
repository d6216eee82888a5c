"""The intents of playbook B at a session, rule by rule."""

import numpy as np
import pytest

from data_feeds.dataset import Dataset
from engine.intents import Add, Enter, Exit, MoveStop
from engine.views import AccountView, Cursor, MarketView, PositionView
from strategies.stabilization_swing import StabilizationSwing, SwingParams
from strategies.stabilization_swing.params import Leg, SwingTarget, SwingTranche

QQQ = "QQQ"
NAN = float("nan")
ONE_LEG = {
    "legs": (Leg(instrument=QQQ, timeframe="1d", weight=0.5),),
    "tranches": (
        SwingTranche(fraction=0.5, trigger="stabilized"),
        SwingTranche(fraction=0.3, trigger="above_mean", rest=2),
        SwingTranche(fraction=0.2, trigger="new_high"),
    ),
}
CALM = {
    "stabilized": 1.0,
    "leadership_holds": 1.0,
    "leave_lower_low": 0.0,
    "leave_macro": 0.0,
    "QQQ close": 100.0,
    "QQQ stop": 90.0,
    "QQQ trail": 90.0,
    "QQQ above_mean": 1.0,
    "QQQ new_high": 1.0,
}


class SwingBench:
    """Feeds sessions to a playbook one after the other."""

    def __init__(self, **params):
        self.playbook = StabilizationSwing(SwingParams(**{**ONE_LEG, **params}))
        self.row = -1

    def session(self, position=None, pending=False, **changes):
        """Return the intents at the next session's close."""
        self.row += 1
        values = {name: np.full(self.row + 1, v) for name, v in {**CALM, **changes}.items()}
        cursor = Cursor(self.row, self.row)
        market = MarketView(Dataset({}, {}), frozenset(), values, {}, cursor=cursor)
        held = {} if position is None else {QQQ: position}
        names = frozenset([QQQ]) if pending else frozenset()
        account = AccountView(0, 1e5, 0.0, 1e5, 0.0, 0.0, held, names)
        return list(self.playbook.on_bar(market, account))


def held(quantity=5.0, stop=90.0):
    return PositionView(QQQ, 1, quantity, 100.0, 100.0, 0.0, stop, 0.0, NAN, 0, 50.0)


def test_the_first_tranche_is_a_share_of_a_plan_with_its_stop_below_the_low():
    (entry,) = SwingBench().session()
    assert isinstance(entry, Enter)
    assert (entry.instrument, entry.direction, entry.stop) == (QQQ, 1, 90.0)
    assert (entry.fraction, entry.size_multiplier, entry.targets) == (0.5, 0.5, ())


@pytest.mark.parametrize(
    "changes",
    [
        {"stabilized": 0.0},
        {"leave_lower_low": 1.0},
        {"leave_macro": 1.0},
        {"QQQ stop": 100.0},
        {"QQQ stop": NAN},
    ],
)
def test_nothing_is_bought_without_stabilization_or_below_its_low(changes):
    assert SwingBench().session(**changes) == []


def test_targets_are_multiples_of_the_first_tranche_s_risk():
    targets = (SwingTarget(r=1.0, fraction=0.5), SwingTarget(r=2.5, fraction=0.5))
    (entry,) = SwingBench(targets=targets).session()
    assert [(t.price, t.fraction) for t in entry.targets] == [(110.0, 0.5), (125.0, 0.5)]


def test_tranches_follow_their_triggers_and_their_rest():
    bench = SwingBench()
    bench.session()
    # One session after the first: the rest of two is not over.
    assert bench.session(held()) == []
    assert bench.session(held(), **{"QQQ above_mean": 0.0}) == []
    (second,) = bench.session(held())
    assert (type(second), second.fraction) == (Add, 0.3)
    (third,) = bench.session(held(8.0))
    assert (third.fraction, third.reason) == (0.2, "new_high: tranche 3 of 3")
    assert bench.session(held(10.0)) == []


def test_no_tranche_while_the_one_before_works_or_the_market_is_not_stable():
    bench = SwingBench()
    bench.session()
    bench.session(held())
    assert bench.session(held(), pending=True) == []
    assert bench.session(held(), stabilized=0.0) == []


def test_a_tranche_that_risk_refused_is_asked_for_again():
    bench = SwingBench()
    bench.session()
    bench.session(held())
    (asked,) = bench.session(held())
    # Nothing was bought: the same tranche again, after its rest.
    assert bench.session(held()) == []
    (again,) = bench.session(held())
    assert (asked.fraction, again.fraction) == (0.3, 0.3)


def test_the_stop_is_trailed_up_and_never_down_or_beyond_the_price():
    bench = SwingBench()
    bench.session()
    (moved,) = bench.session(held(), **{"QQQ trail": 95.0})
    assert (type(moved), moved.stop) == (MoveStop, 95.0)
    for trail in (95.0, 90.0, 101.0, NAN):
        assert bench.session(held(stop=95.0), **{"QQQ trail": trail, "QQQ above_mean": 0.0}) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"leave_lower_low": 1.0}, "leaders make a new lower low"),
        ({"leave_macro": 1.0}, "yields and the dollar worsen together"),
    ],
)
def test_a_plan_ends_when_the_stabilization_fails(changes, words):
    bench = SwingBench()
    bench.session()
    assert bench.session(held(), **changes) == [Exit(QQQ, words)]


def test_leaving_rules_can_be_switched_off():
    bench = SwingBench(leave_on_lower_low=False, leave_on_macro=False)
    bench.session()
    assert bench.session(held(), leave_lower_low=1.0, leave_macro=1.0) == []


def test_a_plan_ends_after_its_sessions():
    bench = SwingBench(max_sessions=2)
    bench.session()
    bench.session(held())
    assert bench.session(held()) == [Exit(QQQ, "time limit of 2 sessions")]


def test_after_a_stop_the_next_plan_begins_with_the_first_tranche():
    bench = SwingBench()
    bench.session()
    bench.session(held())
    (entry,) = bench.session()
    assert (type(entry), entry.fraction) == (Enter, 0.5)


def test_each_leg_has_its_own_plan():
    legs = (
        Leg(instrument=QQQ, timeframe="1d", weight=0.5),
        Leg(instrument="BTC", timeframe="1h", weight=0.25),
    )
    bench = SwingBench(legs=legs)
    btc = {f"BTC {name.split()[1]}": v for name, v in CALM.items() if name.startswith("QQQ ")}
    first, second = bench.session(**btc)
    assert (first.instrument, second.instrument) == (QQQ, "BTC")
    assert second.size_multiplier == 0.25
    # QQQ is held, the other one still flat: it may enter.
    (entry,) = bench.session(held(), **btc)
    assert entry.instrument == "BTC"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tranches": ({"fraction": 0.5, "trigger": "stabilized"},)}, "must sum to 1"),
        ({"targets": ({"r": 1.0, "fraction": 0.5},)}, "must sum to 1"),
        ({"tranches": ({"fraction": 1.0, "trigger": "stabilized", "rest": 1},)}, "set rest: 0"),
        ({"legs": (ONE_LEG["legs"][0], ONE_LEG["legs"][0])}, "named twice"),
    ],
)
def test_params_that_make_no_sense_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        SwingParams(**change)
