"""Answers held to thoughts, calls and schemas at once, by the real engine."""

import json
import re
from dataclasses import replace
from typing import Any

import anyio
import pytest

from tampu.engine.grammar import parameters_schema
from tampu.engine.shape import CallForm, Thoughts
from tampu.errors import EngineRefused
from tampu.generation import AnyJson, JsonSchema
from tampu.messages import Tool, ToolFunction, ToolParameters, ToolProperty
from tests.engine.running import answer, running
from tests.models import scripted_model

pytestmark = pytest.mark.anyio
THINK = Thoughts("<think>", "</think>")
NUMBER = JsonSchema({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]})


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def tool(name: str, /, **properties: ToolProperty) -> Tool:
    parameters = ToolParameters(type="object", properties=properties, required=list(properties))
    return Tool(ToolFunction(name, "", parameters))


ADD = tool("add", x=ToolProperty(type="integer"), y=ToolProperty(type="integer"))
CITY = tool("city", name=ToolProperty(type="string", enum=["Lima", "Cusco"]))


async def test_thoughts_are_free_and_what_follows_is_held() -> None:
    model = scripted_model(
        ["<think>", "{ any", " <text> \n", "</think>", "\n\n", '{"a"', ": 1}", " and more"],
        ["plain", " words"],
        ["inside", " it</th", "ink>", '{"a":', " 22}"],
    )
    async with running(model, num_ctx=512) as child:
        assert await said(child, 0, format=NUMBER, thoughts=THINK) == '<think>{ any <text> \n</think>\n\n{"a": 1}'
        assert json.loads(await said(child, 1, format=AnyJson(), thoughts=THINK, num_predict=64)) is not None
        opened = Thoughts("<think>", "</think>", is_open=True)
        assert await said(child, 2, format=NUMBER, thoughts=opened) == 'inside it</think>{"a": 22}'


async def test_a_model_that_loves_blanks_gets_on() -> None:
    """Without a bound it would write them until it is cut off."""
    blanks = ["\n" + " " * width for width in range(1, 12)]
    model = scripted_model(["{", *blanks, '"a": 1}'], ['{\n  "a":', " [\n    1,", "\n\t2\n  ]\n", "}"])
    async with running(model, num_ctx=512) as child:
        text = await said(child, 0, format=AnyJson(), num_predict=200)
        pretty = await said(child, 1, format=AnyJson())
    assert 0 < max(len(run) for run in re.findall(r"\s+", text)) <= 2 + 20
    assert json.loads(pretty) == {"a": [1, 2]}


async def test_tags_may_be_special_tokens() -> None:
    model = scripted_model(["[T]", "hm", "[/T]", "[CALL]", '{"name":"add",'], special=["[T]", "[/T]", "[CALL]"])
    async with running(model, num_ctx=512) as child:
        text = await said(
            child, 0, thoughts=Thoughts("[T]", "[/T]"), calls=CallForm(tag="[CALL]", tools=[ADD]),
            preserved=("[T]", "[/T]", "[CALL]"),
        )  # fmt: skip
    thoughts, _, call = text.partition("[CALL]")
    assert thoughts == "[T]hm[/T]"
    assert_adds(call)


@pytest.mark.parametrize(
    ("tag", "opening", "closing"),
    [
        ("<tool_call>", "<tool_call>", "</tool_call>"),
        ("<|python_tag|>", "<|python_tag|>", ""),
        ("[TOOL_CALLS] [", "[TOOL_CALLS][", "]"),
        ("{", "", ""),
        ("[", "[", "]"),
    ],
)
async def test_calls_as_templates_write_them(tag: str, opening: str, closing: str) -> None:
    async with running(scripted_model(["Let me", " think"]), num_ctx=512) as child:
        text = (await said(child, 0, calls=CallForm(tag=tag, tools=[ADD]))).strip()
    assert_adds(text.replace(" [", "[").removeprefix(opening).removesuffix(closing))


async def test_tools_that_are_too_large_together_keep_their_names() -> None:
    wide = [
        tool(f"tool_{n}", **{f"argument_{i}": ToolProperty(type="string", description="x" * 200) for i in range(200)})
        for n in range(30)
    ]
    async with running(scripted_model(["Let me", " think"]), num_ctx=512) as child:
        with anyio.fail_after(10):
            text = await said(child, 0, calls=CallForm(tag="<tool_call>", tools=wide), num_predict=60)
    assert text.strip().startswith('<tool_call>{"name":"tool_')


async def test_several_calls_are_allowed_up_to_a_number() -> None:
    async with running(scripted_model(["<tool_call>"]), num_ctx=512) as child:
        text = await said(child, 0, calls=CallForm(tag="<tool_call>", tools=[ADD], at_most=3))
    assert 1 <= text.count("</tool_call>") <= 3


def assert_adds(text: str) -> None:
    call = json.loads(text)
    assert (call["name"], list(call["arguments"])) == ("add", ["x", "y"])
    assert all(isinstance(value, int) for value in call["arguments"].values())


async def test_a_call_is_made_although_the_model_would_rather_talk() -> None:
    model = scripted_model(["I would", " rather talk"])
    async with running(model, num_ctx=512) as child:
        text = await said(child, 0, calls=CallForm(tag="<tool_call>", tools=[CITY]), num_predict=100)
    head, _, tail = text.partition("<tool_call>")
    call = json.loads(tail.removesuffix("</tool_call>"))
    assert head == ""
    assert call["name"] == "city"
    assert call["arguments"]["name"] in {"Lima", "Cusco"}


@pytest.mark.parametrize("number", [0, 1])
async def test_arguments_keep_to_a_schema_that_refers_to_itself(number: int) -> None:
    """Each tool has definitions of its own, under the same name."""
    first = {
        "$defs": {"Leg": {"type": "object", "properties": {"by": {"enum": ["bus"]}}, "required": ["by"]}},
        "properties": {"leg": {"$ref": "#/$defs/Leg"}},
        "required": ["leg"],
    }
    second = {**first, "$defs": {"Leg": {"type": "integer", "minimum": 7, "maximum": 8}}}
    schemas = {"trip_0": first, "trip_1": second}
    tools = [tool(name) for name in schemas]
    form = CallForm(tag="<tool_call>", tools=tools, schemas=schemas)
    model = scripted_model(["<tool_call>", f'{{"name":"trip_{number}",'])
    async with running(model, num_ctx=512) as child:
        text = await said(child, 0, calls=form, num_predict=100)
    call = json.loads(text.strip().removeprefix("<tool_call>").removesuffix("</tool_call>"))
    assert call["name"] == f"trip_{number}"
    assert call["arguments"] in ([{"leg": {"by": "bus"}}], [{"leg": 7}, {"leg": 8}])[number]


async def test_calls_or_a_schema_or_words() -> None:
    model = scripted_model(
        ['{"a"', ": 5}"],
        ["<tool_call>", '{"name":"city",', '"arguments":{"name"', ':"Lima"}}', "</tool_call>"],
        ["In", " words", "."],
    )
    form = CallForm(tag="<tool_call>", tools=[CITY], is_required=False)
    call = '<tool_call>{"name":"city","arguments":{"name":"Lima"}}</tool_call>'
    async with running(model, num_ctx=512) as child:
        assert await said(child, 0, format=NUMBER, calls=form, thoughts=THINK) == '{"a": 5}'
        assert await said(child, 1, format=NUMBER, calls=form, thoughts=THINK) == call
        assert await said(child, 1, calls=form) == call
        assert await said(child, 2, calls=form) == "In words."


@pytest.mark.parametrize("special", [[], ["<tool_call>", "</tool_call>"]], ids=["text", "special"])
async def test_calls_behind_words_are_held_too(special: list[str]) -> None:
    model = scripted_model(
        [
            "Let me",
            " <look",
            ". ",
            "<tool_call>",
            '{"name":"city",',
            '"arguments":{"name"',
            ':"Paris"}}',
            "</tool_call>",
        ],
        ["In", " words <tool", " and no more."],
        ["<tool_call>", '{"name":"nobody",', '"arguments":{"name"', ':"Lima"}}', "</tool_call>"],
        special=special,
    )
    form = CallForm(tag="<tool_call>", tools=[CITY], is_required=False, follows_text=True)
    async with running(model, num_ctx=512) as child:
        texts = [await said(child, script, calls=form, num_predict=100, preserved=special) for script in range(3)]
    head, _, tail = texts[0].partition("<tool_call>")
    assert head == "Let me <look. "
    assert texts[1] == "In words <tool and no more."
    for call in (tail, texts[2].strip().removeprefix("<tool_call>")):
        told = json.loads(call.strip().removesuffix("</tool_call>"))
        assert told["name"] == "city"
        assert told["arguments"]["name"] in {"Lima", "Cusco"}


async def test_words_end_where_the_model_ends_them() -> None:
    """Also where its vocabulary has an end of a turn, by which alone the engine ends a grammar."""
    model = scripted_model(["In", " words", "."], special=["<|im_end|>"])
    form = CallForm(tag="<tool_call>", tools=[CITY], is_required=False)
    async with running(model, num_ctx=512) as child:
        for calls in (form, replace(form, follows_text=True)):
            assert await said(child, 0, calls=calls, num_predict=100) == "In words."


async def test_a_schema_that_cannot_be_compiled_is_refused_behind_thoughts_too() -> None:
    broken = JsonSchema({"type": "string", "pattern": "(?=a)b"})
    async with running(scripted_model(["<think>", "hm", "</think>", '"b"']), num_ctx=512) as child:
        with pytest.raises(EngineRefused, match="look-around") as refused:
            await said(child, 0, format=broken, thoughts=THINK)
    assert refused.value.status == 400


def test_parameters_that_no_engine_can_follow_are_any_object() -> None:
    assert parameters_schema(tool("f", x=ToolProperty(type="string")))["properties"] == {"x": {"type": "string"}}
    assert parameters_schema(tool("f", x=ToolProperty()))["properties"] == {"x": {}}
    assert parameters_schema(tool("f", x=ToolProperty(type="file"))) == {"type": "object"}
    assert parameters_schema(Tool(ToolFunction("f"))) == {
        "type": "object", "properties": {}, "additionalProperties": False,
    }  # fmt: skip


async def said(child: Any, script: int, **fields: Any) -> str:
    return (await answer(child, f"<|s{script}|>", **fields))[0]
