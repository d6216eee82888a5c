"""Provide the playbook `rules`: a trader's rules written as expressions in the run's YAML file."""

from strategies.rules.params import RulesParams
from strategies.rules.playbook import Rules

__all__ = ["Rules", "RulesParams"]
