"""Check that leaks in the market state and choices by later rows are found."""

from dataclasses import replace

import numpy as np
import pytest

import engine.run_data
from data_feeds.dataset import Dataset
from data_feeds.embedded import embedded_catalog
from engine.api import ChannelKey, ChannelKind, PlaybookContractError, Requirements
from engine.causality import beginnings, check_state_causality, named_measures
from engine.config.load import load_run_config
from engine.config.locations import find_config
from engine.config.market import MarketStateConfig
from engine.errors import SimulationError
from engine.market_state import MarketState
from engine.playbook_checks import event_cuts, playbook_checks, simulated
from engine.run import run
from engine.run_data import StateInputs, state_data
from engine.signals.market.build import market_state
from engine.testing import funding, hour, play_playbook, table_config
from tests.data_feeds.factory import ns
from tests.engine.test_causality import Momentum, MomentumParams, hourly

CONFIG = MarketStateConfig()
FUNDING = ChannelKey("BTCUSDT-PERP", ChannelKind.FUNDING)


FIRST, LAST = np.datetime64("2025-12-20"), np.datetime64("2026-02-20")


def swing():
    """Return playbook B's run over a month of reconstructed 2026, with market tiers."""
    window = ("data.start=2026-01-20", "data.end=2026-02-20", "account.interest_series=null")
    return load_run_config(find_config("swing_2026", "runs"), (*window, "risk.market_tiers={}"))


def leaking(name: str):
    """Return the market state with one array shifted a day ahead; its last value stays."""

    def made(data, config, first, last) -> MarketState:
        state = market_state(data, config, first, last)
        ahead = {key: np.append(a[1:], a[-1:]) for key, a in named_measures(state).items()}[name]
        kind, _, rest = name.partition(" ")
        if kind == "value":
            return replace(state, values={**state.values, rest: ahead})
        if kind == "condition":
            own, _, column = rest.partition(" (")
            column = column.rstrip(")") or "truth"
            twin = replace(state.conditions[own], **{column: ahead})
            return replace(state, conditions={**state.conditions, own: twin})
        return replace(state, **{name: ahead})

    return made


@pytest.fixture(scope="module")
def data() -> Dataset:
    return state_data(embedded_catalog(), CONFIG, FIRST, LAST)


def check(data: Dataset) -> MarketState:
    """Run the check of a run on the state of two months without decisions."""
    made_of = StateInputs(data, CONFIG, FIRST, LAST)
    state = made_of.state()
    outcome = play_playbook(hourly(), Momentum(MomentumParams()))
    check_state_causality(state, outcome, data.channels.values(), made_of.again)
    return state


def test_an_honest_state_passes(data) -> None:
    assert len(set(check(data).tier.tolist())) > 1


@pytest.mark.parametrize(
    "name",
    [
        "tier",
        "action",
        "regime",
        "value vix",
        "condition dollar_strong",
        "condition vix_jump (measured)",
    ],
)
def test_a_state_that_sees_a_day_ahead_is_named(name, data, monkeypatch) -> None:
    monkeypatch.setattr(engine.run_data, "market_state", leaking(name))
    with pytest.raises(SimulationError, match="it looks ahead") as caught:
        check(data)
    assert f"risk reads: {name} on " in str(caught.value)


def test_a_run_makes_the_check(monkeypatch) -> None:
    monkeypatch.setattr(engine.run_data, "market_state", leaking("tier"))
    with pytest.raises(SimulationError, match="risk reads: tier on 2026-"):
        run(swing(), embedded_catalog())


def test_a_state_that_asks_whether_a_channel_is_there_at_all_is_named(data, monkeypatch) -> None:
    key = ChannelKey("BTCUSDT-PERP", ChannelKind.LIQUIDATIONS)

    def made(data, config, first, last) -> MarketState:
        state = market_state(data, config, first, last)
        return replace(state, action=state.action + np.int8(len(data.channels[key]) > 0))

    monkeypatch.setattr(engine.run_data, "market_state", made)
    prints = data.channels[key]
    # They begin on the last Friday: no tier changes and nothing is entered around it.
    late = prints.take(prints["available_at"] > ns("2026-02-13T12:00"))
    assert len(late) > 0
    with pytest.raises(SimulationError, match="risk reads: action"):
        check(Dataset(data.instruments, {**data.channels, key: late}))


class Hopeful(Momentum):
    """Wait until funding is known, but search for it in the whole data."""

    @classmethod
    def requirements(cls, params):
        needed = super().requirements(params)
        return replace(needed, optional=frozenset({FUNDING}))

    def prepare(self, data):
        made = super().prepare(data)
        there = float(data.has(FUNDING.instrument, FUNDING.kind))
        values = {**made.values, "trusts": np.full(len(made.decided_at), there)}
        return replace(made, values=values, notable=None, wake_flat=self.late(made))

    def on_bar(self, market, account):
        return super().on_bar(market, account) if market.now >= hour(16) else ()

    @staticmethod
    def late(made):
        """Return the rows from hour 16 on; no decision comes before funding begins."""
        return made.decided_at >= hour(16)


def with_late_funding() -> Dataset:
    data = hourly()
    late = funding([(hour(10), 0.0001), (hour(18), 0.0001)])
    return Dataset(data.instruments, {**data.channels, FUNDING: late})


def test_the_last_row_before_a_channel_begins_is_cut_though_nothing_is_decided_there() -> None:
    data = with_late_funding()
    needed = Hopeful.requirements(MomentumParams())
    decided = Hopeful(MomentumParams()).prepare(data).decided_at
    # Funding of 10:00 is known then, at the close of the bar before: 09:00 is the last row without.
    assert beginnings(data, needed, decided) == [hour(9)]
    with pytest.raises(PlaybookContractError, match="signal trusts"):
        play_playbook(data, Hopeful(MomentumParams()))


def test_a_channel_that_must_be_there_or_never_is_begins_at_no_row() -> None:
    data = with_late_funding()
    clock = Hopeful.requirements(MomentumParams()).clock
    strict = Requirements(clock, frozenset({clock, FUNDING}), frozenset(), (clock.instrument,), 1)
    decided = Hopeful(MomentumParams()).prepare(data).decided_at
    assert beginnings(data, strict, decided) == []
    absent = data.only({clock})
    assert beginnings(absent, Hopeful.requirements(MomentumParams()), decided) == []


def test_the_checks_for_playbooks_cut_there_too() -> None:
    data = with_late_funding()
    config = table_config(data)
    whole = simulated(Hopeful(MomentumParams()), data, config)
    assert hour(9) in event_cuts(whole)
    with pytest.raises(PlaybookContractError, match="looks ahead"):
        playbook_checks(Hopeful, MomentumParams(), data, config=config)
