"""The short way of a token: one read that is one chunk of HTTP, which is one event, which is a piece of text alone.

Nearly every read of a completion is that, and nothing else is worth being fast for. Whatever is not goes the long way,
through the parsers of HTTP, of events and of replies, which take it as it comes.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from tampu.engine.protocol import EngineText
from tampu.engine.sse import EventReader

_SIZES: Final = range(0x10, 0x100)
"""Of chunks whose size is written with two digits."""
_FRAME_LENGTH: Final = len(b"7f\r\n\r\n")
_OPENINGS: Final = (
    *[b""] * (_SIZES.start + _FRAME_LENGTH),
    *(b"%x\r\ndata: " % size for size in _SIZES),
)
"""How a read of so many bytes begins if it is one whole chunk with one event: ten bytes."""
_LIMIT: Final = len(_OPENINGS)


class _Piece(msgspec.Struct, gc=False):
    content: str
    stop: bool


_piece = msgspec.json.Decoder(_Piece).decode


def take_text_alone(events: EventReader, tell: Callable[[EngineText], None]) -> Callable[[bytes], bool]:
    """What tells the piece of text that a read is, and says whether the read was that and nothing more.

    A read that begins where a chunk does is offered. Nothing of it is lost or told where the answer is False.
    `events` reads what goes the long way.
    """

    def take(received: bytes) -> bool:
        length = len(received)
        if (
            length >= _LIMIT
            or received[:10] != _OPENINGS[length]
            or received[-4:] != b"\n\n\r\n"
            or not events.is_between
        ):
            return False
        try:
            piece = _piece(received[10:])
        except ValueError:
            return False
        if piece.stop or not piece.content:
            return False
        tell(EngineText(piece.content))
        return True

    return take
