"""Requests of OpenAI's dialect: what becomes of their fields, and the words for what cannot be honoured."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.api.dialect import Call
from tampu.api.openai import chat, completions, embeddings, rerank, tokens
from tampu.api.openai.asking import Asked
from tampu.errors import BadRequest, NotFound, TampuError
from tampu.generation import AnyJson, JsonSchema, NamedTool, ToolUse
from tampu.messages import ImageAddress

HI = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
OTHER = {"type": "function", "function": {"name": "g"}}
DOT = "iVBORw0KGgo="


def _chat(**fields: Any) -> Asked:
    return chat.CODEC.decode(Call(json.dumps({"model": "m", "messages": HI, **fields}).encode()))


def _completion(**fields: Any) -> Asked:
    return completions.CODEC.decode(Call(json.dumps({"model": "m", "prompt": "hi", **fields}).encode()))


def _embedding(**fields: Any) -> embeddings.EmbeddingCall:
    return embeddings.CODEC.decode(Call(json.dumps({"model": "m", **fields}).encode()))


def _messages(*messages: dict[str, Any]) -> Any:
    return _chat(messages=messages).first.input.messages


def test_temperature_and_top_p_are_one_where_nothing_is_said() -> None:
    for asked in (_chat(), _completion(), _completion(top_p=0)):
        assert {name: asked.first.options[name] for name in ("temperature", "top_p")} == {
            "temperature": 1.0,
            "top_p": 1.0,
        }


def test_a_field_wins_over_options_and_options_over_what_is_usual() -> None:
    options = _chat(
        options={"temperature": 0.1, "top_k": 3, "mirostat": 1}, top_k=5, num_ctx=64, stop="x"
    ).first.options
    assert options == {"temperature": 0.1, "top_p": 1.0, "top_k": 5, "mirostat": 1, "num_ctx": 64, "stop": ["x"]}


def test_the_newer_limit_wins() -> None:
    assert _chat(max_tokens=6, max_completion_tokens=3).first.options["num_predict"] == 3
    assert "num_predict" not in _chat().first.options


@pytest.mark.parametrize(("stop", "read"), [("x", ["x"]), (["a", 1, 2.5], ["a", "1", "2.5"]), (7, ["7"]), ([], [])])
def test_a_number_to_stop_at_is_its_digits(stop: Any, read: list[str]) -> None:
    assert _chat(stop=stop).first.options["stop"] == read


def test_a_limit_of_zero_is_none() -> None:
    assert "num_predict" not in _chat(max_tokens=0).first.options
    assert "num_predict" not in _completion(max_tokens=0).first.options
    assert _completion(max_tokens=0, echo=True).first.options["num_predict"] == 0


def test_answers_and_biases() -> None:
    assert _chat().choices.is_single
    assert _chat(n=3).choices.alternatives == 3
    assert dict(_chat(logit_bias={"7": -100, "12": 1.5}).first.logit_bias) == {7: -100.0, 12: 1.5}
    asked = _completion(prompt=["a", "b"], n=2, echo=True, best_of=2)
    assert [request.input.prompt for request in asked.choices.requests] == ["a", "b"]
    assert asked.echoes == ("a", "b")


def test_prompts_of_tokens() -> None:
    assert [request.input.tokens for request in _completion(prompt=[1, 2]).choices.requests] == [(1, 2)]
    assert [request.input.tokens for request in _completion(prompt=[[1], [2, 3]]).choices.requests] == [(1,), (2, 3)]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"n": 0}, "n must be between 1 and 128"),
        ({"n": 129}, "n must be between 1 and 128"),
        ({"logit_bias": {"x": 1}}, 'logit_bias names "x"'),
        ({"logit_bias": {"-1": 1}}, 'logit_bias names "-1"'),
        ({"logit_bias": {"1": 101}}, "between -100 and 100"),
        ({"logit_bias": {"1": "2"}}, "between -100 and 100"),
        ({"stop": {"a": 1}}, "invalid type for 'stop' field: map[string]interface {}"),
        ({"stop": ["a", None]}, "invalid type for 'stop' field: <nil>"),
        ({"functions": [{"name": "f"}]}, "functions is not supported"),
        ({"web_search_options": {}}, "web_search_options is not supported"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"tools": [{"type": "custom", "custom": {"name": "c"}}]}, 'tools of type "custom"'),
        ({"tools": [TOOL], "tool_choice": "sometimes"}, "tool_choice must be"),
        ({"response_format": {"type": "yaml"}}, "response_format must be"),
        ({"response_format": {}}, "response_format must be"),
        ({"messages": []}, "[] is too short - 'messages'"),
        ({"model": ""}, "model is required"),
    ],
)
def test_what_cannot_be_honoured_is_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        _chat(**fields)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"best_of": 3}, "best_of other than n"),
        ({"stop": ["x", 3]}, "invalid type for 'stop' field: float64"),
        ({"echo": True, "logprobs": 1}, "echo with logprobs"),
        ({"prompt": [1, True]}, "prompt must be"),
        ({"prompt": [[1], []]}, "prompt must be"),
        ({"prompt": [[1], "a"]}, "prompt must be"),
        ({"prompt": [1, 2], "echo": True}, "echo with a prompt of tokens"),
        ({"prompt": [1, 2], "suffix": "b"}, "suffix with a prompt of tokens"),
        ({"prompt": []}, "prompt must be"),
        ({"prompt": ["a", 1]}, "prompt must be"),
        ({"prompt": ["a"] * 65, "n": 2}, "more than 128 answers"),
    ],
)
def test_completions_name_what_they_cannot_do(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        _completion(**fields)
    assert words in caught.value.message


def test_a_missing_model_of_completions_is_not_found() -> None:
    with pytest.raises(NotFound):
        _completion(model="")


@pytest.mark.parametrize(
    ("told", "format"),
    [
        ({"type": "text"}, None),
        ({"type": " JSON_Object "}, AnyJson()),
        ({"type": "json_object", "schema": {"type": "object"}}, JsonSchema({"type": "object"})),
        ({"type": "json_schema", "json_schema": {"name": "p", "schema": {"a": 1}}}, JsonSchema({"a": 1})),
        ({"type": "json_schema", "json_schema": {"name": "p"}}, AnyJson()),
    ],
)
def test_formats(told: Any, format: Any) -> None:  # noqa: A002  # the word of the field
    assert _chat(response_format=told).first.format == format


def test_tools_that_may_and_must_be_called() -> None:
    def chosen(choice: Any) -> Any:
        return _chat(tools=[TOOL, OTHER], tool_choice=choice).first.input

    assert chosen(None).tool_choice is ToolUse.AUTO
    assert chosen("required").tool_choice is ToolUse.REQUIRED
    assert chosen({"type": "function", "function": {"name": "g"}}).tool_choice == NamedTool("g")
    allowed = chosen({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [OTHER]}})
    assert allowed.tool_choice is ToolUse.REQUIRED
    assert [tool.function.name for tool in allowed.tools] == ["g"]
    with pytest.raises(BadRequest, match='names "h"'):
        chosen({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"name": "h"}]}})
    assert not _chat(tools=[TOOL], parallel_tool_calls=False).first.input.parallel_calls


def test_one_strict_tool_holds_all_calls() -> None:
    strict = {"type": "function", "function": {**TOOL["function"], "strict": True}}
    assert _chat(tools=[OTHER, strict]).first.input.strict_calls
    assert _chat(tools=[{**TOOL, "strict": True}]).first.input.strict_calls
    assert not _chat(
        tools=[TOOL, {"type": "function", "function": {"name": "h", "strict": False}}]
    ).first.input.strict_calls


@pytest.mark.parametrize(
    ("fields", "think"),
    [
        ({}, None),
        ({"reasoning_effort": "none"}, False),
        ({"reasoning_effort": "minimal"}, "low"),
        ({"reasoning_effort": "xhigh"}, "max"),
        ({"reasoning": {}, "reasoning_effort": "none"}, None),
        ({"reasoning": {"effort": "high"}}, "high"),
        ({"think": False}, False),
        ({"think": "low", "reasoning_effort": "high"}, "high"),
    ],
)
def test_how_hard_to_think(fields: dict[str, Any], think: Any) -> None:
    assert _chat(**fields).first.think == think


def test_a_message_of_parts_stays_one_message() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DOT}"}}]
    (message,) = _messages({"role": "USER", "content": [*parts, {"type": "refusal", "refusal": "b"}]})
    assert (message.role, message.content, message.images) == ("user", "a\n\n[img]\n\nb", (b"\x89PNG\r\n\x1a\n",))

    (message,) = _messages({"role": "user", "content": parts[1:] * 2})
    assert (message.content, len(message.images)) == ("[img]\n\n[img]", 2)


@pytest.mark.parametrize(
    ("role", "texts", "content"),
    [
        ("user", ["a"], "[img]\n\na"),
        ("user", [], ""),
        ("user", ["what is [img]?"], "what is [img]?"),
        ("assistant", ["a"], "a"),
    ],
)
def test_pictures_have_places_only_among_a_users_own_words(role: str, texts: list[str], content: str) -> None:
    image = {"type": "image_url", "image_url": f"data:image/png;base64,{DOT}"}
    (message,) = _messages({"role": role, "content": [image, *({"type": "text", "text": text} for text in texts)]})
    assert (message.content, len(message.images)) == (content, 1)


def test_an_address_of_a_picture_is_left_to_be_fetched() -> None:
    (message,) = _messages(
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a/b.png"}}]}
    )
    assert message.images == (ImageAddress(b"https://a/b.png"),)
    assert isinstance(message.images[0], ImageAddress)
    with pytest.raises(BadRequest, match="more than 8192 characters"):
        _messages({"role": "user", "content": [{"type": "image_url", "image_url": "https://a/" + "b" * 9000}]})


def test_results_know_their_call() -> None:
    call = {"id": "x", "type": "function", "function": {"name": "f", "arguments": '{"b": 1, "a": 2}'}}
    asked, result = _messages(
        {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "hm"},
        {"role": "tool", "tool_call_id": "x", "content": [{"type": "text", "text": "r"}]},
    )
    assert asked.thinking == "hm"
    assert list(asked.tool_calls[0].function.arguments) == ["b", "a"]
    assert (result.tool_name, result.tool_call_id, result.content) == ("f", "x", "r")


def test_developers_speak_as_the_system_and_empty_contents_not_at_all() -> None:
    (message,) = _messages({"role": "developer", "content": "d"}, {"role": "user", "content": []})
    assert (message.role, message.content) == ("system", "d")


def test_inputs_of_embeddings() -> None:
    assert _embedding(input="").request.inputs == ("",)
    assert _embedding(input=["a", ""]).request.inputs == ("a", "")
    assert _embedding(input=[1, 2]).request.inputs == ((1, 2),)
    assert _embedding(input=[[1], [2, 3]], encoding_format="BASE64").in_base64
    for wrong in (None, [], [1, "a"], [[]], [True], {"a": 1}, 5, [[1, 2.5]]):
        with pytest.raises(BadRequest, match="invalid input"):
            _embedding(input=wrong)


def test_documents_are_texts_in_either_form() -> None:
    def decoded(**fields: Any) -> Any:
        return rerank.CODEC.decode(Call(json.dumps({"model": "m", "query": "q", **fields}).encode()))

    call = decoded(documents=["a", {"text": "b"}], top_n=1, return_documents=True)
    assert (call.request.documents, call.request.top, call.returns_documents) == (("a", "b"), 1, True)
    for wrong in ({"documents": [1]}, {"documents": ["a"], "top_n": 0}):
        with pytest.raises(BadRequest):
            decoded(**wrong)


@pytest.mark.parametrize(
    ("fields", "adds"),
    [({"prompt": "a"}, True), ({"content": "a"}, False), ({"content": "a", "add_special": True}, True)],
)
def test_a_text_for_tokens_has_one_of_three_names(fields: dict[str, Any], adds: bool) -> None:
    request = tokens.TOKENIZE_CODEC.decode(Call(json.dumps({"model": "m", **fields}).encode()))
    assert (request.text, request.add_special) == ("a", adds)
    for wrong in ({}, {"prompt": "a", "content": "a"}):
        with pytest.raises(BadRequest, match="send the text"):
            tokens.TOKENIZE_CODEC.decode(Call(json.dumps({"model": "m", **wrong}).encode()))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = sorted({field.encode_name for field in msgspec.structs.fields(chat._Body)})


@given(st.dictionaries(st.sampled_from(_FIELDS), _json, max_size=4))
def test_any_body_is_a_request_or_a_mistake_of_its_caller(fields: dict[str, Any]) -> None:
    assert all(_status(decode, fields) < 500 for decode in (_chat, _completion, _embedding))


def _status(decode: Any, fields: dict[str, Any]) -> int:
    try:
        decode(**fields)
    except TampuError as error:
        return error.status
    return 200


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"max_tokens": "4"}, "string into Go struct field ChatCompletionRequest.max_tokens of type int"),
        ({"temperature": []}, "array into Go struct field ChatCompletionRequest.temperature of type float64"),
        ({"messages": [{"role": 5}]}, "number into Go struct field Message.messages.role of type string"),
        ({"tools": {"a": 1}}, "object into Go struct field ChatCompletionRequest.tools of type []api.Tool"),
        (
            {"tools": [{"function": {"parameters": []}}]},
            "array into Go struct field ToolFunction.tools.function.parameters of type api.ToolFunctionParameters",
        ),
        ({"response_format": "x"}, "string into Go struct field ChatCompletionRequest.response_format of type openai."),
        ({"response_format": {"type": 5}}, "number into Go struct field ResponseFormat.response_format.type of type"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"arguments": {}}}]}]},
            "object into Go struct field .messages.tool_calls.function.arguments of type string",
        ),
    ],
)
def test_a_value_of_a_wrong_type_is_told_as_clients_of_ollama_know_it(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(BadRequest) as caught:
        _chat(**fields)
    assert caught.value.message.startswith(f"json: cannot unmarshal {fault}")


def test_a_wrong_input_of_embeddings_is_told_after_a_wrong_model() -> None:
    with pytest.raises(NotFound, match="model '' not found"):
        _embedding(model="", input=5)
    with pytest.raises(BadRequest, match="invalid input type"):
        _embedding(input=5)
    with pytest.raises(BadRequest, match=r"invalid input$"):
        _embedding(model="", input=[])
