"""The page of show."""

import pytest

from tampu.client.answers import Description, Details, Tensor
from tampu.terminal.description import description_page, short_number


def test_only_details() -> None:
    model = Description(details=Details(family="test", parameter_size="7B", quantization_level="FP16"))
    assert description_page(model, verbose=False) == (
        "  Model\n    architecture    test    \n    parameters      7B      \n    quantization    FP16    \n\n"
    )


def test_a_long_line_wraps_and_is_indented() -> None:
    text = "First line, which is rather long and goes on and on beyond the hundred columns that a system line may have"
    page = description_page(Description(system=f"{text}\n\nSecond.\nThird."), verbose=False)
    lines = page[page.index("  System") :].splitlines()
    assert lines[1] == f"    {text[:97]:<100}    "
    assert lines[2] == f"      {text[98:]:<100}    "
    assert [line.strip() for line in lines[3:5]] == ["Second.", "..."]


def test_verbose_values() -> None:
    info = {"f.list": list(range(1, 13)), "f.flag": True, "f.none": None, "f.empty": [], "f.n": 1000000.0, "f.o": {}}
    tensors = [Tensor("a.very.long.tensor.name.that.is.longer.than.thirty.columns", "Q4_K", [64, 320])]
    page = description_page(Description(model_info=info, tensors=tensors), verbose=True)
    for words in ("[1 2 3 ...+9 more]", "true", "<nil>", "[]", "1e+06", "columns    Q4_K    [64 320]"):
        assert words in page


def test_escape_codes_of_a_model_do_not_reach_the_screen() -> None:
    assert "\x1b" not in description_page(Description(system="\x1b]0;title\x07 hello"), verbose=False)


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e6, "1e+06"), (537_856, "537856"), (1e-5, "1e-05"), (0, "0"), (0.0, "0"), (-0.5, "-0.5"), (131072.0, "131072"),
     (8_030_261_312, "8.030261312e+09"), (1e-12, "1e-12"), (0.0001, "0.0001")],
)  # fmt: skip
def test_short_numbers(value: float, text: str) -> None:
    assert short_number(value) == text


def test_lines_are_as_even_as_can_be() -> None:
    text = " ".join(["eleven-long"] * 8 + ["a-word-of-forty-columns-without-a-blank-x"])
    page = description_page(Description(license=text), verbose=False)
    lines = [line.strip() for line in page[page.index("  License") :].splitlines()[1:] if line.strip()]
    assert lines == [" ".join(["eleven-long"] * 8), "a-word-of-forty-columns-without-a-blank-x"]
    # A greedy wrap would fill the first line and leave the second one short.
    uneven = " ".join(["x" * 9, "y" * 9, "z" * 9, "v" * 18, "w" * 28])
    wrapped = description_page(Description(capabilities=[uneven]), verbose=False).splitlines()
    assert [line.strip() for line in wrapped[-4:-1]] == [
        f"{'x' * 9} {'y' * 9}",
        f"{'z' * 9} {'v' * 18}",
        "w" * 28,
    ]


def test_wide_characters_keep_columns_straight() -> None:
    page = description_page(Description(parameters="stop 世界 a\nstop 12345 b", system="世界\nascii"), verbose=False)
    rows = page[page.index("  Parameters") :].splitlines()
    assert rows[1:3] == ["    stop    世界     a    ", "    stop    12345    b    "]
    assert rows[5:7] == ["    世界     ", "    ascii    "]


def test_flags_lists_and_odd_values_of_metadata() -> None:
    info = {"f.pattern": [True, False, True, True], "f.name": 5, "general.architecture": 7, "f.none": [None]}
    page = description_page(Description(model_info=info), verbose=True)
    for words in ("[true ...+3 more]", "[<nil>]"):
        assert words in page
    assert "architecture" not in page.split("Metadata")[0]


def test_a_text_of_blanks_has_its_heading() -> None:
    assert "  System\n\n" in description_page(Description(system=" \n"), verbose=False)
