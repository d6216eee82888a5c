"""Check that problems a playbook finds in its parameters show file, line, column and the text."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import riskoff
from engine.errors import ConfigError
from tests.engine.cli.command import Command
from tests.engine.compare.conftest import EPISODES

# `problems` refuses the word "wrong", `settle` the word "late", which only records could show.
PLUGIN = """
from engine.api import ChannelKey, ChannelKind, ParamProblem, ParamsError, Playbook, PlaybookParams
from engine.api import Requirements, Signals

CLOCK = ChannelKey("BTCUSDT-PERP", ChannelKind.BARS, "15m")


class NotedParams(PlaybookParams):
    rules: dict[str, str | dict[str, str]] = {}
    number: int = 0
    fault: str = ""


def found(params, word):
    for name, rule in params.rules.items():
        text = rule if isinstance(rule, str) else rule["when"]
        at = text.find(word)
        if at >= 0:
            message = f"{word}\\nis no word here"
            yield ParamProblem(("rules", name, "when"), message, at, at + len(word))


class Noted(Playbook[NotedParams]):
    name = "noted"
    Params = NotedParams

    @classmethod
    def problems(cls, params):
        if params.fault == "raise":
            raise KeyError("broken")
        if params.fault == "text":
            return ["a text"]
        whole = [ParamProblem(("number",), "13 is unlucky")] if params.number == 13 else []
        return [*whole, *found(params, "wrong")]

    @classmethod
    def settle(cls, params, instruments):
        late = tuple(found(params, "late"))
        if late and instruments:
            raise ParamsError(late)
        return params

    @classmethod
    def requirements(cls, params):
        return Requirements(CLOCK, frozenset({CLOCK}), frozenset(), ("BTCUSDT-PERP",), 10)

    def prepare(self, data):
        bars = data.channel("BTCUSDT-PERP", ChannelKind.BARS, "15m")
        return Signals(decided_at=bars["closed_at"], values={})

    def on_bar(self, market, account):
        return ()
"""

RUN = """\
name: trial
data: {start: 2026-02-03, end: 2026-02-05}
playbook:
  name: PLUGIN
  params:
    number: NUMBER
    rules:
      zebra: vix is WORD
      calm: {when: "no WORD", unknown: pass}
      fine: vix < 25
venue: binance_usdm
"""

ACCOUNT = """\
name: pair
data: {start: 2026-02-03, end: 2026-02-05}
capital: 200000
sleeves:
  one:
    share: 0.5
    playbook:
      name: PLUGIN
      params: {rules: {calm: x is WORD}}
  two: {share: 0.5, playbook: {name: PLUGIN}}
venue: binance_usdm
"""

COMPARISON = """\
name: pair
source: embedded
episodes: [crash.yaml]
reference: one
replications: 100
rows:
  one:
    title: One
    baseline: true
    playbook:
      name: PLUGIN
      params: {rules: {calm: x is WORD}}
    account: {venue_cash: 100000}
venue: binance_usdm
"""

_numbers = itertools.count(1)
Files = Callable[..., Path]


@pytest.fixture
def plugin(tmp_path: Path) -> str:
    """Return the name of this test's plugin; a module name is loaded once a process."""
    name = f"plugin_noted_{next(_numbers)}"
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / f"{name}.py").write_text(PLUGIN)
    return name


@pytest.fixture
def written(tmp_path: Path, plugin: str) -> Files:
    """Return a function that writes a file with a wrong word in its rules."""

    def write(text: str, word: str = "wrong", number: int = 0) -> Path:
        whole = text.replace("PLUGIN", plugin).replace("WORD", word)
        path = tmp_path / "file.yaml"
        path.write_text(whole.replace("NUMBER", str(number)))
        return path

    return write


PROBLEMS = """\
error: file.yaml:8:21: playbook.params.rules.zebra: wrong is no word here
  vix is wrong
         ^^^^^
error: file.yaml:9:24: playbook.params.rules.calm.when: wrong is no word here
  no wrong
     ^^^^^
"""


@pytest.mark.parametrize("name", ["validate", "run"])
def test_all_problems_of_a_file_have_place_text_and_caret_in_its_order(
    command: Command, written: Files, name: str
) -> None:
    written(RUN, number=13)
    done = command(name, "file.yaml", "--plugin-path", "plugins")
    unlucky = "error: file.yaml:6: playbook.params.number: 13 is unlucky\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", unlucky + PROBLEMS)


def test_a_problem_found_with_the_records_looks_the_same(command: Command, written: Files) -> None:
    written(RUN, "late")
    assert command("validate", "file.yaml", "--plugin-path", "plugins").returncode == 0
    done = command("run", "file.yaml", "--plugin-path", "plugins")
    expected = PROBLEMS.replace("wrong", "late").replace("^^^^^", "^^^^")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", expected)


def test_a_problem_is_one_entry_of_json(command: Command, written: Files) -> None:
    written(RUN)
    done = command("validate", "file.yaml", "--plugin-path", "plugins", "--json")
    assert done.returncode == 2
    (result,) = json.loads(done.stdout)
    zebra, calm = result["problems"]
    assert zebra.splitlines()[1:] == ["  vix is wrong", "         ^^^^^"]
    assert calm.splitlines()[1:] == ["  no wrong", "     ^^^^^"]


def test_problems_stand_beside_those_of_the_rest_of_the_file(
    command: Command, written: Files
) -> None:
    path = written(RUN)
    path.write_text(path.read_text() + "risk: {risk_fraction: 5}\n")
    done = command("validate", "file.yaml", "--plugin-path", "plugins")
    first, *others = done.stderr.splitlines(keepends=True)
    assert first.startswith("error: file.yaml:12: risk.risk_fraction = 5")
    assert "".join(others) == PROBLEMS


@pytest.mark.parametrize("word", ["wrong", "late"])
def test_a_sleeve_of_an_account_has_its_place(command: Command, written: Files, word: str) -> None:
    written(ACCOUNT, word)
    done = command("account", "file.yaml", "--plugin-path", "plugins")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: file.yaml:9:35: sleeves.one.playbook.params.rules.calm: {word} is no word here\n"
        f"  x is {word}\n       {'^' * len(word)}\n"
    )


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("word", ["wrong", "late"])
def test_a_row_of_a_comparison_has_its_place(
    command: Command, written: Files, tmp_path: Path, word: str, jobs: str
) -> None:
    written(COMPARISON, word)
    (tmp_path / "crash.yaml").write_text(EPISODES["crash"])
    done = command("compare", "file.yaml", "--plugin-path", "plugins", "--jobs", jobs)
    assert (
        f"file.yaml:12:35: rows.one.playbook.params.rules.calm: {word} is no word here\n"
        f"  x is {word}\n       {'^' * len(word)}\n"
    ) in done.stderr
    assert done.returncode == (2 if word == "wrong" else 5)


def test_an_override_is_shown_as_it_was_typed(command: Command, written: Files) -> None:
    written(RUN, "right")
    change = "playbook.params.rules.fine=all wrong"
    done = command("run", "file.yaml", "--plugin-path", "plugins", "--set", change)
    assert done.returncode == 2
    assert done.stderr == (
        f"error: --set {change}: playbook.params.rules.fine: wrong is no word here\n"
        "  all wrong\n      ^^^^^\n"
    )


def test_python_raises_the_same_text(written: Files, tmp_path: Path) -> None:
    for word in ("wrong", "late"):
        path = written(RUN, word)
        with pytest.raises(ConfigError) as caught:
            riskoff.run(path, out=tmp_path / "runs", plugin_path=tmp_path / "plugins")
        text = str(caught.value)
        assert text.startswith(f"{path}:8:21: playbook.params.rules.zebra: {word} is no word here")
        assert text.splitlines()[1:3] == [f"  vix is {word}", f"         {'^' * len(word)}"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("|\n        it is\n        wrong", "file.yaml:10"),
        ('"\\u0069t is wrong"', "file.yaml:10:14"),
        ("'it is wrong'", "file.yaml:10:20"),
    ],
)
def test_a_text_that_the_file_holds_otherwise_has_the_place_of_its_beginning(
    command: Command, written: Files, text: str, place: str
) -> None:
    path = written(RUN, "right")
    path.write_text(path.read_text().replace("vix < 25", text))
    done = command("validate", "file.yaml", "--plugin-path", "plugins")
    assert done.stderr.startswith(f"error: {place}: playbook.params.rules.fine: wrong is no word")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("raise", "playbook noted: problems raised KeyError: 'broken'"),
        ("text", "playbook noted: problems returned a str, not a ParamProblem"),
    ],
)
def test_a_playbook_that_breaks_while_it_looks_is_the_authors_error(
    command: Command, written: Files, fault: str, message: str
) -> None:
    written(RUN)
    change = f"playbook.params.fault={fault}"
    done = command("run", "file.yaml", "--plugin-path", "plugins", "--set", change)
    assert (done.returncode, done.stderr) == (4, f"error: {message}\n")
