"""A hostile expression in a rule file is one message of the real command, with its place; exit 2.

20 files; 200 with ``RISKOFF_SOAK=1``.
"""

import json
import os
from pathlib import Path

import pytest

from engine.cli.app import execute
from strategies.rules.parse import parse
from strategies.rules.syntax import ExpressionError
from tests.strategies.rules.hostile import hostile_expressions

FILES = 200 if os.environ.get("RISKOFF_SOAK") else 20
KEY = "        calm: "
RUN = """\
name: hostile
data: {start: 2026-02-03, end: 2026-02-05}
playbook:
  name: rules
  params:
    instruments: {btc: BTCUSDT-PERP@1h}
    series: {vix: VIX}
    clock: btc@1h
    trades:
     dip:
      instrument: btc
      enter:
        fine: btc.close > 0
EXPRESSION
      stop: btc.close * 0.9
      exit:
        later: position.age > 1d
venue: binance_usdm
"""


def writable(letter: str) -> bool:
    """Return whether JSON's escape of a letter is YAML's too: no pair of halves, no half."""
    return letter < "\ud800" or "\ue000" <= letter <= "\uffff"


def refused(n: int) -> list[tuple[str, ExpressionError]]:
    """Return texts that are no expressions and that YAML can hold, with their errors."""
    found = []
    for text in hostile_expressions(77, 4 * n):
        try:
            parse(text)
        except ExpressionError as error:
            if text.strip() and len(text) < 3_000 and all(map(writable, text)):
                found.append((text, error))
    return found[:n]


def test_a_hostile_expression_is_one_message_at_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    cases = refused(FILES)
    assert len(cases) == FILES
    for text, error in cases:
        quoted = json.dumps(text)
        Path("rules.yaml").write_text(RUN.replace("EXPRESSION", KEY + quoted), encoding="utf-8")
        code = execute(("validate", "rules.yaml"))
        printed = capsys.readouterr()
        # An escape is longer than its letter; then the place is that of the text's beginning.
        column = len(KEY) + 2 + (error.start if quoted == f'"{text}"' else 0)
        shown = "\n".join(f"  {line}" for line in error.pointed().split("\n"))
        assert (code, printed.out) == (2, ""), text
        assert printed.err == (
            f"error: rules.yaml:14:{column}: playbook.params.trades.dip.enter.calm: "
            f"{error.message}\n{shown}\n"
        )
