"""A valid request for each thing that the routes of all dialects take, to be spoilt by the tests beside this file.

Only the model `base` may come to harm.
"""

import base64
from dataclasses import dataclass, field
from typing import Any

from tampu.server.routes import ROUTES
from tests.vision import png

DIGEST = "sha256:" + "0" * 64
KEPT = "resp_kept"
"""Stands for the id of a response that the server keeps."""
PICTURE = base64.b64encode(png()).decode()
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
SCHEMA = {
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
_TALK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi there"}]
_CALL = {"function": {"name": "get_weather", "arguments": {"city": "Oslo"}}}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; `body` is JSON data, None for no body; `raw` is a body that is no JSON."""

    method: str
    path: str
    body: Any = None
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


def _form(**parts: bytes) -> bytes:
    named = {name: b'name="%b"' % name.encode() for name in parts} | {"file": b'name="file"; filename="a.wav"'}
    return b"".join(
        b"--b\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % (named[name], data) for name, data in parts.items()
    ) + b"--b--\r\n"  # fmt: skip


_SOUND = b"RIFF" + (36).to_bytes(4, "little") + b"WAVEfmt " + bytes((16, 0, 0, 0, 1, 0, 1, 0)) + bytes(20)
SOUND_FORM = Asked(
    "POST",
    "/v1/audio/transcriptions",
    raw=_form(model=b"seeing", file=_SOUND, language=b"en", temperature=b"0.5", response_format=b"text"),
    headers={"Content-Type": "multipart/form-data; boundary=b"},
)


def _chat(model: str, **fields: Any) -> Asked:
    return Asked("POST", "/api/chat", {"model": model, "messages": _TALK, "options": _OPTIONS, **fields})


def _generate(model: str, **fields: Any) -> Asked:
    return Asked("POST", "/api/generate", {"model": model, "prompt": "Hi there", "options": _OPTIONS, **fields})


_WRITTEN: tuple[Asked, ...] = (
    _chat("fine", stream=True, keep_alive="5m", truncate=True, shift=True, logprobs=True, top_logprobs=2),
    _chat("jinja", think=True, tools=[_TOOL], stream=False),
    _chat("jinja", format=SCHEMA, think=False),
    _chat("fine", format="json", stream=False),
    _chat("fine", messages=[
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [_CALL]},
        {"role": "tool", "content": "11 degrees", "tool_name": "get_weather", "tool_call_id": "1"},
    ]),
    _chat("seeing", messages=[{"role": "user", "content": "see [img]", "images": [PICTURE, PICTURE]}]),
    _generate("fine", system="Be kind.", context=[100, 101], keep_alive=60, stream=False),
    _generate("fine", raw=True, stream=True),
    _generate("fine", template="{{ .System }} {{ .Prompt }} {{ range .Messages }}{{ .Role }}{{ end }}"),
    _generate("fine", suffix="the end"),
    _generate("jinja", format={"type": "object", "properties": {"n": {"enum": [1, 2]}}}),
    _generate("seeing", images=[PICTURE]),
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
        "tools": [{"type": "function", "name": "get_weather", "strict": True, "parameters": SCHEMA}],
        "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}},
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "weather?"}]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "hm"},
            {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": '{"a": 1}'},
            {"type": "function_call_output", "call_id": "c1", "output": "11 degrees"},
        ],
    }),
    Asked("POST", "/v1/responses", {"model": "seeing", "max_output_tokens": 8, "input": [{"role": "user", "content": [
        {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}"}, {"type": "input_text", "text": "?"},
    ]}]}),
    Asked("POST", "/v1/responses", {"model": "fine", "input": "more", "previous_response_id": KEPT}),
    Asked("POST", "/v1/responses/input_tokens", {"model": "fine", "input": "Hi there"}),
    Asked("GET", f"/v1/responses/{KEPT}/input_items?limit=2&order=asc"),
    Asked("DELETE", "/v1/responses/resp_none"),
    Asked("POST", f"/v1/responses/{KEPT}/cancel", {}),
    Asked("POST", "/v1/chat/completions", {
        "model": "fine", "messages": _TALK, "stream": True, "stream_options": {"include_usage": True}, "n": 2,
        "max_completion_tokens": 8, "temperature": 0, "top_p": 0.5, "seed": 1, "stop": ["x", 1], "logprobs": True,
        "top_logprobs": 2, "logit_bias": {"100": -100}, "frequency_penalty": 0.1, "presence_penalty": 0.1,
        "min_p": 0.1, "top_k": 20, "keep_alive": "5m", "options": _OPTIONS, "metadata": {"k": "v"}, "user": "u",
    }),
    Asked("POST", "/v1/chat/completions", {
        "model": "jinja", "max_tokens": 8, "reasoning_effort": "low", "parallel_tool_calls": False,
        "tools": [{**_TOOL, "strict": True}], "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
        "messages": [
            {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
            {"role": "user", "content": "weather?", "name": "me"},
            {"role": "assistant", "content": None, "reasoning": "hm", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}},
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": "11 degrees"},
        ],
    }),
    Asked("POST", "/v1/chat/completions", {
        "model": "jinja", "messages": _TALK, "max_tokens": 8, "stream": False,
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": SCHEMA}},
    }),
    Asked("POST", "/v1/chat/completions", {"model": "seeing", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}", "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": base64.b64encode(_SOUND).decode(), "format": "wav"}},
    ]}], "max_tokens": 8}),
    Asked("POST", "/v1/completions", {
        "model": "fine", "prompt": ["Hi there", "and you"], "max_tokens": 8, "echo": True, "n": 2, "best_of": 2,
        "stream": True, "temperature": 0.5, "stop": "x", "options": _OPTIONS,
    }),
    Asked("POST", "/v1/completions", {"model": "fine", "prompt": [[100, 101], [102]], "max_tokens": 8, "logprobs": 3}),
    Asked("POST", "/v1/completions", {"model": "fine", "prompt": "a", "suffix": "b", "max_tokens": 8}),
    Asked("POST", "/v1/embeddings", {
        "model": "vectors", "input": ["red sun", "blue moon"], "encoding_format": "base64", "dimensions": 8,
        "truncate": True, "keep_alive": "5m", "options": {},
    }),
    Asked("POST", "/v1/embeddings", {"model": "vectors", "input": [[1, 2, 3], [4]], "encoding_format": "float"}),
    Asked("POST", "/v1/rerank", {
        "model": "vectors", "query": "sun", "documents": ["red sun", {"text": "moon"}], "top_n": 1,
        "return_documents": True,
    }),
    Asked("POST", "/api/rerank", {"model": "vectors", "query": "sun", "documents": ["red sun", "moon"], "top_n": 1}),
    Asked("POST", "/v1/tokenize", {"model": "fine", "content": "Hi there", "add_special": True}),
    Asked("POST", "/v1/detokenize", {"model": "fine", "tokens": [100, 101]}),
    Asked("POST", "/api/tokenize", {"model": "fine", "text": "Hi there", "add_special": False, "options": {}}),
    Asked("POST", "/api/detokenize", {"model": "fine", "tokens": [100, 101], "keep_alive": 60}),
    SOUND_FORM,
    Asked("POST", "/v1/messages", {
        "model": "fine", "max_tokens": 8, "messages": [{"role": "user", "content": "Hi there"}], "stream": True,
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}], "temperature": 0.5,
        "top_p": 0.5, "top_k": 20, "stop_sequences": ["x"], "metadata": {"user_id": "u"}, "options": _OPTIONS,
    }),
    Asked("POST", "/v1/messages", {
        "model": "jinja", "max_tokens": 16, "thinking": {"type": "enabled", "budget_tokens": 4}, "tools": [
            {"name": "get_weather", "description": "tells", "input_schema": SCHEMA, "strict": True},
            {"type": "web_search_20250305", "name": "web_search"},
        ],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "weather?"}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "tool_use", "id": "c1", "name": "get_weather", "input": {"a": 1}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "c1", "is_error": True, "content": [
                    {"type": "text", "text": "11"},
                    {"type": "document", "title": "t", "source": {"type": "text", "data": "x"}},
                ]},
                {"type": "search_result", "title": "t", "source": "s", "content": [{"type": "text", "text": "x"}]},
            ]},
        ],
    }),
    Asked("POST", "/v1/messages", {"model": "seeing", "max_tokens": 8, "messages": [{"role": "user", "content": [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}},
    ]}], "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}}}),
    Asked("POST", "/v1/messages/count_tokens", {
        "model": "fine", "messages": [{"role": "user", "content": "Hi there"}], "system": "Be brief.",
    }),
    Asked("GET", "/v1/models?limit=2&after_id=fine:latest", headers={"anthropic-version": "2023-06-01"}),
    Asked("GET", "/v1/models/fine"),
)  # fmt: skip

_LEFT_OUT = frozenset({"/api/pull", "/api/push", "/api/purge", "/api/engines/build"})
"""They ask other machines, take minutes, or would take away what the next request needs; they decode as the rest do."""


def valid_requests() -> tuple[Asked, ...]:
    """What is written above, and an empty object for each route that is not."""
    written = {asked.path.replace(DIGEST, ":digest") for asked in _WRITTEN}
    rest = (
        Asked(route.method, route.path.replace(":digest", DIGEST).replace(":encodedKey", "a2V5"), {})
        for route in ROUTES
        if route.path not in written | _LEFT_OUT
    )
    return _WRITTEN + tuple(rest)
