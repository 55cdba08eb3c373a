"""Regular expressions of numbers between bounds, against the numbers themselves."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.engine.number_ranges import DECIMAL, INTEGER, NUMBER, at_least, at_most

BOUNDS = st.one_of(st.integers(-(10**6), 10**6), st.decimals(-1000, 1000, allow_nan=False, places=3).map(float))


@given(bound=BOUNDS, steps=st.integers(-3000, 3000), places=st.integers(0, 4), strictly=st.booleans())
def test_a_number_matches_where_it_is_within_the_bound(bound: float, steps: int, places: int, strictly: bool) -> None:
    step = Decimal(1).scaleb(-places)
    number = (Decimal(str(bound)) + steps * step).normalize()
    text = format(number, "f")
    if number == 0:
        text = "0"
    is_above, is_below = number > Decimal(str(bound)), number < Decimal(str(bound))
    is_within = not (is_above or is_below) and not strictly
    assert bool(re.fullmatch(at_least(bound, strictly=strictly), text)) == (is_above or is_within)
    assert bool(re.fullmatch(at_most(bound, strictly=strictly), text)) == (is_below or is_within)


@pytest.mark.parametrize("text", ["-0", "-0.0", "0", "0.0"])
def test_zero_is_not_below_zero_however_it_is_written(text: str) -> None:
    assert not re.fullmatch(at_most(0, strictly=True), text)
    assert not re.fullmatch(at_least(0, strictly=True), text)
    assert re.fullmatch(at_most(0), text)


@pytest.mark.parametrize("number", [0, -1, 2**63 - 1, -(2**63), 2**63, 10**18])
def test_integers_of_64_bits_can_be_written(number: int) -> None:
    assert re.fullmatch(INTEGER, str(number))


@pytest.mark.parametrize("number", [0.1, -2.5e-7, 1.7976931348623157e308, 5e-324, 1 / 3, 1e16, 123456789.125])
def test_numbers_can_be_written_as_they_are_printed(number: float) -> None:
    assert re.fullmatch(NUMBER, repr(number))


def test_no_number_is_without_end() -> None:
    for text in ("5" * 20, "0." + "0" * 17, "1e" + "0" * 4):
        assert not re.fullmatch(NUMBER, text)
        assert not re.fullmatch(DECIMAL, text)
