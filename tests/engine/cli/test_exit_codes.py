"""The table of exit codes names every code, and the help names those of answers."""

import re
from pathlib import Path

from data_feeds.errors import RiskoffError
from engine import errors
from engine.cli import exit_codes
from tests.engine.cli.command import Command

TABLE = Path(__file__).parents[3] / "docs" / "reference" / "commands.md"


def families(root: type[RiskoffError]) -> set[int]:
    """Return the codes of a class and of all classes below it."""
    return {root.exit_code}.union(*(families(child) for child in root.__subclasses__()))


def test_the_table_has_each_code_once_and_no_other() -> None:
    assert errors.ReportError.exit_code in families(RiskoffError)
    named = {value for name, value in vars(exit_codes).items() if name.startswith("EXIT_")}
    told = [int(code) for code in re.findall(r"^\| `(\d+)` \|", TABLE.read_text(), re.MULTILINE)]
    assert sorted(told) == sorted({0} | named | families(RiskoffError))


def test_the_help_of_the_program_lists_codes_and_that_of_today_its_own(command: Command) -> None:
    text = " ".join(command("--help").stdout.split())
    for words in ("2 file or option", "3 data", "10 reduce", "11 hedge"):
        assert words in text
    own = " ".join(command("today", "--help").stdout.split())
    assert "0 wait, 10 reduce, 11 hedge, 3 data too old" in own
