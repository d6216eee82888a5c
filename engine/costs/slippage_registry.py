"""The slippage models by name, and an instrument's own terms in the model of a run."""

from collections.abc import Mapping

from engine.costs.slippage_model import SlippageModel
from engine.costs.slippage_models.bar_range import RangeSlippage

MODELS: tuple[type[SlippageModel], ...] = (RangeSlippage,)
Slippage = RangeSlippage


def slippage_keys() -> tuple[str, ...]:
    """Return the keys of all models that an instrument's own terms may state, each once."""
    keys = (key for model in MODELS for key in model.model_fields if key != "model")
    return tuple(dict.fromkeys(keys))


def with_own_terms(model: SlippageModel, own: Mapping[str, float]) -> SlippageModel:
    """Return a run's model with the values that an instrument states; keys of others are left."""
    known = {key: value for key, value in own.items() if key in type(model).model_fields}
    if not known:
        return model
    return type(model).model_validate({**model.model_dump(), **known})
