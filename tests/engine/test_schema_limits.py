"""Schemas that would keep an engine busy for seconds, or that it would give up."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.engine.schema_limits import (
    DIVISOR_LIMIT,
    ITEMS_LIMIT,
    LITERAL_LIMIT,
    NESTING_LIMIT,
    REPETITION_LIMIT,
    excesses_of,
    expanded_length,
)

LONG = "x" * (LITERAL_LIMIT + 1)


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels - 1):
        schema = {"items": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"const": LONG}, "#"),
        ({"properties": {"a/b": {"enum": [1, LONG]}}}, "#/properties/a/b"),
        ({"const": {"deep": [{"in": LONG}]}}, "#"),
        ({"properties": {LONG: {}}}, "#"),
        ({"enum": [1, -(2**63)]}, "#"),
        ({"items": {"const": [{"n": -(2**63) + 500}]}}, "#/items"),
        ({"const": -(2.0**63)}, "#"),
        ({"anyOf": [{}, {"pattern": "^(a{100}){51}$"}]}, "#/anyOf/1"),
        ({"patternProperties": {"a{5001}": {}}}, "#"),
        ({"properties": {"pattern": {"pattern": "a{99999999999999999999999}"}}}, "#/properties/pattern"),
        ({"items": {"multipleOf": DIVISOR_LIMIT + 1}}, "#/items"),
        ({"multipleOf": 0.0000001234567}, "#"),
        ({"minItems": ITEMS_LIMIT + 1}, "#"),
        ({"minItems": 10**30, "maxItems": 10**400}, "#"),
        ({"items": {"maxItems": 1e9}}, "#/items"),
        ({"anyOf": [{"maxItems": ITEMS_LIMIT - 1}, {"maxItems": 2}]}, "#/anyOf/0"),
        (nested(NESTING_LIMIT + 1), "#" + "/items" * 33),
    ],
)
def test_what_is_too_much_is_named_with_its_place(schema: dict, place: str) -> None:
    (problem,) = excesses_of(schema)
    assert problem.startswith(f"JSON schema error at {place}"), problem


@pytest.mark.parametrize(
    "schema",
    [
        {},
        nested(NESTING_LIMIT),
        {"description": LONG, "default": LONG, "examples": [LONG]},
        {"enum": [f"value {number}" for number in range(5000)]},
        {"properties": {"pattern": {"type": "string"}, "multipleOf": {}, "const": {"const": 1}}},
        {"pattern": "^[a-z]{1,4000}$", "multipleOf": 0.01},
        {"properties": {"minItems": {"maxItems": ITEMS_LIMIT}, "maxItems": {"minItems": None}}},
        {"multipleOf": True, "pattern": 5, "const": None, "enum": 3, "properties": 7, "patternProperties": []},
        {"multipleOf": -1},
        {"const": {"pattern": "a{100000}", "multipleOf": 10**9}},
    ],
)
def test_what_is_not_too_much(schema: dict) -> None:
    assert excesses_of(schema) == []


@pytest.mark.parametrize(
    ("pattern", "length"),
    [
        ("", 0),
        ("abc", 3),
        ("a{3}", 3),
        ("(ab){2,5}c", 11),
        ("((a{10}){10}){10}", 1000),
        (r"\{3}[{3}]{2,}", 5),
        (r"[\]a]{4}", 4),
        ("a{3", 3),
        ("))((", 2),
    ],
)
def test_repetitions_written_out(pattern: str, length: int) -> None:
    assert expanded_length(pattern) == length


@given(st.text(alphabet="ab(){}[]\\,0123456789*|^$", max_size=60))
def test_any_pattern_is_measured(pattern: str) -> None:
    assert expanded_length(pattern) >= 0
    assert expanded_length(f"({pattern.replace('(', '').replace(')', '')}x){{{REPETITION_LIMIT}}}") >= 0


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner)
    )
)
def test_any_json_is_measured(value: Any) -> None:
    schema = value if isinstance(value, dict) else {"items": value}
    assert excesses_of(json.loads(json.dumps(schema))) == []
