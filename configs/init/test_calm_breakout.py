"""Prove that playbooks/calm_breakout.py keeps the contract: ``pip install pytest``, ``pytest``."""

from playbooks.calm_breakout import BARS, FUNDING, CalmBreakout, CalmBreakoutParams

from data_feeds.clock import text_ns
from data_feeds.load import load_dataset, open_source
from engine.playbook_checks import playbook_checks

# "embedded": the invented markets inside the package; or a catalog's folder.
DATA = "embedded"


def test_calm_breakout_keeps_the_contract():
    start, end = text_ns("2025-10-01"), text_ns("2025-11-01")
    dataset = load_dataset(open_source(DATA), [BARS], start, end, optional=[FUNDING])
    report = playbook_checks(CalmBreakout, CalmBreakoutParams(), dataset)
    assert report.entries >= 3  # few events prove little
    assert report.cuts >= 20
