"""Tools for models whose template has no place for them: told in words, calls and results written as text. Pure."""

from collections.abc import Sequence
from typing import Final

import msgspec

from tampu.messages import Message, Tool, ToolCall

_INSTRUCTION: Final = (
    "You may call these tools, each described by a line of JSON:\n"
    "<tools>\n{tools}\n</tools>\n"
    "To call one, answer with nothing but one or more of:\n"
    '<tool_call>\n{{"name": NAME, "arguments": {{...}}}}\n</tool_call>\n'
    "The result comes back as <tool_response>. Where no tool is needed, answer in plain words."
)


def with_described_tools(messages: Sequence[Message], tools: Sequence[Tool]) -> tuple[Message, ...]:
    """`messages` with the tools in the system prompt, and with the calls and results of the past as text."""
    lines = "\n".join(msgspec.json.encode(tool.function).decode() for tool in tools)
    instruction = _INSTRUCTION.format(tools=lines)
    told = [_as_text(message) for message in messages]
    if told and told[0].role == "system":
        joined = f"{told[0].content}\n\n{instruction}" if told[0].content else instruction
        return (msgspec.structs.replace(told[0], content=joined), *told[1:])
    return (Message("system", instruction), *told)


def _as_text(message: Message) -> Message:
    if message.role == "tool":
        return Message("user", f"<tool_response>\n{message.content}\n</tool_response>", images=message.images)
    if not message.tool_calls:
        return message
    text = "\n".join(filter(None, (message.content, *map(_call_text, message.tool_calls))))
    return msgspec.structs.replace(message, content=text, tool_calls=())


def _call_text(call: ToolCall) -> str:
    told = {"name": call.function.name, "arguments": call.function.arguments}
    return f"<tool_call>\n{msgspec.json.encode(told).decode()}\n</tool_call>"
