"""What a conversation is made of: messages, tools and calls of tools.

These are the types that every dialect decodes into. They carry JSON names because templates print them as JSON.
"""

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

import msgspec

from tampu.json_misfits import READS_ITSELF


class ToolCallFunction(msgspec.Struct, frozen=True):
    """The function of a call; `arguments` keep the order in which the model wrote them."""

    name: str = ""
    arguments: Annotated[dict[str, Any], READS_ITSELF] = msgspec.field(default_factory=dict)
    index: int = 0


class ToolCall(msgspec.Struct, frozen=True):
    """One call of a tool that a model made."""

    function: ToolCallFunction
    id: str = ""


class ToolProperty(msgspec.Struct, frozen=True, omit_defaults=True):
    """One property of a tool's schema. `items` is kept whole; keys that are not listed here are lost, as in Ollama.

    `type`: an empty list where the request names none, which is not the same as an empty name.
    """

    any_of: list["ToolProperty"] = msgspec.field(default_factory=list, name="anyOf")
    type: Annotated[str | list[str], READS_ITSELF] = msgspec.field(default_factory=list)
    items: Any = None
    description: str = ""
    enum: list[Any] = msgspec.field(default_factory=list)
    properties: Annotated[dict[str, "ToolProperty"] | None, READS_ITSELF] = None
    required: list[str] = msgspec.field(default_factory=list)


class ToolParameters(msgspec.Struct, frozen=True):
    """The schema of a tool's arguments; `properties` is None where the request left it out."""

    go_name: ClassVar = "ToolFunctionParameters"

    type: str = ""
    defs: Any = msgspec.field(default=None, name="$defs")
    items: Any = None
    required: list[str] = msgspec.field(default_factory=list)
    properties: Annotated[dict[str, ToolProperty] | None, READS_ITSELF] = None


class ToolFunction(msgspec.Struct, frozen=True):
    """A function that a model may call."""

    name: str = ""
    description: str = ""
    parameters: ToolParameters = msgspec.field(default_factory=ToolParameters)


class Tool(msgspec.Struct, frozen=True):
    """A tool as a request offers it."""

    function: ToolFunction = msgspec.field(default_factory=ToolFunction)
    type: str = ""
    items: Any = None


class ImageAddress(bytes):
    """Where a picture is to be fetched from, in the place of its bytes: an http or https address."""

    __slots__ = ()


class Message(msgspec.Struct, frozen=True):
    """One message. `role` is lower-case and not otherwise checked: templates know more roles than we do."""

    role: str
    content: str = ""
    thinking: str = ""
    images: tuple[bytes, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_name: str = ""
    tool_call_id: str = ""


def without_images(messages: Iterable[Message]) -> list[Message]:
    """The messages with their pictures and sounds taken away, their text as it is."""
    return [msgspec.structs.replace(message, images=()) if message.images else message for message in messages]
