"""Chunks of generate and chat: their fields, their order, and that streams and whole answers tell the same."""

import json
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.api.dialect import Call, StreamCodec
from tampu.api.native import chat, generate
from tampu.generation import (
    Dropped,
    Finished,
    FinishReason,
    PromptRendered,
    TextDelta,
    ThinkingDelta,
    Timings,
    TokenLogprob,
    ToolCallReady,
    Usage,
)
from tampu.messages import ToolCall, ToolCallFunction

ROUTES = {
    "generate": (generate.CODEC, {"model": "m", "prompt": "x"}),
    "chat": (chat.CODEC, {"model": "m", "messages": [{"role": "user", "content": "x"}]}),
}
CALL = ToolCall(ToolCallFunction("f", {"b": 1, "a": {"c": None}}, 2), "call_1")
DONE = Finished(
    reason=FinishReason.LENGTH, usage=Usage(11, 5, 6), timings=Timings(1, 2, 3, 4), context=(1, 2), dropped=Dropped()
)
FUNCTION = {"function": {"index": 2, "name": "f", "arguments": {"b": 1, "a": {"c": None}}}}
both = pytest.mark.parametrize("route", ROUTES)


def _writer(route: str, **fields: Any) -> Any:
    codec: StreamCodec[Any, Any]
    codec, body = ROUTES[route]
    return codec.writer(codec.decode(Call(json.dumps(body | fields).encode())))


def _lines(writer: Any, events: list[Any]) -> list[dict[str, Any]]:
    return [json.loads(line) for event in events for line in writer.chunk(event).splitlines()]


def test_generate_writes_its_fields_in_order() -> None:
    writer = _writer("generate", logprobs=True)
    line = writer.chunk(TextDelta("t", (TokenLogprob("t", -0.5, (), (TokenLogprob("", -1.0),)),)))
    assert list(json.loads(line)) == ["model", "created_at", "response", "done", "logprobs"]
    assert json.loads(line)["logprobs"] == [
        {"token": "t", "logprob": -0.5, "bytes": [116], "top_logprobs": [{"token": "", "logprob": -1.0}]}
    ]
    assert list(json.loads(writer.chunk(DONE))) == [
        *("model", "created_at", "response", "done", "done_reason", "context", "total_duration", "load_duration"),
        *("prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration"),
    ]


def test_calls_stand_where_each_route_puts_them() -> None:
    (chunk,) = _lines(_writer("chat"), [ToolCallReady(CALL)])
    assert chunk["message"] == {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "call_1", "function": {"index": 2, "name": "f", "arguments": {"b": 1, "a": {"c": None}}}}
        ],
    }
    (chunk,) = _lines(_writer("generate"), [ToolCallReady(CALL)])
    assert [list(call) for call in chunk["tool_calls"]] == [["function"]]
    assert list(chunk["tool_calls"][0]["function"]) == ["index", "name", "arguments"]


@both
def test_counts_that_are_zero_are_left_out(route: str) -> None:
    (chunk,) = _lines(_writer(route), [Finished(reason=FinishReason.STOP)])
    assert set(chunk) - {"response", "message"} == {"model", "created_at", "done", "done_reason"}


@both
def test_what_was_dropped_is_told(route: str) -> None:
    (chunk,) = _lines(_writer(route), [Finished(reason=FinishReason.STOP, dropped=Dropped(2, 300))])
    assert chunk["dropped"] == {"messages": 2, "tokens": 300}


@both
@pytest.mark.parametrize("reason", ["load", "unload"])
def test_loads_carry_no_counts(route: str, reason: str) -> None:
    event = Finished(reason=FinishReason(reason), timings=Timings(5, 5, 5, 5))
    writer = _writer(route)
    assert writer.is_whole(event)
    body = json.loads(writer.whole([event]).body)
    assert set(body) - {"response", "message"} == {"model", "created_at", "done", "done_reason"}
    assert (body["done"], body["done_reason"]) == (True, reason)


def test_a_rendered_prompt_has_no_role() -> None:
    event = PromptRendered("<p>", 1)
    body = json.loads(_writer("chat").whole([event]).body)
    assert body["message"] == {"role": "", "content": ""}
    assert body["_debug_info"] == {"rendered_template": "<p>", "image_count": 1}
    assert json.loads(_writer("generate").whole([PromptRendered("p")]).body)["_debug_info"] == {
        "rendered_template": "p"
    }


texts = st.text(max_size=8)
events = st.lists(
    st.builds(TextDelta, texts) | st.builds(ThinkingDelta, texts) | st.just(ToolCallReady(CALL)), max_size=12
)


@both
@given(events=events)
def test_streamed_and_joined_answers_tell_the_same(route: str, events: list[Any]) -> None:
    writer = _writer(route)
    lines = _lines(writer, [*events, DONE])
    whole = json.loads(writer.whole([*events, DONE]).body)
    shown = [line["message"] if route == "chat" else line for line in lines]
    one = whole["message"] if route == "chat" else whole
    field = "content" if route == "chat" else "response"
    assert "".join(line[field] for line in shown) == one[field]
    assert "".join(line.get("thinking", "") for line in shown) == one.get("thinking", "")
    assert [call for line in shown for call in line.get("tool_calls", [])] == one.get("tool_calls", [])
    assert all(line["model"] == "m" and line["created_at"].endswith("Z") for line in lines)


@given(text=st.text(min_size=1))
def test_the_short_path_writes_what_the_long_one_would(text: str) -> None:
    for route in ROUTES:
        writer = _writer(route)
        fast = json.loads(writer.chunk(TextDelta(text)))
        slow = json.loads(writer.chunk(TextDelta(text, (TokenLogprob("x", 0.0),))))
        assert datetime.fromisoformat(fast.pop("created_at")) <= datetime.fromisoformat(slow.pop("created_at"))
        assert slow.pop("logprobs")
        assert list(fast.items()) == list(slow.items())
