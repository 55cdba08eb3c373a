"""Reads the description of the routes (docs/openapi.yaml) for the tests that hold it against the server."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PATH = Path(__file__).parents[1] / "docs" / "openapi.yaml"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Schema = Mapping[str, Any]
_METHODS = ("get", "head", "post", "put", "delete")


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    told: Mapping[str, Any]

    @property
    def parameters(self) -> list[Mapping[str, Any]]:
        return [resolved(each) for each in self.told.get("parameters", ())]

    @property
    def body(self) -> Schema | None:
        """The schema of a body of JSON."""
        content = self.told.get("requestBody", {}).get("content", {})
        return content.get("application/json", {}).get("schema")

    def response(self, status: int) -> Mapping[str, Any] | None:
        """What is told of an answer with that status."""
        responses = self.told["responses"]
        found = responses.get(str(status), responses.get(f"{status // 100}XX"))
        return None if found is None else resolved(found)


@cache
def document() -> Mapping[str, Any]:
    """The whole description."""
    told: Mapping[str, Any] = yaml.load(PATH.read_bytes(), Loader=_LOADER)  # noqa: S506  # both are safe
    return told


@cache
def operations() -> tuple[Operation, ...]:
    """All that can be asked."""
    return tuple(
        Operation(method.upper(), path, told)
        for path, methods in document()["paths"].items()
        for method, told in methods.items()
        if method in _METHODS
    )


def schemas() -> Mapping[str, Schema]:
    """The named schemas."""
    named: Mapping[str, Schema] = document()["components"]["schemas"]
    return named


def resolved(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference stands for; anything else as it is."""
    while "$ref" in value:
        found: Any = document()
        for step in value["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        value = found
    return value


def properties(schema: Schema) -> dict[str, Schema]:
    """All that an object may hold by its name, with what it has from others."""
    schema = resolved(schema)
    found: dict[str, Schema] = {}
    for part in schema.get("allOf", ()):
        found |= properties(part)
    return found | schema.get("properties", {})


def alternatives(schema: Schema) -> list[Schema]:
    """What a value may be, each without references and choices at its top."""
    schema = resolved(schema)
    if "anyOf" in schema:
        return [each for choice in schema["anyOf"] for each in alternatives(choice)]
    if isinstance(schema.get("type"), list):
        return [{**schema, "type": kind} for kind in schema["type"]]
    return [schema]


def references(value: Any) -> Iterator[str]:
    """What is referred to anywhere in `value`."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)
