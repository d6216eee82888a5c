"""Describe problems of a config in plain words: one line each, with place and remedy."""

import json
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from data_feeds.strict_model import CHOICE
from data_feeds.yaml_text import KeyPath
from engine.config.yaml_source import ConfigSource, WrittenParams, dotted
from engine.errors import ConfigError, ParamProblem
from engine.formatting import pointed

MAX_SHOWN = 60
MAX_LISTED = 12

M = TypeVar("M", bound=BaseModel)


def validate_strict(model: type[M], values: Mapping[str, Any]) -> M:
    """Return the model of plain YAML values, without converting values of a wrong type.

    JSON's strict mode is the one that refuses ``"0.01"`` for a number but takes text for an
    instant or a choice, which is how YAML carries them.

    Raises
    ------
    pydantic.ValidationError : a value is missing, unknown, of a wrong type or out of range.
    """
    return model.model_validate_json(json.dumps(values, default=str), strict=True)


def validated(model: type[M], source: ConfigSource) -> M:
    """Return the model of a file's values.

    Raises
    ------
    ConfigError : the values cannot be used; one line a problem.
    """
    try:
        return validate_strict(model, source.data)
    except ValidationError as error:
        raise ConfigError("\n".join(problem_lines(error, model, source))) from error


def problem_lines(
    error: ValidationError, model: type[BaseModel], source: ConfigSource, prefix: KeyPath = ()
) -> list[str]:
    """Return one line a problem, in the order of the file: place, key path, value, reason, remedy.

    Parameters
    ----------
    error : of validating ``model``
    source : where the values were written
    prefix : key path of the model's block inside the source
    """
    details = sorted(
        error.errors(include_url=False),
        key=lambda detail: source.rank((*prefix, *_key_path(detail))),
    )
    paths = [_key_path(detail) for detail in details]
    return [
        _one_line(_line(detail, path, model, source, prefix))
        for detail, path in zip(details, paths, strict=True)
        # pydantic reports the list of a broken item as well; the item's report is clearer.
        if not any(len(other) > len(path) and other[: len(path)] == path for other in paths)
    ]


def param_problem_texts(problems: Sequence[ParamProblem], written: WrittenParams) -> list[str]:
    """Return the text of each problem of a playbook's parameters, in the order of the file.

    The first line holds place, key path and message; two indented lines show the text and its wrong
    part.
    """
    source, prefix = written.source, written.prefix
    in_order = sorted(problems, key=lambda problem: source.rank((*prefix, *problem.path)))
    # The same text may be found wrong twice, for example where two other texts use its name.
    return list(dict.fromkeys(_param_problem(problem, source, prefix) for problem in in_order))


def _param_problem(problem: ParamProblem, source: ConfigSource, prefix: KeyPath) -> str:
    path = (*prefix, *problem.path)
    message = _one_line(problem.message)
    # A model may write a block where the file has its short form, one text.
    held, value = source.nearest(path)
    if not isinstance(value, str) or problem.start is None:
        return f"{source.where(path)}: {_one_line(dotted(path))}: {message}"
    end = problem.start if problem.end is None else problem.end
    lines = pointed(value, problem.start, end).splitlines()
    shown = "\n".join(f"  {line}" for line in lines)
    return f"{source.point(held, problem.start)}: {_one_line(dotted(held))}: {message}\n{shown}"


def _one_line(text: str) -> str:
    """Return a text on one line, with ``?`` for letters that cannot be shown."""
    return "".join(x if x.isprintable() else " " if x.isspace() else "?" for x in text)


def _key_path(detail: ErrorDetails) -> KeyPath:
    # A step that names a choice of models is no key of the file.
    return tuple(step for step in detail["loc"] if not str(step).startswith(CHOICE))


def _line(
    detail: ErrorDetails,
    path: KeyPath,
    model: type[BaseModel],
    source: ConfigSource,
    prefix: KeyPath,
) -> str:
    full = (*prefix, *path)
    where, key, kind = source.where(full), dotted(full), detail["type"]
    if kind == "extra_forbidden":
        return f"{where}: {key}: unknown key; {_nearest(path, model, prefix)}"
    field, _ = _type_at(model, path)
    about = f" ({field.description})" if field is not None and field.description else ""
    if kind == "missing":
        return f"{where}: {key}: missing; add it{about}"
    shown = _shown(detail["input"])
    value = f" = {shown}" if shown else ""
    if full in source.reasons:
        return f"{where}: {key}{value}: {source.reasons[full]}"
    return f"{where}: {key}{value}: {_reason(detail)}{about}"


def _shown(value: Any) -> str:
    """Return a value as YAML would carry it; blocks and lists are not repeated."""
    if isinstance(value, dict | list):
        return ""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."


def _reason(detail: ErrorDetails) -> str:
    words = _REASONS.get(detail["type"])
    if words is not None:
        return words(detail.get("ctx", {}), detail["input"])
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input should ")
    return f"must {message}" if message.startswith("be ") else message


def _number(context: Mapping[str, Any], value: Any) -> str:
    if isinstance(value, str) and value.strip().endswith("%"):
        return "must be a number, not text; write 1% as 0.01"
    if isinstance(value, str) and _is_number(value):
        return "must be a number, not text; remove the quotes"
    return "must be a number"


def _whole(context: Mapping[str, Any], value: Any) -> str:
    if isinstance(value, str) and _is_number(value):
        return "must be a whole number, not text; remove the quotes"
    return "must be a whole number"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_REASONS: dict[str, Callable[[Mapping[str, Any], Any], str]] = {
    "float_type": _number,
    "float_parsing": _number,
    "int_type": _whole,
    "int_parsing": _whole,
    "int_from_float": _whole,
    "greater_than": lambda context, _: f"must be above {context['gt']:g}",
    "greater_than_equal": lambda context, _: f"must be {context['ge']:g} or more",
    "less_than": lambda context, _: f"must be below {context['lt']:g}",
    "less_than_equal": lambda context, _: f"must be {context['le']:g} or less",
    "finite_number": lambda context, _: "must be a finite number",
    "string_type": lambda context, _: "must be text",
    "bool_type": lambda context, _: "must be true or false",
    "enum": lambda context, _: f"must be {context['expected']}",
    "literal_error": lambda context, _: f"must be {context['expected']}",
    "model_type": lambda context, _: "must be a block of 'key: value' lines",
    "dict_type": lambda context, _: "must be a block of 'key: value' lines",
    "tuple_type": lambda context, _: "must be a list",
    "list_type": lambda context, _: "must be a list",
    "string_pattern_mismatch": lambda context, _: f"must match {context['pattern']}",
}


def _inner_model(annotation: Any, key: str | int = "") -> type[BaseModel] | None:
    """Return the model inside ``Model``, ``Model | None``, ``tuple[Model, ...]``.

    Of several models: the first that has ``key``, else the first.
    """
    models = _inner_models(annotation)
    return next((m for m in models if key in m.model_fields), models[0] if models else None)


def _inner_models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, types.UnionType, tuple, list, Annotated):
        return [model for part in get_args(annotation) for model in _inner_models(part)]
    return []


def _values_of_mapping(annotation: Any) -> Any:
    """Return the type of the values of ``Mapping[str, Model]``, None for another type."""
    if get_origin(annotation) is Annotated:
        return _values_of_mapping(get_args(annotation)[0])
    if get_origin(annotation) in (Mapping, dict):
        return get_args(annotation)[1]
    return None


def _type_at(model: type[BaseModel], path: KeyPath) -> tuple[FieldInfo | None, Any]:
    """Return the last field on a key path, and the type of the value at its end."""
    field: FieldInfo | None = None
    here: Any = model
    for step in path:
        if isinstance(step, int):
            continue
        values = _values_of_mapping(here)
        if values is not None:
            field, here = None, values
            continue
        inside = _inner_model(here, step)
        field = inside.model_fields.get(step) if inside is not None else None
        here = field.annotation if field is not None else None
    return field, here


def _all_keys(model: type[BaseModel], prefix: KeyPath = ()) -> Iterator[KeyPath]:
    for name, field in model.model_fields.items():
        yield (*prefix, name)
        inner = _inner_model(field.annotation)
        if inner is not None and get_origin(field.annotation) not in (tuple, list):
            yield from _all_keys(inner, (*prefix, name))


def _nearest(path: KeyPath, model: type[BaseModel], prefix: KeyPath) -> str:
    """Return the remedy for an unknown key: a similar key beside it, else elsewhere."""
    parent, key = path[:-1], str(path[-1])
    inside = _inner_model(_type_at(model, parent)[1])
    siblings = list(inside.model_fields) if inside is not None else []
    close = get_close_matches(key, siblings, n=1, cutoff=0.7)
    if close:
        return f"did you mean {dotted((*prefix, *parent, close[0]))}?"
    elsewhere = {str(known[-1]): known for known in _all_keys(model)}
    close = get_close_matches(key, list(elsewhere), n=1, cutoff=0.8)
    if close:
        return f"did you mean {dotted((*prefix, *elsewhere[close[0]]))}?"
    close = get_close_matches(key, siblings, n=1, cutoff=0.4)
    if close:
        return f"did you mean {dotted((*prefix, *parent, close[0]))}?"
    listed = ", ".join(siblings[:MAX_LISTED]) + (", ..." if len(siblings) > MAX_LISTED else "")
    return f"known here: {listed}" if listed else "nothing is known here"
