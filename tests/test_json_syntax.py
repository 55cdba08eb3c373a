"""What is said of a text that is no JSON: word for word what users and clients of Ollama have always been told."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.json_syntax import syntax_fault, whole_fault


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"{", "unexpected EOF"),
        (b'{"a":"b', "unexpected EOF"),
        (b"nul", "unexpected EOF"),
        (b"-", "unexpected EOF"),
        (b"hello", "invalid character 'h' looking for beginning of value"),
        (b"falsy", "invalid character 'y' in literal false (expecting 'e')"),
        (b"+1", "invalid character '+' looking for beginning of value"),
        (b"[-x]", "invalid character 'x' in numeric literal"),
        (b"[1.x]", "invalid character 'x' after decimal point in numeric literal"),
        (b"[1e+x]", "invalid character 'x' in exponent of numeric literal"),
        (b"[01]", "invalid character '1' after array element"),
        (b'{"a":01}', "invalid character '1' after object key:value pair"),
        (b'{"a" "b"}', "invalid character '\"' after object key"),
        (b"{'a':1}", "invalid character '\\'' looking for beginning of object key string"),
        (b'{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        (b'["\x01"]', "invalid character '\\x01' in string literal"),
        (b'["a\nb"]', "invalid character '\\n' in string literal"),
        (b'["\\x"]', "invalid character 'x' in string escape code"),
        (b'["\\u12g4"]', "invalid character 'g' in \\u hexadecimal character escape"),
        ("\ufeff{}".encode(), "invalid character '\u00ef' looking for beginning of value"),
        (b"\xa0", "invalid character '\\u00a0' looking for beginning of value"),
        (b"[" * 10_001, "exceeded max depth"),
        (b' {"a":[1.5e-3,true,null,{}],"b":"\\u00e9"} what follows does not matter', ""),
        (b"12a", ""),
    ],
)
def test_syntax(raw: bytes, fault: str) -> None:
    assert syntax_fault(raw) == fault


@pytest.mark.parametrize("text", ["{}", ' {"a": [1, -2.5e3, null, true]} \n', '"json"', "5", "[]"])
def test_a_whole_value_has_no_fault(text: str) -> None:
    assert whole_fault(text.encode()) == ""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "unexpected end of JSON input"),
        ("  ", "unexpected end of JSON input"),
        ("{", "unexpected end of JSON input"),
        ('{"a"', "unexpected end of JSON input"),
        ('{"a": 1', "unexpected end of JSON input"),
        ('"abc', "unexpected end of JSON input"),
        ("nul", "invalid character ' ' in literal null (expecting 'l')"),
        ("-", "invalid character ' ' in numeric literal"),
        ("1.", "invalid character ' ' after decimal point in numeric literal"),
        ("yaml", "invalid character 'y' looking for beginning of value"),
        ("{} x", "invalid character 'x' after top-level value"),
        ("12a", "invalid character 'a' after top-level value"),
        ("{} \u00e9", "invalid character '\u00c3' after top-level value"),
        ("{a: 1}", "invalid character 'a' looking for beginning of object key string"),
        ('{"a" 1}', "invalid character '1' after object key"),
        ('{"a": 1 "b"}', "invalid character '\"' after object key:value pair"),
        ('[{"a": "}"} 1]', "invalid character '1' after array element"),
        ("[1 2]", "invalid character '2' after array element"),
        ("NaN", "invalid character 'N' looking for beginning of value"),
        ("[" * 100_000, "exceeded max depth"),
    ],
)
def test_whole_texts(text: str, fault: str) -> None:
    assert whole_fault(text.encode()) == fault


@given(st.binary(max_size=40))
def test_every_text_that_is_no_json_has_a_fault(raw: bytes) -> None:
    try:
        json.JSONDecoder(parse_constant=int).raw_decode(raw.decode("utf-8", "replace").lstrip(" \t\r\n"))
    except ValueError:
        assert syntax_fault(raw)


@given(st.text('[]{},: "\\1.e-nul', max_size=12))
def test_a_whole_text_has_a_fault_where_it_is_no_json(text: str) -> None:
    try:
        json.loads(text, parse_constant=int)
    except ValueError:
        assert whole_fault(text.encode())
    else:
        assert not whole_fault(text.encode())
