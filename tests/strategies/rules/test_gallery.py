"""Every file of configs/rules: its signals equal an independent script in pandas, row by row.

By default on the reconstructions, whole and with rows taken out; on real data where they are given.
"""

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_feeds.dataset import Dataset
from data_feeds.embedded import embedded_catalog
from data_feeds.load import held_keys
from data_feeds.schema import ChannelKind
from engine.api import Condition, MarketStateConfig
from engine.audit import audit_run
from engine.bt import simulate
from engine.config.load import load_run_config
from engine.config.models import RunMode
from engine.pages.publish import publish
from engine.playbook_checks import outcome_difference, playbook_checks
from engine.run import prepare_run, run
from engine.signals.market.build import market_state
from tests.data_feeds.factory import ns
from tests.strategies.rules.gallery_rules import SCRIPTS

RULES = Path(__file__).resolve().parents[3] / "configs" / "rules"
NAMES = sorted(path.stem for path in RULES.glob("*.yaml"))
# Short windows for the checks of the contract, which prepare and simulate dozens of times.
SHORT = {
    "quiet_breakout": ("2026-01-05", "2026-02-01"),
    "donchian_breakout": ("2022-12-15", "2023-01-30"),
    "naive_dip": ("2026-02-01", "2026-02-10"),
    "faber_filter": ("2021-12-01", "2022-03-30"),
    "rsi_two": ("2021-09-10", "2021-11-30"),
    "vix_falls_back": ("2020-04-01", "2020-07-30"),
}
SHORT_BY_DEFAULT = ("2022-10-03", "2023-01-30")
# Share of the rows that are taken out, besides whole stretches.
HOLES = 0.03


def config_of(name, settings=()):
    return load_run_config(RULES / f"{name}.yaml", list(settings))


def embedded_settings(name):
    """Return the settings with which a file's comment says that it runs without real data."""
    comment = "".join(
        line.lstrip("#")
        for line in (RULES / f"{name}.yaml").read_text().splitlines()
        if line.startswith("#")
    )
    return re.findall(r"--set (\S+)", comment)


def script_table(name, prepared):
    """Return the rows of the independent script on the data of a prepared run."""
    data, at = prepared.dataset, prepared.inputs.signals.decided_at
    first, last = (np.datetime64(int(t), "ns").astype("M8[D]") for t in (at[0], at[-1]))
    state = pd.DataFrame()
    if "state." in (RULES / f"{name}.yaml").read_text():
        found = market_state(data, MarketStateConfig(), first, last)
        breaks = found.conditions["leadership_breaks"].truth.astype(float)
        state = pd.DataFrame(
            {
                "at": found.decided_at,
                "action": found.action,
                "tier": found.tier,
                "leadership_breaks": np.where(breaks < 0, np.nan, breaks),
            }
        )
    bars = prepared.playbook.params.instruments.get("btc", "").partition("@")[2]
    extra = {"timeframe": bars} if name == "naive_dip" else {}
    return SCRIPTS[name](data, state, **extra)


def differing(name, prepared):
    """Return the differences inside the window, and how many rows had a true condition."""
    signals = prepared.inputs.signals
    table = script_table(name, prepared)
    start = ns(str(prepared.inputs.config.data.start.date()))
    inside = signals.decided_at >= start
    own = table.reindex(signals.decided_at)
    conditions: dict[str, Condition] = {item.name: item for item in signals.conditions}
    wrong, compared, seen = [], 0, 0
    for column in own:
        expected = own[column].to_numpy(dtype=float)[inside]
        if column in conditions:
            truth = conditions[column].truth[inside].astype(float)
            found = np.where(truth < 0, np.nan, truth)
            same = (found == expected) | (np.isnan(found) & np.isnan(expected))
            seen += int((found == 1).sum())
        elif column in signals.values:
            # The seed of an average true range fades, and the script may read longer days.
            found = signals.values[column][inside]
            same = np.isclose(found, expected, rtol=1e-7, atol=0, equal_nan=True)
        else:
            wrong.append(f"{column}: neither a condition nor a signal")
            continue
        compared += 1
        rows = np.flatnonzero(~same)
        if len(rows):
            at = np.datetime64(int(signals.decided_at[inside][rows[0]]), "ns")
            wrong.append(
                f"{column}: {len(rows)} of {len(same)} rows, first {at}: "
                f"{found[rows[0]]} against {expected[rows[0]]} in pandas"
            )
    assert compared, f"{name}: nothing was compared"
    return wrong, seen


def with_holes(seed):
    """Return the reconstructions without a part of their bars and series.

    A run refuses longer holes in bars: a day of a perp, five of an exchange.
    """
    catalog = embedded_catalog()
    keys = held_keys(catalog)
    kept = {key: catalog.read(key) for key in keys}
    random = np.random.default_rng(seed)
    for key, channel in kept.items():
        if key.kind not in (ChannelKind.SERIES, ChannelKind.BARS):
            continue
        rows = len(channel)
        keep = random.random(rows) >= HOLES
        longest = 15 if key.kind is ChannelKind.SERIES else 60 if key.timeframe == "15m" else 1
        for begin in random.integers(0, rows, 12):
            keep[begin : begin + longest] = False
        if key.timeframe == "1d":
            keep |= pd.DatetimeIndex(channel["opened_at"]).day_name() != "Wednesday"
        kept[key] = channel.take(np.flatnonzero(keep))
    return Dataset(catalog.instruments(), kept)


@pytest.fixture(scope="module")
def damaged():
    return with_holes(seed=5)


def test_there_is_a_script_for_every_file():
    assert sorted(SCRIPTS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_file_opens_with_the_editor_line_and_names_idea_source_remark_and_needs(name):
    text = (RULES / f"{name}.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=../schema/run.schema.json\n")
    for word in ("# Idea: ", "# Source: ", "# Remark: ", "# Needs: "):
        assert text.count(word) == 1
    assert config_of(name).name == name


@pytest.mark.parametrize("name", NAMES)
def test_signals_equal_the_script_on_the_reconstructions(name):
    prepared = prepare_run(config_of(name, embedded_settings(name)), embedded_catalog())
    wrong, _ = differing(name, prepared)
    assert wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_signals_equal_the_script_where_rows_are_missing(name, damaged):
    prepared = prepare_run(config_of(name, embedded_settings(name)), damaged)
    wrong, _ = differing(name, prepared)
    assert wrong == []


@pytest.mark.skipif(not os.environ.get("RISKOFF_SOAK"), reason="minutes; RISKOFF_SOAK=1 runs it")
@pytest.mark.parametrize("name", NAMES)
def test_a_file_keeps_the_contract_of_playbooks(name):
    start, end = SHORT.get(name, SHORT_BY_DEFAULT)
    short = [f"data.start={start}", f"data.end={end}"]
    config = config_of(name, [*embedded_settings(name), *short])
    prepared = prepare_run(config, embedded_catalog())
    # Sparse equals dense is one of the checks.
    report = playbook_checks(
        type(prepared.playbook), prepared.playbook.params, prepared.dataset, config=config
    )
    assert report.cuts > 0


@pytest.mark.parametrize("name", NAMES)
def test_signals_equal_the_script_on_real_data(name, real_catalog):
    wrong, seen = differing(name, prepare_run(config_of(name), real_catalog))
    assert wrong == []
    # The volatility target has no condition.
    assert seen or name == "volatility_target"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_trades_on_real_data_sparse_as_dense_and_audits_clean(name, real_catalog, tmp_path):
    config = config_of(name)
    sparse = run(config, real_catalog)
    assert sparse.config.mode is RunMode.SPARSE
    assert sparse.outcome.fills
    # The proof that the signals are causal belongs to the signals, which are the same.
    dense = config.model_copy(update={"mode": RunMode.DENSE})
    outcome = simulate(prepare_run(dense, real_catalog).inputs)
    assert not outcome_difference(sparse.outcome, outcome)
    assert audit_run(publish(sparse, tmp_path), real_catalog).findings == ()
