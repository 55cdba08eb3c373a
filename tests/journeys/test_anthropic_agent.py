"""What a coding agent sends to Anthropic's dialect, in its whole size and shape; and pictures, as it sends them."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest

from tests.journeys.conftest import Served, serving
from tests.journeys.test_vision import GO_TEMPLATE, store
from tests.models import models_folder, recorded_model, scripted_model_of
from tests.recordings import recording
from tests.vision import IMAGE_TOKENS, png, seeing_model

MARK = {"cache_control": {"type": "ephemeral"}}
ROOMY = {"options": {"num_ctx": 65536}}
TOOLS = 30


@pytest.fixture(scope="module")
def working(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("home")) as served:
        for model, script in (("v-tool", "scripted"), ("v-native", "dialects-jinja")):
            roomy = scripted_model_of({**recording(f"models/{script}.json"), "context": 65536})
            template = {"template": _template(model)} if model == "v-tool" else {}
            files = {"roomy.gguf": store(served, roomy)}
            served.ask("/api/create", {"model": model, "files": files, "stream": False, **template})
        files = {path.name: store(served, path) for path in seeing_model()}
        served.ask("/api/create", {"model": "seeing", "files": files, "template": GO_TEMPLATE, "stream": False})
        served.ask("/api/create", {"model": "seeing-itself", "files": files, "stream": False})
        yield served
        assert "Traceback" not in served.log


def _template(model: str) -> str:
    steps = recording("dialects/00-setup.json")["steps"]
    return next(str(step["json"]["template"]) for step in steps if step.get("json", {}).get("model") == model)


def _tool(number: int) -> dict[str, Any]:
    """A tool with as much about it as agents write: nested schemas, unions, bounds, long descriptions."""
    return {
        "name": "get_weather" if number == 0 else f"Tool{number}",
        "description": f"Does thing {number}.\n\nUsage notes:\n" + "- Use it with care, and never twice.\n" * 4,
        "input_schema": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Where"},
                "limit": {"type": "number", "minimum": 0, "exclusiveMinimum": 0, "default": 5},
                "mode": {"anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}]},
                "edits": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "properties": {
                            "old": {"type": "string"},
                            "new": {"type": "string"},
                            "all": {"type": "boolean"},
                        },
                        "required": ["old", "new"],
                        "additionalProperties": False,
                    },
                },
            },
            "required": ["city"],
            "additionalProperties": False,
        },
    }


def _request(turn: str, *, number: int = 0, **fields: Any) -> dict[str, Any]:
    reminder = {"type": "text", "text": "<system-reminder>\nThere is a file CLAUDE.md.\n</system-reminder>"}
    system = [
        {
            "type": "text",
            "text": f"x-anthropic-billing-header: cc_version=2.1.37; cc_entrypoint=cli; cch={number:05x};",
        },
        {"type": "text", "text": "You are an agent that works in a terminal.", **MARK},
        {"type": "text", "text": "Follow the rules of the house. " * 150, **MARK},
    ]
    return {
        "model": "v-tool",
        "max_tokens": 32000,
        "system": system,
        "messages": [{"role": "user", "content": [reminder, {"type": "text", "text": turn, **MARK}]}],
        "tools": [_tool(each) for each in range(TOOLS)],
        "tool_choice": {"type": "auto"},
        "metadata": {"user_id": '{"device_id":"0f","account_uuid":"","session_id":"5d"}'},
        "thinking": {"type": "adaptive"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high"},
        **fields,
    }


def _sent(served: Served, path: str, body: dict[str, Any]) -> tuple[int, bytes]:
    headers = {
        "x-api-key": "unused", "authorization": "Bearer unused", "anthropic-version": "2023-06-01", "x-app": "cli",
        "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27",
        "anthropic-dangerous-direct-browser-access": "true", "user-agent": "claude-cli/2.1.37 (external, cli)",
        "accept": "application/json", "content-type": "application/json", "x-stainless-lang": "js",
    }  # fmt: skip
    return served.request("POST", f"{path}?beta=true", {**body, **ROOMY}, **headers)


def _events(raw: bytes) -> list[Any]:
    return [json.loads(line[6:]) for line in raw.decode().splitlines() if line.startswith("data: ")]


@pytest.mark.parametrize("model", ["v-tool", "v-native"])
def test_a_turn_with_a_call_and_its_result(working: Served, model: str) -> None:
    """With the template of a Modelfile, and with the one in the weights."""
    request = _request("weather?", model=model, stream=True)
    status, raw = _sent(working, "/v1/messages", request)
    assert status == 200, raw
    events = _events(raw)
    assert [event["type"] for event in events].count("ping") > 2
    call = next(e["content_block"] for e in events if e.get("content_block", {}).get("type") == "tool_use")
    assert call["name"] == "get_weather"
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    start, end = events[0]["message"]["usage"], events[-2]["usage"]
    total = start["input_tokens"] + start["cache_read_input_tokens"]
    assert total == end["input_tokens"] + end["cache_read_input_tokens"] > 5000
    call = {**call, "input": {"city": "Lima"}}
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": "<tool_use_error>no</tool_use_error>"}
    request["messages"] += [
        {"role": "assistant", "content": [call]},
        {"role": "user", "content": [{**result, "is_error": True, **MARK}, {"type": "text", "text": "go on"}]},
    ]
    status, raw = _sent(working, "/v1/messages", request)
    assert status == 200, raw
    # All that was sent before is in the cache.
    assert _events(raw)[-2]["usage"]["cache_read_input_tokens"] >= total - 64


def test_the_prompt_of_another_turn_is_found_in_the_cache(working: Served) -> None:
    """Although a line of the agent's request is another one each time."""
    for number in (1, 2):
        status, raw = _sent(working, "/v1/messages", _request("more", number=number, max_tokens=1))
        assert status == 200, raw
    usage = json.loads(raw)["usage"]
    assert usage["cache_read_input_tokens"] > 50 * usage["input_tokens"]


def test_its_count(working: Served) -> None:
    request = _request("weather?")
    del request["max_tokens"]
    status, raw = _sent(working, "/v1/messages/count_tokens", request)
    assert status == 200, raw
    counted = json.loads(raw)["input_tokens"]
    usage = json.loads(_sent(working, "/v1/messages", {**request, "max_tokens": 1})[1])["usage"]
    assert counted == usage["input_tokens"] + usage["cache_read_input_tokens"]


@pytest.mark.parametrize("renderer", ["functiongemma", "lfm2"])
def test_the_count_where_a_prompt_format_writes_what_the_engine_adds(working: Served, renderer: str) -> None:
    """Formats begin with a token that the engine puts in front of every prompt; it is there once."""
    weights = bytearray(recorded_model("scripted").read_bytes())
    key = b"tokenizer.ggml.add_bos_token"
    weights[weights.index(key) + len(key) + 4] = 1
    beginning = models_folder() / "beginning.gguf"
    beginning.write_bytes(weights)
    files = {"beginning.gguf": store(working, beginning)}
    working.ask("/api/create", {"model": renderer, "files": files, "renderer": renderer, "stream": False})
    asked = {"model": renderer, "messages": [{"role": "user", "content": "hi"}]}
    counted = working.ask("/v1/messages/count_tokens", asked)["input_tokens"]
    assert counted == working.ask("/v1/messages", {**asked, "max_tokens": 1})["usage"]["input_tokens"]


@pytest.mark.parametrize("model", ["seeing", "seeing-itself"])
def test_pictures_from_users_and_from_tools(working: Served, model: str) -> None:
    """With a Go template, and with the engine's own chat path."""

    def asked(*blocks: dict[str, Any], **fields: Any) -> Any:
        greedy = {"options": {"temperature": 0, "seed": 1}}
        content: Any = [{"type": "text", "text": "what?"}, *blocks]
        messages: Any = [{"role": "user", "content": content}]
        return {"model": model, "messages": messages, "extra_body": greedy, **fields}

    def picture(*colour: int) -> dict[str, Any]:
        data = base64.b64encode(png(colour=(colour[0], colour[1], colour[2]))).decode()
        return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}

    red, blue = picture(255, 0, 0), picture(0, 0, 255)
    results = [{"type": "tool_result", "tool_use_id": "t", "content": [each]} for each in (red, blue)]
    with anthropic.Anthropic(base_url=working.url, api_key="unused", max_retries=0) as client:
        blind = client.messages.create(**asked(max_tokens=8))
        texts = {str(blind.content)}
        for blocks in ((red,), (blue,), (red, blue), (results[0],), (results[1],)):
            seen = client.messages.create(**asked(*blocks, max_tokens=8))
            assert seen.usage.input_tokens >= blind.usage.input_tokens + IMAGE_TOKENS * len(blocks)
            assert client.messages.count_tokens(**asked(*blocks)).input_tokens == seen.usage.input_tokens
            texts.add(str(seen.content))
        assert len(texts) > 3
        url = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
        with pytest.raises(anthropic.BadRequestError, match="Only base64 images are supported"):
            client.messages.create(**asked(url, max_tokens=8))
