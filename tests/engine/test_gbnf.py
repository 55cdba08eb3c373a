"""Formats with vocabularies that put a blank in front of words, by the real engine; what cannot be held is told."""

import json
from typing import Any

import pytest

from tampu.engine.gbnf import NotWritable, json_grammar
from tampu.errors import EngineRefused
from tampu.generation import AnyJson, JsonSchema
from tests.engine.running import answer, running
from tests.models import padding_words, scripted_model

pytestmark = pytest.mark.anyio
WORDS = [
    " {",
    "{",
    '"',
    ' "',
    "red",
    " red",
    "name",
    " name",
    ":",
    " :",
    "}",
    " }",
    "[",
    "]",
    ",",
    " blue",
    "blue",
    "7",
]
CLOSED = {"additionalProperties": False}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def holding(inner: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"name": inner}, "required": ["name"], **CLOSED}


TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/node"}, "maxItems": 1}},
            "required": ["kids"],
        }
    },
}
HELD: list[tuple[dict[str, Any], Any]] = [
    (holding({"enum": ["red", "blue"]}), lambda told: told["name"] in {"red", "blue"}),
    (holding({"const": 'a "quoted" \\ \n line \u00e9'}), lambda told: told["name"] == 'a "quoted" \\ \n line \u00e9'),
    (holding({"type": ["null", "boolean"]}), lambda told: told["name"] in {None, True, False}),
    (holding({"type": "string", "minLength": 2, "maxLength": 4}), lambda told: 2 <= len(told["name"]) <= 4),
    (holding({"type": "string", "format": "date"}), lambda told: len(told["name"]) == 10),
    (holding({"type": "integer", "minimum": 3, "maximum": 5}), lambda told: 3 <= told["name"] <= 5),
    (holding({"type": "integer", "minimum": 0}), lambda told: told["name"] >= 0),
    (holding({"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3}),
     lambda told: len(told["name"]) in {2, 3} and all(isinstance(item, int) for item in told["name"])),
    (holding({"type": "array", "prefixItems": [{"const": 1}, {"const": "x"}]}), lambda told: told["name"] == [1, "x"]),
    (holding({"anyOf": [{"const": 1}, {"const": "one"}]}), lambda told: told["name"] in {1, "one"}),
    (holding({"allOf": [holding({"const": 1}), {"properties": {"more": {"const": 2}}, "required": ["more"]}]}),
     lambda told: told["name"] == {"name": 1, "more": 2}),
    ({"type": "object", "properties": {name: {"const": 1} for name in "abc"}, **CLOSED},
     lambda told: list(told) == sorted(told) and set(told) <= set("abc")),
    ({"type": "object", "properties": {name: {"const": 1} for name in "abc"}, "required": ["b"], **CLOSED},
     lambda told: "b" in told and set(told) <= set("abc")),
    (TREE, lambda told: "kids" in told),
]  # fmt: skip


async def test_answers_are_held_to_schemas() -> None:
    async with running(padding_words(scripted_model(WORDS)), num_ctx=1024) as child:
        assert not child.engine.properties.takes_grammars
        for schema, is_held in HELD:
            for seed in range(3):
                sampling: dict[str, Any] = {"temperature": 3.0, "seed": seed, "num_predict": 300}
                text, _ = await answer(child, "<|s0|>", format=JsonSchema(schema), **sampling)
                assert is_held(json.loads(text)), (schema, text)
        text, _ = await answer(child, "<|s0|>", format=AnyJson(), num_predict=60)
        assert text.lstrip().startswith("{")


async def test_what_cannot_be_followed_is_refused_with_its_place() -> None:
    async with running(padding_words(scripted_model(WORDS)), num_ctx=256) as child:
        with pytest.raises(EngineRefused, match=r"cannot be held to `pattern` \(at #/properties/name\)"):
            await answer(child, "<|s0|>", format=JsonSchema(holding({"type": "string", "pattern": "x"})))


@pytest.mark.parametrize("bad", [
    {"enum": []}, {"type": "number", "maximum": 5}, {"not": {}}, False,
    {"type": "array", "minItems": "x"}, {"type": "integer", "minimum": []}, {"allOf": [{"properties": 5}]},
])  # fmt: skip
def test_what_cannot_be_written_says_where(bad: Any) -> None:
    with pytest.raises(NotWritable, match="#/properties/name"):
        json_grammar(JsonSchema(holding(bad)))


def test_a_reference_to_what_is_no_schema_is_refused() -> None:
    with pytest.raises(NotWritable, match="a value that it cannot have"):
        json_grammar(JsonSchema({"$ref": "#/x", "x": {"type": "array", "minItems": "x"}}))
