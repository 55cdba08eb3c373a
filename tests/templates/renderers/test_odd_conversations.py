"""What named renderers do with conversations and schemas that are legal and rarely sent; the rules are Ollama's."""

from typing import Any

import pytest

from tampu.templates.renderers.registry import RENDERERS, renderer_named
from tests.templates.golden import TODAY, to_messages, to_tools

CALL = {"function": {"name": "f", "arguments": {}}}
USER = {"role": "user", "content": "u"}


def prompt(name: str, *messages: dict[str, Any], tools: list[Any] | None = None, think: Any = None) -> str:
    return renderer_named(name).prompt(
        to_messages(list(messages)), tools=to_tools(tools or []), think=think, today=TODAY
    )


def said(role: str, content: str = "", **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **fields}


def tool(properties: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "parameters": {"properties": properties, **parameters}}}


@pytest.mark.parametrize(
    ("name", "messages", "end"),
    [
        ("cogito", [USER, said("critic", "c")], "<｜User｜>u<｜Assistant｜>"),
        ("deepseek3.1", [USER, said("system", "s")], "<｜User｜>u<｜Assistant｜></think>"),
        (
            "deepseek3.1",
            [USER, said("assistant", "a</think>b", tool_calls=[CALL])],
            (
                "</think>a</think>b<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{}<｜tool▁call▁end｜>"
                "<｜tool▁calls▁end｜><｜end▁of▁sentence｜>"
            ),
        ),
        ("cohere", [said("chatbot", "c")], "<|CHATBOT_TOKEN|><|START_TEXT|>c"),
        ("functiongemma", [said("tool", "t"), said("critic", "c")], "<start_of_turn>critic\nc<end_of_turn>\n"),
        ("glm-ocr", [said("assistant", "\t")], "<|assistant|>\n<think></think>\n\n<|assistant|>\n"),
        ("lfm2", [said("assistant", " ", tool_calls=[CALL])], "assistant\n<|tool_call_start|>[f()]<|tool_call_end|> "),
        ("lfm2", [said("tool", "<|tool_response_start|>"), USER], "<|im_start|>assistant\n"),
        ("laguna", [said("assistant", "a</think>b</think>c")], "<think>\na\n</think>\nc\n"),
        ("laguna", [said("assistant", "</think>c", thinking="t")], "<think>\nt\n</think>\nc\n"),
        ("olmo3", [said("assistant", "a"), said("system", "s")], "<|im_start|>assistant\na"),
        ("qwen3.5", [said("assistant", "r</think>\n a")], "<|im_start|>assistant\n a"),
        ("qwen3.8", [USER, said("assistant", "a"), said("system", "s")], "</think>\n\na"),
        (
            "qwen3-vl-instruct",
            [said("assistant", tool_calls=[{"function": {"name": 'a"b', "arguments": {}}}])],
            '{"name": "a"b", "arguments": {}}\n</tool_call>',
        ),
        (
            "nemotron-3-nano",
            [said("assistant", "<think>a", tool_calls=[CALL]), USER],
            (
                "<|im_start|>assistant\n<think></think>\n<tool_call>\n<function=f>\n</function>\n</tool_call>\n<|im_end|>\n"
                "<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n<think>\n"
            ),
        ),
        (
            "gemma4",
            [said("user", "u", tool_calls=[CALL], images=["QQ=="]), said("tool", "t", images=["QQ=="])],
            (
                "<|turn>user\n<|tool_call>call:f{}<tool_call|>"
                '<|tool_response>response:unknown{value:<|"|>[img-0] t<|"|>}<tool_response|>[img-1] u<turn|>\n'
            ),
        ),
        (
            "glimmer",
            [said("assistant", tool_calls=[CALL]), said("assistant", "a")],
            "</atem:function_calls><|eom|><|start|>assistant to=user<|message|>a<|eot|><|start|>assistant",
        ),
    ],
)
def test_end_of_the_prompt(name: str, messages: list[dict[str, Any]], end: str) -> None:
    assert prompt(name, *messages).endswith(end)


def test_the_first_of_two_calls_with_one_id_has_the_results() -> None:
    calls = [{**CALL, "id": "x"}, {**CALL, "id": "x"}]
    text = prompt("cohere", said("assistant", tool_calls=calls), said("tool", "t", tool_call_id="x"))
    assert '"tool_call_id": "0",\n        "results"' in text


def test_glimmer_finds_the_name_of_a_result_wherever_its_call_stands() -> None:
    calls = [{**CALL, "id": "x"}]
    text = prompt("glimmer", said("tool", "t", tool_call_id="x"), said("assistant", tool_calls=calls))
    assert '<tool_output name="f">' in text


@pytest.mark.parametrize("text", ["my Reasoning strength", "Reasoning Effort"])
def test_glimmer_says_nothing_of_a_strength_that_the_system_text_names(text: str) -> None:
    assert "\n\nReasoning strength: " not in prompt("glimmer", said("system", text))


def test_glm_ocr_does_not_say_twice_that_thinking_is_off() -> None:
    assert "<|user|>\nhi/nothink<|assistant|>" in prompt("glm-ocr", said("user", "hi/nothink"), think=False)


def test_functiongemma_does_not_say_its_instruction_twice() -> None:
    instruction = "You can do function calling with the following functions:"
    text = prompt("functiongemma", said("system", f" {instruction} "), tools=[tool({})])
    assert text.count(instruction) == 1
    assert f"developer\n{instruction}\n<start_function_declaration>" in text


def test_nemotron_marks_images_before_a_text_is_trimmed() -> None:
    assert "user\n[img-0]  pad<|im_end|>" in prompt("nemotron-3-nano", said("user", "  pad ", images=["QQ=="]))


@pytest.mark.parametrize("separator", ["\x1c", "\x1f"])
def test_separators_of_ascii_are_no_blanks(separator: str) -> None:
    assert f"user\n{separator}<|im_end|>" in prompt("qwen3.5", said("user", separator))


@pytest.mark.parametrize("name", sorted(set(RENDERERS) - {"functiongemma", "olmo3-think", "olmo3-32b-think"}))
def test_an_empty_type_is_shown_and_an_absent_one_is_not(name: str) -> None:
    empty = prompt(name, USER, tools=[tool({"p": {"type": ""}})])
    assert prompt(name, USER, tools=[tool({"p": {}})]) != empty
    assert prompt(name, USER, tools=[tool({"p": {"type": [""]}})]) == empty


@pytest.mark.parametrize(("items", "shown"), [("", '""'), ([], "[]"), (0, "0"), (False, "false"), ({}, "{}")])
def test_free_form_values_are_left_out_only_where_they_are_absent(items: object, shown: str) -> None:
    assert f'"items": {shown}' in prompt("qwen3.5", USER, tools=[tool({"p": {"items": items}})])


@pytest.mark.parametrize(
    ("schema", "shown"),
    [
        ({"type": ["string", "null"]}, "type:Q['STRING', 'NULL']Q"),
        ({"anyOf": [{"type": "string"}, {"type": ["null", "string"]}]}, "type:Q['STRING', 'NULL']Q"),
        ({"anyOf": [{"type": "string", "description": "d"}]}, ""),
        ({"type": "string", "enum": [1, 1e6, True, "x"]}, "enum:[Q1Q,Q1e+06Q,QtrueQ,QxQ],type:QSTRINGQ"),
        ({"type": "number", "enum": [1]}, "type:QNUMBERQ"),
        ({"type": "object"}, "properties:{},type:QOBJECTQ"),
        ({"type": "object", "items": {"type": "string"}}, "properties:{items:{type:QSTRINGQ}},type:QOBJECTQ"),
        ({"type": "object", "properties": {"type": {"type": "string"}}}, "properties:{},type:QOBJECTQ"),
        (
            {"type": "array", "items": {"type": ["string", 1, "null"], "x": {"b": [1.0, None]}, "required": ["a", 1]}},
            "items:{required:[QaQ],type:[QSTRINGQ,QNULLQ],x:{QbQ:[1,null]}},type:QARRAYQ",
        ),
        ({"type": "array", "items": {"type": 1, "a": 2}}, "items:{a:2,},type:QARRAYQ"),
    ],
)
def test_gemma4_shows_of_a_property_what_belongs_to_its_type(schema: dict[str, Any], shown: str) -> None:
    text = prompt("gemma4", USER, tools=[tool({"p": schema})])
    assert f"properties:{{p:{{{shown}}}}}".replace("Q", '<|"|>') in text


@pytest.mark.parametrize(
    ("value", "shown"), [(1e16, "10000000000000000"), (-(2**63), str(-(2**63))), (2**63, "9.223372036854776e+18")]
)
def test_gemma_prints_whole_numbers_plain_as_far_as_64_bits_go(value: float, shown: str) -> None:
    call = {"function": {"name": "f", "arguments": {"a": value}}}
    assert f"call:f{{a:{shown}}}" in prompt("functiongemma", said("assistant", tool_calls=[call]))
