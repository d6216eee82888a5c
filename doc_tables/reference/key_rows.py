"""Read the keys of a configuration model from its JSON schema: path, value, default, meaning."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from engine.config.field_types import Duration, UtcDatetime
from engine.episodes import Day

Schema = Mapping[str, Any]
DURATION, INSTANT, DATE, MARK = "duration", "instant", "date", "x-kind"
_DURATION_CHECK = get_args(Duration)[1].func
_INSTANT_PATTERN = get_args(UtcDatetime)[-1].json_schema["pattern"]
_DATE_PATTERN = get_args(Day)[-1].json_schema["pattern"]
_SIMPLE = {
    "string": "text",
    "number": "number",
    "integer": "whole number",
    "boolean": "true or false",
    "null": "null",
}
_BOUNDS = {
    "exclusiveMinimum": "> {}",
    "minimum": ">= {}",
    "exclusiveMaximum": "< {}",
    "maximum": "<= {}",
    "minItems": "at least {}",
    "maxItems": "at most {}",
    "minProperties": "at least {}",
    "maxProperties": "at most {}",
    "maxLength": "at most {} characters",
}


@dataclass(frozen=True)
class KeyRow:
    """One key of a file: its path, the values that it takes, its default and its meaning.

    ``models`` are the names of the models whose keys lie below, each with the path of such a key
    before its name.
    """

    path: str
    value: str
    default: str
    meaning: str
    models: tuple[tuple[str, str], ...] = ()


class _MarkedSchema(GenerateJsonSchema):
    """A JSON schema that says which texts are durations, and the values that factories make."""

    def function_after_schema(self, schema: Any) -> Any:
        """Mark a duration; in a plain schema it is a text like any other."""
        found = super().function_after_schema(schema)
        is_duration = schema["function"]["function"] is _DURATION_CHECK
        return {**found, MARK: DURATION} if is_duration else found

    def default_schema(self, schema: Any) -> Any:
        """Add the default that a factory makes."""
        found = super().default_schema(schema)
        factory = schema.get("default_factory")
        if factory is None or schema.get("default_factory_takes_data"):
            return found
        made = factory()
        return found if isinstance(made, BaseModel) else {**found, "default": made}


@dataclass(frozen=True)
class ModelKeys:
    """The schemas of several models and of all that they refer to."""

    roots: Mapping[type[BaseModel], str]
    definitions: Mapping[str, Schema]

    @classmethod
    def of(cls, models: Sequence[type[BaseModel]]) -> "ModelKeys":
        """Return the schemas of the models; each has a name by which others refer to it."""
        found, shared = models_json_schema(
            [(model, "validation") for model in models], schema_generator=_MarkedSchema
        )
        roots = {model: _name(found[model, "validation"]) for model in models}
        return cls(roots, shared["$defs"])

    def rows(self, model: str, prefix: str = "") -> Iterator[KeyRow]:
        """Yield the keys of a model, those of models inside it not included."""
        schema = self.definitions[model]
        required = schema.get("required", ())
        for name, field in schema.get("properties", {}).items():
            path = f"{prefix}{name}"
            models = tuple(self._below(field, path))
            shown = _default(field, is_required=name in required, is_block=bool(models))
            yield KeyRow(path, self.value(field), shown, self._meaning(field), models)

    def value(self, field: Schema) -> str:
        """Return the values that a field takes, in words."""
        target = self._referred(field)
        if target is not None:
            return self.value(target) if "enum" in target else "keys below"
        if "const" in field:
            return f"`{field['const']}`"
        if "enum" in field:
            return _either([f"`{item}`" if item else "empty" for item in field["enum"]])
        if "anyOf" in field or "oneOf" in field:
            parts = [self.value(item) for item in field.get("anyOf", field.get("oneOf", ()))]
            return _with_bounds(_either(list(dict.fromkeys(parts))), field)
        return _with_bounds(self._plain(field), field)

    def variant(self, model: str) -> str:
        """Return the line by which a block chooses a model, "" where its keys choose it."""
        for name, field in self.definitions[model].get("properties", {}).items():
            if "const" in field:
                return f"{name}: {field['const']}"
        return ""

    def words(self, model: str) -> str:
        """Return a model's own description, its first paragraph in one line."""
        text = str(self.definitions[model].get("description", ""))
        return " ".join(text.split("\n\n", maxsplit=1)[0].split())

    def _plain(self, field: Schema) -> str:
        kind = field.get("type")
        if kind == "array" and "prefixItems" in field:
            return f"list of {len(field['prefixItems'])} values"
        if kind == "array":
            inner = self.value(field.get("items", {}))
            return "list of blocks" if inner == "keys below" else f"list of {inner}"
        if kind == "object":
            inner = self.value(_inner(field))
            return "blocks by name" if inner == "keys below" else f"{inner} by name"
        return _text_kind(field) or (_SIMPLE[kind] if isinstance(kind, str) else "any value")

    def _meaning(self, field: Schema) -> str:
        target = self._referred(field)
        if "description" not in field and "const" in field:
            return "Chooses the keys of this block"
        if "description" in field or target is None:
            return str(field.get("description", ""))
        return "" if "enum" in target else self.words(_name(field))

    def _referred(self, field: Schema) -> Schema | None:
        return self.definitions[_name(field)] if "$ref" in field else None

    def _below(self, field: Schema, path: str) -> Iterator[tuple[str, str]]:
        """Yield (model, path before its keys) of each model that a field may hold."""
        if "$ref" in field and "properties" in self.definitions[_name(field)]:
            yield _name(field), f"{path}."
        for part in (*field.get("anyOf", ()), *field.get("oneOf", ())):
            yield from self._below(part, path)
        if field.get("type") == "array" and isinstance(field.get("items"), Mapping):
            yield from self._below(field["items"], f"{path}[]")
        if field.get("type") == "object":
            yield from self._below(_inner(field), f"{path}.NAME")


def _text_kind(field: Schema) -> str:
    """Return the kind of a text that is more than text, "" for any other value."""
    if field.get(MARK) == DURATION:
        return DURATION
    if field.get("pattern") == _INSTANT_PATTERN:
        return INSTANT
    is_date = field.get("format") == DATE or field.get("pattern") == _DATE_PATTERN
    return DATE if is_date else ""


def _inner(field: Schema) -> Schema:
    """Return the schema of the values of a mapping by name."""
    patterns = field.get("patternProperties")
    found = next(iter(patterns.values())) if patterns else field.get("additionalProperties")
    return found if isinstance(found, Mapping) else {}


def _name(field: Schema) -> str:
    return str(field["$ref"]).rpartition("/")[2]


def _either(parts: Sequence[str]) -> str:
    """Return alternatives in words; the last one is set apart where one before has limits."""
    if len(parts) == 1:
        return parts[0]
    comma = "," if any("," in part or " >" in part for part in parts[:-1]) else ""
    return f"{', '.join(parts[:-1])}{comma} or {parts[-1]}"


def _with_bounds(words: str, field: Schema) -> str:
    found = [text.format(_number(field[key])) for key, text in _BOUNDS.items() if key in field]
    joint = " " if found and not found[0].startswith("at") else ", "
    return joint.join([words, *([", ".join(found)] if found else [])])


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _default(field: Schema, *, is_required: bool, is_block: bool) -> str:
    if is_required:
        return "required"
    if "default" not in field:
        return "those below" if is_block else ""
    value = field["default"]
    if value == "":
        return "empty"
    return f"`{value if isinstance(value, str) else json.dumps(value, default=str)}`"
