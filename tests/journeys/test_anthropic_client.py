"""Anthropic's own Python package, unmodified, sync and async, against the real engine with scripted models."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anthropic
import pytest
from anthropic.types import Message, ThinkingBlock, ToolUseBlock

from tests.journeys.conftest import Served
from tests.journeys.dialects import make_models

HELLO = "Hello from the script. 你好，世界! Done…"
HI: Any = [{"role": "user", "content": "hi"}]
WEATHER: Any = {
    "name": "get_weather",
    "description": "Weather of a city",
    "input_schema": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}},
}
TIME: Any = {
    "name": "get_time",
    "description": "Time in a zone",
    "input_schema": {
        "type": "object",
        "required": ["zone"],
        "properties": {"zone": {"type": "string", "enum": ["UTC", "CET"]}},
    },
}
PET: Any = {
    "type": "json_schema",
    "schema": {
        "type": "object",
        "properties": {"kind": {"enum": ["cat", "dog"]}},
        "required": ["kind"],
        "additionalProperties": False,
    },
}
MODELS = ("v-hello", "v-count", "v-stop", "v-think", "v-tool", "v-tools", "v-both", "v-json", "v-map", "v-native")


@pytest.fixture(scope="module")
def speaking(served: Served) -> Served:
    make_models(served, *MODELS, "v-embed")
    return served


@pytest.fixture
def client(speaking: Served) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=speaking.url, api_key="unused", max_retries=0) as client:
        yield client


@pytest.fixture
async def async_client(speaking: Served) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=speaking.url, api_key="unused", max_retries=0) as client:
        yield client


def _ask(client: anthropic.Anthropic, model: str, **fields: Any) -> Message:
    message = client.messages.create(**{"model": model, "messages": HI, "max_tokens": 200, **fields})
    assert isinstance(message, Message)
    return message


def _text(message: Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def _calls(message: Message) -> list[ToolUseBlock]:
    return [block for block in message.content if block.type == "tool_use"]


def test_a_message(client: anthropic.Anthropic) -> None:
    message = _ask(client, "v-hello", system="Be kind.")
    assert (_text(message), message.stop_reason, message.stop_sequence) == (HELLO, "end_turn", None)
    assert message.usage.input_tokens > 0
    assert (message._request_id or "").startswith("req_")
    assert _ask(client, "v-count", max_tokens=3).stop_reason == "max_tokens"


def test_streaming_helpers(client: anthropic.Anthropic) -> None:
    with client.messages.stream(model="v-hello", messages=HI, max_tokens=200) as stream:
        assert "".join(stream.text_stream) == HELLO
        final = stream.get_final_message()
    assert (_text(final), final.stop_reason) == (HELLO, "end_turn")
    with client.messages.stream(model="v-tools", messages=HI, max_tokens=200, tools=[WEATHER, TIME]) as stream:
        assert [call.name for call in _calls(stream.get_final_message())] == ["get_weather", "get_time"]


@pytest.mark.parametrize("model", ["v-stop", "v-native"])
def test_the_stop_sequence_that_ended_an_answer_is_named(client: anthropic.Anthropic, model: str) -> None:
    """With a Go template and with the one in the weights, whole and streamed."""
    word = {"v-stop": "STOP", "v-native": "prompt"}[model]
    whole = _ask(client, model, stop_sequences=["nowhere", word])
    assert (whole.stop_reason, whole.stop_sequence) == ("stop_sequence", word)
    assert word not in _text(whole)
    with client.messages.stream(model=model, messages=HI, max_tokens=200, stop_sequences=[word]) as stream:
        final = stream.get_final_message()
    assert (final.stop_reason, final.stop_sequence, _text(final)) == ("stop_sequence", word, _text(whole))
    assert _ask(client, model, stop_sequences=["nowhere"]).stop_reason == "end_turn"


def test_a_stop_sequence_beside_tools(client: anthropic.Anthropic) -> None:
    """Also where the template in the weights describes them: their calls are read all the same."""
    for model in ("v-tools", "v-native"):
        assert _calls(_ask(client, model, tools=[WEATHER, TIME], stop_sequences=["nowhere"]))
        stopped = _ask(client, model, tools=[WEATHER, TIME], stop_sequences=["weather"])
        assert (stopped.stop_reason, stopped.stop_sequence, _calls(stopped)) == ("stop_sequence", "weather", [])


def test_tools_in_a_loop_of_three_turns(client: anthropic.Anthropic) -> None:
    messages: Any = [{"role": "user", "content": "weather?"}]
    for turn in ("call", "answer", "more"):
        message = _ask(client, "v-tool", messages=messages, tools=[WEATHER])
        messages.append({"role": "assistant", "content": message.content})
        if turn == "call":
            (call,) = _calls(message)
            assert (message.stop_reason, call.input) == ("tool_use", {"city": "Paris"})
            result = {"type": "tool_result", "tool_use_id": call.id, "content": [{"type": "text", "text": "21 C"}]}
            messages.append({"role": "user", "content": [result]})
        else:
            assert (_text(message), message.stop_reason) == (HELLO, "end_turn")
            messages.append({"role": "user", "content": "and tomorrow?"})


def test_a_demanded_call_keeps_to_its_tool(client: anthropic.Anthropic) -> None:
    for choice in ({"type": "tool", "name": "get_time"}, {"type": "any", "disable_parallel_tool_use": True}):
        tools = [TIME] if choice["type"] == "any" else [WEATHER, TIME]
        local = {"describe_tools": True, "temperature": 1}
        message = _ask(client, "v-hello", tools=tools, tool_choice=choice, extra_body=local)
        (call,) = _calls(message)
        assert (call.name, message.stop_reason) == ("get_time", "tool_use")
        assert call.input["zone"] in {"UTC", "CET"}
    forbidden = _ask(client, "v-tool", tools=[WEATHER], tool_choice={"type": "none"})
    assert not _calls(forbidden)
    one_at_most = {"type": "auto", "disable_parallel_tool_use": True}
    single = _ask(client, "v-tools", tools=[WEATHER, TIME], tool_choice=one_at_most)
    assert [call.name for call in _calls(single)] == ["get_weather"]


def test_thinking(client: anthropic.Anthropic) -> None:
    message = _ask(client, "v-think", max_tokens=2000, thinking={"type": "enabled", "budget_tokens": 1024})
    thoughts, text = message.content
    assert isinstance(thoughts, ThinkingBlock)
    assert thoughts.thinking == "I should greet them;\n\n"
    assert text.type == "text"
    # What came is sent back as it came, as the documentation wants it.
    back: Any = [*HI, {"role": "assistant", "content": message.content}, {"role": "user", "content": "more"}]
    assert _ask(client, "v-think", messages=back, thinking={"type": "adaptive"}).content[0].type == "thinking"
    assert [block.type for block in _ask(client, "v-think", thinking={"type": "disabled"}).content] == ["text"]
    with client.messages.stream(model="v-both", messages=HI, max_tokens=200, tools=[WEATHER]) as stream:
        final = stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "tool_use"]
    signed = final.content[0]
    assert isinstance(signed, ThinkingBlock)
    assert signed.signature
    # A model that cannot think answers without.
    for asked in ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, {"output_config": {"effort": "high"}}):
        assert _text(_ask(client, "v-hello", max_tokens=2000, **asked)) == HELLO


@pytest.mark.parametrize("model", ["v-json", "v-native", "v-think"])
def test_structured_output(client: anthropic.Anthropic, model: str) -> None:
    # Where no script fits the format tokens are drawn at random, and blanks without end are cut off in some draws.
    draws = (_ask(client, model, output_config={"format": PET}) for _ in range(10))
    ended = next(message for message in draws if message.stop_reason == "end_turn")
    assert json.loads(_text(ended))["kind"] in {"cat", "dog"}


def test_a_count_is_what_the_message_is_charged_for(client: anthropic.Anthropic) -> None:
    long: Any = [*HI, {"role": "assistant", "content": "yes"}, {"role": "user", "content": "word " * 50}]
    call: Any = {"type": "tool_use", "id": "t", "name": "get_weather", "input": {"city": "Oslo"}}
    result: Any = {"type": "tool_result", "tool_use_id": "t", "content": "2 C", "is_error": True}
    used: Any = [*HI, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    asked: list[dict[str, Any]] = [
        {"model": "v-hello", "messages": HI},
        {"model": "v-hello", "messages": long, "system": "Be kind."},
        {"model": "v-tool", "messages": used, "tools": [WEATHER, TIME]},
        {"model": "v-map", "messages": used, "tools": [WEATHER], "system": [{"type": "text", "text": "Be kind."}]},
        {"model": "v-think", "messages": HI, "thinking": {"type": "disabled"}},
        {"model": "v-native", "messages": long, "tools": [WEATHER], "system": "Be kind."},
        {"model": "v-native", "messages": HI},
    ]
    for fields in asked:
        counted = client.messages.count_tokens(**fields).input_tokens
        assert counted == client.messages.create(max_tokens=1, **fields).usage.input_tokens > 0, fields


def test_a_prompt_that_does_not_fit_is_counted_and_refused(client: anthropic.Anthropic) -> None:
    long: Any = [{"role": "user", "content": "word " * 500}, *HI]
    small: Any = {"options": {"num_ctx": 64}}
    for model in ("v-hello", "v-native"):
        tokens = client.messages.count_tokens(model=model, messages=long, extra_body=small).input_tokens
        with pytest.raises(anthropic.BadRequestError, match=rf"prompt is too long: {tokens} tokens > 64 maximum"):
            _ask(client, model, messages=long, extra_body=small)
        assert _text(_ask(client, model, messages=long, extra_body={**small, "truncate": True}))


def test_cached_tokens(client: anthropic.Anthropic) -> None:
    marked: Any = [{"type": "text", "text": "Be kind. " * 30, "cache_control": {"type": "ephemeral"}}]
    first = _ask(client, "v-hello", system=marked)
    again = _ask(client, "v-hello", system=marked).usage
    assert (again.cache_read_input_tokens or 0) > 20
    total = again.input_tokens + (again.cache_read_input_tokens or 0) + (again.cache_creation_input_tokens or 0)
    assert total == first.usage.input_tokens + (first.usage.cache_read_input_tokens or 0)
    with client.messages.stream(model="v-hello", messages=HI, max_tokens=200, system=marked) as stream:
        assert (stream.get_final_message().usage.cache_read_input_tokens or 0) > 20


def test_models(client: anthropic.Anthropic, speaking: Served) -> None:
    first = client.models.list(limit=2)
    assert len(first.data) == 2
    assert {f"{name}:latest" for name in MODELS} <= {model.id for model in client.models.list(limit=2)}
    told = client.models.retrieve("v-hello")
    assert (told.id, told.type, told.display_name) == ("v-hello", "model", "v-hello")
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("nothing/there:1b")
    assert speaking.ask("/v1/models", method="GET")["object"] == "list"


def test_errors_are_the_sdks_own(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError, match="'v-nothing' not found") as caught:
        _ask(client, "v-nothing")
    assert (caught.value.request_id or "").startswith("req_")
    assert caught.value.body == {
        "type": "error",
        "error": {"type": "not_found_error", "message": "model 'v-nothing' not found"},
        "request_id": caught.value.request_id,
    }
    with pytest.raises(anthropic.NotFoundError), client.messages.stream(model="v-nothing", messages=HI, max_tokens=9):
        pass
    with pytest.raises(anthropic.BadRequestError, match="messages is required"):
        _ask(client, "v-hello", messages=[])
    with pytest.raises(anthropic.BadRequestError, match="does not support chat"):
        _ask(client, "v-embed")
    with pytest.raises(anthropic.BadRequestError, match="does not support tools"):
        _ask(client, "v-hello", tools=[WEATHER])
    with pytest.raises(anthropic.BadRequestError, match='names "nobody"'):
        _ask(client, "v-tool", tools=[WEATHER], tool_choice={"type": "tool", "name": "nobody"})
    with pytest.raises(anthropic.PermissionDeniedError):
        _ask(client, "kimi:cloud")
    with pytest.raises(anthropic.NotFoundError):
        client.messages.count_tokens(model="v-nothing", messages=HI)


@pytest.mark.anyio
async def test_async(async_client: anthropic.AsyncAnthropic) -> None:
    whole = await async_client.messages.create(model="v-hello", messages=HI, max_tokens=200)
    assert _text(whole) == HELLO
    async with async_client.messages.stream(model="v-hello", messages=HI, max_tokens=200) as stream:
        assert "".join([text async for text in stream.text_stream]) == HELLO
        assert (await stream.get_final_message()).usage.output_tokens == whole.usage.output_tokens
    raw = await async_client.messages.create(model="v-tool", messages=HI, max_tokens=200, tools=[WEATHER], stream=True)
    assert [event.type async for event in raw] == [
        "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
        "message_stop",
    ]  # fmt: skip
    counted = await async_client.messages.count_tokens(model="v-hello", messages=HI)
    assert counted.input_tokens == whole.usage.input_tokens
    with pytest.raises(anthropic.NotFoundError):
        await async_client.messages.create(model="v-nothing", messages=HI, max_tokens=9)
