"""Read the defaults of the risk section that a playbook declares."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from engine.config.models import RiskConfig
from engine.config.problems import problem_lines, validate_strict
from engine.config.yaml_source import ConfigSource
from engine.errors import PlaybookContractError, PlaybookError, RiskoffError
from engine.playbook import Playbook, PlaybookParams


def written_risk_defaults(
    playbook: type[Playbook[Any]], params: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return a playbook's defaults of the risk section for parameters as a file has them.

    Of parameters that cannot be used, which the reader of the file reports, the class decides.

    Raises
    ------
    PlaybookError : its ``default_risk`` raised.
    PlaybookContractError : it returned no risk section.
    """
    try:
        checked = validate_strict(playbook.Params, params)
    except ValidationError:
        return playbook.risk_defaults
    return default_risk(playbook, checked)


def default_risk(playbook: type[Playbook[Any]], params: PlaybookParams) -> Mapping[str, Any]:
    """Return a playbook's defaults of the risk section with these parameters, checked.

    Errors are those of :func:`written_risk_defaults`.
    """
    try:
        declared = playbook.default_risk(params)
    except RiskoffError:
        raise
    except (Exception, SystemExit) as error:
        raise PlaybookError(
            f"playbook {playbook.name}: default_risk raised {type(error).__name__}: {error}"
        ) from error
    check_risk_defaults(playbook.name, declared, "default_risk")
    return declared


def check_risk_defaults(name: str, declared: object, member: str = "risk_defaults") -> None:
    """Check that what a member of a playbook declares is a risk section.

    Raises
    ------
    PlaybookContractError : it is no mapping, or a key or value is none of the section's.
    """
    if not isinstance(declared, Mapping):
        raise PlaybookContractError(
            f"playbook {name}: {member} are no risk section: {declared!r} is no mapping"
        )
    try:
        validate_strict(RiskConfig, declared)
    except ValidationError as error:
        source = ConfigSource({"risk": dict(declared)}, {}, member)
        why = "; ".join(problem_lines(error, RiskConfig, source, ("risk",)))
        raise PlaybookContractError(
            f"playbook {name}: {member} are no risk section: {why}"
        ) from error
