"""Run the text of a rules file over a candle table, sparse and dense."""

from typing import Any

from data_feeds.dataset import Dataset
from data_feeds.yaml_text import parse_yaml
from engine.config.models import RunMode
from engine.config.problems import validate_strict
from engine.playbook import Signals
from engine.records import SimulationOutcome
from engine.testing import play_playbook
from strategies.rules import Rules, RulesParams


def params_of(text: str) -> RulesParams:
    """Return the parameters of a file's text."""
    return validate_strict(RulesParams, parse_yaml(text).data)


def prepared(text: str, market: Dataset, ignored: tuple[str, ...] = ()) -> Signals:
    """Return the signals of a file over a table."""
    return playbook_of(text, ignored).prepare(market)


def playbook_of(text: str, ignored: tuple[str, ...] = ()) -> Rules:
    """Return the playbook of a file's text."""
    playbook = Rules(params_of(text))
    playbook.ignored = frozenset(ignored)
    return playbook


def played(
    text: str, market: Dataset, ignored: tuple[str, ...] = (), **sections: Any
) -> SimulationOutcome:
    """Return the outcome of a file over a table; sparse and dense must agree."""
    sparse, dense = (
        play_playbook(market, playbook_of(text, ignored), mode=mode, **sections)
        for mode in (RunMode.SPARSE, RunMode.DENSE)
    )
    for name in ("orders", "fills", "facts", "decisions", "guard_events"):
        assert repr(getattr(sparse, name)) == repr(getattr(dense, name)), name
    return sparse


def reasons(outcome: SimulationOutcome, intent: str) -> list[str]:
    """Return the reasons of the decisions of one kind."""
    return [item.reason for item in outcome.decisions if item.intent == intent]
