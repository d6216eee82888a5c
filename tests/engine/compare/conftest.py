"""A small comparison on the reconstructions: two playbooks, two baselines, two short episodes."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.compare import Matrix, run_comparison
from engine.config.compare import CompareConfig
from engine.config.load import load_compare_config
from engine.plugins import load_playbook_class

HOSTILE = "<script>window.hacked=1</script> \"quoted\" 'name' & co"

EPISODES = {
    "cascade": """
name: cascade
title: TITLE
start: 2026-01-26
end: 2026-02-12
phases:
- {phase: before, until: 2026-02-03, rule: told}
- {phase: flush, until: 2026-02-06, rule: told}
- {phase: recovery, until: 2026-02-12, rule: told}
""",
    "crash": """
name: crash
title: Crash
start: 2020-03-02
end: 2020-03-31
phases:
- {phase: shock, until: 2020-03-11, rule: told}
- {phase: flush, until: 2020-03-16, rule: told}
- {phase: stabilization, until: 2020-03-31, rule: told}
""",
}
ROWS = """
name: small
title: Small comparison
source: embedded
episodes: [EPISODES]
reference: balanced
replications: 200
rows:
  reclaim:
    title: TITLE
    playbook:
      name: liquidation_reclaim
      params: {timeframe: 15m, mark_timeframe: 15m}
    account: {currency: USD, rates: {USDT: par}}
  weights:
    title: Risky weights
    playbook: {name: fixed_weights, params: {weights: {QQQ: 0.9}, rebalance: monthly}}
    account: &brokerage {venue_cash: 0, brokerage_cash: 1000000, interest_series: DGS3MO}
    risk: &book
      target_volatility: null
      volatility_window: 20d
      participation_window: 20d
      daily_loss: null
      drawdown: null
      cool_down: null
      max_trades_per_day: null
  balanced:
    title: 60/40
    baseline: true
    playbook: {name: fixed_weights, params: {weights: {SPY: 0.6, IEF: 0.4}}}
    account: *brokerage
    risk: *book
  cash:
    title: Cash
    baseline: true
    playbook: {name: fixed_weights, params: {weights: {SPY: 0.0}}}
    account: *brokerage
    risk: *book
venue: binance_usdm
"""


def write_files(folder: Path, title: str = HOSTILE) -> Path:
    """Write the config and its episodes; return the config."""
    folder.mkdir(parents=True, exist_ok=True)
    quoted = json.dumps(title)
    for name, text in EPISODES.items():
        (folder / f"{name}.yaml").write_text(text.replace("TITLE", quoted))
    paths = ", ".join(json.dumps(str(folder / f"{name}.yaml")) for name in EPISODES)
    path = folder / "small.yaml"
    path.write_text(ROWS.replace("EPISODES", paths).replace("TITLE", quoted))
    return path


def load(path: Path) -> CompareConfig:
    return load_compare_config(path, params_model=lambda name: load_playbook_class(name).Params)


@dataclass(frozen=True)
class FinishedComparison:
    """A comparison on disk."""

    config: CompareConfig
    matrix: Matrix
    folder: Path

    @property
    def page(self) -> str:
        return (self.folder / "index.html").read_text()

    @property
    def data(self) -> dict[str, Any]:
        """The data that the page's script reads."""
        begin = '<script type="application/json" id="data">'
        return json.loads(self.page.split(begin)[1].split("</script>")[0])


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> FinishedComparison:
    """The comparison, run once a session."""
    root = tmp_path_factory.mktemp("compare")
    config = load(write_files(root))
    folder = root / "small"
    return FinishedComparison(config, run_comparison(config, folder), folder)
