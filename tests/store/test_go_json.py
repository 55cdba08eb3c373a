import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.errors import BadRequest
from tampu.store import go_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-(2.0**53), 2.0**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (-0.0, "-0"),
        (0.25, "0.25"),
        (1e-05, "0.00001"),
        (1e-06, "0.000001"),
        (1e-07, "1e-7"),
        (1.5e-9, "1.5e-9"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (1048576, "1048576"),
        (12345678901, "12345678901"),
        (2**53 + 1, "9007199254740992"),
        (-12345678901234567890, "-12345678901234567000"),
        (10**30, "1e+30"),
        (True, "true"),
        (None, "null"),
        ([], "[]"),
        ({}, "{}"),
        ("<a>&\u2028é\n\x01", '"\\u003ca\\u003e\\u0026\\u2028é\\n\\u0001"'),
        ({"b": 1, "a": [1, {"z": 2}]}, '{"b":1,"a":[1,{"z":2}]}'),
    ],
)
def test_the_form_of_values(value: object, text: str) -> None:
    assert go_json.encode(value) == f"{text}\n".encode()


def test_sorted_keys_at_every_level() -> None:
    assert go_json.encode({"b": 1, "a": {"d": 1, "c": 2}}, sort_keys=True) == b'{"a":{"c":2,"d":1},"b":1}\n'


@given(JSON)
def test_it_reads_back_as_the_same(value: object) -> None:
    assert json.loads(go_json.encode(value)) == value


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 10**400])
def test_what_has_no_form_is_refused(value: float) -> None:
    with pytest.raises(BadRequest, match="no form"):
        go_json.encode([value])


def test_half_a_surrogate_pair_becomes_the_replacement_character() -> None:
    assert go_json.encode("\ud800x") == '"\ufffdx"\n'.encode()
