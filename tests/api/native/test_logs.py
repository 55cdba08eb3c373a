"""`/api/logs`: how it is asked, and what a line looks like."""

import pytest

from tampu.api.dialect import Call
from tampu.api.native.logs import CODEC
from tampu.errors import BadRequest
from tampu.upkeep import LogRequest


@pytest.mark.parametrize(
    ("query", "request_"),
    [
        ("", LogRequest()),
        ("lines=0&follow=true", LogRequest(lines=0, follow=True)),
        ("model=qwen3%3A4b&follow=0&lines=7&other=1", LogRequest(model="qwen3:4b", lines=7)),
        ("follow=", LogRequest()),
    ],
)
def test_questions(query: str, request_: LogRequest) -> None:
    assert CODEC.decode(Call(query=query)) == request_


@pytest.mark.parametrize(
    "query", ["lines=-1", "lines=x", "lines=" + "9" * 5000, "lines=", "follow=maybe", "model=a b", "lines=%FF"]
)
def test_what_means_nothing_is_the_callers_fault(query: str) -> None:
    with pytest.raises(BadRequest):
        CODEC.decode(Call(query=query))


def test_a_line_is_an_object() -> None:
    assert CODEC.writer(LogRequest()).chunk('msg="x"') == b'{"line":"msg=\\"x\\""}\n'
