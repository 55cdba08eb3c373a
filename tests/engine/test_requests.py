"""Bodies that are sent to an engine."""

import json
import math

import pytest

from tampu.engine.protocol import EngineChat, EngineCompletion
from tampu.engine.requests import chat_body, completion_body, conversation_fields, sampling_fields
from tampu.errors import EngineRefused
from tampu.messages import Message, Tool, ToolCall, ToolCallFunction, ToolFunction, ToolParameters, ToolProperty
from tampu.options import Sampling


@pytest.mark.parametrize(
    ("given", "field", "sent"),
    [
        ({}, "n_predict", 1000),
        ({"num_predict": -2}, "n_predict", 1000),
        ({"num_predict": 0}, "n_predict", 0),
        ({"num_predict": 1000}, "n_predict", 1000),
        ({"num_predict": 1001}, "n_predict", 1000),
        ({"num_predict": 2**40}, "n_predict", 1000),
        ({}, "seed", -1),
        ({"seed": -5}, "seed", -1),
        ({"seed": 0}, "seed", 0),
        ({"seed": 2**40 + 3}, "seed", 3),
        ({"repeat_last_n": -1}, "repeat_last_n", 100),
        ({"repeat_last_n": 0}, "repeat_last_n", 0),
        ({"repeat_last_n": 2**31 - 1}, "repeat_last_n", 1000),
        ({"num_keep": -1}, "n_keep", -1),
        ({}, "n_keep", 4),
        ({"top_k": -1}, "top_k", 0),
        ({"typical_p": 0.5}, "typical_p", 0.5),
        ({"stop": ("a", "b")}, "stop", ["a", "b"]),
        ({"repeat_penalty": 0.5}, "repeat_penalty", 0.5),
    ],
)
def test_sampling(given: dict, field: str, sent: object) -> None:
    assert sampling_fields(Sampling(**given), 100)[field] == sent


@pytest.mark.parametrize(
    "given",
    [
        {"repeat_penalty": 0.0},
        {"repeat_penalty": -1.0},
        {"repeat_penalty": math.nan},
        {"num_keep": -2},
        {"repeat_last_n": -2},
    ],
)
def test_sampling_that_no_engine_can_follow_is_refused_by_the_name_of_the_option(given: dict) -> None:
    with pytest.raises(EngineRefused, match=f'option "{next(iter(given))}" must be') as refused:
        sampling_fields(Sampling(**given), 100)
    assert refused.value.status == 400


def test_arguments_keep_their_order_and_what_lies_in_them_is_sorted() -> None:
    function = ToolCallFunction("f", {"z": {"y": [{"b": 1, "a": 2}], "x": {}}, "a": []})
    asked = [Message("assistant", tool_calls=(ToolCall(function),)), Message("tool", "done")]
    sent = conversation_fields(asked, (), None)["messages"][0]
    assert sent["tool_calls"][0]["function"]["arguments"] == '{"z":{"x":{},"y":[{"a":2,"b":1}]},"a":[]}'


def test_a_message_that_is_continued_has_no_calls() -> None:
    said = Message("assistant", "well", tool_calls=(ToolCall(ToolCallFunction("f")),))
    assert conversation_fields([said], (), None)["messages"] == [{"role": "assistant", "content": "well"}]
    silent = Message("assistant", tool_calls=(ToolCall(ToolCallFunction("f")),))
    assert conversation_fields([Message("user", "hi"), silent], (), None)["messages"] == [
        {"role": "user", "content": "hi"}
    ]


def test_a_schema_is_sent_in_the_order_in_which_it_is_printed_elsewhere() -> None:
    choice = ToolProperty(enum=[{"b": 1, "a": 2}])
    nested = ToolProperty(type="object", properties={"z": ToolProperty(items={"type": "string", "b": 1}), "a": choice})
    properties = {"o": nested, "c": ToolProperty(any_of=[choice])}
    parameters = ToolParameters(type="object", defs={"b": 1, "a": 2}, properties=properties)
    sent = conversation_fields([], [Tool(ToolFunction("f", parameters=parameters))], None)["tools"][0]["function"]
    assert json.dumps(sent["parameters"]) == json.dumps(
        {
            "type": "object",
            "$defs": {"a": 2, "b": 1},
            "properties": {
                "o": {
                    "type": "object",
                    "properties": {"z": {"items": {"b": 1, "type": "string"}}, "a": {"enum": [{"a": 2, "b": 1}]}},
                },
                "c": {"anyOf": [{"enum": [{"a": 2, "b": 1}]}]},
            },
        }
    )


@pytest.mark.parametrize(
    ("parameters", "sent"),
    [(ToolParameters(), {}), (ToolParameters(type="object"), {"type": "object", "properties": None})],
)
def test_a_schema_without_properties_says_so(parameters: ToolParameters, sent: dict) -> None:
    [tool] = conversation_fields([], [Tool(ToolFunction("f", parameters=parameters))], None)["tools"]
    assert tool["function"]["parameters"] == sent


def test_completions() -> None:
    request = EngineCompletion(prompt=(1, 2), sampling=Sampling(), logprobs=0, preserved=["<t>"])
    body = completion_body(request, num_ctx=10, constraint={"json_schema": {"type": "object"}})
    assert body["prompt"] == [1, 2]
    assert body["stream"] is True
    assert body["cache_prompt"] is True
    assert body["n_probs"] == 1
    assert body["preserved_tokens"] == ["<t>"]
    assert body["json_schema"] == {"type": "object"}
    pictured = EngineCompletion(prompt="see <m>", sampling=Sampling(), images=[b"hi"])
    sent = completion_body(pictured, num_ctx=10, constraint={})
    assert sent["prompt"] == {"prompt_string": "see <m>", "multimodal_data": ["aGk="]}
    assert "json_schema" not in sent
    assert "n_probs" not in sent


@pytest.mark.parametrize(
    ("medium", "part"),
    [
        (b"\xff\xd8\xff", {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,/9j/"}}),
        (b"any", {"type": "image_url", "image_url": {"url": "data:image/png;base64,YW55"}}),
        (
            b"RIFF....WAVE",
            {"type": "input_audio", "input_audio": {"data": "UklGRi4uLi5XQVZF", "format": "wav"}},
        ),
        (b"ID3", {"type": "input_audio", "input_audio": {"data": "SUQz", "format": "mp3"}}),
        (b"\xff\xfb", {"type": "input_audio", "input_audio": {"data": "//s=", "format": "mp3"}}),
    ],
)
def test_media(medium: bytes, part: dict) -> None:
    body = conversation_fields([Message("user", "look", images=(medium,))], (), None)
    assert body["messages"][0]["content"] == [{"type": "text", "text": "look"}, part]


def test_conversations() -> None:
    call = ToolCall(ToolCallFunction("f", {"b": 1, "a": "ö"}), "id1")
    parameters = ToolParameters(type="object", properties={"x": ToolProperty(type="string")}, required=["x"])
    request = EngineChat(
        messages=[
            Message("assistant", "", thinking="hidden", tool_calls=(call,)),
            Message("tool", "1", tool_name="f", tool_call_id="id1"),
        ],
        tools=[Tool(ToolFunction("f", "does", parameters))],
        sampling=Sampling(),
        think="low",
        logprobs=3,
    )
    body = chat_body(request, num_ctx=10, schema={})
    assert body["messages"] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "id1", "type": "function", "function": {"name": "f", "arguments": '{"b":1,"a":"ö"}'}}
            ],
        },
        {"role": "tool", "content": "1", "tool_call_id": "id1", "name": "f"},
    ]
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "f",
                "description": "does",
                "parameters": {"type": "object", "required": ["x"], "properties": {"x": {"type": "string"}}},
            },
        }
    ]
    assert body["chat_template_kwargs"] == {"enable_thinking": True, "reasoning_effort": "low"}
    assert (body["logprobs"], body["top_logprobs"]) == (True, 3)
    assert body["response_format"] == {"type": "json_schema", "json_schema": {"schema": {}}}
    plain = chat_body(EngineChat(messages=[], sampling=Sampling(), think=False), num_ctx=10, schema=None)
    assert plain["chat_template_kwargs"] == {"enable_thinking": False}
    assert "tools" not in plain
