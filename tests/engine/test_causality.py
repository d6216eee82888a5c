"""Check that prepared signals do not change when later data are removed."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import Field

from engine import causality
from engine.api import (
    ChannelKey,
    ChannelKind,
    Enter,
    Exit,
    Playbook,
    PlaybookContractError,
    PlaybookParams,
    Requirements,
    Signals,
    condition,
)
from engine.causality import check_causality, first_difference, named_arrays, prepare
from engine.playbook_checks import playbook_checks
from engine.testing import candles, play_playbook, table
from strategies.liquidation_reclaim import LiquidationReclaim
from tests.embedded import PERP, embedded_dataset
from tests.engine.leaks import ahead, changes


class MomentumParams(PlaybookParams):
    ahead: int = Field(0, description="rows that a signal looks ahead, as a bug would")


class Momentum(Playbook[MomentumParams]):
    """Buy after a rise and exit by the stop; ``ahead`` plants a leak."""

    name = "momentum"
    Params = MomentumParams

    @classmethod
    def requirements(cls, params):
        clock = ChannelKey("BTCUSDT-PERP", ChannelKind.BARS, "1h")
        return Requirements(clock, frozenset({clock}), frozenset(), (clock.instrument,), 1)

    def prepare(self, data):
        bars = data.bars("BTCUSDT-PERP", "1h")
        close = bars["close"]
        later = np.minimum(np.arange(len(close)) + self.params.ahead, len(close) - 1)
        rise = np.diff(close[later], prepend=close[later][:1])
        rose = condition(
            "rose",
            rise > 0,
            known=np.arange(len(close)) > 0,
            measured=rise,
            threshold=0.0,
            unit="quote",
            description="the close is above the one before",
        )
        values = {"rise": rise, "close": close}
        return Signals(bars["closed_at"], values, (rose,), notable=rise > 0)

    def on_bar(self, market, account):
        if market.signal("rise") > 0 and account.is_flat("BTCUSDT-PERP"):
            return (Enter("BTCUSDT-PERP", 1, market.signal("close") - 3.0, "rose"),)
        return ()


class Cheat(Momentum):
    """Keep the whole data from ``prepare`` on the class and look ahead in ``on_bar``."""

    def prepare(self, data):
        type(self)._close = data.bars("BTCUSDT-PERP", "1h")["close"]
        return super().prepare(data)

    def on_bar(self, market, account):
        following = self._close[min(market.row + 1, len(self._close) - 1)]
        if following <= market.signal("close"):
            return ()
        return super().on_bar(market, account)


def hourly(rows=30, seed=4):
    rng = np.random.default_rng(seed)
    close = 100.0 + np.cumsum(rng.integers(-2, 3, rows))
    opens = np.concatenate(([100.0], close[:-1]))
    bars = [(o, max(o, c) + 1, min(o, c) - 1, c) for o, c in zip(opens, close, strict=True)]
    return table(candles(bars))


def test_causal_signals_pass():
    assert play_playbook(hourly(), Momentum(MomentumParams())).fills


def test_a_prepared_signal_that_looks_one_bar_ahead_is_named_with_its_time():
    with pytest.raises(PlaybookContractError, match=r"signal rise at 2026-02-0.*it looks ahead"):
        play_playbook(hourly(), Momentum(MomentumParams(ahead=1)))


def test_a_run_without_entries_is_checked_too():
    class Watcher(Momentum):
        def on_bar(self, market, account):
            return ()

    with pytest.raises(PlaybookContractError, match="looks ahead"):
        play_playbook(hourly(), Watcher(MomentumParams(ahead=1)))


def test_a_leak_in_exits_is_seen_though_there_are_more_entries_than_cuts():
    class Leaver(Momentum):
        """Enter at every third row and exit when the next close will fall."""

        def prepare(self, data):
            close = data.bars("BTCUSDT-PERP", "1h")["close"]
            falls = np.append(np.diff(close) < 0, False)
            due = np.arange(len(close)) % 3 == 0
            return replace(
                super().prepare(data),
                values={"close": close},
                wake_flat=due,
                wake_in_position=falls,
                notable=None,
            )

        def on_bar(self, market, account):
            if account.is_flat("BTCUSDT-PERP"):
                return (Enter("BTCUSDT-PERP", 1, market.signal("close") - 30.0, "due"),)
            return (Exit("BTCUSDT-PERP", "it will fall"),)

    with pytest.raises(PlaybookContractError, match="wake_in_position"):
        play_playbook(hourly(rows=400), Leaver(MomentumParams()))


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("rose", "rose"), "'rose' is refused: two conditions have it"),
        # Two alternatives share the journal, so they cannot share a name.
        (("x.rose", "x.rose"), "'x.rose' is refused: two conditions have it"),
        (("rose", "blocked_by"), "'blocked_by' is refused: blocked_by is a column of the journal"),
        (("rose", "rose.measured"), "'rose.measured' is refused: measured after a dot"),
        (("rose", "rose today"), "'rose today' is refused: a name has letters"),
    ],
)
def test_condition_names_that_the_journal_cannot_hold_are_refused(names, reason):
    class Named(Momentum):
        def prepare(self, data):
            whole = super().prepare(data)
            (rose,) = whole.conditions
            groups = [name.rpartition(".")[0] for name in names]
            told = [
                replace(rose, name=name, group=f"{group}{place}" if group == "x" else "")
                for place, (name, group) in enumerate(zip(names, groups, strict=True))
            ]
            return replace(whole, conditions=tuple(told))

    with pytest.raises(PlaybookContractError, match=f"^playbook momentum: .* {reason}"):
        play_playbook(hourly(), Named(MomentumParams()))


def test_a_decision_before_its_bar_is_known_is_a_leak():
    class Early(Momentum):
        def prepare(self, data):
            opened = data.bars("BTCUSDT-PERP", "1h")["opened_at"]
            return replace(super().prepare(data), decided_at=opened)

    with pytest.raises(PlaybookContractError, match="decided_at"):
        play_playbook(hourly(), Early(MomentumParams()))


def test_an_array_that_only_the_whole_data_give_is_a_leak():
    whole = Signals(np.arange(3), {"a": np.zeros(3), "b": np.zeros(3)})
    assert first_difference(whole, Signals(np.arange(2), {"a": np.zeros(2)}), 2) == ("signal b", 0)


def test_a_run_of_many_rows_is_cut_at_fewer_decisions(monkeypatch):
    # 400 rows, at most 400 x 6 repeated: six cuts in place of twenty.
    data, playbook = hourly(rows=400), Momentum(MomentumParams())
    requirements = Momentum.requirements(playbook.params)
    signals = prepare(playbook, data, requirements)
    outcome = play_playbook(data, playbook)
    assert check_causality(playbook, data, requirements, signals, outcome).cuts == 20
    monkeypatch.setattr(causality, "REPEATED_ROWS", 400 * 6)
    found = check_causality(playbook, data, requirements, signals, outcome)
    assert (found.cuts, found.most, found.rows) == (6, 6, 400)
    monkeypatch.setattr(causality, "REPEATED_ROWS", 1)
    assert check_causality(playbook, data, requirements, signals, outcome).cuts == 4


@pytest.mark.parametrize("row", [0, 16_383, 16_384, 39_999])
@pytest.mark.parametrize("other", [0.5, np.nan])
def test_the_first_row_that_differs_is_named_wherever_it_lies(row, other):
    values = np.full(40_000, np.nan)
    values[::2] = np.arange(20_000)
    changed = values.copy()
    changed[row] = other if values[row] == values[row] else 0.5
    whole, cut = (Signals(np.arange(40_000), {"a": array}) for array in (values, changed))
    assert first_difference(whole, cut, 40_000) == ("signal a", row)
    assert first_difference(whole, cut, row) is None


def test_equal_numbers_are_equal_whatever_their_bits_and_their_memory():
    one, minus = np.float64(0.0), np.float64(-0.0)
    assert first_difference(_signal(np.full(3, one)), _signal(np.full(3, minus)), 3) is None
    repeated = np.broadcast_to(np.nan, 3)
    assert first_difference(_signal(repeated), _signal(np.full(3, np.nan)), 3) is None
    assert first_difference(_signal(repeated), _signal(np.broadcast_to(one, 3)), 3) == (
        "signal a",
        0,
    )


def _signal(values):
    return Signals(np.arange(len(values)), {"a": values})


def test_the_check_of_every_run_cannot_see_what_a_class_keeps_for_itself():
    # The arrays of prepare are causal; the look-ahead sits in on_bar. This is the documented limit.
    assert play_playbook(hourly(), Cheat(MomentumParams())).fills


def test_playbook_checks_sees_what_a_class_keeps_for_itself():
    with pytest.raises(PlaybookContractError, match="looks ahead"):
        playbook_checks(Cheat, MomentumParams(), hourly(rows=400))


def test_a_leak_of_one_bar_in_any_array_of_playbook_a_is_named():
    # At an entry decided one row before the array changes, the leak shows the change already.
    data = embedded_dataset()
    params = LiquidationReclaim.Params(timeframe="15m", mark_timeframe="15m")
    requirements = LiquidationReclaim.requirements(params)
    honest = LiquidationReclaim(params)
    signals = prepare(honest, data, requirements)
    run = play_playbook(hourly(), Momentum(MomentumParams()))
    entry = next(d for d in run.decisions if d.intent == "enter")
    checked = []
    for name in named_arrays(signals):
        rows = changes(signals, name)
        if name == "decided_at" or len(rows) == 0:
            continue  # a later decision is no leak, and a constant array cannot leak

        class LeakyReclaim(LiquidationReclaim):
            def prepare(self, data, name=name):
                return ahead(super().prepare(data), name)

        at = int(signals.decided_at[rows[len(rows) // 2]])
        outcome = replace(run, decisions=(replace(entry, decided_at=at),))
        with pytest.raises(PlaybookContractError) as caught:
            check_causality(LeakyReclaim(params), data, requirements, ahead(signals, name), outcome)
        assert f": {name} at " in str(caught.value)
        checked.append(name)
    assert len(checked) > 40
    assert PERP in str(requirements.clock)
