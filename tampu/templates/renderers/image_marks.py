"""The marks `[img-N]` as renderers put them: set off from the text behind them by a blank."""

from dataclasses import replace

import msgspec

from tampu.templates.renderers.conversation import Conversation

_PLACEHOLDER = "[img]"
_MARK = "[img-"


def marked(conversation: Conversation, *, unmarked_roles: frozenset[str] = frozenset()) -> Conversation:
    """The conversation with a mark in the text for each image, numbered over all messages.

    A mark stands in place of `[img]`, else in front of the text. A text that already holds marks is left alone, but
    its images count; those of `unmarked_roles` do not.
    """
    messages = []
    number = 0
    for message in conversation.messages:
        marks = [f"{_MARK}{number + index}]" for index in range(len(message.images))]
        if not marks or message.role in unmarked_roles:
            messages.append(message)
            continue
        number += len(marks)
        content = message.content if _MARK in message.content else _with_marks(message.content, marks)
        messages.append(msgspec.structs.replace(message, content=content))
    return replace(conversation, messages=messages)


def _with_marks(content: str, marks: list[str]) -> str:
    pieces = content.split(_PLACEHOLDER, len(marks))
    filled = len(pieces) - 1
    text = "".join(piece + mark for piece, mark in zip(pieces, [*marks[:filled], ""], strict=True))
    front = "".join(marks[filled:])
    return f"{front} {text}" if front and text and not text[0].isspace() else front + text
