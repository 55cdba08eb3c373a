"""A valid request for each thing that the native routes take, to be spoilt by the tests beside this file.

Only the model `base` may come to harm.
"""

import base64
from dataclasses import dataclass
from typing import Any

from tampu.server.routes import ROUTES
from tests.vision import png

DIGEST = "sha256:" + "0" * 64
_PICTURE = base64.b64encode(png()).decode()
_TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "tells the weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Oslo", "Lima"]}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}
_SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer", "minimum": 1}, "b": {"type": "array", "items": {"$ref": "#/$defs/c"}}},
    "required": ["a"],
    "$defs": {"c": {"type": "string", "maxLength": 5}},
}
_OPTIONS = {
    "temperature": 0, "seed": 1, "top_k": 40, "top_p": 0.9, "min_p": 0.0, "typical_p": 1.0, "repeat_last_n": 64,
    "repeat_penalty": 1.1, "presence_penalty": 0.1, "frequency_penalty": 0.1, "num_predict": 8, "num_keep": 4,
    "stop": ["\n\n"],
}  # fmt: skip
_CALL = {"function": {"name": "get_weather", "arguments": {"city": "Oslo"}}}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; `body` is JSON data, None for no body."""

    method: str
    path: str
    body: Any = None


def _chat(model: str, **fields: Any) -> Asked:
    talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi there"}]
    return Asked("POST", "/api/chat", {"model": model, "messages": talk, "options": _OPTIONS, **fields})


def _generate(model: str, **fields: Any) -> Asked:
    return Asked("POST", "/api/generate", {"model": model, "prompt": "Hi there", "options": _OPTIONS, **fields})


_WRITTEN: tuple[Asked, ...] = (
    _chat("fine", stream=True, keep_alive="5m", truncate=True, shift=True, logprobs=True, top_logprobs=2),
    _chat("jinja", think=True, tools=[_TOOL], stream=False),
    _chat("jinja", format=_SCHEMA, think=False),
    _chat("fine", format="json", stream=False),
    _chat("fine", messages=[
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [_CALL]},
        {"role": "tool", "content": "11 degrees", "tool_name": "get_weather", "tool_call_id": "1"},
    ]),
    _chat("seeing", messages=[{"role": "user", "content": "see [img]", "images": [_PICTURE, _PICTURE]}]),
    _generate("fine", system="Be kind.", context=[100, 101], keep_alive=60, stream=False),
    _generate("fine", raw=True, stream=True),
    _generate("fine", template="{{ .System }} {{ .Prompt }} {{ range .Messages }}{{ .Role }}{{ end }}"),
    _generate("fine", suffix="the end"),
    _generate("jinja", format={"type": "object", "properties": {"n": {"enum": [1, 2]}}}),
    _generate("seeing", images=[_PICTURE]),
    _generate("fine", _debug_render_only=True),
    Asked("POST", "/api/embed", {
        "model": "vectors", "input": ["red sun", "blue moon"], "truncate": True, "dimensions": 8, "keep_alive": "1m",
        "options": {"num_ctx": 64},
    }),
    Asked("POST", "/api/embeddings", {"model": "vectors", "prompt": "red sun", "options": {}}),
    Asked("POST", "/api/show", {"model": "fine", "verbose": True, "options": {}}),
    Asked("POST", "/api/create", {
        "model": "made", "from": "base", "template": "{{ .Prompt }}", "system": "Be kind.", "license": ["free"],
        "parameters": {"temperature": 0.5, "stop": ["a", "b"], "num_ctx": 64}, "stream": False,
        "messages": [{"role": "user", "content": "Hi"}], "files": {}, "adapters": {}, "info": {"base_name": "x"},
    }),
    Asked("POST", "/api/create", {"model": "made", "files": {"a.gguf": DIGEST}, "quantize": "q4_0"}),
    Asked("POST", "/api/copy", {"source": "base", "destination": "copied"}),
    Asked("DELETE", "/api/delete", {"model": "copied"}),
    Asked("HEAD", f"/api/blobs/{DIGEST}"),
    Asked("POST", f"/api/blobs/{DIGEST}", {"not": "the blob"}),
    Asked("POST", f"/api/blobs/{DIGEST}/adopt", {"path": "/etc/passwd"}),
    Asked("POST", "/api/verify", {"model": "fine"}),
    Asked("POST", "/v1/responses", {
        "model": "fine", "input": "Hi there", "instructions": "Be brief.", "stream": True, "max_output_tokens": 8,
        "temperature": 0, "top_p": 0.5, "top_logprobs": 2, "include": ["message.output_text.logprobs"], "store": True,
        "metadata": {"k": "v"}, "truncation": "auto", "reasoning": {"effort": "none"}, "options": _OPTIONS, "stop": "x",
    }),
    Asked("POST", "/v1/responses", {
        "model": "jinja", "parallel_tool_calls": False, "tool_choice": "auto", "max_output_tokens": 8, "store": False,
        "tools": [{"type": "function", "name": "get_weather", "strict": True, "parameters": _SCHEMA}],
        "text": {"format": {"type": "json_schema", "name": "n", "schema": _SCHEMA}},
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "weather?"}]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "hm"},
            {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": '{"a": 1}'},
            {"type": "function_call_output", "call_id": "c1", "output": "11 degrees"},
        ],
    }),
    Asked("POST", "/v1/responses", {"model": "seeing", "max_output_tokens": 8, "input": [{"role": "user", "content": [
        {"type": "input_image", "image_url": f"data:image/png;base64,{_PICTURE}"}, {"type": "input_text", "text": "?"},
    ]}]}),
    Asked("POST", "/v1/responses", {"model": "fine", "input": "more", "previous_response_id": "resp_1"}),
    Asked("POST", "/v1/responses/input_tokens", {"model": "fine", "input": "Hi there"}),
    Asked("GET", "/v1/responses/resp_1/input_items?limit=2&order=asc&after=msg_1"),
    Asked("DELETE", "/v1/responses/resp_1"),
    Asked("POST", "/v1/responses/resp_1/cancel", {}),
)  # fmt: skip

_LEFT_OUT = frozenset({"/api/pull", "/api/push", "/api/purge"})
"""They ask other machines, or would take away what the next request needs; their decoding is like that of the rest."""


def valid_requests() -> tuple[Asked, ...]:
    """What is written above, and an empty object for each native route that is not."""
    written = {asked.path.replace(DIGEST, ":digest") for asked in _WRITTEN}
    rest = (
        Asked(route.method, route.path.replace(":digest", DIGEST).replace(":encodedKey", "a2V5"), {})
        for route in ROUTES
        if route.path not in written | _LEFT_OUT
    )
    return _WRITTEN + tuple(rest)
