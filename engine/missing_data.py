"""Name the channels that a run needs and the catalog on disk does not hold."""

from pathlib import Path

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.load import stored_keys
from data_feeds.schema import ChannelKey
from engine.config.models import RunConfig
from engine.playbook import Requirements
from engine.plugins import configured_playbook, requirements_of
from engine.settle import settle


def check_against_records(
    config: RunConfig, source: Catalog, plugin_path: Path | None = None
) -> tuple[tuple[ChannelKey, ...], tuple[ChannelKey, ...]]:
    """Return the required and the optional channels of a run that its data do not hold.

    Raises
    ------
    ConfigError : the instruments' records show that the rules cannot be meant so.
    """
    _, playbook = settle(config, source, configured_playbook(config.playbook, plugin_path))
    return missing_channels(requirements_of(playbook), source)


def missing_channels(
    needs: Requirements, source: Catalog | Dataset
) -> tuple[tuple[ChannelKey, ...], tuple[ChannelKey, ...]]:
    """Return the required and the optional channels that the data do not hold, sorted."""
    origins = stored_keys(source, needs.channels | needs.optional)
    absent = sorted(key for key, stored in origins.items() if stored is None)
    return (
        tuple(key for key in absent if key in needs.channels),
        tuple(key for key in absent if key not in needs.channels),
    )
