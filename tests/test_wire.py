"""Reading JSON by the rules that clients of Ollama rely on."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.errors import BadRequest
from tampu.messages import Tool
from tampu.wire import convert, decode, encode, parse, written


class Inner(msgspec.Struct):
    text: str = ""
    count: int = 0


class Body(msgspec.Struct):
    name: str = ""
    flag: bool = True
    number: int = 0
    inner: Inner | None = None
    many: list[Inner] = []
    texts: list[str] = []
    numbers: list[int] = []
    table: dict[str, str] = {}
    free: Any = None
    odd: bool = msgspec.field(default=False, name="_odd_name")


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        ('{"NAME":"a","Flag":false,"_ODD_name":true}', Body(name="a", flag=False, odd=True)),
        ('{"name":"a"} trailing', Body(name="a")),
        ('{"name":"a"}{"name":"b"}', Body(name="a")),
        (' \n{"name":null,"flag":null,"inner":null,"many":null}', Body()),
        ("null", Body()),
        ('{"name":"a","NAME":"b"}', Body(name="b")),
        ('{"unknown":{"a":[1]},"name":"a"}', Body(name="a")),
        ('{"many":[null,{"TEXT":"x","none":1}]}', Body(many=[Inner(), Inner("x")])),
        (
            '{"texts":["a",null],"numbers":[null,2],"table":{"k":null}}',
            Body(texts=["a", ""], numbers=[0, 2], table={"k": ""}),
        ),
        ('{"free":{"Key":null,"k":[null]}}', Body(free={"Key": None, "k": [None]})),
        (b'{"name":"a\xff"}', Body(name="a\ufffd")),
        (b'{"name":"a\xf0\x9f\x9ab"}', Body(name="a\ufffd\ufffd\ufffdb")),
        ('{"name":"a\\ud800"}', Body(name="a\ufffd")),
        ('{"name":"\\ud83d\\ude00"}', Body(name="😀")),
    ],
)
def test_accepted(raw: str | bytes, body: Body) -> None:
    assert decode(Body, raw if isinstance(raw, bytes) else raw.encode()) == body


@pytest.mark.parametrize(
    "raw",
    [
        "",
        " \n",
        "{",
        '{"name":',
        '{"name":"a',
        "nul",
        "[]",
        '"x"',
        "1",
        "true",
        "\ufeff{}",
        "{'name':1}",
        '{"name":"a",}',
        '{"name":1}',
        '{"flag":"true"}',
        '{"flag":1}',
        '{"number":1.0}',
        '{"number":1e2}',
        '{"number":"1"}',
        '{"number":true}',
        '{"free":NaN}',
        '{"free":Infinity}',
        '{"free":1e999}',
        '{"free":01}',
        '{"name":"\x01"}',
        '{"many":{}}',
        '{"many":[1]}',
        '{"texts":"a"}',
        '{"texts":[1]}',
        '{"table":[]}',
        '{"table":{"a":1}}',
        '{"inner":[]}',
    ],
)
def test_refused(raw: str) -> None:
    with pytest.raises(BadRequest) as caught:
        decode(Body, raw.encode())
    assert caught.value.message
    assert "\n" not in caught.value.message


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53), 2**53)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_what_is_written_can_be_read(value: Any) -> None:
    assert parse(encode(value)) == value
    assert json.loads(encode(value)) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        assert isinstance(decode(Body, raw), Body)
    except BadRequest as error:
        assert error.message  # noqa: PT017


@given(st.binary(max_size=40), st.sampled_from([b'{"name":"a","many":[{"text":"b"}]}']))
def test_what_follows_the_first_value_does_not_matter(tail: bytes, raw: bytes) -> None:
    assert decode(Body, raw + tail) == decode(Body, raw)


@pytest.mark.parametrize("depth", [10, 300, 1_000, 50_000])
def test_depth_is_answered_or_refused(depth: int) -> None:
    value: dict[str, Any] = {}
    raw = b'{"function":{"parameters":{"properties":' + b'{"a":{"properties":' * depth + b"{}" + b"}}" * depth + b"}}}"
    try:
        value = {"ok": decode(Tool, raw)}
    except BadRequest as error:
        value = {"refused": error.message}
    assert value
    assert "ok" in value or depth > 10


def test_plain_data_converts_by_the_same_rules() -> None:
    assert convert(Body, {"NAME": "a", "inner": {"Count": 2}}) == Body(name="a", inner=Inner(count=2))


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b'{"A": [ 1,  2 ], "b": 1}', "[ 1,  2 ]"),
        (b'{"a": 1, "A": 2.50}', "2.50"),
        (b'{"b": 1}', None),
        (b'{"a": 1} trailing', None),
        (b"[1]", None),
        (b'{"a": "\xff"}', '"\ufffd"'),
    ],
)
def test_a_member_as_it_was_written(raw: bytes, text: str | None) -> None:
    assert written(raw, "a") == text


def test_bytes_of_a_command_line_that_are_no_text_are_written_as_such() -> None:
    value = {
        "format": msgspec.Raw(b'{"a":1}'),
        "prompt": "a\udcffb",
        "inner": Inner("\udc80"),
        "many": [1, (None, "\udcff")],
    }
    assert json.loads(encode(value)) == {
        "format": {"a": 1},
        "prompt": "a\ufffdb",
        "inner": {"text": "\ufffd", "count": 0},
        "many": [1, [None, "\ufffd"]],
    }
