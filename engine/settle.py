"""Complete a run's settings from its instruments' records: parameters, options, risk."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument
from data_feeds.options.model import OptionModel
from engine.config.layers import merged, written
from engine.config.models import RiskConfig, RunConfig
from engine.config.problems import problem_lines, validate_strict
from engine.config.yaml_source import ConfigSource
from engine.errors import ConfigError
from engine.playbook import Playbook
from engine.playbook_risk import default_risk
from engine.plugins import new_playbook, remember_modules, requirements_of, settled_params
from engine.reads import watching

# Counted at par with the dollar; the pages state it.
DOLLARS = ("USD", "USDT", "USDC", "BUSD", "FDUSD", "TUSD", "DAI")

Settled = tuple[RunConfig, Playbook[Any]]


def settle(config: RunConfig, source: Catalog | Dataset, playbook: Playbook[Any]) -> Settled:
    """Return a config and its playbook completed from the instruments' records.

    The risk section is merged key by key: built-in < instrument < playbook < run file. The
    instrument is the playbook's leading one.

    Raises
    ------
    ConfigError : the merged layers are no valid risk section, a record lacks a field that the rules
        need, or the traded instruments are quoted in several currencies.
    """
    instruments = source.instruments if isinstance(source, Dataset) else source.instruments()
    with watching() as watch:
        params = settled_params(
            type(playbook), playbook.params, instruments, config.playbook.written
        )
    before = playbook.reads
    if params != playbook.params:
        playbook = new_playbook(type(playbook), params, playbook.ignored)
    playbook.reads |= before | remember_modules(type(playbook), watch.reads)
    needs = requirements_of(playbook) if instruments else None
    traded = {*(needs.traded if needs else ()), *config.report.held}
    refuse_currencies(instruments[name] for name in traded if name in instruments)
    layers = risk_layers(written(config.risk), playbook, instruments)
    whole = merged(*layers.values())
    # The run's file is already checked; the layers below it are not.
    try:
        risk = validate_strict(RiskConfig, whole)
    except ValidationError as error:
        names = " and ".join(name for name, layer in layers.items() if layer)
        source_of = ConfigSource({"risk": whole}, {(): f"risk of {names}"}, "risk")
        raise ConfigError(
            "\n".join(problem_lines(error, RiskConfig, source_of, ("risk",)))
        ) from error
    options = _with_indices(config.options, needs.options if needs else (), instruments)
    if risk != config.risk or options != config.options:
        config = config.model_copy(update={"risk": risk, "options": options})
    return config, playbook


def _with_indices(
    model: OptionModel, underlyings: Iterable[str], instruments: Mapping[str, Instrument]
) -> OptionModel:
    """Return an option model with the volatility index of each underlying's record."""
    found = dict(model.volatility_index)
    for name in underlyings:
        record = instruments.get(name)
        if name not in found and record is not None and record.companions.volatility is not None:
            found[name] = record.companions.volatility
    if found == dict(model.volatility_index):
        return model
    return model.model_copy(update={"volatility_index": found})


def refuse_currencies(instruments: Iterable[Instrument]) -> None:
    """Refuse instruments of several currencies, because an account converts nothing.

    Dollars and dollar stablecoins count as one currency.

    Raises
    ------
    ConfigError : the instruments are quoted in several currencies.
    """
    quoted: dict[str, list[str]] = {}
    for item in sorted(instruments, key=lambda item: item.id):
        quoted.setdefault("USD" if item.quote in DOLLARS else item.quote, []).append(item.id)
    if len(quoted) > 1:
        told = "; ".join(f"{currency}: {', '.join(names)}" for currency, names in quoted.items())
        raise ConfigError(
            f"instruments are quoted in {len(quoted)} currencies ({told}): an account adds cash at "
            "par and converts nothing; trade and compare in one currency (dollars and dollar "
            "stablecoins count as one)"
        )


def risk_layers(
    given: Mapping[str, Any], playbook: Playbook[Any], instruments: Mapping[str, Instrument]
) -> dict[str, Mapping[str, Any]]:
    """Return the layers of the risk section: instrument, playbook, run file, in that order.

    ``given`` is the section in the run file.
    """
    first = ""
    if instruments:
        need = requirements_of(playbook)
        first = next((n for n in (need.leading, *need.traded) if n in instruments), "")
    return {
        f"instrument {first}": instruments[first].risk if first else {},
        f"playbook {playbook.name}": default_risk(type(playbook), playbook.params),
        "run": given,
    }
