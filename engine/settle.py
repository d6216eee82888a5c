"""Complete a run's settings from its instruments' records: params, options, risk, currencies."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from data_feeds.catalog import Catalog
from data_feeds.dataset import Dataset
from data_feeds.instrument import Instrument
from data_feeds.options.model import OptionModel
from engine.account_currencies import settled_wallets
from engine.config.layers import merged, written
from engine.config.models import RiskConfig, RunConfig, WalletsConfig
from engine.config.problems import problem_lines, validate_strict
from engine.config.yaml_source import ConfigSource
from engine.errors import ConfigError
from engine.playbook import Playbook, Requirements, compared_instruments
from engine.playbook_risk import default_risk
from engine.plugins import new_playbook, remember_modules, requirements_of, settled_params
from engine.reads import watching

Settled = tuple[RunConfig, Playbook[Any]]


def settle(config: RunConfig, source: Catalog | Dataset, playbook: Playbook[Any]) -> Settled:
    """Return a config and its playbook completed from the instruments' records.

    The risk section is merged key by key: built-in < instrument < playbook < run file. The
    instrument is the playbook's leading one.

    Raises
    ------
    ConfigError : the merged layers are no valid risk section, a record lacks a field that the rules
        need, or no line of the account values one of its currencies.
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
    account = _wallets(config, needs, instruments)
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
    if (risk, options, account) != (config.risk, config.options, config.account):
        config = config.model_copy(update={"risk": risk, "options": options, "account": account})
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


def one_account_currency(named: Mapping[str, RunConfig], whole: str) -> str | None:
    """Return the currency of equity that several settled runs have in common; None without any.

    Parameters
    ----------
    named : settled runs by name
    whole : the runs together, in words, for the error

    Raises
    ------
    ConfigError : the runs' equities are in several currencies.
    """
    found: dict[str, list[str]] = {}
    for name, config in named.items():
        if config.account.currency is not None:
            found.setdefault(config.account.currency, []).append(name)
    if len(found) > 1:
        told = "; ".join(f"{currency}: {', '.join(names)}" for currency, names in found.items())
        best = "USD" if "USD" in found else min(found)
        rates = ", ".join(f"{currency}: par" for currency in sorted(found) if currency != best)
        raise ConfigError(
            f"{whole} have equities in {len(found)} currencies ({told}), which no line relates; "
            f"write under account of each: currency: {best}, and rates: {{{rates}}} or the series "
            "or bars that value them"
        )
    return next(iter(found), None)


def _wallets(
    config: RunConfig, needs: Requirements | None, instruments: Mapping[str, Instrument]
) -> WalletsConfig:
    """Return the account with the currencies of its wallets, in which its instruments settle."""
    if needs is None:
        return config.account
    traded = (instruments[x] for x in {*needs.traded, *needs.options} if x in instruments)
    compared = compared_instruments(config, needs)
    return settled_wallets(
        config.account,
        tuple(traded),
        tuple(instruments[name] for name in compared if name in instruments),
        instruments,
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
