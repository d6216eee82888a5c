"""Check that playbook A and the documented example pass, and broken playbooks fail."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import Field, field_serializer

from data_feeds.instrument import Instrument, InstrumentKind
from engine.api import (
    HOUR_NS,
    ChannelKind,
    Enter,
    PlaybookContractError,
    Truth,
    condition,
    leave_out,
)
from engine.errors import ConfigError
from engine.playbook_checks import playbook_checks
from engine.plugins import load_playbook
from engine.testing import candles, funding, hour, table
from strategies.liquidation_reclaim import LiquidationReclaim
from tests.embedded import embedded_dataset

PERP = "BTCUSDT-PERP"
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "own-playbook.md"
EXAMPLE_LINES = 45
# The warm-up, a week of hours, and three days after it: each row with an order is cut at twice.
FEW = 240


@pytest.fixture(scope="module")
def example():
    """Return the playbook printed in docs/own-playbook.md."""
    (source,) = re.findall(r"```python\n(# calm_breakout\.py\n.*?)```", GUIDE.read_text(), re.S)
    return source


@pytest.fixture
def breakout(example, tmp_path, monkeypatch):
    """Return the example's class, loaded by name from a plugin folder."""
    (tmp_path / "calm_breakout.py").write_text(example)
    monkeypatch.delitem(sys.modules, "calm_breakout", raising=False)
    yield type(load_playbook("calm_breakout", {}, tmp_path))
    sys.modules.pop("calm_breakout", None)


def market(rows=360, seed=11):
    rng = np.random.default_rng(seed)
    close = np.round(100.0 * np.exp(np.cumsum(rng.normal(0, 0.006, rows))), 1)
    opens = np.concatenate((close[:1], close[:-1]))
    bars = [
        (o, max(o, c) + 0.3, min(o, c) - 0.3, c, 10_000.0)
        for o, c in zip(opens, close, strict=True)
    ]
    slots = [(hour(8 * i), 0.0001 * (-1) ** i) for i in range(1, rows // 8)]
    perp = Instrument(id=PERP, kind=InstrumentKind.PERP, tick_size=0.1, lot_size=0.001)
    return table(candles(bars), funding(slots), instruments=(perp,))


def test_playbook_a_keeps_the_contract_on_embedded_data():
    params = LiquidationReclaim.Params(timeframe="15m", mark_timeframe="15m")
    report = playbook_checks(
        LiquidationReclaim, params, embedded_dataset("2025-10-01", "2026-04-15")
    )
    assert report.entries >= 3
    assert report.cuts >= 30
    assert {key.kind for key in report.absent} >= {ChannelKind.FUNDING, ChannelKind.SERIES}


def test_the_documented_example_keeps_the_contract(breakout):
    report = playbook_checks(breakout, breakout.Params(), market())
    assert report.entries >= 3
    assert [key.kind for key in report.absent] == [ChannelKind.FUNDING]


def test_the_documented_example_stays_short(example):
    written = [line for line in example.splitlines() if line]
    assert len(written) <= EXAMPLE_LINES
    assert max(len(line) for line in written) <= 100


def broken(base, **methods):
    """Return the example with some methods replaced."""
    return type("Broken", (base,), {"name": "broken", **methods})


def assert_refused(playbook_cls, match, params=None, rows=360):
    with pytest.raises(PlaybookContractError, match=match):
        playbook_checks(playbook_cls, params or playbook_cls.Params(), market(rows))


def test_a_leak_in_prepare_is_refused(breakout):
    def prepare(self, data):
        honest = breakout.prepare(self, data)
        close = honest.values["close"]
        return replace(honest, values={**honest.values, "close": np.append(close[1:], close[-1:])})

    assert_refused(broken(breakout, prepare=prepare), "looks ahead")


def test_a_reference_to_the_whole_data_used_in_on_bar_is_refused(breakout):
    def prepare(self, data):
        self.close = data.bars(PERP, "1h")["close"]
        return breakout.prepare(self, data)

    def on_bar(self, view, account):
        following = self.close[min(view.row + 1, len(self.close) - 1)]
        intents = breakout.on_bar(self, view, account)
        return [
            replace(intent, stop=min(intent.stop, following * 0.99))
            if isinstance(intent, Enter)
            else intent
            for intent in intents
        ]

    assert_refused(broken(breakout, prepare=prepare, on_bar=on_bar), "looks ahead")


def test_state_on_the_class_is_refused(breakout):
    seen = []

    def on_bar(self, view, account):
        seen.append(view.now)
        return breakout.on_bar(self, view, account) if len(seen) % 3 else ()

    assert_refused(broken(breakout, on_bar=on_bar), "a second run gives other|another instance")


def test_an_intent_outside_the_wakes_is_refused(breakout):
    def on_bar(self, view, account):
        if not account.is_flat(PERP) or view.row % 7:
            return ()
        return (Enter(PERP, 1, view.signal("close") * 0.97, "every seventh bar"),)

    assert_refused(broken(breakout, on_bar=on_bar), "outside its wake mask")


def test_counting_calls_makes_sparse_and_dense_differ(breakout):
    def on_bar(self, view, account):
        self.calls = getattr(self, "calls", 0) + 1
        return breakout.on_bar(self, view, account) if self.calls % 2 else ()

    assert_refused(broken(breakout, on_bar=on_bar), "a dense run gives other")


def test_an_entry_inside_the_declared_warm_up_is_refused(breakout):
    def requirements(cls, params):
        return replace(breakout.requirements(params), warmup_bars=300)

    assert_refused(broken(breakout, requirements=classmethod(requirements)), "warm-up of 300 bars")


def test_a_signal_that_needs_more_history_than_declared_is_refused(breakout):
    def prepare(self, data):
        honest = breakout.prepare(self, data)
        ever = np.maximum.accumulate(honest.values["close"])
        return replace(honest, values={**honest.values, "highest_ever": ever})

    assert_refused(broken(breakout, prepare=prepare), "highest_ever .* declare more")


def test_a_missing_channel_taken_for_zero_is_refused(breakout):
    def prepare(self, data):
        honest = breakout.prepare(self, data)
        if data.has(PERP, ChannelKind.FUNDING):
            return honest
        silent = tuple(
            replace(c, truth=np.zeros_like(c.truth)) if c.name == "longs_are_not_crowded" else c
            for c in honest.conditions
        )
        return replace(honest, conditions=silent)

    assert_refused(broken(breakout, prepare=prepare), "none becomes unknown")


def test_a_missing_channel_that_crashes_is_refused(breakout):
    def prepare(self, data):
        if not data.has(PERP, ChannelKind.FUNDING):
            raise ZeroDivisionError("no funding")
        return breakout.prepare(self, data)

    assert_refused(broken(breakout, prepare=prepare), "without the optional .*funding")


def test_params_that_yaml_cannot_carry_are_refused(breakout):
    class LossyParams(breakout.Params):
        level: float = Field(0.1234, description="loses digits when written")

        @field_serializer("level")
        def short(self, value):
            return round(value, 2)

    assert_refused(broken(breakout, Params=LossyParams), "through YAML", LossyParams())


def test_data_without_the_required_bars_are_refused(breakout):
    only_funding = table(funding([(hour(8), 0.0001)]))
    with pytest.raises(ConfigError, match="the dataset lacks"):
        playbook_checks(breakout, breakout.Params(), only_funding)


def deaf(base, *, every_calm_row):
    """Return the example with a condition marked as left out that its entry still uses."""

    def prepare(self, data):
        whole = base(self.params).prepare(data)
        conditions = leave_out(whole.conditions, self.ignored)
        if not every_calm_row:
            return replace(whole, conditions=conditions)
        calm = whole.conditions[0].truth == Truth.TRUE
        calm[: self.params.bars] = False
        values = {**whole.values, "entry": calm.astype(float)}
        return replace(whole, conditions=conditions, values=values, wake_flat=calm)

    return broken(base, prepare=prepare)


def test_a_required_condition_that_decides_nothing_is_refused_where_conditions_alone_decide(
    breakout,
):
    assert_refused(
        deaf(breakout, every_calm_row=True), "longs_are_not_crowded decides nothing: it alone fails"
    )


def test_where_something_else_decides_too_an_idle_condition_is_reported(breakout):
    # The close above the high is no condition; it may have blocked the same rows.
    playbook_cls = deaf(breakout, every_calm_row=False)
    report = playbook_checks(playbook_cls, playbook_cls.Params(), market())
    assert report.idle == ("longs_are_not_crowded",)
    assert playbook_checks(breakout, breakout.Params(), market()).idle == ()


def test_a_condition_that_never_fails_alone_and_changes_nothing_is_reported_too(breakout):
    def prepare(self, data):
        whole = breakout.prepare(self, data)
        # Two equal conditions fail together, so neither decides.
        twin = replace(breakout(self.params).prepare(data).conditions[0], name="twin")
        return replace(whole, conditions=(*whole.conditions, *leave_out([twin], self.ignored)))

    playbook_cls = broken(breakout, prepare=prepare)
    report = playbook_checks(playbook_cls, playbook_cls.Params(), market())
    assert "twin" in report.idle


def alternatives_of(base, second, *, is_deaf):
    """Return the example with two alternatives, its condition and ``second``; any may enter.

    ``second`` makes the rows of the second one from those of the first and their instants. Where
    ``is_deaf``, the entry reads the conditions before any is left out.
    """

    def prepare(self, data):
        whole = base(self.params).prepare(data)
        first = replace(whole.conditions[0], group="calm")
        measured = second(first.truth == Truth.TRUE, whole.decided_at).astype(float)
        other = condition(
            "second",
            measured > 0.5,
            known=np.isfinite(measured),
            measured=measured,
            threshold=0.5,
            unit="x",
            description="the second alternative holds",
            group="busy",
        )
        conditions = leave_out([first, other], self.ignored)
        deciding = (first, other) if is_deaf else conditions
        entry = np.any([item.truth == Truth.TRUE for item in deciding], axis=0)
        entry[: self.params.bars] = False
        values = {**whole.values, "entry": entry.astype(float)}
        return replace(whole, conditions=conditions, values=values, wake_flat=entry, notable=entry)

    return broken(base, prepare=prepare)


def every_third_hour(held, decided_at):
    return decided_at // HOUR_NS % 3 == 0


def where_the_first_fails(held, decided_at):
    return ~held


def test_a_condition_that_alone_fails_in_its_group_must_decide_where_no_group_is_complete(breakout):
    # At two of three rows the second one fails, and the first one in about half of them.
    deaf_one = alternatives_of(breakout, every_third_hour, is_deaf=True)
    assert_refused(deaf_one, "longs_are_not_crowded decides nothing: it alone fails", rows=FEW)
    honest = alternatives_of(breakout, every_third_hour, is_deaf=False)
    assert playbook_checks(honest, honest.Params(), market(FEW)).idle == ()


def test_a_condition_that_fails_only_beside_a_complete_group_is_reported(breakout):
    # The second one holds exactly where the first one fails, so an entry is due at every row.
    playbook_cls = alternatives_of(breakout, where_the_first_fails, is_deaf=True)
    report = playbook_checks(playbook_cls, playbook_cls.Params(), market(FEW))
    assert report.idle == ("longs_are_not_crowded", "second")


def test_a_playbook_that_leaves_nothing_out_is_refused(breakout):
    def prepare(self, data):
        return breakout(self.params).prepare(data)

    assert_refused(broken(breakout, prepare=prepare), r"is to be left out but was not; prepare")


def test_numbers_that_contradict_their_condition_are_refused(breakout):
    def prepare(self, data):
        honest = breakout.prepare(self, data)
        rows = np.arange(len(honest.decided_at))
        untrue = condition(
            "untrue",
            rows % 2 == 0,  # false at every second row, although the number is the same
            known=rows >= 0,
            measured=np.full(len(rows), 2.0),
            threshold=1.0,
            unit="",
            description="nothing",
            required=False,
        )
        return replace(honest, conditions=(*honest.conditions, untrue))

    assert_refused(broken(breakout, prepare=prepare), "untrue is .* beside 2 against 1")
