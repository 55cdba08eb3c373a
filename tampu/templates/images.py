"""The marks `[img-N]` that say in the text of a prompt where an image belongs."""

from collections.abc import Sequence

import msgspec

from tampu.errors import BadRequest
from tampu.messages import Message

_PLACEHOLDER = "[img]"
_MARK = "[img-"
_LONGEST_NUMBER = 9


def tag_images(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Messages with a mark per image, numbered over all of them: in place of `[img]`, else in front of the text."""
    tagged: list[Message] = []
    number = 0
    for message in messages:
        marks = [f"[img-{number + index}]" for index in range(len(message.images))]
        number += len(marks)
        content = _with_marks(message.content, marks)
        tagged.append(msgspec.structs.replace(message, content=content) if marks else message)
    return tuple(tagged)


def _with_marks(content: str, marks: list[str]) -> str:
    pieces = content.split(_PLACEHOLDER, len(marks))
    filled = len(pieces) - 1
    text = "".join(piece + mark for piece, mark in zip(pieces, [*marks[:filled], ""], strict=True))
    return "".join(marks[filled:]) + text


def with_markers(text: str, images: Sequence[bytes], marker: str) -> tuple[str, tuple[bytes, ...]]:
    """`text` with the engine's own `marker` in place of each mark, and the images in the order of those markers.

    1. The first mark of an image counts; a later one stays text, so that a long text cannot multiply a large image.
    2. An image that has no mark, because a caller's own prompt has none, goes in front: nothing is left out unseen.
    Raises BadRequest for the mark of an image that was not sent.
    """
    if not images:
        return text, ()
    first, *pieces = text.split(_MARK)
    parts, order = [first], dict[int, None]()
    for piece in pieces:
        number, bracket, rest = piece.partition("]")
        is_mark = bracket and number.isascii() and number.isdigit()
        if is_mark and (len(number) > _LONGEST_NUMBER or int(number) >= len(images)):
            raise BadRequest(f"invalid image index: {number[:_LONGEST_NUMBER]}")
        if not is_mark or int(number) in order:
            parts.append(_MARK + piece)
        else:
            order[int(number)] = None
            parts.append(marker + rest)
    unmarked = [index for index in range(len(images)) if index not in order]
    return marker * len(unmarked) + "".join(parts), tuple(images[index] for index in (*unmarked, *order))
