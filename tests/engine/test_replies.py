"""Events and errors read from an engine's words."""

import msgspec
import pytest

from tampu.engine.protocol import EngineEnd, EngineText, EngineThinking, EngineToolCalls, StopKind
from tampu.engine.replies import ChatReader, CompletionReader, UnreadableReply, refusal
from tampu.errors import EngineRefused, PromptTooLong
from tampu.messages import ToolCall, ToolCallFunction

TOO_LONG = (
    '{"error":{"code":400,"message":"request (683 tokens) exceeds the available context size (256 tokens), try '
    'increasing it","type":"exceed_context_size_error","n_prompt_tokens":683,"n_ctx":256}}'
)


def completion() -> CompletionReader:
    return CompletionReader(alternatives=None, is_muted=False)


def chat(**fields: bool) -> ChatReader:
    return ChatReader(alternatives=None, is_muted=False, **fields)


def delta(**fields: object) -> bytes:
    return msgspec.json.encode({"choices": [{"index": 0, "finish_reason": None, "delta": fields}]})


FINISH = b'{"choices":[{"finish_reason":"tool_calls","delta":{}}],"timings":{"cache_n":2,"prompt_n":3,"predicted_n":4}}'


def test_completion_events() -> None:
    reader = completion()
    assert reader.read(b'{"content":"a","tokens":[1],"stop":false}') == [EngineText("a")]
    assert reader.read(b'{"content":"","stop":false}') == []
    assert reader.end is None
    (end,) = reader.read(
        b'{"content":"","stop":true,"stop_type":"word","tokens_predicted":5,"tokens_evaluated":9,'
        b'"timings":{"cache_n":4,"prompt_n":5,"prompt_ms":1.5,"predicted_n":5,"predicted_ms":2.5}}'
    )
    assert reader.end is end
    assert end == EngineEnd(
        stop=StopKind.WORD, prompt_tokens=9, cached_tokens=4, completion_tokens=5, prompt_ms=1.5, completion_ms=2.5
    )


def test_the_last_event_may_carry_text() -> None:
    reader = completion()
    assert reader.read(b'{"content":"x","stop":true,"stop_type":"eos"}')[0] == EngineText("x")


def probable(content: str, token: str) -> bytes:
    item = {"token": token, "logprob": -0.5, "top_logprobs": []}
    return msgspec.json.encode({"content": content, "completion_probabilities": [item]})


def test_probabilities_go_out_with_their_text_and_never_behind_it() -> None:
    reader = CompletionReader(alternatives=0, is_muted=False)
    assert reader.read(probable("", " \n")) == []
    (event,) = reader.read(probable(" \nHi", "Hi"))
    assert isinstance(event, EngineText)
    assert [item.token for item in event.logprobs] == [" \n", "Hi"]
    assert reader.read(probable("", "<end>")) == []
    (end,) = reader.read(b'{"content":"","stop":true,"stop_type":"eos"}')
    assert isinstance(end, EngineEnd)


@pytest.mark.parametrize("data", [b"{", b"[]", b'"x"', b"\xff", b"", b"nonsense"])
def test_what_no_engine_says(data: bytes) -> None:
    for reader in (completion(), chat()):
        with pytest.raises(UnreadableReply):
            reader.read(data)


def test_bytes_that_are_no_text_become_replacement_characters() -> None:
    assert completion().read(b'{"content":"a\xffb"}') == [EngineText("a\ufffdb")]


def test_errors_inside_a_stream() -> None:
    for reader in (completion(), chat()):
        with pytest.raises(EngineRefused) as refused:
            reader.read(b'{"error":{"code":500,"message":"Context size has been exceeded.","type":"server_error"}}')
        assert refused.value.status == 500
        with pytest.raises(EngineRefused, match="text"):
            reader.read(b'{"error":"text"}')


def test_calls_in_pieces() -> None:
    reader = chat()
    pieces = [
        delta(role="assistant", content=None),
        delta(reasoning_content="hm"),
        delta(content="So: "),
        delta(tool_calls=[{"index": 1, "id": "b", "function": {"name": "g", "arguments": ""}}]),
        delta(tool_calls=[{"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x"'}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": ":1}"}}]),
        FINISH,
    ]
    events = [event for piece in pieces for event in reader.read(piece)]
    assert events[:2] == [EngineThinking("hm"), EngineText("So: ")]
    assert events[2] == EngineToolCalls(
        (ToolCall(ToolCallFunction("f", {"x": 1}, 0), "a"), ToolCall(ToolCallFunction("g", {}, 1), "b"))
    )
    assert isinstance(events[3], EngineEnd)
    assert (events[3].prompt_tokens, events[3].cached_tokens, events[3].completion_tokens) == (5, 2, 4)
    assert reader.read(b"[DONE]") == []


@pytest.mark.parametrize("arguments", ['{"x": ', "[1]", '"x"', "nope"])
def test_a_call_with_broken_arguments_is_kept_as_text(arguments: str) -> None:
    reader = chat()
    reader.read(delta(tool_calls=[{"index": 0, "id": "a", "function": {"name": "f", "arguments": arguments}}]))
    text, end = reader.read(FINISH)
    assert text == EngineText(f'{{"name": "f", "arguments": {arguments}}}')
    assert isinstance(end, EngineEnd)


def test_an_engine_that_tells_no_timings_still_ends() -> None:
    reader = chat()
    assert reader.read(b'{"choices":[{"finish_reason":"length","delta":{}}]}') == []
    (end,) = reader.read(b"[DONE]")
    assert isinstance(end, EngineEnd)
    assert end.stop is StopKind.LIMIT


def test_refusals() -> None:
    too_long = refusal(400, TOO_LONG)
    assert isinstance(too_long, PromptTooLong)
    assert (too_long.message, too_long.tokens, too_long.limit) == (TOO_LONG, 683, 256)
    batch = refusal(
        500,
        '{"error":{"code":500,"message":"input (65 tokens) is too large to process. increase the physical batch size '
        '(current batch size: 64)","type":"server_error"}}',
    )
    assert isinstance(batch, PromptTooLong)
    assert (batch.tokens, batch.limit) == (65, 64)
    for text in ("plain words", '{"error":"words"}', '{"error":{"code":501,"message":"no embeddings"}}'):
        other = refusal(501, text)
        assert isinstance(other, EngineRefused)
        assert (other.status, other.body) == (501, text)
    no_vectors = refusal(400, '{"error":{"code":400,"message":"Pooling type \'none\' is not OAI compatible. Please"}}')
    assert isinstance(no_vectors, EngineRefused)
    assert (no_vectors.status, no_vectors.message[:28]) == (501, "this model makes no embeddin")
    assert refusal(502, "").message == "the engine answered with status 502"
