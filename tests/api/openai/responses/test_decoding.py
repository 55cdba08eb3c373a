"""Requests for responses: items to messages, fields to a request, and what is refused in which words."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.api.dialect import Call
from tampu.api.openai.responses import create
from tampu.errors import BadRequest
from tampu.generation import AnyJson, JsonSchema, NamedTool, TextDelta, ToolUse
from tampu.messages import ImageAddress, Message, ToolCall, ToolCallFunction
from tampu.responses import Keeping, KeptResponse
from tests.api.openai.responses.asking import asked, chat_of, ended, messages
from tests.vision import png

F = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}
CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{"a":1}'}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "one"}
MADE = ToolCall(ToolCallFunction("f", {"a": 1}), "c1")
BARE = ToolCall(ToolCallFunction("f", {}), "c1")
PNG = "data:image/png;base64," + base64.b64encode(png()).decode()


def user(text: str) -> Message:
    return Message("user", text)


@pytest.mark.parametrize(
    ("items", "wanted"),
    [
        ("hi", [user("hi")]),
        ("", []),
        ([], []),
        (None, []),
        ([{"role": "user", "content": "hi"}], [user("hi")]),
        ([{"type": "message", "role": "Developer", "content": "D"}], [Message("system", "D")]),
        ([{"role": "user", "content": [{"type": "input_text", "text": t} for t in "ab"]}], [user("ab")]),
        ([{"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}], [Message("assistant", "no")]),
        ([CALL, OUTPUT], [Message("assistant", tool_calls=(MADE,)), Message("tool", "one", tool_call_id="c1")]),
        *(([{**CALL, "arguments": none}], [Message("assistant", tool_calls=(BARE,))]) for none in ("", None)),
        ([{**OUTPUT, "output": [{"type": "input_text", "text": "1"}]}], [Message("tool", "1", tool_call_id="c1")]),
        (
            [{"role": "assistant", "content": "ok"}, CALL, {**CALL, "call_id": "c2"}],
            [Message("assistant", "ok", tool_calls=(MADE, ToolCall(MADE.function, "c2")))],
        ),
        (
            [CALL, {"role": "assistant", "content": "moment"}, OUTPUT],
            [Message("assistant", "moment", tool_calls=(MADE,)), Message("tool", "one", tool_call_id="c1")],
        ),
        (
            [CALL, OUTPUT, {"role": "assistant", "content": "done"}],
            [
                Message("assistant", tool_calls=(MADE,)),
                Message("tool", "one", tool_call_id="c1"),
                Message("assistant", "done"),
            ],
        ),
        (
            [{"type": "reasoning", "encrypted_content": "hm"}, {"role": "assistant", "content": "a"}],
            [Message("assistant", "a", thinking="hm")],
        ),
        (
            [{"type": "reasoning", "content": [{"type": "reasoning_text", "text": "hm"}]}, CALL],
            [Message("assistant", thinking="hm", tool_calls=(MADE,))],
        ),
        (
            [{"type": "reasoning", "encrypted_content": "hm"}, {"role": "user", "content": "u"}],
            [user("u"), Message("assistant", thinking="hm")],
        ),
        ([{"type": "reasoning", "summary": [{"type": "summary_text", "text": "S"}]}], []),
        ([{"type": "web_search_call", "id": "ws_1"}, {"role": "user", "content": "z"}], [user("z")]),
        (
            [
                {
                    "role": "user",
                    "content": [{"type": "input_text", "text": "see"}, {"type": "input_image", "image_url": PNG}],
                }
            ],
            [Message("user", "see[img]", images=(png(),))],
        ),
        (
            [{"role": "user", "content": [{"type": "input_image", "image_url": "https://x/y.png"}]}],
            [Message("user", "", images=(ImageAddress(b"https://x/y.png"),))],
        ),
        (
            [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AAAA"}}]}],
            [Message("user", "", images=(b"\0\0\0",))],
        ),
    ],
)
def test_items_become_messages(items: Any, wanted: list[Message]) -> None:
    assert messages(items) == wanted


def test_instructions_stand_in_front() -> None:
    assert messages("hi", instructions="Be brief") == [Message("system", "Be brief"), user("hi")]
    assert messages("hi", instructions="") == messages("hi", instructions=None) == [user("hi")]


def test_fields_of_a_request() -> None:
    request = asked(
        stream=True, max_output_tokens=9, temperature=0.5, top_p=0.4, seed=3, stop="END", num_ctx=512, top_k=5,
        options={"min_p": 0.1, "temperature": 2}, keep_alive=60, reasoning={"effort": "xhigh"}, truncation="auto",
        top_logprobs=2, parallel_tool_calls=False, describe_tools=True, tools=[F], metadata={"k": "v"},
    )  # fmt: skip
    generation = request.generation
    assert generation.options == {
        "temperature": 0.5, "min_p": 0.1, "top_p": 0.4, "seed": 3, "num_ctx": 512, "top_k": 5, "num_predict": 9,
        "stop": ["END"],
    }  # fmt: skip
    assert (generation.stream, generation.think, generation.truncate) == (True, "max", True)
    assert (generation.logprobs, generation.top_logprobs, generation.counts_thoughts) == (True, 2, True)
    chat = chat_of(request)
    assert (chat.parallel_calls, chat.describe_tools) == (False, True)
    assert chat.schemas == {"f": F["parameters"]}
    assert asked().generation.options == {"temperature": 1.0}
    assert not asked().generation.truncate
    assert asked(truncate=True).generation.truncate
    assert asked(include=["message.output_text.logprobs"]).generation.logprobs
    assert asked(think=False).generation.think is False


@pytest.mark.parametrize(("store", "keeping"), [(None, Keeping.SHORT), (True, Keeping.LONG), (False, Keeping.NONE)])
def test_keeping(store: bool | None, keeping: Keeping) -> None:
    assert asked(store=store).keeping is keeping


def test_formats() -> None:
    schema = {"type": "object"}
    assert asked(text={"format": {"type": "json_schema", "name": "p", "schema": schema}}).generation.format == (
        JsonSchema(schema)
    )
    assert asked(text={"format": {"type": "json_object"}}).generation.format == AnyJson()
    assert asked(text={"format": {"type": "text"}, "verbosity": "low"}).generation.format is None


def test_tools_and_choices() -> None:
    assert chat_of(asked(tools=[F])).tool_choice is ToolUse.AUTO
    assert chat_of(asked(tools=[F], tool_choice="required")).tool_choice is ToolUse.REQUIRED
    assert chat_of(asked(tools=[F], tool_choice={"type": "function", "name": "f"})).tool_choice == NamedTool("f")
    allowed = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "g"}]}
    chat = chat_of(asked(tools=[F, {**F, "name": "g"}], tool_choice=allowed))
    assert ([tool.function.name for tool in chat.tools], chat.tool_choice) == (["g"], ToolUse.REQUIRED)
    space = {"type": "namespace", "name": "n", "tools": [F, {**F, "name": "n.g"}]}
    assert [tool.function.name for tool in chat_of(asked(tools=[space])).tools] == ["n.f", "n.g"]


@pytest.mark.parametrize("kind", ["web_search", "web_search_preview", "web_search_2025_08_26"])
def test_a_declared_web_search_is_left_out(kind: str) -> None:
    request = asked(tools=[{"type": kind}, F])
    assert [tool.function.name for tool in chat_of(request).tools] == ["f"]
    assert [tool["name"] for tool in request.echo.tools] == ["f"]


def test_a_conversation_goes_on_from_what_was_said_and_answered() -> None:
    first = asked(input=[{"role": "user", "content": "weather?"}], instructions="Old", tools=[F])
    call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
    document = json.dumps({"output": [{"type": "reasoning", "id": "rs_1", "encrypted_content": "hm"}, call]}).encode()
    kept = KeptResponse(id=first.id, previous_id="", items=first.items, document=document)
    then = asked(input=[OUTPUT], previous_response_id=first.id, instructions="New")
    chat = then.conversation([kept], []).input
    assert chat.messages == (  # type: ignore[union-attr]
        Message("system", "New"),
        user("weather?"),
        Message("assistant", thinking="hm", tool_calls=(ToolCall(ToolCallFunction("f", {}), "c1"),)),
        Message("tool", "one", tool_call_id="c1"),
    )


def test_items_can_be_referred_to() -> None:
    first = asked()
    kept = KeptResponse(
        id=first.id, previous_id="", items=first.items, document=ended(first, [TextDelta("yo")]).document
    )
    item = json.loads(kept.document)["output"][0]["id"]
    then = asked(input=[{"type": "item_reference", "id": item}, {"role": "user", "content": "more"}])
    assert then.referred_ids == [first.id]
    assert then.conversation([], [kept]).input.messages == (Message("assistant", "yo"), user("more"))  # type: ignore[union-attr]
    with pytest.raises(BadRequest, match=rf"input\[0\]: item with id '{item}' not found"):
        then.conversation([], [])


def image(**fields: Any) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": [{"type": "input_image", **fields}]}]}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"model": ""}, "model is required"),
    ({"input": 3}, "input must be a string or array"),
    ({"input": {"role": "user"}}, "input must be a string or array"),
    ({"input": ["hi"]}, "input[0]: json: cannot unmarshal string into Go value of type struct "),
    ({"input": [None]}, "input[0]: input item missing required 'type' field"),
    ({"input": ["a"]}, "input[0]: json: cannot unmarshal string into Go value of type struct "),
    ({"input": [{"content": "a"}]}, "input[0]: input item missing required 'type' field"),
    ({"input": [{"type": "computer_call"}]}, 'input[0]: unknown input item type: "computer_call"'),
    ({"input": [{"type": ["message"]}]}, "input[0]: json: cannot unmarshal array into Go struct field .type of"),
    ({"input": [{"type": 5}]}, "input[0]: json: cannot unmarshal number into Go struct field .type of type string"),
    ({"input": [{"content": "a"}]}, "input[0]: input item missing required 'type' field"),
    ({"input": "hi", "tools": [{"type": "function", "name": "f", "strict": "yes"}]}, "tools[0].strict must be"),
    ({"input": [{"type": "function_call_output", "output": [{}]}]}, "input[0]: output[0]: unknown content type: "),
    ({"input": [{"role": "user", "content": 3}]}, "input[0]: content must be a string or array"),
    ({"input": [{"role": "user", "content": [3]}]}, "input[0]: content[0]: a part must be an object"),
    ({"input": [{"role": "user", "content": [None]}]}, "input[0]: content[0]: unknown content type: "),
    (
        {"input": [{"role": "user", "content": [{"type": "video"}]}]},
        "input[0]: content[0]: unknown content type: video",
    ),
    (
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": 3}]}]},
        "input[0]: content[0].text must be a",
    ),
    ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "file inputs are not currently supported"),
    ({"input": [{"type": "message", "role": 3, "content": ""}]}, "input[0].role must be a string"),
    ({"input": [{**CALL, "arguments": "nope"}]}, "failed to parse function call arguments: "),
    (
        {"input": [{**CALL, "arguments": "[]"}]},
        "failed to parse function call arguments: input[0].arguments is no JSON",
    ),
    ({"input": [{**CALL, "name": 3}]}, "input[0].name must be a string"),
    ({"input": [CALL, {**OUTPUT, "call_id": ["c1"]}]}, "input[1].call_id must be a string"),
    ({"input": [{**OUTPUT, "output": 3}]}, "input[0]: output must be a string or array"),
    ({"input": [{"type": "reasoning", "encrypted_content": 3}]}, "input[0].encrypted_content must be a string"),
    (image(file_id="f"), "input[0]: content[0]: file_id is not supported"),
    (image(), "input[0]: content[0]: image_url must be a data URI"),
    (image(image_url="file:///etc/passwd"), "invalid image input: input[0]: content[0] is no data URI"),
    (image(image_url="data:image/png;base64,&"), "invalid image input: illegal base64 data"),
    ({"conversation": "conv_1"}, "conversation is not supported: "),
    ({"prompt": {"id": "p"}}, "prompt is not supported: "),
    ({"moderation": {"model": "m"}}, "moderation is not supported: "),
    ({"truncation": "middle"}, 'truncation must be "auto" or "disabled"'),
    ({"reasoning": {"effort": "huge"}}, 'invalid reasoning value: "huge"'),
    ({"text": {"format": {"type": "yaml"}}}, "text.format must be "),
    ({"text": {"format": "json"}}, "text.format must be "),
    ({"text": {"format": {"type": "json_schema", "schema": []}}}, "text.format: a json_schema needs its schema"),
    ({"tools": {}}, "json: cannot unmarshal object into Go struct field ResponsesRequest.tools of type []"),
    ({"tools": [3]}, "json: cannot unmarshal number into Go struct field ResponsesRequest.tools of type open"),
    ({"tools": [{"type": "function"}]}, "tools[0]: a function needs a name"),
    ({"tools": [{"type": "namespace", "name": "n", "tools": [{"type": "x"}]}]}, 'tools[0].tools[0]: tools of type "x"'),
    ({"tools": [{"type": "file_search"}]}, 'tools[0]: tools of type "file_search" are not supported'),
    ({"tools": [{**F, "parameters": 3}]}, "json: "),
    ({"tool_choice": "sometimes"}, "tool_choice must be "),
    ({"tool_choice": {"type": "file_search"}}, "tool_choice must be "),
    (
        {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "g"}]}},
        'tool_choice names "g"',
    ),
    ({"top_logprobs": 21}, "top_logprobs must be between 0 and 20"),
    ({"metadata": {"k": 1}}, "metadata must hold texts"),
    ({"metadata": {str(n): "" for n in range(17)}}, "metadata may hold 16 pairs at most"),
    ({"temperature": "hot"}, "json: "),
    ({"stream": "yes"}, "json: "),
    ({"max_output_tokens": 1.5}, "json: "),
    ({"store": "yes"}, "json: "),
    ({"previous_response_id": 3}, "json: "),
    ({"think": 3}, "think must be a boolean or string"),
]


@pytest.mark.parametrize(("fields", "message"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_is_refused_names_the_field(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequest) as refused:
        asked(**fields)
    assert refused.value.message.startswith(message)
    reply = create.CODEC.encode_error(refused.value)
    error = json.loads(reply.body)["error"]
    assert (reply.status, error["type"], error["message"]) == (400, "invalid_request_error", refused.value.message)


def test_harmless_fields_are_accepted() -> None:
    harmless: dict[str, Any] = {
        "service_tier": "flex", "include": ["file_search_call.results"], "background": True, "anything": [1],
        "context_management": [{"type": "compaction"}], "stream_options": {"include_obfuscation": False},
    }  # fmt: skip
    assert asked(**harmless).generation == asked().generation


_KEYS = "type role content text id call_id name arguments output tools parameters image_url summary format".split()
_WORDS = "message function function_call function_call_output reasoning input_text input_image user assistant".split()
_FIELDS = "input instructions tools tool_choice text reasoning metadata include previous_response_id stop".split()
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(_WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(_FIELDS), _JSON, max_size=4))
def test_any_json_is_read_or_refused(fields: dict[str, Any]) -> None:
    try:
        request = create.CODEC.decode(Call(json.dumps({"model": "m", **fields}).encode()))
    except BadRequest:
        return
    json.loads(request.items)


def test_no_limit_is_sent_as_zero_too() -> None:
    assert "num_predict" not in asked(max_output_tokens=0).generation.options
