"""Messages of a chat: parts, media and calls of tools as OpenAI writes them, to messages of the vocabulary."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tampu.api.fields import read_base64
from tampu.api.openai.kinds import kind_word
from tampu.errors import BadRequest
from tampu.messages import Message, ToolCall, ToolCallFunction
from tampu.wire import parse

_IMAGE_URI = re.compile(r"data:(?:image/(?:jpeg|jpg|png|webp))?;base64,")
_ROLES = {"developer": "system"}
"""What templates call a role that they do not know by OpenAI's newer word."""


class FunctionBody(msgspec.Struct):
    """The function of a call; `arguments` is JSON in a text."""

    name: str = ""
    arguments: str = ""


class CallBody(msgspec.Struct):
    """A call as a client sends it back."""

    id: str = ""
    function: FunctionBody = msgspec.field(default_factory=FunctionBody)


class MessageBody(msgspec.Struct):
    """A message. Thoughts come under either name, by the server that a client was written for."""

    role: str = ""
    content: Any = None
    name: str = ""
    reasoning: str = ""
    reasoning_content: str = ""
    tool_calls: list[CallBody] | None = None
    tool_call_id: str = ""


@dataclass(slots=True)
class _Content:
    """What the parts of a content hold together."""

    texts: list[str] = field(default_factory=list)
    media: list[bytes] = field(default_factory=list)


def read_messages(bodies: Sequence[MessageBody]) -> tuple[Message, ...]:
    """The messages; one without any part of content or call says nothing and is left out. Raises BadRequest."""
    if not bodies:
        raise BadRequest("[] is too short - 'messages'")
    # Of calls with one id the first of the last message counts, as in Ollama.
    names = {call.id: call.function.name for body in bodies for call in reversed(body.tool_calls or ())}
    read = (_message(body, f"messages[{number}]", names) for number, body in enumerate(bodies))
    return tuple(message for message in read if message is not None)


def _message(body: MessageBody, place: str, names: Mapping[str, str]) -> Message | None:
    calls = tuple(_call(call) for call in body.tool_calls or ())
    if body.content == [] and not calls:
        return None
    content = _content(body, place)
    role = body.role.lower()
    is_result = role == "tool"
    return Message(
        role=_ROLES.get(role, role),
        content="\n\n".join(content.texts),
        thinking=body.reasoning or body.reasoning_content,
        images=tuple(content.media),
        tool_calls=calls,
        tool_name=(body.name or names.get(body.tool_call_id, "")) if is_result else "",
        tool_call_id=body.tool_call_id,
    )


def _call(body: CallBody) -> ToolCall:
    try:
        arguments = parse(body.function.arguments.encode("utf-8", "replace"))
    except BadRequest:
        arguments = None
    if not isinstance(arguments, dict):
        raise BadRequest("invalid tool call arguments")
    return ToolCall(ToolCallFunction(body.function.name, arguments), body.id)


def _content(body: MessageBody, place: str) -> _Content:
    match body.content:
        case str(text):
            return _Content([text])
        case None if body.tool_calls is not None:
            return _Content()
        case list(parts):
            content = _Content()
            for number, part in enumerate(parts):
                _read_part(part, f"{place}.content[{number}]", content)
            return content
        case other:
            raise BadRequest(f"invalid message content type: {kind_word(other)}")


def _read_part(part: Any, place: str, content: _Content) -> None:
    match part:
        case {"type": "text", "text": str(text)} | {"type": "refusal", "refusal": str(text)}:
            content.texts.append(text)
        case {"type": "image_url", "image_url": {"url": str(url)} | str(url)}:
            content.media.append(_image(url, place))
        case {"type": "input_audio"}:
            content.media.append(_sound(part.get("input_audio"), place))
        case _:
            raise BadRequest(f"invalid message format: {place} is no text, image_url or input_audio part")


def _image(url: str, place: str) -> bytes:
    if url.startswith(("http://", "https://")):
        raise BadRequest("image URLs are not currently supported, please use base64 encoded data instead")
    head = _IMAGE_URI.match(url)
    if head is None:
        raise BadRequest(f"invalid image input: {place} is no data URI of a JPEG, PNG or WebP in base64")
    try:
        return read_base64(url[head.end() :], place)
    except BadRequest as error:
        raise BadRequest(f"invalid image input: {error.message}") from None


def _sound(told: Any, place: str) -> bytes:
    match told:
        case {"data": str(data)} if data:
            pass
        case dict():
            raise BadRequest("invalid input_audio format: missing data")
        case _:
            raise BadRequest("invalid input_audio format")
    try:
        return read_base64(data, place)
    except BadRequest as error:
        raise BadRequest(f"invalid input_audio base64 data: {error.message}") from None
