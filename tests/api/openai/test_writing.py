"""Answers of OpenAI's dialect: chunks, whole answers, several at once, counts and errors."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.api.dialect import Call
from tampu.api.openai import chat, completions, embeddings, models
from tampu.descriptions import ModelDetails, ModelSummary
from tampu.errors import EngineCrashed, EngineError, ModelNotFound, PromptTooLong, QueueFull
from tampu.generation import (
    ChoiceEvent,
    Dropped,
    Embeddings,
    Finished,
    FinishReason,
    PromptFitted,
    PromptRendered,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCallReady,
    Usage,
)
from tampu.messages import ToolCall, ToolCallFunction

DONE = Finished(reason=FinishReason.STOP, usage=Usage(11, 5, 6, 2))
CALL = ToolCallReady(ToolCall(ToolCallFunction("f", {"b": 1, "a": "ü"}), "call_1"))


def _writer(codec: Any, **fields: Any) -> Any:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "prompt": "x"}
    return codec.writer(codec.decode(Call(json.dumps(body | fields).encode())))


def _sent(writer: Any, events: list[Any]) -> list[Any]:
    raw = b"".join([*(writer.chunk(event) for event in events), writer.end()])
    frames = raw.decode().split("\n\n")
    assert frames.pop() == ""
    assert all(frame.startswith("data: ") for frame in frames)
    told = [frame.removeprefix("data: ") for frame in frames]
    assert told.pop() == "[DONE]"
    return [json.loads(each) for each in told]


def _whole(writer: Any, events: list[Any]) -> Any:
    return json.loads(writer.whole(events).body)


def test_a_stream_names_the_role_once_and_ends_with_its_reason() -> None:
    chunks = _sent(_writer(chat.CODEC, stream=True), [TextDelta("a"), TextDelta(""), TextDelta('"'), DONE])
    choices = [chunk["choices"][0] for chunk in chunks]
    assert choices == [
        {"index": 0, "delta": {"role": "assistant", "content": "a"}, "finish_reason": None},
        {"index": 0, "delta": {"content": '"'}, "finish_reason": None},
        {"index": 0, "delta": {}, "finish_reason": "stop"},
    ]
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert {(chunk["object"], chunk["model"]) for chunk in chunks} == {("chat.completion.chunk", "m")}
    assert not any("usage" in chunk for chunk in chunks)


@pytest.mark.parametrize("codec", [chat.CODEC, completions.CODEC])
def test_counts_come_last_and_their_place_is_null_before(codec: Any) -> None:
    writer = _writer(codec, stream=True, stream_options={"include_usage": True})
    *others, last = _sent(writer, [TextDelta("a"), TextDelta("b"), DONE])
    assert [chunk["usage"] for chunk in others] == [None] * len(others)
    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 11, "completion_tokens": 6, "total_tokens": 17}


@pytest.mark.parametrize(
    ("usage", "details"),
    [
        (Usage(2000, 1023, 900, 63), {}),
        (Usage(2000, 1024, 900, 63), {"prompt_tokens_details": {"cached_tokens": 1024}}),
        (Usage(2000, 0, 900, 64), {"completion_tokens_details": {"reasoning_tokens": 64}}),
    ],
)
def test_details_are_told_where_they_are_worth_a_word(usage: Usage, details: dict[str, Any]) -> None:
    told = _whole(_writer(chat.CODEC), [TextDelta("a"), Finished(reason=FinishReason.STOP, usage=usage)])["usage"]
    assert told == {"prompt_tokens": 2000, "completion_tokens": 900, "total_tokens": 2900, **details}


def test_an_answer_without_a_word_still_has_a_role() -> None:
    chunks = _sent(_writer(chat.CODEC, stream=True), [DONE])
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert chunks[1]["choices"][0]["finish_reason"] == "stop"


def test_calls_are_numbered_and_end_the_answer() -> None:
    writer = _writer(chat.CODEC, stream=True)
    chunks = _sent(writer, [ThinkingDelta("hm"), CALL, ToolCallReady(ToolCall(ToolCallFunction("g"))), DONE])
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": "", "reasoning": "hm"}
    calls = [delta["tool_calls"][0] for delta in deltas[1:3]]
    assert calls[0] == {
        "id": "call_1",
        "index": 0,
        "type": "function",
        "function": {"name": "f", "arguments": '{"b":1,"a":"ü"}'},
    }
    assert (calls[1]["index"], calls[1]["id"][:5]) == (1, "call_")
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"
    cut = _whole(_writer(chat.CODEC), [CALL, Finished(reason=FinishReason.LENGTH)])
    assert cut["choices"][0]["finish_reason"] == "length"


def test_several_answers_are_told_apart_and_their_prompt_counts_once() -> None:
    events = [ChoiceEvent(1, TextDelta("b")), ChoiceEvent(0, TextDelta("a")), ChoiceEvent(0, DONE)]
    whole = _whole(_writer(chat.CODEC, n=2), [*events, ChoiceEvent(1, DONE)])
    assert [choice["message"]["content"] for choice in whole["choices"]] == ["a", "b"]
    assert (whole["usage"]["prompt_tokens"], whole["usage"]["completion_tokens"]) == (11, 12)
    chunks = _sent(_writer(chat.CODEC, n=2, stream=True), [*events, ChoiceEvent(1, TextDelta("c"))])
    assert [(chunk["choices"][0]["index"], chunk["choices"][0]["delta"].get("role")) for chunk in chunks] == [
        (1, "assistant"),
        (0, "assistant"),
        (0, None),
        (1, None),
    ]


def test_an_echo_stands_before_each_answer_of_its_prompt() -> None:
    fields = {"prompt": ["p", "q"], "n": 2, "echo": True}
    events = [ChoiceEvent(choice, event) for choice in range(4) for event in (TextDelta(str(choice)), DONE)]
    whole = _whole(_writer(completions.CODEC, **fields), events)
    assert [choice["text"] for choice in whole["choices"]] == ["p0", "p1", "q2", "q3"]
    assert whole["usage"]["prompt_tokens"] == 22
    chunks = _sent(_writer(completions.CODEC, stream=True, **fields), events)
    texts = [(chunk["choices"][0]["index"], chunk["choices"][0]["text"]) for chunk in chunks]
    assert "".join(text for index, text in texts if index == 3) == "q3"


def test_log_probabilities_in_the_form_of_each_route() -> None:
    entries = (TokenLogprob("a", -0.5, (97,), (TokenLogprob("", -1.0),)), TokenLogprob("bc", -0.25, (98, 99)))
    told = _whole(_writer(chat.CODEC, logprobs=True), [TextDelta("abc", entries), DONE])["choices"][0]["logprobs"]
    assert told["content"][0] == {
        "token": "a",
        "logprob": -0.5,
        "bytes": [97],
        "top_logprobs": [{"token": "", "logprob": -1.0}],
    }
    older = _whole(_writer(completions.CODEC, logprobs=1), [TextDelta("abc", entries), DONE])["choices"][0]["logprobs"]
    assert older == {
        "tokens": ["a", "bc"],
        "token_logprobs": [-0.5, -0.25],
        "top_logprobs": [{"": -1.0}, {}],
        "text_offset": [0, 1],
    }


@given(st.lists(st.tuples(st.sampled_from([TextDelta, ThinkingDelta]), st.text(max_size=5)), max_size=8))
def test_a_stream_joined_is_the_whole_answer(pieces: list[tuple[Any, str]]) -> None:
    events = [*(kind(text) for kind, text in pieces), DONE]
    message = _whole(_writer(chat.CODEC), events)["choices"][0]["message"]
    deltas = [chunk["choices"][0]["delta"] for chunk in _sent(_writer(chat.CODEC, stream=True), events)]
    for name in ("content", "reasoning"):
        assert "".join(delta.get(name, "") for delta in deltas) == message.get(name, "")


def test_what_was_left_out_is_told_in_the_head() -> None:
    writer = _writer(chat.CODEC, stream=True)
    assert writer.chunk(PromptFitted(Dropped(2, 0))) == b""
    assert ("x-tampu-dropped-messages", "2") in writer.headers


def test_a_rendered_prompt() -> None:
    writer = _writer(chat.CODEC, _debug_render_only=True)
    assert _whole(writer, [PromptRendered("p", 1)])["_debug_info"] == {"rendered_template": "p", "image_count": 1}
    streamed = _writer(chat.CODEC, _debug_render_only=True, stream=True)
    assert streamed.chunk(PromptRendered("p")).count(b"data:") == 1
    assert streamed.end() == b""


def test_an_answer_that_was_cut_off_is_an_error() -> None:
    with pytest.raises(EngineError, match="before it was complete"):
        _writer(chat.CODEC).whole([TextDelta("a")])


@pytest.mark.parametrize(
    ("error", "status", "kind", "code"),
    [
        (PromptTooLong("too long"), 400, "invalid_request_error", "context_length_exceeded"),
        (ModelNotFound("m"), 404, "not_found_error", None),
        (QueueFull(), 503, "api_error", None),
        (EngineCrashed("gone"), 500, "api_error", None),
    ],
)
def test_errors(error: Any, status: int, kind: str, code: str | None) -> None:
    writer = _writer(chat.CODEC, stream=True)
    reply = writer.early_error(error)
    told = {"error": {"message": error.message, "type": kind, "param": None, "code": code}}
    assert (reply.status, json.loads(reply.body)) == (status, told)
    assert writer.late_error(error) == b"data: %b\n\n" % reply.body
    assert (("retry-after", "5") in reply.headers) is (status == 503)


def test_vectors_as_numbers_and_in_base64() -> None:
    def answered(**fields: Any) -> Any:
        call = embeddings.CODEC.decode(Call(json.dumps({"model": "m", "input": ["a", "b"], **fields}).encode()))
        return json.loads(embeddings.CODEC.encode(call, Embeddings(((1.0, -0.5), (0.0, 2.0)), 7)).body)

    assert [item["embedding"] for item in answered()["data"]] == [[1.0, -0.5], [0.0, 2.0]]
    assert answered()["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
    assert answered(encoding_format="base64")["data"][0] == {
        "object": "embedding",
        "embedding": "AACAPwAAAL8=",
        "index": 0,
    }


def test_models_are_found_in_any_case_and_called_as_asked_for() -> None:
    stored = [_stored(name) for name in _NAMES]
    listed = json.loads(models.LIST_CODEC.encode(None, stored).body)
    assert [model["id"] for model in listed["data"]] == _NAMES
    assert json.loads(models.LIST_CODEC.encode(None, []).body)["data"] == []
    for name, owner in (("M", "library"), ("ns/M:tag", "ns")):
        asked = models.MODEL_CODEC.decode(Call(parameters={"model": name}))
        one = json.loads(models.MODEL_CODEC.encode(asked, stored).body)
        assert one == {"id": name, "object": "model", "created": 5, "owned_by": owner}
    with pytest.raises(ModelNotFound):
        models.MODEL_CODEC.encode("other", stored)


_NAMES = ["m:latest", "ns/m:tag"]


def _stored(name: str) -> ModelSummary:
    return ModelSummary(name=name, digest="", size_bytes=1, modified_ns=5_000_000_000, details=ModelDetails())
