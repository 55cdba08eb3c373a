"""The marks `[img-N]` that say in the text of a prompt where an image belongs."""

from collections.abc import Sequence

import msgspec

from tampu.messages import Message

_PLACEHOLDER = "[img]"


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
