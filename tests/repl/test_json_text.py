"""What is said of a text that is no JSON."""

import pytest

from tampu.repl.json_text import complaint


@pytest.mark.parametrize("text", ["{}", ' {"a": [1, -2.5e3, null, true]} \n', '"json"', "5", "[]"])
def test_json_is_not_complained_of(text: str) -> None:
    assert complaint(text) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "unexpected end of JSON input"),
        ("  ", "unexpected end of JSON input"),
        ("{", "unexpected end of JSON input"),
        ('{"a"', "unexpected end of JSON input"),
        ('{"a": 1', "unexpected end of JSON input"),
        ('"abc', "unexpected end of JSON input"),
        ("yaml", "invalid character 'y' looking for beginning of value"),
        ("{} x", "invalid character 'x' after top-level value"),
        ("{a: 1}", "invalid character 'a' looking for beginning of object key string"),
        ('{"a" 1}', "invalid character '1' after object key"),
        ('{"a": 1 "b"}', "invalid character '\"' after object key:value pair"),
        ("[1 2]", "invalid character '2' after array element"),
        ("NaN", "invalid character 'N' looking for beginning of value"),
        ("[" * 100_000, "invalid character '[' looking for beginning of value"),
    ],
)
def test_what_is_wrong(text: str, said: str) -> None:
    assert complaint(text) == said
