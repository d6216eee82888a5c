"""The data that the paths continue: everything known when the config's window ends."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data_feeds.catalog import Catalog
from data_feeds.clock import DAY_NS, datetime_ns
from data_feeds.dataset import Dataset
from data_feeds.errors import CoverageError, SchemaError
from data_feeds.instrument import Instrument
from data_feeds.load import held_keys, load_dataset
from data_feeds.schema import ChannelKey
from data_feeds.simulation.scenarios import LOOK_BACK_DAYS, context_channels, refusals
from data_feeds.trading_end import ended_by
from engine.config.models import RunConfig
from engine.playbook import Playbook, Requirements
from engine.plugins import requirements_of
from engine.run_data import history_ns, memory_ns, run_channels, settlement_channels
from engine.signals.market.build import history_days, state_channels

# Bars must exist in the last days before the end; longer than any closure of an exchange.
RECENT_NS = 7 * DAY_NS


@dataclass(frozen=True)
class StartingData:
    """The data that the paths continue.

    ``left_out`` gives, by channel, the reason why an optional channel is not used.
    """

    dataset: Dataset
    left_out: Mapping[str, str]


def scenario_base(
    config: RunConfig, source: Catalog | Dataset, playbook: Playbook[Any], scenario: str
) -> StartingData:
    """Return the data known at the config's ``data.end``, with the playbook's warm-up before it.

    The channels are those of a run, and the channels from which the start of a path is measured, so
    that all playbooks meet the same market with one seed.

    Raises
    ------
    CoverageError : a channel that the playbook needs, or that settles its positions, is not in the
        data or cannot be continued; the text names it and says why.
    """
    requirements = requirements_of(playbook)
    required, optional = run_channels(config, source, requirements)
    settling = settlement_channels(source, requirements)
    held = source.instruments if isinstance(source, Dataset) else source.instruments()
    # Before the bars are loaded: those of a delisted instrument do not reach the end.
    _refuse_ended(held, requirements, scenario, datetime_ns(config.data.end))
    loaded = _known_at_end(config, source, requirements, (required, optional))
    # Nobody knows of a delisting in an invented future.
    loaded = loaded.for_playbooks()
    unfit = refusals(loaded)
    for key in sorted(unfit):
        if key in required | settling:
            raise CoverageError(
                f"{key}: playbook {playbook.name} needs it, and scenario {scenario} cannot "
                f"continue it: {_reason(key, unfit[key])}"
            )
    left_out = {str(key): _reason(key, error) for key, error in sorted(unfit.items())}
    return StartingData(loaded.only(loaded.channels.keys() - unfit.keys()), left_out)


def _refuse_ended(
    instruments: Mapping[str, Instrument], requirements: Requirements, scenario: str, end: int
) -> None:
    """Refuse to continue an instrument that no longer trades."""
    for name in (*requirements.traded, requirements.clock.instrument):
        item = instruments.get(name)
        if item is None or item.delisted is None:
            continue
        if ended_by(item, end) is not None:
            raise CoverageError(
                f"{name}: delisted after {item.delisted.last_day}; scenario {scenario} cannot "
                "continue it: end the window before that day"
            )


def _known_at_end(
    config: RunConfig,
    source: Catalog | Dataset,
    requirements: Requirements,
    channels: tuple[frozenset[ChannelKey], frozenset[ChannelKey]],
) -> Dataset:
    required, optional = channels
    end = datetime_ns(config.data.end)
    history = history_ns(config, source, requirements)
    longest = max(history, memory_ns(config, requirements), LOOK_BACK_DAYS * DAY_NS)
    if config.risk.market_tiers is not None:
        optional |= state_channels(config.market)
        longest = max(longest, history_days(config.market) * DAY_NS)
    shorter = {
        key: max(min(requirements.shorter_ns.get(key, history), history) - RECENT_NS, 0)
        for key in required
    }
    loaded = load_dataset(
        source,
        required,
        end - RECENT_NS,
        end,
        longest,
        optional=optional | context_channels(held_keys(source)),
        shorter=shorter,
    )
    return loaded.cut(end)


def _reason(key: ChannelKey, error: SchemaError) -> str:
    """Return the reason why a channel was refused, without its name and without advice."""
    return str(error).removeprefix(f"{key}: ").partition("; ")[0]
