"""Server-sent events in any pieces."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.engine import sse
from tampu.engine.sse import EventReader, EventTooLong

STREAM = (
    b': ping\n\ndata: {"a":1}\n\ndata: {"b":"\xe4\xbd\xa0"}\r\n\r\nevent: x\nid: 7\ndata:{"c":3}\n\n'
    b': another\r\n\r\n\n\ndata: one\ndata: two\n\nerror: {"code":500}\n\ndata: [DONE]\n\ndata: unfinished'
)
EVENTS = [b'{"a":1}', '{"b":"你"}'.encode(), b'{"c":3}', b"one\ntwo", b'{"error":{"code":500}}', b"[DONE]"]


def read(*pieces: bytes) -> list[bytes]:
    reader = EventReader()
    return [event for piece in pieces for event in reader.feed(piece)]


@given(st.lists(st.integers(0, len(STREAM)), max_size=40).map(sorted))
def test_any_split_gives_the_same_events(cuts: list[int]) -> None:
    edges = [0, *cuts, len(STREAM)]
    assert read(*(STREAM[a:b] for a, b in pairwise(edges))) == EVENTS


def test_one_byte_at_a_time() -> None:
    assert read(*(bytes([byte]) for byte in STREAM)) == EVENTS


def test_several_events_in_one_piece_and_one_alone() -> None:
    assert read(b"data: 1\n\ndata: 2\n\n", b"data: 3\n\n") == [b"1", b"2", b"3"]


@pytest.mark.parametrize("piece", [b"x" * 50, b"data: " + b"x" * 50, b"data: x\n" * 50])
def test_an_event_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch, piece: bytes) -> None:
    monkeypatch.setattr(sse, "EVENT_LIMIT", 1000)
    with pytest.raises(EventTooLong):
        read(*[piece] * 60)
