"""Tell ``show-config`` the layer that each value of a risk section comes from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.default_data import EMBEDDED
from engine.config.account import AccountConfig
from engine.config.layers import merged, origins
from engine.config.models import PlaybookConfig, RiskConfig, RunConfig
from engine.config.problems import validate_strict
from engine.config.yaml_source import read_source
from engine.plugins import configured_playbook
from engine.settle import risk_layers, settle

BLOCKS = ("sleeves", "rows")
NO_DATA = Dataset({}, {})


def settled_run(config: RunConfig, plugin_path: Path | None) -> RunConfig:
    """Return a run completed from its instruments' records, if its data are there."""
    source = _records(config.data.source)
    settled, playbook = settle(config, source, configured_playbook(config.playbook, plugin_path))
    params = playbook.params.model_dump(mode="json")
    complete = config.playbook.model_copy(update={"params": params})
    return settled.model_copy(update={"playbook": complete})


def settled_account(config: AccountConfig, plugin_path: Path | None) -> AccountConfig:
    """Return an account whose sleeves are completed from their instruments' records."""
    sleeves = {}
    for name, sleeve in config.sleeves.items():
        run = settled_run(config.sleeve(name, rivals=1), plugin_path)
        sleeves[name] = sleeve.model_copy(update={"risk": run.risk, "playbook": run.playbook})
    return config.model_copy(update={"sleeves": sleeves})


def risk_lines(path: Path, overrides: Sequence[str], plugin_path: Path | None) -> list[str]:
    """Return a line for each layer below the file: its place, its name and the keys it sets."""
    data = read_source(path, overrides).data
    lines = []
    for where, holder in _holders(data):
        source = data.get("source") or data.get("data", {}).get("source", "")
        for layer, keys in _by_layer(holder, str(source), plugin_path).items():
            lines.append(f"{where}risk, from {layer}: {', '.join(keys)}")
    return lines


def _holders(data: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    for block in BLOCKS:
        if block in data:
            return [(f"{block}.{name}.", holder) for name, holder in data[block].items()]
    return [("", data)]


def _by_layer(
    holder: Mapping[str, Any], source: str, plugin_path: Path | None
) -> dict[str, list[str]]:
    """Return the keys that instrument and playbook decide, by layer."""
    rules = validate_strict(PlaybookConfig, holder["playbook"])
    playbook = configured_playbook(rules, plugin_path)
    records = _records(source)
    instruments = records.instruments if isinstance(records, Dataset) else records.instruments()
    layers = risk_layers(holder.get("risk", {}), playbook, instruments)
    whole = validate_strict(RiskConfig, merged(*layers.values())).model_dump(mode="json")
    found: dict[str, list[str]] = {}
    for key, layer in origins(whole, layers).items():
        if layer not in ("run", "built-in"):
            found.setdefault(layer, []).append(key)
    return found


def _records(source: str) -> Catalog | Dataset:
    """Return the source of the instruments' records, an empty one without a catalog."""
    if not source or source == EMBEDDED:
        return NO_DATA
    catalog = Catalog(source)
    return catalog if catalog.exists() else NO_DATA
