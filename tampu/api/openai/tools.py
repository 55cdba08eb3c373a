"""Tools on offer, and which of them the answer may or must call."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from tampu.errors import BadRequest
from tampu.generation import NamedTool, ToolChoice, ToolUse
from tampu.messages import Tool

_CHOICES = (
    'tool_choice must be "auto", "none", "required", {"type": "function", "function": {"name": NAME}} '
    'or {"type": "allowed_tools", "allowed_tools": {"mode": "auto" or "required", "tools": [...]}}'
)


class ToolsBody(msgspec.Struct):
    """The tools of a request."""

    go_name: ClassVar = "openai.ChatCompletionRequest"

    tools: list[Tool] = []


def read_schemas(tools: Sequence[Any]) -> Mapping[str, Mapping[str, Any]]:
    """The schemas of all arguments as they were sent, by the tool's name."""
    found = {}
    for tool in tools:
        match tool:
            case {"function": {"name": str(name), "parameters": dict(parameters)}}:
                found[name] = parameters
    return found


def are_strict(tools: Sequence[Any]) -> bool:
    """Whether calls must keep to their schemas: `strict` says it of a tool, and where one says it all are held."""
    return any(_is_strict(tool) for tool in tools)


def _is_strict(tool: Any) -> bool:
    match tool:
        case {"strict": True} | {"function": {"strict": True}}:
            return True
        case _:
            return False


def read_tools(tools: Sequence[Tool], choice: Any) -> tuple[tuple[Tool, ...], ToolChoice]:
    """The tools that may be called, and whether they must be; raises BadRequest."""
    unknown = next((tool for tool in tools if tool.type not in {"", "function"} and not tool.function.name), None)
    if unknown is not None:
        raise BadRequest(f'tools of type "{unknown.type}" are not supported; describe it as a function')
    match choice:
        case None:
            return tuple(tools), ToolUse.AUTO
        case "auto" | "none" | "required":
            return tuple(tools), ToolUse(choice)
        case {"type": "function", "function": {"name": str(name)}} if name:
            return tuple(tools), NamedTool(name)
        case {"type": "allowed_tools", "allowed_tools": {"mode": "auto" | "required" as mode, "tools": list(allowed)}}:
            return tools_named(tools, [_name(item) for item in allowed]), ToolUse(mode)
        case _:
            raise BadRequest(_CHOICES)


def tools_named(tools: Sequence[Tool], names: Sequence[str]) -> tuple[Tool, ...]:
    """Those of `tools` that are named; raises BadRequest: what is not offered to the model cannot be called."""
    offered = {tool.function.name for tool in tools}
    strange = next((name for name in names if name not in offered), None)
    if strange is not None:
        raise BadRequest(f'tool_choice names "{strange}", which is not among the tools of the request')
    return tuple(tool for tool in tools if tool.function.name in names)


def _name(item: Any) -> str:
    match item:
        case {"function": {"name": str(name)}} | {"name": str(name)}:
            return name
        case _:
            raise BadRequest(_CHOICES)
