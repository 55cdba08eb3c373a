"""Which schemas are refused, and how the others are handed on."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.engine.schema import guided, problems_of

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
        ({"items": {"anyOf": [{"type": "x"}]}}, ['Unrecognized schema: {"type":"x"}']),
        ({"prefixItems": [True, {"type": ["null", "x"]}]}, ['Unrecognized schema: {"type":["null","x"]}']),
        ({"additionalProperties": {"type": "x"}}, ['Unrecognized schema: {"type":"x"}']),
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
        | st.dictionaries(st.sampled_from(["type", "items", "$ref", "anyOf", "properties", "x"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["type", "items", "$ref", "anyOf", "properties", "$defs"]), json_values))
def test_no_schema_breaks_the_check(schema: dict[str, Any]) -> None:
    assert all(isinstance(problem, str) for problem in problems_of(schema))


def test_directions_replace_those_of_a_client() -> None:
    made = guided({"type": "object", "$comment": "mine", "x-guidance": {"lenient": False}}, "constraint-1")
    assert next(iter(made)) == "$comment"
    assert made["$comment"] == "constraint-1"
    assert made["x-guidance"]["lenient"] is True
    assert made["type"] == "object"
