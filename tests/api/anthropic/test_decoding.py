"""Requests of Anthropic's dialect: what becomes of their fields, and the words for what cannot be honoured."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.api.anthropic import count, messages
from tampu.api.anthropic.asking import Asked, MessageRequestBody
from tampu.api.dialect import Call
from tampu.errors import BadRequest, Forbidden, TampuError
from tampu.generation import ChatInput, JsonSchema, NamedTool, ToolUse
from tampu.messages import ImageAddress, Message

HI = [{"role": "user", "content": "hi"}]
TOOL = {"name": "f", "description": "d", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}}}
DOT = "iVBORw0KGgo="
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DOT}}


def _asked(**fields: Any) -> Asked:
    body = {"model": "m", "max_tokens": 9, "messages": HI, **fields}
    return messages.CODEC.decode(Call(json.dumps(body).encode(), request_id="abc"))


def _counted(**fields: Any) -> Asked:
    return count.CODEC.decode(Call(json.dumps({"model": "m", "messages": HI, **fields}).encode()))


def _chat(**fields: Any) -> ChatInput:
    chat = _asked(**fields).request.input
    assert isinstance(chat, ChatInput)
    return chat


def _messages(*told: Any, system: Any = None) -> tuple[Message, ...]:
    return _chat(messages=list(told), system=system).messages


def _said(*blocks: Any, role: str = "user") -> tuple[Message, ...]:
    return _messages({"role": role, "content": list(blocks)})


def _text(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def test_settings_of_the_request_alone_are_set() -> None:
    assert _asked().request.options == {"num_predict": 9}
    asked = _asked(temperature=0.5, top_p=0.9, top_k=3, stop_sequences=["x"], stream=True, options={"num_ctx": 64})
    assert asked.request.options == {
        "num_ctx": 64, "temperature": 0.5, "top_p": 0.9, "top_k": 3, "stop": ["x"], "num_predict": 9,
    }  # fmt: skip
    assert (asked.request.stream, asked.request.progress, asked.request.names_stop) == (True, True, True)
    assert (asked.stops, asked.request_id) == (("x",), "req_abc")
    assert not asked.request.truncate
    assert _asked(truncate=True).request.truncate


@pytest.mark.parametrize(
    ("fields", "think"),
    [
        ({}, None),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, True),
        ({"thinking": {"type": "enabled"}}, True),
        ({"thinking": {"type": "disabled"}}, False),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking": {"type": "later"}}, None),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": " XHigh "}}, "high"),
        ({"thinking": {"type": "enabled"}, "output_config": {"effort": "low"}}, "low"),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "max"}}, False),
        ({"output_config": {"effort": "max"}}, "max"),
        ({"output_config": {"effort": "huge"}}, None),
    ],
)
def test_whether_and_how_hard_to_think(fields: dict[str, Any], think: Any) -> None:
    request = _asked(**fields).request
    assert request.think == think
    assert request.thinks_if_able


def test_thoughts_may_have_a_limit() -> None:
    assert _asked(thinking={"type": "enabled", "budget_tokens": 1024}).request.thinking_budget == 1024
    for told in ({"type": "enabled"}, {"type": "adaptive", "budget_tokens": 5}):
        assert _asked(thinking=told).request.thinking_budget is None
    with pytest.raises(BadRequest, match="budget_tokens must be positive"):
        _asked(thinking={"type": "enabled", "budget_tokens": 0})


def test_thoughts_may_be_kept_out_of_sight() -> None:
    assert _asked().shows_thoughts
    assert not _asked(thinking={"type": "adaptive", "display": "omitted"}).shows_thoughts


@pytest.mark.parametrize(
    ("choice", "wanted", "is_parallel"),
    [
        (None, ToolUse.AUTO, True),
        ({"type": "auto", "disable_parallel_tool_use": True}, ToolUse.AUTO, False),
        ({"type": "any"}, ToolUse.REQUIRED, True),
        ({"type": "none"}, ToolUse.NONE, True),
        ({"type": "tool", "name": "f"}, NamedTool("f"), True),
    ],
)
def test_tools_that_may_and_must_be_called(choice: Any, wanted: Any, is_parallel: bool) -> None:
    chat = _chat(tools=[TOOL], tool_choice=choice)
    assert (chat.tool_choice, chat.parallel_calls) == (wanted, is_parallel)
    assert [tool.function.name for tool in chat.tools] == ["f"]
    assert chat.schemas == {"f": TOOL["input_schema"]}
    assert not chat.strict_calls
    assert _chat(tools=[TOOL, {**TOOL, "strict": True}]).strict_calls


def test_anthropics_own_tools() -> None:
    asked = _asked(tools=[{"type": "web_search_20250305", "name": "web_search"}, {"name": "web_search"}, TOOL])
    chat = asked.request.input
    assert isinstance(chat, ChatInput)
    assert asked.searches
    assert [tool.function.name for tool in chat.tools] == ["web_search", "f"]
    assert set(chat.tools[0].function.parameters.properties or ()) == {"query"}
    offered = _chat(tools=[{"type": "bash_20250124", "name": "bash"}, {"type": "tool_search_tool_bm25", "name": "s"}])
    assert [tool.function.name for tool in offered.tools] == ["bash"]
    assert not _asked(tools=[{"name": "web_search"}]).searches


def test_the_system_prompt_is_the_first_message() -> None:
    marked = {**_text("Be "), "cache_control": {"type": "ephemeral"}}
    assert _messages(*HI, system=[marked, _text("kind.")])[0] == Message("system", "Be kind.")
    assert [message.role for message in _messages(*HI, system="")] == ["user"]
    billing = _text("x-anthropic-billing-header: cc_version=2; cch=4f3a1;")
    assert _messages(*HI, system=[billing, _text("Be kind.")])[0].content == "Be kind."


def test_texts_and_pictures_are_one_message() -> None:
    assert _said(_text("a "), IMAGE, _text("b")) == (Message("user", "a b", images=(b"\x89PNG\r\n\x1a\n",)),)
    (named,) = _said({"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}})
    assert named.images == (ImageAddress(b"https://example.com/a.png"),)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ({"type": "text", "media_type": "text/plain", "data": "body"}, "body"),
        ({"type": "base64", "media_type": "text/plain", "data": "Ym9keQ=="}, "body"),
        ({"type": "content", "content": "body"}, "body"),
        ({"type": "content", "content": [_text("bo"), _text("dy")]}, "body"),
    ],
)
def test_documents_are_text_under_their_title(source: Any, text: str) -> None:
    (message,) = _said({"type": "document", "source": source, "title": "T", "context": "C"}, _text("what?"))
    assert message.content == f"T\nC\n{text}\n\nwhat?"


def test_search_results_are_text_too() -> None:
    result = {"type": "search_result", "source": "s.org", "title": "T", "content": [_text("found")]}
    assert _said(result)[0].content == "T\ns.org\nfound\n\n"


def test_results_come_before_what_a_user_says_and_behind_a_call() -> None:
    call = {"type": "tool_use", "id": "t1", "name": "f", "input": {"b": 1, "a": 2}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [_text("2"), IMAGE, _text("1")]}
    asked, answered, said = _messages(
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, call]},
        {"role": "user", "content": [_text("and?"), result]},
    )
    assert (asked.thinking, asked.tool_calls[0].id, asked.tool_calls[0].function.name) == ("hm", "t1", "f")
    assert list(asked.tool_calls[0].function.arguments) == ["b", "a"]
    assert answered == Message("tool", "21", images=(b"\x89PNG\r\n\x1a\n",), tool_call_id="t1")
    assert said == Message("user", "and?")
    said, found = _said(_text("here"), {"type": "web_search_tool_result", "tool_use_id": "s", "content": [
        {"type": "web_search_result", "title": "T", "url": "u"}]}, role="assistant")  # fmt: skip
    assert (said.role, found) == ("assistant", Message("tool", "- T: u\n", tool_call_id="s"))


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ({"type": "tool_result", "content": "no file", "is_error": True}, "Error: no file"),
        ({"type": "tool_result", "content": "error: no file", "is_error": True}, "error: no file"),
        ({"type": "tool_result", "is_error": True}, "Error: "),
        ({"type": "tool_result"}, ""),
        ({"type": "tool_result", "content": [{"type": "tool_reference", "tool_name": "x"}]}, ""),
        ({"type": "mcp_tool_result", "content": [_text("a")]}, "a"),
        ({"type": "web_search_tool_result", "content": {"error_code": "unavailable"}}, "Error: unavailable"),
        ({"type": "code_execution_tool_result", "content": {"stdout": "7"}}, '{"stdout":"7"}'),
    ],
)
def test_results_in_all_forms(block: Any, text: str) -> None:
    assert _said({**block, "tool_use_id": "t"})[0].content == text


def test_a_message_that_says_nothing_disappears() -> None:
    for content in (None, [], [{"type": "redacted_thinking", "data": "x"}]):
        assert _messages({"role": "user", "content": content}) == ()


def test_a_schema_for_the_answer() -> None:
    told = {"type": "json_schema", "schema": {"type": "object"}}
    assert _asked(output_config={"format": told}).request.format == JsonSchema({"type": "object"})
    assert _asked(output_format=told).request.format == JsonSchema({"type": "object"})


@pytest.mark.parametrize(
    "fields",
    [
        {"cache_control": {"type": "ephemeral"}},
        {"system": [{**_text("x"), "cache_control": {"type": "ephemeral", "ttl": "1h"}}]},
        {"tools": [{**TOOL, "cache_control": {"type": "ephemeral"}}]},
        {"messages": [{"role": "user", "content": [{**_text("x"), "cache_control": {"type": "ephemeral"}}]}]},
    ],
)
def test_marks_of_the_cache_are_seen_wherever_they_are(fields: Any) -> None:
    assert _asked(**fields).caches
    assert not _asked().caches


_BLOCK = "messages[0].content[0]"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"model": ""}, "model is required"),
        ({"max_tokens": 0}, "max_tokens is required and must be positive"),
        ({"messages": []}, "messages is required"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role is required"),
        ({"mcp_servers": [{"type": "url"}]}, "mcp_servers is not supported"),
        ({"thread": {"id": "t"}}, "thread is not supported"),
        ({"container": {"id": "c", "skills": [{"skill_id": "pdf"}]}}, "container.skills are not supported"),
        ({"tools": [{"type": "code_execution_20250825", "name": "c"}]}, "tools[0] has the type"),
        ({"tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}]}, "only Anthropic runs"),
        ({"tools": [{"description": "d"}]}, "tools[0].name is required"),
        ({"tools": [{"name": "x", "input_schema": "no"}]}, 'invalid input_schema for tool "x": json: '),
        ({"tool_choice": {"type": "sometimes"}}, "tool_choice.type must be"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name is required"),
        ({"output_config": {"format": {"type": "yaml"}}}, "output_config.format must be"),
        ({"output_format": {"type": "json_schema"}}, "output_format must be"),
        ({"system": [IMAGE]}, "system may hold text alone"),
        ({"system": [{"type": "audio"}]}, 'system[0] has the type "audio"'),
    ],
)
def test_what_cannot_be_honoured_is_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        _asked(**fields)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("text", f"{_BLOCK} must be a content block"),
        ({"text": "x"}, f"{_BLOCK} must be a content block"),
        ({"type": "text", "text": 5}, f"{_BLOCK}.text must be a string"),
        ({"type": "container_upload", "file_id": "f"}, f'{_BLOCK} has the type "container_upload"'),
        ({"type": "image"}, "invalid image source"),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, "invalid image source type: file. Only base64"),
        ({"type": "image", "source": {"type": "base64", "data": 5}}, f"{_BLOCK}.source.data must be a string"),
        ({"type": "image", "source": {"type": "base64", "data": "@@"}}, "invalid base64 image data: illegal base64"),
        ({"type": "image", "source": {"type": "url", "url": "https://" + "a" * 9000}}, "more than 8192 characters"),
        ({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": ""}}, "no text"),
        ({"type": "thinking", "thinking": 5}, f"{_BLOCK}.thinking must be a string"),
        ({"type": "tool_use", "name": "f", "input": {}}, "missing required 'id' field"),
        ({"type": "tool_use", "id": "t", "input": {}}, "missing required 'name' field"),
        ({"type": "tool_use", "id": "t", "name": "f", "input": "{}"}, f"{_BLOCK}.input must be an object"),
        ({"type": "tool_result", "tool_use_id": 5}, f"{_BLOCK}.tool_use_id must be a string"),
        ({"type": "tool_result", "content": 5}, f"{_BLOCK}.content must be a string or a list"),
        ({"type": "tool_result", "is_error": "yes"}, f"{_BLOCK}.is_error must be a boolean"),
        ({"type": "tool_result", "content": [{"type": "audio"}]}, f'{_BLOCK}.content[0] has the type "audio"'),
    ],
)
def test_a_block_that_cannot_be_read_is_named(block: Any, words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        _said(block)
    assert words in caught.value.message


_WRONG = {
    "model": 5, "max_tokens": "9", "messages": "hi", "system": 5, "stream": "yes", "temperature": "hot", "top_p": "x",
    "top_k": 1.5, "stop_sequences": "x", "tools": {}, "tool_choice": "auto", "thinking": True, "output_config": [],
    "output_format": 5, "metadata": "u", "context_management": [], "service_tier": 5, "cache_control": "x",
    "mcp_servers": {}, "options": [], "keep_alive": [], "truncate": 1, "describe_tools": "x",
}  # fmt: skip
_WRONG_WITHIN: list[tuple[str, dict[str, Any]]] = [
    ("budget_tokens", {"thinking": {"type": "enabled", "budget_tokens": "many"}}),
    ("display", {"thinking": {"type": "enabled", "display": 5}}),
    ("effort", {"output_config": {"effort": 5}}),
    ("messages of type []anthropic.ContentBlock", {"messages": [{"role": "user", "content": 3}]}),
    ("role", {"messages": [{"role": 3, "content": "hi"}]}),
    ("messages", {"messages": ["hi"]}),
    ("stop_sequences", {"stop_sequences": [5]}),
    ("name", {"tools": [{"name": 5}]}),
    ("strict", {"tools": [{"name": "f", "strict": "x"}]}),
    ("description", {"tools": [{"name": "f", "description": 5}]}),
    ("disable_parallel_tool_use", {"tool_choice": {"type": "auto", "disable_parallel_tool_use": "no"}}),
]


@pytest.mark.parametrize(
    ("name", "fields"), [*((name, {name: value}) for name, value in _WRONG.items()), *_WRONG_WITHIN]
)
def test_a_field_of_a_wrong_type_is_named(name: str, fields: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as caught:
        _asked(**fields)
    assert name in caught.value.message


def test_every_field_of_a_request_is_in_the_table_of_wrong_types() -> None:
    fields = {field.encode_name for field in msgspec.structs.fields(MessageRequestBody)}
    assert fields - set(_WRONG) == {"thread", "compaction", "container"}


def test_names_are_checked_last() -> None:
    with pytest.raises(BadRequest, match="messages is required"):
        _asked(model="a b", messages=[])
    with pytest.raises(Forbidden):
        _asked(model="kimi:cloud")


def test_a_count_needs_no_limit() -> None:
    counted = _counted(system="s", tools=[TOOL])
    assert (counted.request.stream, counted.request.options) == (False, {})
    with pytest.raises(BadRequest, match="messages is required"):
        _counted(messages=[])


_few = st.sampled_from([None, True, 0, -1, 2**70, 1.5, "", "x", "\ud800", "type"])
_json = _few | st.lists(_few, max_size=2) | st.dictionaries(st.sampled_from(["type", "x", "data"]), _few, max_size=2)
_KINDS = ["text", "image", "document", "search_result", "thinking", "tool_use", "tool_result", "mcp_tool_result",
          "web_search_tool_result", "redacted_thinking", "compaction", "unheard_of"]  # fmt: skip
_FIELDS = ["text", "source", "content", "thinking", "id", "name", "input", "tool_use_id", "is_error", "title", "data"]
_blocks = st.lists(
    st.builds(
        lambda kind, fields: {"type": kind, **fields},
        st.sampled_from(_KINDS),
        st.dictionaries(st.sampled_from(_FIELDS), _json | st.just([_text("x")]), max_size=3),
    ),
    max_size=2,
)


@given(st.dictionaries(st.sampled_from(sorted(_WRONG)), _json, max_size=3))
def test_any_fields_are_a_request_or_a_mistake_of_its_caller(fields: dict[str, Any]) -> None:
    assert all(_status(decode, fields) < 500 for decode in (_asked, _counted))


@given(_blocks)
def test_any_blocks_are_a_request_or_a_mistake_of_its_caller(blocks: list[Any]) -> None:
    for fields in ({"messages": [{"role": "user", "content": blocks}]}, {"system": blocks}):
        assert _status(_asked, fields) < 500


def _status(decode: Any, fields: dict[str, Any]) -> int:
    try:
        decode(**fields)
    except TampuError as error:
        return error.status
    return 200


def test_a_content_may_be_null_but_not_left_out() -> None:
    assert _asked(messages=[{"role": "user", "content": None}]).request.input.messages == ()
    with pytest.raises(BadRequest, match="unexpected end of JSON input"):
        _asked(messages=[{"role": "user"}])
