"""Read a document as a pydantic model; name the line of its first problem."""

import difflib
from typing import TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from data_feeds.errors import YamlError
from data_feeds.yaml_text import KeyPath, YamlDocument

ModelT = TypeVar("ModelT", bound=BaseModel)
# The two forms of a release; these tags separate their errors and are never printed.
VARIANT_TAG, RULE_TAG = "<variant>", "<rule>"


def _hint(key: str, model: type[BaseModel]) -> str:
    near = difflib.get_close_matches(key, _field_names(model), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _field_names(model: object) -> list[str]:
    """Return the field names of a model and of all models inside it."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        fields = model.model_fields
        deeper = [name for field in fields.values() for name in _field_names(field.annotation)]
        return [*fields, *deeper]
    return [name for part in get_args(model) for name in _field_names(part)]


def parse_model(model: type[ModelT], document: YamlDocument) -> ModelT:
    """Return a document's values as a model.

    Raises
    ------
    YamlError : one problem as ``file:line: key path: problem``. Unknown keys come first, because a
        misspelt key also makes the right key missing; then file order.
    """
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        found = error.errors(include_url=False)
        problems = [problem for problem in found if not _is_consequence(problem, found)]
        _, line, text = min(_problem_text(problem, document, model) for problem in problems)
        raise YamlError(f"{document.path}:{line}: {text}") from error


def _is_consequence(problem: ErrorDetails, found: list[ErrorDetails]) -> bool:
    """Return whether a deeper problem causes this one: a wrong item also shortens its list."""
    where = problem["loc"]
    return any(
        len(other["loc"]) > len(where) and other["loc"][: len(where)] == where for other in found
    )


def _without_tags(where: KeyPath, data: object) -> KeyPath:
    """Return a location as in the file, without pydantic's names of the chosen models."""
    kept: list[str | int] = []
    for part in where:
        is_choice = isinstance(data, dict) and part not in data and part in data.values()
        if is_choice or part in (VARIANT_TAG, RULE_TAG):
            continue
        kept.append(part)
        if isinstance(data, dict):
            data = data.get(part)
        else:
            inside = isinstance(data, list) and isinstance(part, int) and part < len(data)
            data = data[part] if inside else None  # type: ignore[index]
    return tuple(kept)


def _problem_text(
    problem: ErrorDetails, document: YamlDocument, model: type[BaseModel]
) -> tuple[bool, int, str]:
    """Return a problem's rank, line and text."""
    where = _without_tags(problem["loc"], document.data)
    is_unknown = problem["type"] == "extra_forbidden"
    message = problem["msg"].removeprefix("Value error, ")
    if is_unknown:
        message = f"unknown key{_hint(str(where[-1]), model)}"
    elif problem["type"] != "missing" and isinstance(problem["input"], str | int | float):
        message = f"{message} (was {problem['input']!r})"
    dotted = ".".join(str(part) for part in where) or "file"
    return not is_unknown, document.line(where), f"{dotted}: {message}"
