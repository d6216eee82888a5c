"""The slippage models by name, and the choice of one from a section of the configuration."""

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Discriminator, Tag

from data_feeds.strict_model import CHOICE
from engine.costs.slippage_model import SlippageModel
from engine.costs.slippage_models.bar_range import RangeSlippage
from engine.costs.slippage_models.fixed import FixedSlippage
from engine.costs.slippage_models.square_root import SquareRootSlippage

MODELS: tuple[type[SlippageModel], ...] = (RangeSlippage, SquareRootSlippage, FixedSlippage)
DEFAULT_MODEL: type[SlippageModel] = SquareRootSlippage

_BY_NAME = {model.model_name(): model for model in MODELS}


def model_names() -> tuple[str, ...]:
    """Return the names of all models."""
    return tuple(_BY_NAME)


def _own_keys(model: type[SlippageModel]) -> set[str]:
    """Return the keys that a model has and others lack."""
    others = {key for other in MODELS if other is not model for key in other.model_fields}
    return set(model.model_fields) - others


def named_model(section: Any) -> str:
    """Return the name of the model that a section asks for.

    Without ``model``: the one model whose own keys are written, else the default.
    """
    if isinstance(section, SlippageModel):
        return section.model_name()
    written = section if isinstance(section, Mapping) else {}
    if isinstance(written.get("model"), str):
        return str(written["model"])
    named = [name for name, model in _BY_NAME.items() if _own_keys(model) & written.keys()]
    return named[0] if len(named) == 1 else DEFAULT_MODEL.model_name()


def _check_keys(section: Any) -> Any:
    """Refuse an unknown model, and the keys of another model than the named one."""
    if not isinstance(section, Mapping):
        return section
    name = named_model(section)
    if name not in _BY_NAME:
        raise ValueError(f"model must be one of {', '.join(_BY_NAME)}, not {name!r}")
    for key in section:
        owners = [other for other, model in _BY_NAME.items() if key in model.model_fields]
        if owners and name not in owners:
            raise ValueError(
                f"{key} is a key of the model {owners[0]}, and the model is {name}; take {key} "
                f"out, or write model: {owners[0]}"
            )
    return section


if TYPE_CHECKING:
    Slippage = SlippageModel
else:
    _choices = [Annotated[model, Tag(CHOICE + name)] for name, model in _BY_NAME.items()]
    Slippage = Annotated[
        reduce(or_, _choices),
        Discriminator(lambda section: CHOICE + named_model(section)),
        BeforeValidator(_check_keys),
    ]


def as_any_of(schema: dict[str, Any]) -> None:
    """Let a JSON schema accept a section that fits several models: one without ``model``."""
    schema["anyOf"] = schema.pop("oneOf")
    schema.pop("discriminator", None)


def slippage_keys() -> tuple[str, ...]:
    """Return the keys of all models that an instrument's own terms may state, each once."""
    keys = (key for model in MODELS for key in model.model_fields if key != "model")
    return tuple(dict.fromkeys(keys))


def with_own_terms(model: SlippageModel, own: Mapping[str, Any]) -> SlippageModel:
    """Return a run's model with the values that an instrument states; keys of others are left."""
    known = {key: value for key, value in own.items() if key in type(model).model_fields}
    if not known:
        return model
    return type(model).model_validate({**model.model_dump(), **known})
