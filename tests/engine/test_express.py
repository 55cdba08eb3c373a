"""The short way of a token tells what the long way would, and takes nothing that is not wholly text."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.engine.express import take_text_alone
from tampu.engine.protocol import EngineText
from tampu.engine.sse import EventReader


def _event(**members: Any) -> bytes:
    event = {"index": 0, "content": " the", "tokens": [506], "stop": False, "tokens_predicted": 4} | members
    return b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _taken(received: bytes, events: EventReader | None = None) -> list[EngineText] | None:
    """What was told of `received`; None where it was left to the long way."""
    told: list[EngineText] = []
    is_taken = take_text_alone(events or EventReader(), told.append)(received)
    assert is_taken or not told
    return told if is_taken else None


@given(st.text(min_size=1, max_size=300).filter(lambda text: text.isprintable()))
def test_a_piece_of_text_is_told_or_left_as_it_is(text: str) -> None:
    event = _event(content=text)
    assert _taken(_chunk(event)) == ([EngineText(text)] if len(event) < 256 else None)


@pytest.mark.parametrize(
    "received",
    [
        b"",
        _chunk(_event(stop=True)),
        _chunk(_event(content="")),
        _chunk(_event(content=None)),
        _chunk(b'data: {"error":{"code":500,"message":"it broke"}}\n\n'),
        _chunk(b"data: [DONE]\n\n"),
        _chunk(b": ping, and many more words\n\n"),
        _chunk(_event() + _event()),
        _chunk(_event()) + _chunk(_event()),
        _chunk(_event()) + b"0\r\n\r\n",
        _chunk(_event()[:-1]),
        _chunk(_event().replace(b"\n", b"\r\n")),
        _chunk(_event())[1:],
        _chunk(_event())[:-1],
        _chunk(_event(content="no UTF-8").replace(b"no", b"\x80o")),
        _chunk(_event(content="x" * 300)),
        _chunk(b"data: {nonsense, and many more words\n\n"),
    ],
)
def test_whatever_else_goes_the_long_way(received: bytes) -> None:
    assert _taken(received) is None


def test_so_does_what_follows_the_beginning_of_an_event() -> None:
    events = EventReader()
    assert events.feed(b'data: {"content":') == []
    assert _taken(_chunk(_event()), events) is None
