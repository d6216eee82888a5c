"""Check that later data change nothing before them: playbook A, whole runs, cut at events.

Every prefix compared holds an order and a blocked setup. Each cut is a whole run: signals, risk,
broker and journal, on data without the later rows, and again on data with later rows redrawn.
"""

from pathlib import Path

import numpy as np
import pytest

from data_feeds.embedded import embedded_catalog
from engine.causality import first_difference, named_arrays
from engine.config.load import load_run_config
from engine.playbook_checks import (
    event_cuts,
    journal,
    prefix_difference,
    redrawn_after,
    simulated,
)
from engine.run_data import load_window
from strategies.liquidation_reclaim import LiquidationReclaim
from tests.engine.leaks import ahead, changes

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "runs"
LEAST_CUTS = 40


def playbook_of(config):
    return LiquidationReclaim(LiquidationReclaim.Params(**config.playbook.params))


def whole_run(name, source):
    """Return the whole run of a shipped run file."""
    config = load_run_config(CONFIGS / f"{name}.yaml")
    playbook = playbook_of(config)
    dataset = load_window(config, source, playbook.requirements(playbook.params))
    return simulated(playbook, dataset, config)


@pytest.fixture(scope="module")
def embedded():
    return whole_run("demo", embedded_catalog())


@pytest.fixture(scope="module")
def shock_of_2020(real_catalog):
    return whole_run("reclaim_2020", real_catalog)


@pytest.fixture(scope="module")
def flushes_of_2026(real_catalog):
    return whole_run("reclaim_2026_1h", real_catalog)


def cuts_with_something_to_compare(whole):
    """Return event cuts whose prefix holds at least one order and one blocked setup."""
    first_order = min(order.decided_at for order in whole.outcome.orders)
    table = journal(whole, whole.window[1])
    blocked = [
        at
        for at, setup, kind in zip(
            table["at"].to_numpy().astype(np.int64),
            table["setup"].to_pylist(),
            table["blocked_kind"].to_pylist(),
            strict=True,
        )
        if setup and kind
    ]
    return [at for at in event_cuts(whole) if at >= first_order and at >= min(blocked)]


def assert_no_prefix_changes(whole, *, least):
    cuts = cuts_with_something_to_compare(whole)
    assert len(cuts) >= least
    for at in cuts:
        for data in (whole.dataset.cut(at), redrawn_after(whole.dataset, at, seed=at % 1_009)):
            part = simulated(playbook_of(whole.config), data, whole.config)
            assert not prefix_difference(whole, part, at), f"cut at {np.datetime64(at, 'ns')}"


def test_embedded_data_cut_at_every_event_and_one_bar_around_it(embedded):
    assert_no_prefix_changes(embedded, least=LEAST_CUTS)


def test_shock_of_2020_cut_at_every_event_and_one_bar_around_it(shock_of_2020):
    assert_no_prefix_changes(shock_of_2020, least=LEAST_CUTS)


def test_flushes_of_2026_cut_at_every_event_and_one_bar_around_it(flushes_of_2026):
    assert_no_prefix_changes(flushes_of_2026, least=20)


def assert_every_leak_is_named(whole):
    """Plant one row of look-ahead in each array; some cut must name that array."""
    signals, playbook = whole.signals, playbook_of(whole.config)
    names = [n for n in named_arrays(signals) if n != "decided_at" and len(changes(signals, n))]
    # Slow arrays need not change at an event: cut first where each array changes last.
    changed = [int(signals.decided_at[changes(signals, name)[-1]]) for name in names]
    unseen = set(names)
    for at in dict.fromkeys([*changed, *event_cuts(whole)]):
        part = playbook.prepare(whole.dataset.cut(at))
        rows = int(np.searchsorted(signals.decided_at, at, side="right"))
        for name in sorted(unseen):
            found = first_difference(ahead(signals, name), ahead(part, name), rows)
            if found is not None:
                assert found[0] == name
                unseen.discard(name)
        if not unseen:
            break
    assert not unseen


def test_a_one_bar_leak_in_any_array_is_named_on_embedded_data(embedded):
    assert_every_leak_is_named(embedded)


def test_a_one_bar_leak_in_any_array_is_named_on_real_data(shock_of_2020, flushes_of_2026):
    assert_every_leak_is_named(shock_of_2020)
    assert_every_leak_is_named(flushes_of_2026)


def test_a_leak_changes_decisions_too(embedded):
    """Check that an entry signal one row early is found by the whole-run comparison."""

    class EarlySignalReclaim(LiquidationReclaim):
        def prepare(self, data):
            honest = super().prepare(data)
            early = ahead(ahead(honest, "signal entry"), "wake_flat")
            return ahead(early, "signal stop")

    params = playbook_of(embedded.config).params
    whole = simulated(EarlySignalReclaim(params), embedded.dataset, embedded.config)
    assert len(whole.outcome.decisions) > 0
    entry = next(d for d in whole.outcome.decisions if d.intent == "enter").decided_at
    part = simulated(EarlySignalReclaim(params), embedded.dataset.cut(entry), embedded.config)
    assert [d for d in part.outcome.decisions if d.decided_at <= entry] == []
