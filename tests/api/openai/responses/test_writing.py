"""Responses as they are written: streams in order, documents, errors, lists."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.api.dialect import Call
from tampu.api.openai.responses import create, stored
from tampu.api.openai.responses.writer import ResponseWriter
from tampu.errors import BadRequest, EngineCrashed, EngineError, PreviousResponseNotFound, PromptTooLong, QueueFull
from tampu.generation import (
    Dropped,
    FinishReason,
    GenerationEvent,
    PromptFitted,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCallReady,
    Usage,
)
from tampu.messages import ToolCall, ToolCallFunction
from tampu.operations.responses import joined
from tampu.responses import Keeping, KeptResponse
from tests.api.openai.responses.asking import asked, ended, ending, read_frames, streamed

CALL = ToolCallReady(ToolCall(ToolCallFunction("f", {"b": 1, "a": "ü"}), "call_1"))
PLACE = {"output_index": 0, "content_index": 0}


def _names(events: list[Any]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def test_a_text_is_begun_told_and_ended() -> None:
    request = asked(stream=True)
    events = streamed(request, [TextDelta("a"), TextDelta(""), TextDelta('"\n')])
    assert _names(events) == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    item_id = events[2]["item"]["id"]
    deltas = [{key: event[key] for key in ("item_id", *PLACE, "delta", "logprobs")} for event in events[4:6]]
    assert deltas == [{"item_id": item_id, **PLACE, "delta": text, "logprobs": []} for text in ("a", '"\n')]
    last = events[-1]["response"]
    assert last["output"] == [events[-2]["item"]]
    assert last["output"][0]["content"][0]["text"] == 'a"\n'
    assert (last["status"], last["completed_at"]) == ("completed", 1000)


def test_thoughts_text_and_calls_are_items_in_their_order() -> None:
    events: list[GenerationEvent] = [ThinkingDelta("hm"), TextDelta("Let me."), CALL, TextDelta("\n"), CALL]
    told = streamed(asked(stream=True), events)
    output = told[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["reasoning", "message", "function_call", "function_call"]
    assert [item["id"].rpartition("_")[2] for item in output] == ["0", "1", "0", "1"]
    assert output[0]["encrypted_content"] == output[0]["summary"][0]["text"] == "hm"
    assert output[2]["arguments"] == '{"b":1,"a":"ü"}'
    whole = json.loads(asked().document(joined(events), ending()))
    assert [item["type"] for item in whole["output"]] == [item["type"] for item in output]


def test_text_behind_a_call_is_another_message() -> None:
    told = streamed(asked(stream=True), [CALL, TextDelta("\n"), TextDelta("done")])
    output = told[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["function_call", "message"]
    assert output[1]["content"][0]["text"] == "\ndone"


def test_a_cut_answer_is_incomplete() -> None:
    told = streamed(asked(stream=True, max_output_tokens=1), [TextDelta("a")], FinishReason.LENGTH)
    assert told[-1]["type"] == "response.incomplete"
    response = told[-1]["response"]
    assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert [told[-2]["item"]["status"], response["output"][0]["status"]] == ["incomplete"] * 2


def test_an_answer_of_thoughts_alone() -> None:
    whole = json.loads(asked().document([ThinkingDelta("hm")], ending()))
    assert [item["type"] for item in whole["output"]] == ["reasoning", "message"]
    stream = streamed(asked(stream=True), [ThinkingDelta("hm")])
    assert [item["type"] for item in stream[-1]["response"]["output"]] == ["reasoning"]


def test_a_document_repeats_the_request() -> None:
    fields: dict[str, Any] = {
        "instructions": "Be brief", "metadata": {"k": "v"}, "temperature": 0.5, "top_p": 0.25, "truncation": "auto",
        "tool_choice": "none", "parallel_tool_calls": False, "max_output_tokens": 7, "max_tool_calls": 3, "user": "u",
        "prompt_cache_key": "p", "safety_identifier": "s", "top_logprobs": 2, "reasoning": {"effort": "low"},
    }  # fmt: skip
    whole = json.loads(asked(**fields, previous_response_id="resp_0").document([], ending()))
    assert {key: whole[key] for key in fields} == fields
    assert whole["previous_response_id"] == "resp_0"


@pytest.mark.parametrize(
    ("usage", "details"), [(Usage(2000, 1024, 70, 64), (1024, 64)), (Usage(2000, 1023, 70, 63), (0, 0))]
)
def test_usage(usage: Usage, details: tuple[int, int]) -> None:
    told = json.loads(asked().document([], ending(usage=usage)))["usage"]
    assert (told["input_tokens_details"]["cached_tokens"], told["output_tokens_details"]["reasoning_tokens"]) == details
    assert told["total_tokens"] == 2070


def test_logprobs_are_told_where_asked_for() -> None:
    entry = TokenLogprob("a", -0.5, (), (TokenLogprob("b", -1.0),))
    told = streamed(asked(stream=True, top_logprobs=1), [TextDelta("a", (entry,))])
    wanted = [{"token": "a", "bytes": [97], "logprob": -0.5,
               "top_logprobs": [{"token": "b", "bytes": [98], "logprob": -1.0}]}]  # fmt: skip
    delta = next(event for event in told if event["type"] == "response.output_text.delta")
    assert delta["logprobs"] == wanted
    assert told[-1]["response"]["output"][0]["content"][0]["logprobs"] == wanted


def test_what_was_dropped_is_told_in_the_head() -> None:
    request = asked(stream=True, truncation="auto")
    writer = ResponseWriter(request)
    assert writer.chunk(PromptFitted(Dropped(2, 0))) == b""
    assert ("x-tampu-dropped-messages", "2") in writer.headers
    assert ("cache-control", "no-cache") in writer.headers
    whole = ResponseWriter(asked()).whole([PromptFitted(Dropped(2, 0)), ended(asked(), [])])
    assert ("x-tampu-dropped-messages", "2") in whole.headers


def test_a_failure_in_mid_stream_ends_with_an_error() -> None:
    writer = ResponseWriter(asked(stream=True))
    raw = writer.chunk(ThinkingDelta("hm")) + writer.chunk(TextDelta("a")) + writer.late_error(EngineCrashed("gone"))
    *before, failed, error = read_frames(raw)
    assert failed["type"] == "response.failed"
    assert failed["response"]["error"] == {"code": "server_error", "message": "gone"}
    assert [item["type"] for item in failed["response"]["output"]] == ["reasoning"]
    assert (error["type"], error["message"], error["error"]["message"]) == ("error", "gone", "gone")
    assert [event["sequence_number"] for event in (*before, failed, error)] == list(range(len(before) + 2))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PromptTooLong("long"), "context_length_exceeded"),
        (QueueFull(), "rate_limit_exceeded"),
        (BadRequest("bad"), "invalid_prompt"),
    ],
)
def test_a_failure_has_the_code_that_programs_look_for(error: Any, code: str) -> None:
    failed = read_frames(ResponseWriter(asked(stream=True)).late_error(error))[0]
    assert failed["response"]["error"]["code"] == code


def test_an_answer_that_does_not_end_is_an_error() -> None:
    with pytest.raises(EngineError):
        ResponseWriter(asked()).whole([TextDelta("a")])


def test_a_response_that_is_not_kept_has_openai_s_code() -> None:
    reply = create.CODEC.encode_error(PreviousResponseNotFound("resp_1"))
    error = json.loads(reply.body)["error"]
    assert (reply.status, error["code"], error["param"]) == (400, "previous_response_not_found", "previous_response_id")


_TEXTS = st.text(alphabet=st.sampled_from('ab \n"é%'), max_size=4)
_EVENTS = st.lists(
    st.one_of(
        _TEXTS.map(TextDelta),
        _TEXTS.map(ThinkingDelta),
        st.just(CALL),
        st.builds(TextDelta, _TEXTS, st.just((TokenLogprob("a", -1.0),))),
    ),
    max_size=12,
)


@given(_EVENTS, st.sampled_from([FinishReason.STOP, FinishReason.LENGTH]))
def test_any_answer_gives_well_ordered_events(answer: list[Any], reason: FinishReason) -> None:
    events = streamed(asked(stream=True, include=["message.output_text.logprobs"]), answer, reason)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert _names(events)[:2] == ["created", "in_progress"]
    assert _names(events)[-1] == ("incomplete" if reason is FinishReason.LENGTH else "completed")
    output = events[-1]["response"]["output"]
    grown: dict[str, str] = {}
    open_item, done = None, []
    for event in events[2:-1]:
        match event["type"].removeprefix("response."):
            case "output_item.added":
                assert open_item is None
                assert event["output_index"] == len(done)
                open_item = event["item"]["id"]
                grown[open_item] = ""
            case "output_item.done":
                assert (event["item"]["id"], event["output_index"]) == (open_item, len(done))
                done.append(event["item"])
                open_item = None
            case _:
                assert (event["item_id"], event["output_index"]) == (open_item, len(done))
                if event["type"].endswith(".delta"):
                    grown[event["item_id"]] += event["delta"]
                elif event["type"].endswith(("text.done", "arguments.done")):
                    assert event.get("text", event.get("arguments")) == grown[event["item_id"]]
    assert open_item is None
    assert done == output
    assert len({item["id"] for item in output}) == len(output)
    said = "".join(event.text for event in answer if type(event) is TextDelta)
    told = "".join(part["text"] for item in output if item["type"] == "message" for part in item["content"])
    assert told.replace(" ", "").replace("\n", "") == said.replace(" ", "").replace("\n", "")
    assert [item["arguments"] for item in output if item["type"] == "function_call"] == (
        ['{"b":1,"a":"ü"}'] * answer.count(CALL)
    )


@given(_EVENTS)
def test_the_same_answer_gives_the_same_document_however_it_was_cut(answer: list[Any]) -> None:
    request = asked(include=["message.output_text.logprobs"])
    assert request.document(answer, ending()) == request.document(joined(answer), ending())


def _kept(items: Any) -> KeptResponse:
    return KeptResponse(id="resp_1", previous_id="", items=asked(input=items).items, document=b"{}")


def _page(kept: KeptResponse, query: str = "") -> Any:
    page = stored.ITEMS_CODEC.decode(Call(b"", {"id": "resp_1"}, query=query))
    return json.loads(stored.ITEMS_CODEC.encode(page, kept).body)


def test_items_are_listed_with_ids_and_whole_contents() -> None:
    page = _page(_kept("hi"))
    assert page["data"] == [
        {
            "status": "completed", "id": page["first_id"], "type": "message", "role": "user",
            "content": [{"type": "input_text", "text": "hi"}],
        }
    ]  # fmt: skip
    assert (page["object"], page["has_more"], page["last_id"]) == ("list", False, page["first_id"])
    empty = _page(_kept([]))
    assert (empty["data"], empty["first_id"], empty["last_id"]) == ([], None, None)


@given(st.integers(0, 30), st.integers(1, 12), st.sampled_from(["asc", "desc"]))
def test_pages_hold_every_item_once(count: int, limit: int, order: str) -> None:
    kept = _kept([{"role": "user", "content": str(number), "id": f"msg_{number}"} for number in range(count)])
    seen: list[str] = []
    after = ""
    while True:
        page = _page(kept, f"limit={limit}&order={order}" + (f"&after={after}" if after else ""))
        seen += [item["id"] for item in page["data"]]
        if not page["has_more"]:
            break
        after = page["last_id"]
    wanted = [f"msg_{number}" for number in range(count)]
    assert seen == (wanted if order == "asc" else wanted[::-1])


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=-1", "order=up", "limit=99999999999"])
def test_pages_that_are_refused(query: str) -> None:
    with pytest.raises(BadRequest):
        _page(_kept("hi"), query)


def test_an_unknown_item_is_refused() -> None:
    with pytest.raises(BadRequest, match="after names no item"):
        _page(_kept("hi"), "after=msg_0")


def test_a_deleted_response_is_told_as_openai_does() -> None:
    told = json.loads(stored.DELETE_CODEC.encode("resp_1", None).body)
    assert told == {"id": "resp_1", "object": "response", "deleted": True}
    with pytest.raises(BadRequest, match="stream is not supported here"):
        stored.GET_CODEC.decode(Call(b"", {"id": "resp_1"}, query="stream=true"))


def test_store_tells_whether_it_is_kept_for_the_whole_time() -> None:
    told = {keeping: json.loads(asked().document([], ending(keeping=keeping)))["store"] for keeping in Keeping}
    assert told == {Keeping.NONE: False, Keeping.SHORT: False, Keeping.LONG: True}
