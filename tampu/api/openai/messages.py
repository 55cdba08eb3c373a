"""Messages of a chat: parts, media and calls of tools as OpenAI writes them, to messages of the vocabulary."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from tampu.api.openai.kinds import kind_word
from tampu.api.openai.media import PICTURE_PLACE, read_image, read_sound
from tampu.errors import BadRequest
from tampu.messages import Message, ToolCall, ToolCallFunction
from tampu.wire import parse

_ROLES = {"developer": "system"}
"""What templates call a role that they do not know by OpenAI's newer word."""


class FunctionBody(msgspec.Struct):
    """The function of a call; `arguments` is JSON in a text."""

    go_name: ClassVar = 'struct { Name string "json:\\"name\\""; Arguments string "json:\\"arguments\\"" }'

    name: str = ""
    arguments: str = ""


class CallBody(msgspec.Struct):
    """A call as a client sends it back."""

    go_name: ClassVar = "openai.ToolCall"

    id: str = ""
    function: FunctionBody = msgspec.field(default_factory=FunctionBody)


class MessageBody(msgspec.Struct):
    """A message. Thoughts come under either name, by the server that a client was written for."""

    go_name: ClassVar = "openai.Message"

    role: str = ""
    content: Any = None
    name: str = ""
    reasoning: str = ""
    reasoning_content: str = ""
    tool_calls: list[CallBody] | None = None
    tool_call_id: str = ""


def read_messages(bodies: Sequence[MessageBody]) -> tuple[Message, ...]:
    """The messages; one without any part of content or call says nothing and is left out. Raises BadRequest."""
    if not bodies:
        raise BadRequest("[] is too short - 'messages'")
    # Of calls with one id the first of the last message counts, as in Ollama.
    names = {call.id: call.function.name for body in bodies for call in reversed(body.tool_calls or ())}
    read = (_message(body, f"messages[{number}]", names) for number, body in enumerate(bodies))
    return tuple(message for message in read if message is not None)


def read_role(told: str) -> str:
    """A role as templates know it, whatever its letter case."""
    role = told.lower()
    return _ROLES.get(role, role)


def _message(body: MessageBody, place: str, names: Mapping[str, str]) -> Message | None:
    calls = tuple(_call(call) for call in body.tool_calls or ())
    if body.content == [] and not calls:
        return None
    parts = _parts(body, place)
    role = read_role(body.role)
    is_result = role == "tool"
    return Message(
        role=role,
        content=_text(parts, role),
        thinking=body.reasoning or body.reasoning_content,
        images=tuple(part for part in parts if isinstance(part, bytes)),
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


def _text(parts: Sequence[str | bytes], role: str) -> str:
    """The texts, and what a user put between them in its place; not where a text of theirs looks like such a place."""
    texts = [part for part in parts if isinstance(part, str)]
    if role == "user" and len(parts) > 1 and not any(PICTURE_PLACE in text for text in texts):
        texts = [PICTURE_PLACE if isinstance(part, bytes) else part for part in parts]
    return "\n\n".join(texts)


def _parts(body: MessageBody, place: str) -> list[str | bytes]:
    """The parts of a content in their order: texts, and the bytes of pictures and sounds."""
    match body.content:
        case str(text):
            return [text]
        case None if body.tool_calls is not None:
            return []
        case list(parts):
            return [_read_part(part, f"{place}.content[{number}]") for number, part in enumerate(parts)]
        case other:
            raise BadRequest(f"invalid message content type: {kind_word(other)}")


def _read_part(part: Any, place: str) -> str | bytes:
    match part:
        case {"type": "text", "text": str(text)} | {"type": "refusal", "refusal": str(text)}:
            return text
        case {"type": "image_url", "image_url": {"url": str(url)} | str(url)}:
            return read_image(url, place)
        case {"type": "input_audio"}:
            return read_sound(part.get("input_audio"), place)
        case _:
            raise BadRequest(f"invalid message format: {place} is no text, image_url or input_audio part")
