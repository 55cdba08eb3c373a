"""Items to messages. Reasoning goes with the answer that it led to, calls with the answer that made them.

1. Reasoning is held until the next message or call of the assistant; at the end it stands alone.
2. A call belongs to the assistant's message right before it.
3. A message of the assistant between a call and its output is part of the message with the call: the output follows it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tampu.api.openai.media import PICTURE_PLACE, read_image, read_sound
from tampu.api.openai.messages import read_role
from tampu.api.openai.responses.items import Item
from tampu.errors import BadRequest, InvalidParameter
from tampu.json_misfits import unfit
from tampu.messages import Message, ToolCall, ToolCallFunction
from tampu.wire import parse

_HISTORY_ONLY = frozenset({"web_search_call"})
_TEXT_KEYS = {"input_text": "text", "output_text": "text", "refusal": "refusal"}
_ASSISTANT = "assistant"


def read_items(items: Sequence[tuple[str, Item]]) -> tuple[Message, ...]:
    """The messages; each item comes with its place in the request. Raises BadRequest."""
    reader = _Reader({str(item.get("call_id")): n for n, (_, item) in enumerate(items) if item["type"] == _OUTPUT})
    for number, (place, item) in enumerate(items):
        reader.read(item, place, number)
    return reader.end()


_OUTPUT = "function_call_output"


class _Reader:
    """`outputs`: where the output of each call stands."""

    def __init__(self, outputs: Mapping[str, int]) -> None:
        self._outputs = outputs
        self._messages: list[Message] = []
        self._thoughts = ""

    def read(self, item: Item, place: str, number: int) -> None:
        match item["type"]:
            case "message":
                self._add_message(_message(item, place), number)
            case "function_call":
                self._add_call(_call(item, place))
            case "function_call_output":
                text, media = _content(item.get("output"), f"{place}: output")
                call_id = _text(item, "call_id", place)
                self._messages.append(Message("tool", text, images=media, tool_call_id=call_id))
            case "reasoning":
                self._thoughts += _thoughts(item, place)  # 1
            case kind if kind in _HISTORY_ONLY:
                pass
            case kind:
                raise BadRequest(f'{place}: unknown input item type: "{kind}"')

    def end(self) -> tuple[Message, ...]:
        if self._thoughts:
            self._messages.append(Message(_ASSISTANT, thinking=self._thoughts))  # 1
        return tuple(self._messages)

    def _add_message(self, message: Message, number: int) -> None:
        if message.role != _ASSISTANT:
            self._messages.append(message)
        elif self._awaits_output(number):  # 3
            last = self._messages[-1]
            content = "\n".join(filter(None, (last.content, message.content)))
            self._amend(content=content, images=(*last.images, *message.images))
        else:
            self._messages.append(msgspec.structs.replace(message, thinking=self._taken()))

    def _add_call(self, call: ToolCall) -> None:
        if self._messages and self._messages[-1].role == _ASSISTANT:  # 2
            self._amend(tool_calls=(*self._messages[-1].tool_calls, call))
        else:
            self._messages.append(Message(_ASSISTANT, thinking=self._taken(), tool_calls=(call,)))

    def _awaits_output(self, number: int) -> bool:
        calls = self._messages[-1].tool_calls if self._messages else ()
        return any(self._outputs.get(call.id, -1) > number for call in calls)

    def _amend(self, **changes: Any) -> None:
        last = self._messages[-1]
        self._messages[-1] = msgspec.structs.replace(last, thinking=last.thinking + self._taken(), **changes)

    def _taken(self) -> str:
        thoughts, self._thoughts = self._thoughts, ""
        return thoughts


def _message(item: Item, place: str) -> Message:
    role = _text(item, "role", place)
    text, media = _content(item.get("content"), f"{place}: content")
    return Message(read_role(role), text, images=media)


def _call(item: Item, place: str) -> ToolCall:
    raw = _text(item, "arguments", place) or "{}"
    try:
        arguments = parse(raw.encode("utf-8", "replace"))
    except BadRequest as error:
        raise BadRequest(f"failed to parse function call arguments: {error.message}") from None
    if not isinstance(arguments, dict):
        raise BadRequest(f"failed to parse function call arguments: {place}.arguments is no JSON object")
    return ToolCall(ToolCallFunction(_text(item, "name", place), arguments), _text(item, "call_id", place))


def _thoughts(item: Item, place: str) -> str:
    """What the model thought, which its items carry as it is; nothing where there is only a summary of it."""
    if thoughts := _text(item, "encrypted_content", place):
        return thoughts
    parts = item.get("content")
    texts = [part.get("text") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return "".join(text for text in texts if isinstance(text, str))


def _content(value: Any, what: str) -> tuple[str, tuple[bytes, ...]]:
    """The text and the media of a content or an output; `what` it is, and where."""
    match value:
        case None:
            return "", ()
        case str(text):
            return text, ()
        case list(parts):
            read = [_part(part, f"{what}[{number}]") for number, part in enumerate(parts)]
            return _joined(read), tuple(part for part in read if isinstance(part, bytes))
        case _:
            raise BadRequest(f"{what} must be a string or array: {unfit(value, '[]json.RawMessage')}")


def _joined(parts: Sequence[str | bytes]) -> str:
    """The texts, and what stands between them in its place; not where a text looks like such a place itself."""
    texts = [part for part in parts if isinstance(part, str)]
    if texts and not any(PICTURE_PLACE in text for text in texts):
        texts = [PICTURE_PLACE if isinstance(part, bytes) else part for part in parts]
    return "".join(texts)


def _part(part: Any, place: str) -> str | bytes:
    match part:
        case {"type": "input_image"}:
            return _picture(part, place)
        case {"type": "input_audio"}:
            return read_sound(part.get("input_audio"), place)
        case {"type": "input_file"}:
            raise BadRequest("file inputs are not currently supported")
        case {"type": str(kind)} if kind in _TEXT_KEYS:
            return _text(part, _TEXT_KEYS[kind], place)
        case {"type": str(kind)}:
            raise BadRequest(f"{place}: unknown content type: {kind}")
        case None | {"type": None}:
            raise BadRequest(f"{place}: unknown content type: ")
        case dict() if "type" not in part:
            raise BadRequest(f"{place}: unknown content type: ")
        case _:
            raise BadRequest(f"{place}: a part must be an object, its type a string")


def _picture(part: Mapping[str, Any], place: str) -> bytes:
    match part.get("image_url"):
        case str(url) | {"url": str(url)} if url:
            return read_image(url, place)
        case _ if part.get("file_id"):
            raise InvalidParameter(
                f"{place}: file_id is not supported, as no files are kept here; send image_url as a data URI"
            )
        case _:
            raise BadRequest(f"{place}: image_url must be a data URI")


def _text(item: Mapping[str, Any], key: str, place: str) -> str:
    """The text under `key`, "" where there is none; raises BadRequest."""
    value = item.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRequest(f"{place}.{key} must be a string")
    return value
