"""keep_alive, think, format, images."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.api.fields import read_format, read_images, read_keep_alive, read_think, read_top_logprobs
from tampu.errors import BadRequest
from tampu.generation import AnyJson, InvalidFormat, JsonSchema
from tampu.units import FOREVER, KeepAlive


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        (None, None),
        (0, KeepAlive(0)),
        (0.5, KeepAlive(500_000_000)),
        (-0.5, FOREVER),
        ("0", KeepAlive(0)),
        ("1h30m", KeepAlive(5_400_000_000_000)),
        ("-1s", FOREVER),
    ],
)
def test_keep_alive(value: Any, meaning: KeepAlive | None) -> None:
    assert read_keep_alive(value) == meaning


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "'bool'"),
        ([], "'[]interface {}'"),
        ({}, "'map[string]interface {}'"),
        ("300", "missing unit"),
        ("", "invalid"),
    ],
)
def test_keep_alive_refused(value: Any, text: str) -> None:
    with pytest.raises(BadRequest, match=text.replace("[", r"\[")):
        read_keep_alive(value)


@pytest.mark.parametrize("value", [None, True, False, "low", "medium", "high", "max"])
def test_think(value: Any) -> None:
    assert read_think(value) is value


@pytest.mark.parametrize("value", ["", "yes", "HIGH", 1, 0, [], {}, 1.5])
def test_think_refused(value: Any) -> None:
    with pytest.raises(BadRequest, match="think"):
        read_think(value)


@pytest.mark.parametrize(
    ("value", "meaning"),
    [
        (None, None),
        ("", None),
        ("json", AnyJson()),
        ({}, JsonSchema({})),
        ("xml", InvalidFormat('"xml"')),
        (5, InvalidFormat("5")),
        (["json"], InvalidFormat('["json"]')),
        (False, InvalidFormat("false")),
    ],
)
def test_format(value: Any, meaning: Any) -> None:
    assert read_format(value) == meaning


@given(st.lists(st.binary(max_size=40)), st.integers(1, 10))
def test_images_come_with_or_without_line_breaks(images: list[bytes], width: int) -> None:
    texts = [base64.b64encode(image).decode() for image in images]
    broken = ["\r\n".join(text[at : at + width] for at in range(0, len(text), width)) for text in texts]
    assert read_images(texts) == tuple(images)
    assert read_images(broken) == tuple(images)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("!!", 0),
        ("ab!=", 2),
        ("data:image/png;base64,AAAA", 4),
        ("QUJD QUJD", 4),
        ("QQ", 0),
        ("QUJDQQ", 4),
        ("_-8=", 0),
    ],
)
def test_bad_base64_names_the_place(text: str, place: int) -> None:
    with pytest.raises(BadRequest, match=rf"illegal base64 data at input byte {place} of images\[0\]"):
        read_images([text])


@given(st.text(max_size=30))
def test_any_text_is_an_image_or_refused(text: str) -> None:
    try:
        assert isinstance(read_images([text])[0], bytes)
    except BadRequest as error:
        assert error.message.startswith("illegal base64")  # noqa: PT017


@pytest.mark.parametrize("value", [-1, 21, 10**30])
def test_top_logprobs_out_of_range(value: int) -> None:
    with pytest.raises(BadRequest, match="between 0 and 20"):
        read_top_logprobs(value)
