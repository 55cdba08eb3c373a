"""The description tells what the server does: its routes, and the fields, options and parameters that it reads."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from jsonschema import Draft202012Validator

import tampu.api
from tampu import __version__
from tampu.api.anthropic import models as anthropic_models
from tampu.api.native import logs
from tampu.api.openai import transcriptions
from tampu.api.openai.responses import stored
from tampu.api.registry import content, lists
from tampu.options import OPTION_READERS
from tampu.server import description
from tampu.server.registry_routes import REGISTRY_ROUTES
from tampu.server.routes import ROUTES
from tests.described import Answer, operation_of, undescribed
from tests.openapi import (
    Operation,
    Schema,
    alternatives,
    document,
    operations,
    properties,
    references,
    resolved,
    schemas,
)

BODIES = {
    "native.generate._Body": "GenerateRequest",
    "native.chat._Body": "ChatRequest",
    "native.create._Body": "CreateRequest",
    "native.embed._Body": "EmbedRequest",
    "native.embed._LegacyBody": "EmbeddingsRequest",
    "native.tokens._TokenizeBody": "TokenizeRequest",
    "loading._DetokenizeBody": "DetokenizeRequest",
    "native.rerank._Body": "RerankRequest",
    "native.models._ShowBody": "ShowRequest",
    "native.transfer._PullBody": "TransferRequest",
    "native.manage._CopyBody": "CopyRequest",
    "native.manage._DeleteBody": "DeleteRequest",
    "native.blobs._AdoptBody": "AdoptRequest",
    "native.upkeep._VerifyBody": "VerifyRequest",
    "native.upkeep._PurgeBody": "PurgeRequest",
    "native.engines._UseBody": "UseEngineRequest",
    "native.engines._BuildBody": "BuildEngineRequest",
    "native.tune._Body": "TuneRequest",
    "openai.chat._Body": "ChatCompletionRequest",
    "openai.completions._Body": "CompletionRequest",
    "openai.embeddings._Body": "OpenAIEmbeddingRequest",
    "openai.rerank._Body": "OpenAIRerankRequest",
    "openai.tokens._TokenizeBody": "OpenAITokenizeRequest",
    "openai.responses.create._Body": "ResponseRequest",
    "anthropic.asking.AskingBody": "CountTokensRequest",
    "anthropic.asking.MessageRequestBody": "MessageRequest",
}
"""What decodes a body, and the schema of that body."""
NOT_OF_BODIES = {
    "openai.responses.asked._Document": "read from the database",
    "openai.tools.ToolsBody": "a part of a chat's body, read apart from it; its tools are those of the native dialect",
}
PARAMETERS: Mapping[tuple[str, str], ModuleType] = {
    ("GET", "/api/logs"): logs,
    ("GET", "/v1/responses/{id}"): stored,
    ("GET", "/v1/responses/{id}/input_items"): stored,
    ("GET", "/v1/models"): anthropic_models,
    ("GET", "/v2/_catalog"): lists,
    ("HEAD", "/v2/_catalog"): lists,
    ("GET", "/v2/{name}/tags/list"): lists,
    ("HEAD", "/v2/{name}/tags/list"): lists,
    ("GET", "/v2/{name}/manifests/{reference}"): content,
    ("GET", "/v2/{name}/blobs/{reference}"): content,
}
"""Who reads what stands behind the question mark, or in headers."""
_READ = re.compile(r'(?:\bquery|\btold|\bgiven|\bfields|query_fields\(call\.query\)|call\.headers)\.get\("([\w-]+)"')
_KINDS = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    list: "array",
    tuple: "array",
    dict: "object",
}


def test_every_route_is_described_and_nothing_else() -> None:
    there = {(route.method, re.sub(r"[:*](\w+)", r"{\1}", route.path)) for route in (*ROUTES, *REGISTRY_ROUTES)}
    assert {(each.method, each.path) for each in operations()} == there


def test_ids_are_unique_and_everything_named_is_there_and_used() -> None:
    ids = [each.told["operationId"] for each in operations()]
    assert len(ids) == len(set(ids))
    named = {f"#/components/{kind}/{name}" for kind, each in document()["components"].items() for name in each}
    used = set(references(document())) | {name for name in named if "securitySchemes" in name}
    assert used == named


def test_the_parameters_of_paths_are_described() -> None:
    for each in operations():
        told = {parameter["name"] for parameter in each.parameters if parameter["in"] == "path"}
        assert told == set(re.findall(r"{(\w+)}", each.path)), each


def test_schemas_are_schemas() -> None:
    for schema in schemas().values():
        Draft202012Validator.check_schema(dict(schema))


def test_it_tells_this_version() -> None:
    assert document()["info"]["version"] == __version__
    assert document()["openapi"].startswith("3.1.")


def test_it_is_served_as_it_was_written_and_as_json() -> None:
    assert description.written().body.decode().startswith("openapi: 3.1.0\n")
    assert msgspec.json.decode(description.as_json().body) == document()


def _structs() -> Iterator[tuple[str, type[msgspec.Struct]]]:
    """All structs of the dialects, by the module after tampu.api and their name."""
    for module in pkgutil.walk_packages(tampu.api.__path__, "tampu.api."):
        for name, each in vars(importlib.import_module(module.name)).items():
            is_own = inspect.isclass(each) and issubclass(each, msgspec.Struct) and each.__module__ == module.name
            if is_own:
                yield f"{module.name.removeprefix('tampu.api.')}.{name}", each


STRUCTS = dict(_structs())


def test_every_struct_of_a_dialect_is_part_of_a_described_body() -> None:
    reached: set[type] = set()
    for name in BODIES:
        reached |= _reached(STRUCTS[name])
    left = {name for name, struct in STRUCTS.items() if struct not in reached}
    assert left == set(NOT_OF_BODIES)


def _reached(kind: Any) -> set[type]:
    """The structs that decoding `kind` makes, and their bases."""
    if not (inspect.isclass(kind) and issubclass(kind, msgspec.Struct)):
        return {struct for part in get_args(kind) for struct in _reached(part)}
    found = {base for base in kind.__mro__ if issubclass(base, msgspec.Struct)}
    for hint in get_type_hints(kind).values():
        if kind not in get_args(hint) and hint is not kind and not _names(hint, kind):
            found |= _reached(hint)
    return found


def _names(hint: Any, kind: type) -> bool:
    return hint is kind or any(_names(part, kind) for part in get_args(hint))


@pytest.mark.parametrize("body", BODIES)
def test_fields_are_described_as_they_are_read(body: str) -> None:
    assert list(_differences(STRUCTS[body], schemas()[BODIES[body]], BODIES[body])) == []


def _differences(kind: Any, schema: Schema, place: str, seen: frozenset[type] = frozenset()) -> Iterator[str]:
    """What a decoder reads otherwise than it is described, or the other way round."""
    parts = [part for part in _parts(kind) if part is not type(None)]
    if Any in parts:
        return
    told = {_told_kind(each) for each in alternatives(schema)} - {"null"}
    if "number" in told:
        told.discard("integer")
    read = {_kind(part) for part in parts}
    if "number" in read:
        read.discard("integer")
    if told and told != read:
        yield f"{place}: read as {sorted(read)}, described as {sorted(told)}"
    for part in parts:
        yield from _inner_differences(part, schema, place, seen)


def _inner_differences(part: Any, schema: Schema, place: str, seen: frozenset[type]) -> Iterator[str]:
    (fitting,) = [each for each in alternatives(schema) if _told_kind(each) == _kind(part)] or [{}]
    if inspect.isclass(part) and issubclass(part, msgspec.Struct):
        if part in seen:
            return
        hints, told = get_type_hints(part), properties(fitting)
        read = {field.encode_name: hints[field.name] for field in msgspec.structs.fields(part)}
        # A schema may tell more of a tool, where the decoder looks at the whole of it beside the struct.
        yield from (f"{place}.{name}: read, not described" for name in read.keys() - told.keys())
        yield from (f"{place}.{name}: described, not read" for name in told.keys() - read.keys())
        for name in read.keys() & told.keys():
            yield from _differences(read[name], told[name], f"{place}.{name}", seen | {part})
    elif get_origin(part) is list:
        yield from _differences(get_args(part)[0], fitting.get("items", {}), f"{place}[]", seen)
    elif get_origin(part) is dict and isinstance(fitting.get("additionalProperties"), dict):
        yield from _differences(get_args(part)[1], fitting["additionalProperties"], f"{place}{{}}", seen)


def _parts(kind: Any) -> tuple[Any, ...]:
    origin = get_origin(kind)
    return get_args(kind) if origin is Union or "UnionType" in str(type(kind)) else (kind,)


def _kind(part: Any) -> str:
    base = get_origin(part) or part
    return "object" if inspect.isclass(base) and issubclass(base, msgspec.Struct) else _KINDS[base]


def _told_kind(schema: Schema) -> str:
    """The JSON type of a schema without choices; "" where it takes anything."""
    if "allOf" in schema:
        return "object"
    if "enum" in schema or "const" in schema:
        return _KINDS[type([*schema.get("enum", ()), schema.get("const")][0])]
    return str(schema.get("type", ""))


def test_options_are_described_as_they_are_read() -> None:
    assert set(properties(schemas()["Options"])) == set(OPTION_READERS)


@pytest.mark.parametrize("operation", operations(), ids=lambda each: f"{each.method} {each.path}")
def test_parameters_are_described_as_they_are_read(operation: Operation) -> None:
    told = {each["name"] for each in operation.parameters if each["in"] != "path"}
    reader = PARAMETERS.get((operation.method, operation.path))
    if reader is None:
        assert told <= {"anthropic-version", "if-none-match", "range", "if-range"}, "of which no module is named"
    else:
        assert told <= set(_READ.findall(inspect.getsource(reader))) | {"anthropic-version"}


def test_every_parameter_that_is_read_is_described() -> None:
    for module in set(PARAMETERS.values()):
        told = {
            each["name"]
            for operation in operations()
            if PARAMETERS.get((operation.method, operation.path)) is module
            for each in operation.parameters
        }
        assert set(_READ.findall(inspect.getsource(module))) <= told, module


def test_the_fields_of_the_form_are_described() -> None:
    read = set(re.findall(r'form\.get\("(\w+)"', inspect.getsource(transcriptions)))
    assert read == set(properties(schemas()["TranscriptionRequest"]))


def test_every_answer_says_what_the_log_calls_the_request() -> None:
    for each in operations():
        for told in each.told["responses"].values():
            assert "x-request-id" in resolved(told)["headers"], each


CHAT_LINE = {
    "model": "m",
    "created_at": "2026-01-01T00:00:00Z",
    "message": {"role": "assistant", "content": "x"},
    "done": False,
}


@pytest.mark.parametrize(
    ("headers", "status", "line", "complaint"),
    [
        ({}, 200, CHAT_LINE, ""),
        ({}, 200, {"error": "it failed"}, ""),
        ({}, 200, {**CHAT_LINE, "strange": 1}, "strange"),
        ({}, 200, {**CHAT_LINE, "done": "no"}, "boolean"),
        ({}, 200, {**CHAT_LINE, "message": {"role": "assistant"}}, "content"),
        ({}, 302, CHAT_LINE, "status 302"),
        ({"x-tampu-strange": "1"}, 200, CHAT_LINE, "x-tampu-strange"),
        ({"content-type": "text/event-stream"}, 200, CHAT_LINE, "text/event-stream"),
    ],
)
def test_what_is_not_as_described_is_found(
    headers: dict[str, str], status: int, line: dict[str, Any], complaint: str
) -> None:
    named = {"content-type": "application/x-ndjson", **headers}
    found = undescribed(Answer("POST", "/api/chat", status, named, [CHAT_LINE, line]))
    assert [complaint in each for each in found] == ([True] if complaint else [])


def test_paths_lead_to_their_operations() -> None:
    asked = {
        ("GET", "/v1/models/a/b:c"): "model",
        ("POST", "/v1/responses/input_tokens"): "responseInputTokens",
        ("GET", "/v1/responses/resp_1?x=1"): "storedResponse",
        ("GET", "/v2/a/b/tags/list"): "registryTags",
        ("GET", "/v2/_catalog"): "registryCatalog",
    }
    found = {call: each.told["operationId"] for call in asked if (each := operation_of(*call))}
    assert found == asked
    assert operation_of("GET", "/v1/nothing") is None
