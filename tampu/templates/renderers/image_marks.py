"""The marks `[img-N]` as renderers put them: set off from the text behind them by a blank."""

from dataclasses import replace

import msgspec

from tampu.messages import Message
from tampu.templates.blanks import BLANKS
from tampu.templates.renderers.conversation import Conversation

_PLACEHOLDER = "[img]"
_MARK = "[img-"
_NOT_SET_OFF = BLANKS + "\ufffd"


def marked(conversation: Conversation, *, roles: frozenset[str] | None = None) -> Conversation:
    """The conversation with a mark in the text for each image, numbered over all messages.

    `roles`: whose images have a mark and a number; None for all.
    """
    marks = ImageMarks()
    messages = [
        marks.put_on(message) if roles is None or message.role in roles else message
        for message in conversation.messages
    ]
    return replace(conversation, messages=messages)


class ImageMarks:
    """Numbers the images of messages in the order in which these are shown."""

    def __init__(self) -> None:
        self._number = 0

    def put_on(self, message: Message) -> Message:
        """The message with a mark for each of its images: in place of `[img]`, else in front of the text.

        A text that already holds marks is left alone, but its images count.
        """
        count = len(message.images)
        if not count:
            return message
        marks = [f"{_MARK}{self._number + index}]" for index in range(count)]
        self._number += count
        content = message.content if _MARK in message.content else _with_marks(message.content, marks)
        return msgspec.structs.replace(message, content=content)


def _with_marks(content: str, marks: list[str]) -> str:
    pieces = content.split(_PLACEHOLDER, len(marks))
    filled = len(pieces) - 1
    text = "".join(piece + mark for piece, mark in zip(pieces, [*marks[:filled], ""], strict=True))
    front = "".join(marks[filled:])
    return f"{front} {text}" if front and text and text[0] not in _NOT_SET_OFF else front + text
