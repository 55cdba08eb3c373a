import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.modelfile.values import plain, quoted, spread


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1, "1"),
        (77.0, "77"),
        (-0.0, "-0"),
        (0.7, "0.7"),
        (131072, "131072"),
        (999999, "999999"),
        (1_000_000, "1e+06"),
        (1048576, "1.048576e+06"),
        (12345678901, "1.2345678901e+10"),
        (-2_500_000, "-2.5e+06"),
        (0.0001, "0.0001"),
        (1e-05, "1e-05"),
        (1.5e-7, "1.5e-07"),
        (1e100, "1e+100"),
        (10**400, "1" + "0" * 400),
        (math.inf, "+Inf"),
        (True, "true"),
        (False, "false"),
        (None, "<nil>"),
        ("hot", "hot"),
        ([1, "a"], "[1 a]"),
        ({"b": 1, "a": None}, "map[a:<nil> b:1]"),
    ],
)
def test_plain_values(value, text):
    assert plain(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", '"a"'),
        ('b"c\\', '"b\\"c\\\\"'),
        ("\n\t\r\x07\x1b", r'"\n\t\r\a\x1b"'),
        ("gr\u00fc\u00dfe \u4f60", '"gr\u00fc\u00dfe \u4f60"'),
        ("\u00a0\u200d\U000e0001", r'"\u00a0\u200d\U000e0001"'),
        (1e6, "1e+06"),
        (None, "<nil>"),
    ],
)
def test_quoted_values(value, text):
    assert quoted(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_read_back(number):
    assert float(plain(number)) == number


def test_lists_spread_over_lines():
    assert list(spread({"a": 1, "stop": ["x", "y"], "none": []})) == [("a", 1), ("stop", "x"), ("stop", "y")]
