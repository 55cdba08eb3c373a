"""The system prompt and the messages of a request, to messages of the vocabulary.

1. The texts of a message are joined with nothing between them; its pictures go along.
2. The results of calls are messages of their own: before what a user says beside them, behind anyone else's message.
3. A message of blocks that say nothing to a model disappears.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from tampu.api.anthropic.contents import (
    READABLE,
    UNREADABLE,
    Block,
    Content,
    block_type,
    read_blocks,
    read_content,
    text_of,
    unknown_block,
)
from tampu.errors import BadRequest
from tampu.json_misfits import unfit
from tampu.messages import Message, ToolCall, ToolCallFunction
from tampu.wire import encode

_BILLING = "x-anthropic-billing-header:"
"""How a coding agent begins a block for Anthropic's books: other in every request, so no prompt would be reused."""
_FAILED = "Error: "


class MessageBody(msgspec.Struct):
    """A message; `content` is a text or a list of blocks."""

    go_name: ClassVar = "anthropic.MessageParam"
    reads_itself: ClassVar = True
    alias_name: ClassVar = 'struct { Role string "json:\\"role\\""; Content json.RawMessage "json:\\"content\\"" }'

    told_nulls: ClassVar = ("content",)

    role: str = ""
    content: Any = msgspec.UNSET


def read_conversation(system: Any, bodies: Sequence[MessageBody]) -> tuple[Message, ...]:
    """All messages, the system prompt first; raises BadRequest that names the place."""
    messages = [message for number, body in enumerate(bodies) for message in _read(body, f"messages[{number}]")]
    prompt = _system(system)
    return (Message("system", prompt), *messages) if prompt else tuple(messages)


def _system(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case list():
            texts = read_blocks(value, "system")
            if texts.images:
                raise BadRequest("system may hold text alone; send pictures in a message")
            return "".join(text for text in texts.texts if not text.startswith(_BILLING))
        case _:
            raise BadRequest("system must be a string or a list of text blocks")


def _read(body: MessageBody, place: str) -> Sequence[Message]:
    if not body.role:
        raise BadRequest(f"{place}.role is required")
    match body.content:
        case msgspec.UNSET:
            raise BadRequest("unexpected end of JSON input")  # Ollama's words: it reads JSON where there is none
        case None:
            return ()
        case str(text):
            return (Message(body.role.lower(), text),)
        case list(blocks):
            return _of_blocks(body.role.lower(), blocks, f"{place}.content")
        case _:
            raise BadRequest(unfit(body.content, "[]anthropic.ContentBlock", "MessagesRequest.messages"))


def _of_blocks(role: str, blocks: Sequence[Any], place: str) -> Sequence[Message]:
    content, thinking = Content(), ""
    calls: list[ToolCall] = []
    results: list[Message] = []
    for number, block in enumerate(blocks):
        where = f"{place}[{number}]"
        match block_type(block, where):
            case kind if kind in READABLE:
                content.add(block, where)
            case "thinking":
                thinking = text_of(block, "thinking", where, otherwise="")
            case kind if kind.endswith("tool_use"):
                calls.append(_call(block, where))
            case kind if kind.endswith("tool_result"):
                results.append(_result(block, where))
            case kind if kind not in UNREADABLE:
                raise unknown_block(kind, where)
    if not (content.texts or content.images or calls or thinking):
        return results
    said = Message(role, content.text, thinking, tuple(content.images), tuple(calls))
    return (*results, said) if role == "user" else (said, *results)


def _call(block: Block, place: str) -> ToolCall:
    for name in ("id", "name"):
        if not block.get(name):
            raise BadRequest(f"tool_use block missing required '{name}' field")
    arguments = block.get("input")
    if not isinstance(arguments, dict | None):
        raise BadRequest(f"{place}.input must be an object")
    name = text_of(block, "name", place)
    return ToolCall(ToolCallFunction(name, arguments or {}), text_of(block, "id", place))


def _result(block: Block, place: str) -> Message:
    """The result of a call, whoever made it; one that failed says so."""
    content = _result_content(block, place)
    is_error = block.get("is_error") or False
    if not isinstance(is_error, bool):
        raise BadRequest(f"{place}.is_error must be a boolean")
    has_said_so = content.text.lstrip().lower().startswith("error")
    text = _FAILED + content.text if is_error and not has_said_so else content.text
    call_id = text_of(block, "tool_use_id", place, otherwise="")
    return Message("tool", text, images=tuple(content.images), tool_call_id=call_id)


def _result_content(block: Block, place: str) -> Content:
    value = block.get("content")
    if block["type"] in {"tool_result", "mcp_tool_result"}:
        return read_content(value, f"{place}.content")
    match value:
        case None | str():
            return Content([value or ""])
        case [*found] if block["type"] == "web_search_tool_result":
            return Content(["".join(map(_found, found))])
        case {"error_code": str(code)}:
            return Content([f"{_FAILED}{code}"])
        case list() | dict():
            # What only Anthropic's own tools write: they run no more, but what they said stays readable.
            return Content([encode(value).decode()])
        case _:
            raise BadRequest(f"{place}.content must be a string, an object or a list")


def _found(result: Any) -> str:
    match result:
        case Mapping():
            return f"- {result.get('title', '')}: {result.get('url', '')}\n"
        case _:
            return ""
