"""Chats through the engine's own template and parsers, with scripted models."""

from dataclasses import replace
from typing import Any

import pytest

from tampu.engine.process import ChildEngine
from tampu.engine.protocol import (
    EngineChat,
    EngineEnd,
    EngineEvent,
    EngineThinking,
    EngineToolCalls,
    StopKind,
)
from tampu.errors import EngineRefused, PromptTooLong
from tampu.generation import AnyJson, JsonSchema
from tampu.messages import Message, Tool, ToolCall, ToolCallFunction, ToolFunction, ToolParameters, ToolProperty
from tests.engine.running import GREEDY, events_of, running, text_of
from tests.models import recorded_model, scripted_model

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def tool(name: str, argument: str) -> Tool:
    properties = {argument: ToolProperty(type="string")}
    return Tool(ToolFunction(name, "", ToolParameters(type="object", properties=properties)))


TOOLS = (tool("get_weather", "city"), tool("get_time", "zone"))


async def chat(child: ChildEngine, text: str, *, num_predict: int = -1, **fields: Any) -> list[EngineEvent]:
    sampling = replace(GREEDY, num_predict=num_predict)
    request = EngineChat(messages=[Message("user", text)], sampling=sampling, **fields)
    return await events_of(child.engine.chat(request))


def thinking_of(events: list[EngineEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, EngineThinking))


def calls_of(events: list[EngineEvent]) -> list[tuple[str, dict]]:
    return [
        (call.function.name, call.function.arguments)
        for event in events
        if isinstance(event, EngineToolCalls)
        for call in event.calls
    ]


async def test_thinking_and_answer() -> None:
    async with running(recorded_model("http-jinja"), num_ctx=1024) as child:
        for think, expected in ((None, True), (True, True), ("high", True), (False, False)):
            events = await chat(child, "hi", think=think)
            end = events[-1]
            assert isinstance(end, EngineEnd)
            assert (end.stop, end.prompt_tokens) == (StopKind.END, 21)
            assert thinking_of(events).strip() == ("who is there" if expected else "")
            assert text_of(events) == ("Hello from Jinja" if expected else "Quick answer")


async def test_limits() -> None:
    async with running(recorded_model("http-jinja"), num_ctx=1024) as child:
        events = await chat(child, "@8", num_predict=3)
        assert text_of(events) == "up down left "
        assert (events[-1].stop, events[-1].completion_tokens) == (StopKind.LIMIT, 3)
        events = await chat(child, "@8", num_predict=0)
        assert [type(event) for event in events] == [EngineEnd]
        assert (events[0].stop, events[0].completion_tokens) == (StopKind.LIMIT, 0)
        with pytest.raises(PromptTooLong) as refused:
            await chat(child, "x" * 2000)
        assert refused.value.limit == 1024


async def test_calls_of_tools_come_whole_just_before_the_end() -> None:
    async with running(recorded_model("http-jinja"), num_ctx=1024) as child:
        events = await chat(child, "@6", tools=TOOLS)
        assert text_of(events) == "Two. "
        assert calls_of(events) == [("get_weather", {"city": "Rome"}), ("get_time", {"zone": "UTC"})]
        assert isinstance(events[-2], EngineToolCalls)
        assert len({call.id for call in events[-2].calls}) == 2
        events = await chat(child, "@9", tools=TOOLS)
        assert thinking_of(events).strip() == "I need a tool"
        assert calls_of(events) == [("get_time", {"zone": "EET"})]


async def test_without_tools_a_call_is_text() -> None:
    async with running(recorded_model("http-jinja"), num_ctx=1024) as child:
        events = await chat(child, "@7")
        assert text_of(events).startswith('<tool_call>\n{"name": "get_weather"')
        assert calls_of(events) == []


async def test_formats_constrain() -> None:
    async with running(recorded_model("http-jinja"), num_ctx=1024) as child:
        for wanted in (AnyJson(), JsonSchema({"type": "object"})):
            assert text_of(await chat(child, "@4", format=wanted)) == '{"a": [1, 2]}'
        with pytest.raises(EngineRefused) as refused:
            await chat(child, "@4", format=JsonSchema({"type": "nope"}))
        assert refused.value.body == (
            '{"error":{"code":400,"message":"Unable to generate parser for this template. Automatic parser generation '
            'failed: JSON schema conversion failed:\\nUnrecognized schema: {\\"type\\":\\"nope\\"}",'
            '"type":"invalid_request_error"}}'
        )
        with pytest.raises(EngineRefused, match="properties must be an object"):
            await chat(child, "@4", format=JsonSchema({"type": "object", "properties": 3}))


async def test_logprobs_list_every_token_tags_included() -> None:
    async with running(recorded_model("http-jinja"), num_ctx=1024) as child:
        events = await chat(child, "hi", logprobs=0)
        tokens = [item.token for event in events[:-1] for item in event.logprobs]
        assert "".join(tokens) == "<think>\nwho is there\n</think>\n\nHello from Jinja"
        with pytest.raises(EngineRefused, match="logprobs is not supported with tools"):
            await chat(child, "hi", logprobs=0, tools=TOOLS)


async def test_chat_shows_a_template_everything() -> None:
    template = (
        "{%- for m in messages -%}[{{ m.role }}|{{ m.content }}|{{ m.name }}|{{ m.tool_call_id }}|"
        "{% for c in m.tool_calls %}{{ c.function.name }}({{ c.function.arguments }}){% endfor %}]{%- endfor -%}"
        "{{ tools | length }} {{ enable_thinking }} {{ reasoning_effort }}"
    )
    call = ToolCall(ToolCallFunction("get", {"b": 1, "a": [2]}), "c1")
    async with running(scripted_model(["ok"], chat_template=template)) as child:
        prompt = await child.engine.render_chat(
            [
                Message("user", "hi"),
                Message("assistant", "", thinking="secret", tool_calls=(call,)),
                Message("tool", "7", tool_name="get", tool_call_id="c1"),
            ],
            tools=[Tool(ToolFunction("get"))],
            think="high",
        )
        assert "[user|hi" in prompt
        assert "get({" in prompt
        assert "[tool|7|get|c1|" in prompt
        assert "secret" not in prompt
        assert prompt.endswith("1 True high")


async def test_a_schema_that_no_answer_satisfies_is_refused() -> None:
    schema = JsonSchema({"type": "integer", "minimum": 5, "maximum": 3})
    async with running(recorded_model("http-jinja"), num_ctx=1024) as child:
        request = EngineChat(messages=[Message("user", "@4")], sampling=GREEDY, format=schema)
        with pytest.raises(EngineRefused, match="no answer satisfies the schema") as refused:
            await events_of(child.engine.chat(request))
    assert refused.value.status == 400
