"""Holds what a server took and answered against the description of its routes (docs/openapi.yaml).

Descriptions leave room for fields that come later; here an answer may hold nothing that is not described.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from tests.openapi import Operation, Schema, alternatives, document, operations, properties, references, resolved

_NDJSON, _SSE, _JSON = "application/x-ndjson", "text/event-stream", "application/json"
_OURS = re.compile(r"x-tampu-.*|x-request-id|request-id|retry-after|link|etag|docker-.*|www-authenticate|content-range")
_WITH_SLASHES = {"name", "model"}
_TELLING = frozenset({"type", "object", "status", "state", "done_reason", "finish_reason", "stop_reason", "role"})
"""Names of fields whose values, and not only their kinds, tell one line of a stream from another."""


_LENIENT = {
    "chat messages = [null]": "a null in a list is the zero value of its kind, as Go reads it",
    "unload with a bad option": "nothing is sampled, so options are not looked at",
    "bad format, empty prompt": "nothing is written, so the format is not looked at",
    "bad format, debug render": "as above",
    "response_format upper case and blanks": "words of OpenAI's are taken as Ollama takes them",
    "base64 upper case": "as above",
    "reasoning object wins": "what does not count is not looked at",
}
"""Recorded requests that are honoured although the description does not say so, and why it does not."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered; `body` is what stands in it, of a stream the list of its lines or data."""

    method: str
    path: str
    status: int
    headers: Mapping[str, str]
    body: Any

    @classmethod
    def of_bytes(cls, method: str, path: str, status: int, headers: Iterable[tuple[str, str]], raw: bytes) -> "Answer":
        """The answer as it came over the wire."""
        named = {name.lower(): value for name, value in headers}
        return cls(method, path, status, named, _read(named.get("content-type", "").split(";")[0], raw))

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").split(";")[0]


def _read(media_type: str, raw: bytes) -> Any:
    """The body; what is not in the form that it is said to be in stays a text, which no schema takes."""
    text = raw.decode("utf-8", "replace")
    match media_type:
        case "application/x-ndjson":
            return [_data(line) for line in text.split("\n") if line]
        case kind if kind.endswith("json") and raw:
            return _data(text)
        case "text/event-stream":
            return [_data(line[6:]) for line in text.split("\n") if line.startswith("data: ")]
        case _:
            return text


def _data(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def operation_of(method: str, path: str) -> Operation | None:
    """What a request asks for; None where that is nothing that there is."""
    path = unquote(path.partition("?")[0])
    return next(
        (each for each in _by_fixed_parts() if each.method == method and _pattern(each.path).fullmatch(path)), None
    )


@cache
def _by_fixed_parts() -> list[Operation]:
    return sorted(operations(), key=lambda each: each.path.count("{"))


@cache
def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"{(\w+)}", path)
    wanted = (".+" if part in _WITH_SLASHES else "[^/]+" for part in parts[1::2])
    fixed = [re.escape(part) for part in parts[::2]]
    return re.compile(fixed[0] + "".join(map("".join, zip(wanted, fixed[1:], strict=True))))


def undescribed(answer: Answer) -> list[str]:
    """What of an answer is not as it is described. Refusals that come before any route are no part of a description."""
    operation = operation_of(answer.method, answer.path)
    if operation is None or _is_refused_at_the_door(answer):
        return []
    told = operation.response(answer.status)
    if told is None:
        return [f"the status {answer.status} is not described"]
    strange = [name for name in answer.headers if _OURS.fullmatch(name) and name not in told["headers"]]
    return [f"the header {name} is not described" for name in strange] + list(_wrong_in_body(answer, told))


def _is_refused_at_the_door(answer: Answer) -> bool:
    """By whom, or under which name of a host, is asked."""
    return (answer.status in {301, 307, 403, 405} or answer.status == 400) and answer.media_type != _JSON


def _wrong_in_body(answer: Answer, told: Mapping[str, Any]) -> Iterator[str]:
    content = told.get("content", {})
    if answer.body in ("", [], None):
        if answer.media_type in content and answer.media_type == _JSON and answer.method != "HEAD":
            yield "there is no body"
    elif answer.media_type not in content:
        yield f"a body of {answer.media_type} is not described"
    elif "schema" in content[answer.media_type]:
        yield from _faults(answer, content[answer.media_type]["schema"])


def _faults(answer: Answer, schema: Schema) -> Iterator[str]:
    parts = answer.body if answer.media_type in {_NDJSON, _SSE} else [answer.body]
    for part in {_shape(part): part for part in parts}.values():
        error = best_match(_validator(json.dumps(schema)).iter_errors(part))
        if error is not None:
            yield f"{error.json_path}: {error.message[:300]} in {json.dumps(part)[:300]}"


def _shape(value: Any, name: str = "") -> str:
    match value:
        case dict():
            return "{" + ",".join(f"{key}:{_shape(item, key)}" for key, item in sorted(value.items())) + "}"
        case list():
            return "[" + ",".join(sorted({_shape(item) for item in value})) + "]"
        case _:
            return repr(value) if name in _TELLING else type(value).__name__


@cache
def _validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator({**json.loads(schema), "components": {"schemas": _closed_schemas()}})


@cache
def _closed_schemas() -> Mapping[str, Any]:
    """All schemas, those of answers without room for more than they tell."""
    named = document()["components"]["schemas"]
    of_answers = _reached(document()["components"]["responses"]) | _reached(
        [each.told["responses"] for each in operations()]
    )
    return {name: _closed(schema) if name in of_answers else schema for name, schema in named.items()}


def _reached(value: Any) -> set[str]:
    """The names of the schemas that are referred to, also by others that are."""
    found: set[str] = set()
    waiting = list(references(value))
    while waiting:
        reference = waiting.pop()
        name = reference.rpartition("/")[2]
        if "/schemas/" in reference and name not in found:
            found.add(name)
            waiting += references(resolved({"$ref": reference}))
    return found


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    assert "allOf" not in schema, "an answer tells all its fields itself"
    closed = {key: _closed(value) for key, value in schema.items()}
    return {"additionalProperties": False, **closed} if "properties" in closed else closed


def wrongly_told(step: Mapping[str, Any], got: Mapping[str, Any]) -> list[str]:
    """What of a recorded request and its answer, as the replay tool sees it, is not as it is described."""
    body = got.get("body")
    if got["kind"] == "sse":
        body = [event["data"] for event in body or ()]
    answer = Answer(step["method"], step["path"], got["status"], got["headers"], body)
    is_honoured = got["status"] == 200 and "json" in step and step["name"] not in _LENIENT
    asked = wrongly_described(step["method"], step["path"], step["json"]) if is_honoured else []
    return undescribed(answer) + asked


def wrongly_described(method: str, path: str, body: Any) -> list[str]:
    """What a request that was honoured has that it may not have as it is described."""
    operation = operation_of(method, path)
    if operation is None or operation.body is None or not isinstance(body, dict):
        return []
    error = best_match(_request_validator(json.dumps(operation.body)).iter_errors(_as_read(body, operation.body)))
    return [] if error is None else [f"honoured, but {error.json_path}: {error.message[:300]}"]


@cache
def _request_validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator({**json.loads(schema), "components": document()["components"]})


def _as_read(value: Any, schema: Schema) -> Any:
    """A body without nulls, its fields under the names that they are described by: letter case does not matter."""
    if isinstance(value, list):
        items: Schema = next((each["items"] for each in alternatives(schema) if "items" in each), {})
        return [_as_read(item, items) for item in value]
    if not isinstance(value, dict):
        return value
    known: dict[str, Schema] = {}
    for each in alternatives(schema):
        known |= properties(each)
    folded = {name.casefold(): name for name in known}
    return {
        folded.get(key.casefold(), key): _as_read(item, known.get(folded.get(key.casefold(), key), {}))
        for key, item in value.items()
        if item is not None
    }
