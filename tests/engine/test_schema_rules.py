"""Schemas as rules of grammars: what an answer may be, as the real engine holds it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import jsonschema
import pytest

from tampu.engine.process import ChildEngine
from tampu.engine.schema import Manner
from tampu.engine.schema_rules import NotWritten, schema_rules
from tampu.generation import JsonSchema
from tests.engine.running import answer, running
from tests.models import scripted_model

pytestmark = pytest.mark.anyio
FLOODS = {
    "digits": ['{"a"', ":", *(f"{number}" for number in range(110, 150))],
    "fraction": ['{"a"', ":", "5.", *(f"{number}" for number in range(150, 190))],
    "exponent": ['{"a"', ":", "5e", *(f"{number}" for number in range(190, 230))],
    "blanks": ["{", *("\n" * width for width in range(1, 14))],
    "blanks behind": ['{"a"', ":", "1", *(" " * width for width in range(1, 14))],
}
"""Answers of models that cannot stop."""
WANTED: dict[str, tuple[dict[str, Any], str]] = {
    "all at once": (
        {
            "type": "object",
            "properties": {
                "name": {"type": "string", "minLength": 1, "maxLength": 3},
                "by": {"enum": ["bus", None, 3]},
                "legs": {"type": "array", "items": {"$ref": "#/$defs/leg"}, "minItems": 1, "maxItems": 2},
                "cost": {"anyOf": [{"type": "number", "minimum": 0.5, "exclusiveMaximum": 9}, {"type": "null"}]},
            },
            "required": ["name", "legs"],
            "$defs": {"leg": {"type": "object", "properties": {"km": {"type": "integer", "maximum": 20}}}},
        },
        '{"name": "abcdef", "by": 4, "legs": [{"km": 99}, {}, {}], "cost": 12.75}',
    ),
    "all as it may be": (
        {
            "type": "object",
            "properties": {
                "é": {"type": "string", "maxLength": 3},
                "by": {"enum": ["bus", None, 3]},
                "x": {"type": ["number", "null"]},
                "cost": {"type": "number", "minimum": 0.5, "exclusiveMaximum": 9},
            },
            "required": ["cost"],
        },
        '{"é": "ü\\n\\"", "x": -1.5e-7, "cost": 8.999}',
    ),
    "what it does not know": (
        {
            "type": "object",
            "properties": {
                "day": {"type": "string", "format": "date"},
                "word": {"type": "string", "pattern": "^[ab]+$"},
                "few": {"type": "integer", "multipleOf": 5},
            },
            "required": ["day", "word", "few"],
        },
        '{"day": "2024-02-29", "word": "abba", "few": 35}',
    ),
    "anything": ({}, '{"a": [1, null, "b"]}'),
    "a list": ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, "[true,\n  false, true]"),
    "others": (
        {"type": "object", "required": ["a"], "additionalProperties": {"type": "integer"}},
        '{"a": 1, "b": -2}',
    ),
    "itself": (
        {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["next"]},
        '{"next": {"next": null}}',
    ),
}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def child() -> AsyncIterator[ChildEngine]:
    scripts = [list(script) for script in FLOODS.values()] + [[told[:9], told[9:]] for _, told in WANTED.values()]
    async with running(scripted_model(*scripts, context=2048), num_ctx=2048) as found:
        yield found


@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("kind", ["number", "integer"])
async def test_no_number_and_no_run_of_blanks_is_without_end(child: ChildEngine, flood: str, kind: str) -> None:
    schema = {"type": "object", "properties": {"a": {"type": kind}}, "required": ["a"]}
    text, _ = await answer(child, f"<|s{list(FLOODS).index(flood)}|>", format=JsonSchema(schema), num_predict=200)
    assert len(text) < 120
    jsonschema.validate(json.loads(text), schema)


@pytest.mark.parametrize("name", WANTED)
async def test_whatever_a_model_would_say_is_held_to_the_schema(child: ChildEngine, name: str) -> None:
    schema, told = WANTED[name]
    script = len(FLOODS) + list(WANTED).index(name)
    text, _ = await answer(child, f"<|s{script}|>", format=JsonSchema(schema), num_predict=200)
    jsonschema.validate(json.loads(text), schema, format_checker=jsonschema.FormatChecker())
    assert text == told or name == "all at once"


def test_an_object_has_no_properties_but_those_it_lists() -> None:
    told = {"type": "object", "properties": {"a": {}}}
    assert "STRING &" not in "".join(schema_rules(told, "json", Manner(mark="m")))
    assert "STRING &" in "".join(schema_rules({**told, "additionalProperties": True}, "json", Manner(mark="m")))


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}},
        {"type": "integer", "minimum": 5, "maximum": 3},
        {"type": "integer", "minimum": 0.2, "maximum": 0.8},
        {"type": "array", "items": False},
        {"type": "object", "properties": {"a": False}},
        {"type": "object", "required": ["a"], "properties": {"b": {}}, "additionalProperties": False},
        {"enum": list(range(1000))},
        {"properties": {"a": {}}, "items": {}},
        {"type": "object", "properties": 3},
    ],
    ids=str,
)
def test_what_has_no_answer_or_is_too_much_is_left_to_the_engine(schema: dict[str, Any]) -> None:
    with pytest.raises(NotWritten):
        schema_rules(schema, "json", Manner(mark="m"))


def test_texts_whose_length_the_schema_leaves_open_end_where_they_are_told_to() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {}, "c": {"type": "string", "maxLength": 3}},
    }
    rules = "\n".join(schema_rules(schema, "call", Manner(mark="m", longest=9)))
    assert rules.count("{0,9}") == 1
    assert rules.count("{0,3}") == 1
    assert "STRING" not in rules.replace("CALL_STRING", "")
    assert "{0,9}" not in "\n".join(schema_rules(schema, "call", Manner(mark="m")))
