"""Answers of Anthropic's dialect: events of a stream, whole messages, counts, errors and lists of models."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.api.anthropic import count, messages, models
from tampu.api.dialect import Call
from tampu.descriptions import ModelDetails, ModelSummary
from tampu.errors import (
    BadRequest,
    EngineCrashed,
    EngineError,
    Forbidden,
    ModelNotFound,
    PromptTooLong,
    QueueFull,
    RequestCanceled,
    TampuError,
    Unauthorized,
)
from tampu.generation import (
    Dropped,
    Finished,
    FinishReason,
    GenerationEvent,
    PromptFitted,
    PromptProgress,
    TextDelta,
    ThinkingDelta,
    ToolCallReady,
    Usage,
)
from tampu.messages import ToolCall, ToolCallFunction

DONE = Finished(reason=FinishReason.STOP, usage=Usage(11, 5, 6))
CALL = ToolCallReady(ToolCall(ToolCallFunction("f", {"b": 1, "a": "ü"}), "call_1"))
SEARCH = ToolCallReady(ToolCall(ToolCallFunction("web_search", {"query": "q"}), "call_2"))
MARKED = {"cache_control": {"type": "ephemeral"}}
SEARCHES = {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}


def _writer(**fields: Any) -> Any:
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}], **fields}
    return messages.CODEC.writer(messages.CODEC.decode(Call(json.dumps(body).encode(), request_id="1f")))


def _streamed(events: list[GenerationEvent], **fields: Any) -> list[Any]:
    writer = _writer(stream=True, **fields)
    raw = b"".join([*(writer.chunk(event) for event in events), writer.end()])
    return _told(raw)


def _told(raw: bytes) -> list[Any]:
    frames = raw.decode().split("\n\n")
    assert frames.pop() == ""
    told = []
    for frame in frames:
        name, data = frame.split("\n")
        told.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {told[-1]['type']}"
    return told


def _whole(events: list[GenerationEvent], **fields: Any) -> Any:
    return json.loads(_writer(**fields).whole(events).body)


def test_a_stream_tells_how_the_prompt_is_read_then_the_answer() -> None:
    read = [PromptProgress(0, 11, 5), PromptProgress(11, 11, 5)]
    start, ping, begun, first, second, ended, delta, stop = _streamed([*read, TextDelta("a"), TextDelta('"'), DONE])
    assert start["message"]["id"].startswith("msg_")
    del start["message"]["id"]
    assert start["message"] == {
        "type": "message", "role": "assistant", "model": "m", "content": [],
        "usage": {"input_tokens": 11, "output_tokens": 0},
    }  # fmt: skip
    assert ping == {"type": "ping"}
    assert begun == {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    assert [first["delta"], second["delta"]] == [{"type": "text_delta", "text": text} for text in ("a", '"')]
    assert ended == {"type": "content_block_stop", "index": 0}
    assert delta == {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"input_tokens": 11, "output_tokens": 6},
    }
    assert stop == {"type": "message_stop"}


def test_thoughts_text_and_calls_are_blocks_one_after_the_other() -> None:
    told = _streamed([ThinkingDelta("hm"), TextDelta("a"), CALL, DONE])
    assert [(each["type"], each.get("index")) for each in told[1:-2]] == [
        ("content_block_start", 0), ("content_block_delta", 0), ("content_block_delta", 0), ("content_block_stop", 0),
        ("content_block_start", 1), ("content_block_delta", 1), ("content_block_stop", 1),
        ("content_block_start", 2), ("content_block_delta", 2), ("content_block_stop", 2),
    ]  # fmt: skip
    assert told[1]["content_block"] == {"type": "thinking", "thinking": "", "signature": ""}
    assert told[3]["delta"] == {"type": "signature_delta", "signature": "unsigned"}
    assert told[8]["content_block"] == {"type": "tool_use", "id": "call_1", "name": "f", "input": {}}
    assert told[9]["delta"] == {"type": "input_json_delta", "partial_json": '{"b":1,"a":"ü"}'}
    assert told[-2]["delta"] == {"stop_reason": "tool_use"}


def test_two_calls_never_have_one_id() -> None:
    nameless = ToolCallReady(ToolCall(ToolCallFunction("g")))
    ids = [block["id"] for block in _whole([CALL, CALL, nameless, nameless, DONE])["content"]]
    assert len(set(ids)) == 4
    assert all(name.startswith("call_") for name in ids)


def test_thoughts_out_of_sight_keep_their_place() -> None:
    fields = {"thinking": {"type": "adaptive", "display": "omitted"}}
    events = [ThinkingDelta("secret"), TextDelta("a"), DONE]
    assert _whole(events, **fields)["content"] == [
        {"type": "thinking", "thinking": "", "signature": "unsigned"},
        {"type": "text", "text": "a"},
    ]
    assert "secret" not in json.dumps(_streamed(events, **fields))


def test_a_search_that_nobody_can_make_is_answered() -> None:
    call, result = _whole([SEARCH, DONE], **SEARCHES)["content"]
    assert (call["type"], call["input"]) == ("server_tool_use", {"query": "q"})
    assert (result["type"], result["tool_use_id"]) == ("web_search_tool_result", call["id"])
    assert result["content"] == {"type": "web_search_tool_result_error", "error_code": "unavailable"}
    assert _whole([SEARCH, DONE], **SEARCHES)["stop_reason"] == "end_turn"
    assert [each["type"] for each in _streamed([SEARCH, DONE], **SEARCHES)[1:5]] == [
        "content_block_start",
        "content_block_stop",
    ] * 2
    assert _whole([SEARCH, DONE])["content"][0]["type"] == "tool_use"


@pytest.mark.parametrize(
    ("finished", "told"),
    [
        (DONE, {"stop_reason": "end_turn"}),
        (Finished(reason=FinishReason.LENGTH), {"stop_reason": "max_tokens"}),
        (Finished(reason=FinishReason.LOAD), {"stop_reason": "end_turn"}),
        (
            Finished(reason=FinishReason.STOP, stop_sequence="X"),
            {"stop_reason": "stop_sequence", "stop_sequence": "X"},
        ),
        (Finished(reason=FinishReason.STOP, stop_sequence="</s>"), {"stop_reason": "end_turn"}),
    ],
)
def test_why_an_answer_ended(finished: Finished, told: Any) -> None:
    whole = _whole([TextDelta("a"), finished], stop_sequences=["X"])
    assert {name: whole[name] for name in whole if name.startswith("stop_")} == told
    assert _streamed([TextDelta("a"), finished], stop_sequences=["X"])[-2]["delta"] == told


def test_an_answer_without_words_is_an_empty_list() -> None:
    assert _whole([Finished(reason=FinishReason.LOAD)])["content"] == []
    assert [each["type"] for each in _streamed([DONE])] == ["message_start", "message_delta", "message_stop"]


def test_cached_tokens_are_counted_apart_where_something_is_marked() -> None:
    apart = {"input_tokens": 6, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 5, "output_tokens": 6}
    assert _whole([DONE], **MARKED)["usage"] == apart
    start, *_, delta, _ = _streamed([PromptProgress(0, 11, 5), DONE], **MARKED)
    assert start["message"]["usage"] == {**apart, "output_tokens": 0}
    assert delta["usage"] == apart
    assert _whole([DONE])["usage"] == {"input_tokens": 11, "output_tokens": 6}


def test_what_was_left_out_and_the_request_are_told_in_the_head() -> None:
    writer = _writer(stream=True, truncate=True)
    assert writer.chunk(PromptFitted(Dropped(2, 0))) == b""
    assert dict(writer.headers) == {
        "request-id": "req_1f", "x-tampu-dropped-messages": "2", "x-tampu-dropped-tokens": "0",
    }  # fmt: skip
    reply = _writer().whole([PromptFitted(Dropped(2, 0)), DONE])
    assert dict(reply.headers)["x-tampu-dropped-messages"] == "2"


def test_an_answer_that_was_cut_off_is_an_error() -> None:
    for events in ([], [TextDelta("a")]):
        with pytest.raises(EngineError, match="before it was complete"):
            _writer().whole(events)


_pieces = st.one_of(
    st.builds(TextDelta, st.text(max_size=4)),
    st.builds(ThinkingDelta, st.text(max_size=4)),
    st.builds(PromptProgress, st.integers(0, 9), st.integers(0, 9)),
    st.sampled_from([CALL, SEARCH, PromptFitted(Dropped(1, 0))]),
)
_fields = st.sampled_from([{}, SEARCHES, MARKED, {"thinking": {"type": "adaptive", "display": "omitted"}}])


@given(st.lists(_pieces, max_size=12), st.sampled_from(FinishReason), _fields)
def test_any_events_make_a_well_formed_stream_which_joined_is_the_message(
    pieces: list[GenerationEvent], reason: FinishReason, fields: dict[str, Any]
) -> None:
    events = [*pieces, Finished(reason=reason, usage=Usage(11, 5, 6))]
    told = [each for each in _streamed(events, **fields) if each["type"] != "ping"]
    kinds = [each["type"] for each in told]
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])
    assert all(kinds.count(once) == 1 for once in ("message_start", "message_delta", "message_stop"))
    whole = _whole(events, **fields)
    assert _without_ids(_joined(told[1:-2])) == _without_ids(whole["content"])
    assert told[-2]["delta"]["stop_reason"] == whole["stop_reason"]
    assert told[-2]["usage"] == whole["usage"]


def _joined(told: list[Any]) -> list[Any]:
    """The blocks of a stream; fails where one begins inside another, or has another number than its place."""
    blocks: list[Any] = []
    arguments, is_open = "", False
    for each in told:
        if each["type"] == "content_block_start":
            assert not is_open
            assert each["index"] == len(blocks)
            blocks.append(each["content_block"])
            arguments, is_open = "", True
            continue
        assert is_open
        assert each["index"] == len(blocks) - 1
        if each["type"] == "content_block_stop":
            is_open = False
            blocks[-1] |= {"input": json.loads(arguments)} if arguments else {}
            continue
        match each["delta"]:
            case {"type": "input_json_delta", "partial_json": piece}:
                arguments += piece
            case {"type": "signature_delta", "signature": signature}:
                blocks[-1]["signature"] = signature
            case {"type": kind, **piece}:
                name = kind.removesuffix("_delta")
                blocks[-1][name] += piece[name]
    assert not is_open
    return blocks


def _without_ids(blocks: list[Any]) -> list[Any]:
    return [{name: value for name, value in block.items() if not name.endswith("id")} for block in blocks]


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (BadRequest("no"), 400, "invalid_request_error"),
        (Unauthorized("who"), 401, "authentication_error"),
        (Forbidden("no"), 403, "permission_error"),
        (ModelNotFound("m"), 404, "not_found_error"),
        (RequestCanceled(), 499, "invalid_request_error"),
        (EngineCrashed("gone"), 500, "api_error"),
        (QueueFull(), 503, "overloaded_error"),
    ],
)
def test_errors(error: TampuError, status: int, kind: str) -> None:
    writer = _writer(stream=True)
    reply = writer.early_error(error)
    told = {"type": "error", "error": {"type": kind, "message": error.message}, "request_id": "req_1f"}
    assert (reply.status, json.loads(reply.body)) == (status, told)
    assert dict(reply.headers)["request-id"] == "req_1f"
    assert ("retry-after" in dict(reply.headers)) is (status == 503)
    assert _told(writer.late_error(error)) == [told]
    unread = messages.CODEC.encode_error(error)
    assert dict(unread.headers)["request-id"] == json.loads(unread.body)["request_id"]


def test_a_prompt_that_is_too_long_is_told_in_words_that_agents_know() -> None:
    reply = _writer().early_error(PromptTooLong("too long", tokens=250, limit=200))
    assert json.loads(reply.body)["error"]["message"].startswith("prompt is too long: 250 tokens > 200 maximum")
    assert json.loads(_writer().early_error(PromptTooLong("too long")).body)["error"]["message"] == "too long"


def test_a_count() -> None:
    asked = count.CODEC.decode(Call(b'{"model":"m","messages":[{"role":"user","content":"x"}]}', request_id="2e"))
    reply = count.CODEC.encode(asked, 7)
    assert (json.loads(reply.body), dict(reply.headers)) == ({"input_tokens": 7}, {"request-id": "req_2e"})


STORED = [
    ModelSummary(name=f"m{n}:latest", digest="", size_bytes=1, modified_ns=10**9, details=ModelDetails())
    for n in range(4)
]


def _page(query: str) -> Any:
    page = models.LIST_CODEC.decode(Call(query=query))
    told = json.loads(models.LIST_CODEC.encode(page, STORED).body)
    return [model["id"][1] for model in told["data"]], told["has_more"]


@pytest.mark.parametrize(
    ("query", "shown", "has_more"),
    [
        ("", ["0", "1", "2", "3"], False),
        ("limit=3", ["0", "1", "2"], True),
        ("limit=2&after_id=m1:latest", ["2", "3"], False),
        ("after_id=m3:latest", [], False),
        ("limit=2&before_id=m3:latest", ["1", "2"], True),
        ("limit=2&before_id=m1:latest", ["0"], False),
    ],
)
def test_pages_of_models(query: str, shown: list[str], has_more: bool) -> None:
    assert _page(query) == (shown, has_more)


def test_pages_that_cannot_be() -> None:
    for query in ("limit=0", "limit=x", "limit=1001", "limit=99999999", "after_id=nobody", "before_id=nobody"):
        with pytest.raises(BadRequest):
            _page(query)
    empty = json.loads(models.LIST_CODEC.encode(models.Page(), []).body)
    assert empty == {"data": [], "has_more": False, "first_id": None, "last_id": None}


def test_one_model() -> None:
    asked = models.MODEL_CODEC.decode(Call(parameters={"model": "M1"}))
    told = json.loads(models.MODEL_CODEC.encode(asked, STORED).body)
    assert told == {
        "type": "model", "id": "M1", "display_name": "M1", "created_at": "1970-01-01T00:00:01Z", "lifecycle": "active",
        "max_input_tokens": None,
    }  # fmt: skip
    with pytest.raises(ModelNotFound):
        models.MODEL_CODEC.encode(models.One("nothing"), STORED)
