"""Makes valid requests out of the description of the routes (docs/openapi.yaml), the same ones for the same seed.

What is in them is drawn from the schemas; names of models are those that the tests beside this file prepare. Only the
model `base` may come to harm, and nothing may run for long: answers are short, no engine is loaded anew.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from random import Random
from typing import Any
from urllib.parse import urlencode

from tests.openapi import Operation, Schema, alternatives, operations, properties, resolved
from tests.recordings import recorded_bytes
from tests.robustness.valid_requests import DIGEST, KEPT, PICTURE, SCHEMA, SOUND_FORM, Asked

STORED = f"sha256:{sha256(recorded_bytes('models/http.gguf')).hexdigest()}"
"""The weights of `fine`."""
_LEFT_OUT = frozenset({"pull", "push", "purge", "buildEngine", "tune", "uploadBlob", "verify"})
"""They ask other machines, take long, take away what the next request needs, or have a body of their own."""
_WORDS = ("", "Hi there", "weather in Oslo?", "get_weather", "11 degrees", "é🦙", "[img]", "a\nb")
_ROLES = ("user", "user", "assistant", "system", "tool", "developer")
_FORMS = ({}, {"type": "object"}, SCHEMA)
_MODELS: Mapping[str, tuple[str, ...]] = {
    "copy": ("base", "copied"),
    "delete": ("copied", "made"),
    "create": ("made",),
    "embed": ("vectors", "fine"),
    "embeddings": ("vectors",),
    "openaiEmbeddings": ("vectors",),
    "": ("fine", "fine", "jinja", "jinja", "jinja", "seeing"),
}
"""Of each operation, or of all others."""
_FIELDS: Mapping[str, Callable[[Random], Any]] = {
    "keep_alive": lambda random: random.choice(("5m", 300, "1h", 60.5)),
    "num_predict": lambda random: random.randint(1, 8),
    "max_tokens": lambda random: random.randint(1, 8),
    "max_completion_tokens": lambda random: random.randint(1, 8),
    "max_output_tokens": lambda random: random.randint(1, 8),
    "num_ctx": lambda _: 256,
    "n": lambda random: random.randint(1, 3),
    "budget_tokens": lambda random: random.randint(1, 8),
    "role": lambda random: random.choice(_ROLES),
    "name": lambda _: "get_weather",
    "image_url": lambda _: {"url": f"data:image/png;base64,{PICTURE}"},
    "type": lambda _: "function",
    "from": lambda _: "base",
    "files": lambda _: {"a.gguf": DIGEST},
    "adapters": lambda _: {"a.gguf": DIGEST},
    "path": lambda _: "/etc/passwd",
    "previous_response_id": lambda _: KEPT,
    "temperature": lambda random: random.choice((0, 0.5, 1)),
    "logit_bias": lambda random: {str(random.randint(0, 300)): random.choice((-100, -1, 0.5, 100))},
    "quantize": lambda random: random.choice(("q8_0", "q4_K_M")),
    "template": lambda random: random.choice(("{{ .Prompt }}", "{{ range .Messages }}{{ .Content }}{{ end }}")),
}
"""What is valid by its schema alone, and yet would be refused or take long."""
_OF_ONE = {
    ("useEngine", "name"): "bundled",
    ("tune", "name"): "fine",
    ("logs", "model"): "fine",
}
"""As above, of one operation."""
_NEVER = frozenset({
    "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "draft_num_predict", "draft_files", "draft_quantize",
    "remote_host", "renderer", "parser", "requires", "quantization", "follow",
})  # fmt: skip
"""Each would load an engine anew, ask for what is not here, or be answered without end."""
_IN_PATHS: Mapping[str, Sequence[str]] = {
    "digest": (DIGEST,),
    "reference": ("latest",),
    "name": ("library/fine", "library/fine", "library/absent"),
    "model": ("fine", "jinja:latest", "a/b"),
    "id": (KEPT, KEPT, "a2V5"),
    "encodedKey": ("a2V5",),
}
_WANTED: Mapping[int, Sequence[str]] = {
    0: ("model", "messages", "input", "prompt", "text", "source", "destination", "documents", "query", "from"),
    2: ("role", "content"),
}
"""What a request is about, by how deep it stands."""
_DEEPEST = 6


def described_request(random: Random) -> Asked:
    """A request for something that is described."""
    return request_for(random.choice(ASKED), random)


def request_for(operation: Operation, random: Random) -> Asked:
    """A request for `operation`."""
    name = operation.told["operationId"]
    path = re.sub(r"{(\w+)}", lambda found: _parameter(found[1], name, random), operation.path)
    query: dict[str, Any] = {}
    headers: dict[str, str] = {}
    for told in operation.parameters:
        if told["in"] == "query" and told["name"] not in _NEVER and random.random() < 0.4:
            query[told["name"]] = _field(told["name"], told["schema"], name, random, 0)
        elif told["in"] == "header" and random.random() < 0.5:
            headers[told["name"]] = {"range": "bytes=0-9", "anthropic-version": "2023-06-01"}.get(told["name"], '"x"')
    path += f"?{urlencode(query)}" if query else ""
    if operation.path.endswith("/transcriptions"):
        return SOUND_FORM
    body = None if operation.body is None else _drawn(operation.body, name, random, 0)
    return Asked(operation.method, path, body, headers=headers)


def _parameter(name: str, operation: str, random: Random) -> str:
    if name in {"digest", "reference"} and operation in {"hasBlob", "registryBlob", "registryBlobHead"}:
        return random.choice((STORED, STORED, DIGEST))
    if operation == "deleteResponse":
        return "resp_none"
    return random.choice(_IN_PATHS[name])


def _drawn(schema: Schema, operation: str, random: Random, depth: int) -> Any:
    """A value that a schema allows."""
    special = _SPECIAL.get(schema.get("$ref", "").rpartition("/")[2])
    if special is not None:
        return special(operation, random)
    if "anyOf" in resolved(schema):
        return _drawn(random.choice(resolved(schema)["anyOf"]), operation, random, depth)
    chosen = random.choice(alternatives(schema))
    if "const" in chosen:
        return chosen["const"]
    if "enum" in chosen:
        return random.choice(chosen["enum"])
    if "allOf" in chosen or "properties" in chosen:
        return _object(chosen, operation, random, depth)
    return _plain(chosen, operation, random, depth)


def _plain(schema: Schema, operation: str, random: Random, depth: int) -> Any:
    """A value that is neither chosen nor made of described fields."""
    match schema.get("type"):
        case "array":
            most = min(schema.get("maxItems", 3), 1 if depth > _DEEPEST else 3)
            count = random.randint(min(most, int(depth < 2)), most)
            return [_drawn(schema.get("items", {}), operation, random, depth + 1) for _ in range(count)]
        case "object":
            inner = schema.get("additionalProperties")
            return {"k": _drawn(inner if isinstance(inner, dict) else {}, operation, random, depth + 1)}
        case kind:
            return random.choice(_scalars(str(kind), schema))


def _scalars(kind: str, schema: Schema) -> Sequence[Any]:
    least, most = schema.get("minimum", 0), min(schema.get("maximum", 40), 40)
    kinds: Mapping[str, Sequence[Any]] = {
        "string": _WORDS[1:] if schema.get("minLength") else _WORDS,
        "integer": range(least, most + 1),
        "number": (least, 0.5, 1, most),
        "boolean": (True, False),
        "null": (None,),
    }
    return kinds.get(kind, ("x", 1, True, None, ["a"], {"a": 1}))


def _object(schema: Schema, operation: str, random: Random, depth: int) -> dict[str, Any]:
    parts = (schema, *map(resolved, schema.get("allOf", ())))
    required = {name for part in parts for name in part.get("required", ())}
    either = [choice["required"][0] for part in parts for choice in part.get("oneOf", ())]
    if either:
        required.add(either.pop(random.randrange(len(either))))
    share = 0.9 if depth == 1 else 0.35 / (1 + depth / 3)
    told: dict[str, Any] = {}
    for name, inner in properties(schema).items():
        is_wanted = name in required or name in _WANTED.get(depth, ()) or random.random() < share
        if is_wanted and name not in _NEVER and name not in either:
            told[name] = _field(name, inner, operation, random, depth + 1)
    if not told.get("tools"):
        told.pop("tool_choice", None)
    return told


def _field(name: str, schema: Schema, operation: str, random: Random, depth: int) -> Any:
    known = resolved(schema)
    is_open = not {"const", "enum"} & set(known) and not schema.get("$ref", "").endswith("/ModelName")
    if (operation, name) in _OF_ONE:
        return _OF_ONE[operation, name]
    if name in _FIELDS and is_open:
        return _FIELDS[name](random)
    if name == "arguments":
        return {"city": "Oslo"} if known.get("type") == "object" else '{"city": "Oslo"}'
    return _drawn(schema, operation, random, depth)


_SPECIAL: Mapping[str, Callable[[str, Random], Any]] = {
    "ModelName": lambda operation, random: random.choice(_MODELS.get(operation, _MODELS[""])),
    "Base64": lambda _, random: random.choice((PICTURE, "AAAA")),
    "JsonSchema": lambda _, random: random.choice(_FORMS),
    "AnyFormat": lambda _, random: random.choice(("json", SCHEMA)),
    "ItemReference": lambda _, __: {"role": "user", "content": "Hi there"},
    "ToolParameters": lambda _, random: random.choice(_FORMS),
}
ASKED = tuple(each for each in operations() if each.told["operationId"] not in _LEFT_OUT)
