import io
import threading
from contextlib import redirect_stderr

import pytest

from engine.cli import output
from engine.cli.output import print_columns, print_json, working


class Terminal(io.StringIO):
    """Claim to be a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Replace stderr by a terminal."""
    monkeypatch.setenv("TERM", "xterm")
    return Terminal()


def test_no_bar_and_no_thread_where_stderr_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = threading.active_count()
    with working("simulating") as report:
        report(0.5)
        assert threading.active_count() == before
    assert capsys.readouterr().err == ""


def test_short_work_shows_nothing_on_a_terminal(terminal: Terminal) -> None:
    with redirect_stderr(terminal), working("simulating") as report:
        report(0.5)
    assert terminal.getvalue() == ""


def test_long_work_shows_its_title_and_fraction(terminal: Terminal) -> None:
    bar = output._LateBar("simulating")
    with redirect_stderr(terminal):
        bar.report(0.25)
        bar.show()
        bar.report(0.5)
        bar.close()
    assert "simulating" in terminal.getvalue()
    assert "50%" in terminal.getvalue()


def test_a_bar_that_comes_after_the_end_is_not_drawn(terminal: Terminal) -> None:
    bar = output._LateBar("simulating")
    with redirect_stderr(terminal):
        bar.close()
        bar.show()
    assert terminal.getvalue() == ""


def test_a_bar_waits_two_seconds() -> None:
    assert output.SHOW_AFTER_SECONDS == 2.0


def test_json_with_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"sharpe": float("nan")})


def test_columns_are_aligned_without_trailing_spaces(capsys: pytest.CaptureFixture[str]) -> None:
    print_columns([("a", "bb", "c"), ("long", "b", "")])
    assert capsys.readouterr().out == "a     bb  c\nlong  b\n"
