"""The numbers of a vector, as Ollama's command prints them."""

import pytest

from tampu.cli.vector import _number

TOLD = [
    (0.5, "0.5"),
    (-1.0, "-1"),
    (3.0, "3"),
    (0.0, "0"),
    (-0.0, "-0"),
    (0.1, "0.1"),
    (0.0000125, "0.0000125"),
    (1e-6, "0.000001"),
    (9.999999e-7, "9.999999e-7"),
    (1e-7, "1e-7"),
    (123456.789, "123456.79"),
    (0.018234567717, "0.018234568"),
    (1e8, "100000000"),
    (1e20, "100000000000000000000"),
    (1e21, "1e+21"),
    (-2.5e-9, "-2.5e-9"),
]


@pytest.mark.parametrize(("value", "text"), TOLD)
def test_a_number_in_single_precision(value: float, text: str) -> None:
    assert _number(value) == text
