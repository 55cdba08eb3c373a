"""Which schemas are refused, and how the others are handed on."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.engine.schema import Manner, guided, placed, problems_of

NONE: list[str] = []


@pytest.mark.parametrize(
    ("schema", "problems"),
    [
        ({}, NONE),
        ({"type": "object", "properties": {"type": {"type": ["string", "null"]}}}, NONE),
        ({"description": "anything"}, NONE),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "integer"}}}, NONE),
        ({"$ref": "#"}, NONE),
        ({"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, NONE),
        ({"$ref": "#/a~1b/0", "a/b": [{"type": "null"}]}, NONE),
        ({"enum": ["nope"], "const": {"type": "nope"}}, NONE),
        ({"$defs": {"unused": {"type": "nope"}}}, NONE),
        ({"type": "nope"}, ['Unrecognized schema: {"type":"nope"}']),
        ({"type": 3}, ['Unrecognized schema: {"type":3}']),
        ({"items": {"anyOf": [{"type": "x"}]}}, ['Unrecognized schema: {"type":"x"} (at #/items/anyOf/0)']),
        (
            {"prefixItems": [True, {"type": ["null", "x"]}]},
            ['Unrecognized schema: {"type":["null","x"]} (at #/prefixItems/1)'],
        ),
        (
            {"additionalProperties": {"type": "x"}},
            ['Unrecognized schema: {"type":"x"} (at #/additionalProperties)'],
        ),
        (
            {"$ref": "#/$defs/none"},
            ['Error resolving ref #/$defs/none: $defs not in {"$ref":"#/$defs/none"}'],
        ),
        ({"$ref": "#/$defs/b", "$defs": {"b": {"type": "x"}}}, ['Unrecognized schema: {"type":"x"}']),
        ({"$ref": "http://host/schema"}, ["Unsupported ref: http://host/schema"]),
    ],
)
def test_problems(schema: dict[str, Any], problems: list[str]) -> None:
    assert problems_of(schema) == problems


def test_deep_schemas_cost_no_stack() -> None:
    schema: dict[str, Any] = {"type": "nope"}
    for _ in range(50_000):
        schema = {"items": schema}
    assert len(problems_of(schema)) == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "items", "$ref", "anyOf", "properties", "required", "minLength", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(
    st.dictionaries(
        st.sampled_from(["type", "items", "$ref", "anyOf", "properties", "required", "enum", "$defs"]), json_values
    )
)
def test_no_schema_breaks_the_check(schema: dict[str, Any]) -> None:
    assert all(isinstance(problem, str) for problem in problems_of(schema))
    for problem in ("Unsatisfiable schema", "invalid multiple of", "schema must be an object or boolean", "required"):
        assert placed(problem, schema).startswith(problem)


@pytest.mark.parametrize(
    ("problem", "bad"),
    [
        ("Unsatisfiable schema: required property 'list' is unsatisfiable", {"minimum": 5, "maximum": 1}),
        ("Unsatisfiable schema", {"enum": []}),
        ("Unsatisfiable schema", {"required": ["a"], "properties": {}, "additionalProperties": False}),
        ("Unsatisfiable schema", {"required": ["a"], "properties": {"a": False}}),
        ("regex parse error: (a ^ error: unclosed group", {"pattern": "(a"}),
        ("regex parse error: (a ^ error: unclosed group", {"patternProperties": {"(a": {}}}),
        ("enum must be an array", {"enum": 5}),
        ("Expected positive integer for 'minLength', got -1", {"minLength": -1}),
        ("invalid multiple of", {"multipleOf": 0}),
        ("schema must be an object or boolean", {"items": 5}),
    ],
)
def test_what_the_engine_tells_gets_a_place(problem: str, bad: dict[str, Any]) -> None:
    sound = {"type": "string", "minLength": 1, "pattern": "x", "enum": ["a"], "additionalProperties": False}
    schema = {"properties": {"fine": sound, "list": {"items": {"anyOf": [sound, bad]}}}, "required": ["fine"]}
    assert placed(problem, schema) == f"{problem} (at #/properties/list/items/anyOf/1)"


def test_what_cannot_be_placed_stays_as_it_is() -> None:
    assert placed("something else", {"type": "object", "properties": {"a": {"enum": 5}}}) == "something else"
    assert placed("enum must be an array", None) == "enum must be an array"


def test_directions_replace_those_of_a_client() -> None:
    made = guided({"type": "object", "$comment": "mine", "x-guidance": {"lenient": False}}, Manner(mark="constraint-1"))
    assert next(iter(made)) == "$comment"
    assert made["$comment"] == "constraint-1"
    assert made["x-guidance"]["lenient"] is True
    assert made["type"] == "object"
