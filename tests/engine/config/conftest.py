"""Write a complete run file and variants of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

RUN = """\
name: trial
data:
  start: 2026-01-01
  end: 2026-02-01T12:00Z
playbook:
  name: toy
  params:
    bars: 5
venue: binance_usdm
risk:
  risk_fraction: 0.02
"""


@pytest.fixture
def run_file(tmp_path: Path) -> Callable[..., Path]:
    """Return a writer: ``run_file(("old", "new"), ...)`` saves the run with texts replaced."""

    def write(*replacements: tuple[str, str]) -> Path:
        text = RUN
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "trial.yaml"
        path.write_text(text)
        return path

    return write
