"""Tools on offer, and which of them the answer may or must call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec

from tampu.errors import BadRequest
from tampu.generation import NamedTool, ToolChoice, ToolUse
from tampu.json_misfits import type_fault
from tampu.messages import Tool, ToolFunction, ToolParameters, ToolProperty
from tampu.wire import convert, encode

WEB_SEARCH = "web_search"
_SEARCH_TOOL = Tool(
    type="function",
    function=ToolFunction(
        WEB_SEARCH,
        "Look something up on the web",
        ToolParameters(
            type="object",
            required=["query"],
            properties={"query": ToolProperty(type="string", description="What to look for")},
        ),
    ),
)
_NOT_NEEDED = ("tool_search_tool",)
"""Tools that find tools: every tool of the request is offered at once."""
_RUN_ELSEWHERE = ("code_execution", "web_fetch", "mcp_toolset", "advisor")
"""The beginnings of types of tools that run at Anthropic."""
_CHOICES = {"auto": ToolUse.AUTO, "any": ToolUse.REQUIRED, "none": ToolUse.NONE}


class ToolBody(msgspec.Struct):
    """A tool as a client describes it. `type` is empty or "custom" for the client's own."""

    go_name: ClassVar = "anthropic.Tool"

    type: str = ""
    name: str = ""
    description: str = ""
    input_schema: Any = None
    strict: bool = False
    cache_control: Any = None


class ToolChoiceBody(msgspec.Struct):
    """Which tools may be called, and whether more than one at once."""

    go_name: ClassVar = "anthropic.ToolChoice"

    type: str = ""
    name: str = ""
    disable_parallel_tool_use: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """The tools that may be called, and whole schemas of their arguments. `searches`: the web search is among them.

    `is_strict`: calls are held to the schemas; where one tool says it, all are.
    """

    tools: tuple[Tool, ...] = ()
    schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    searches: bool = False
    is_strict: bool = False


def read_offer(bodies: Sequence[ToolBody]) -> Offer:
    """The tools of a request; raises BadRequest for one that cannot be offered."""
    searches = any(body.type.startswith(WEB_SEARCH) for body in bodies)
    tools = [_tool(body, f"tools[{number}]") for number, body in enumerate(bodies) if not _is_left_out(body, searches)]
    schemas = {body.name: body.input_schema for body in bodies if isinstance(body.input_schema, dict)}
    return Offer(tuple(tools), schemas, searches, any(body.strict for body in bodies))


def read_choice(body: ToolChoiceBody | None) -> ToolChoice:
    """Whether tools may, must or must not be called; raises BadRequest."""
    if body is None:
        return ToolUse.AUTO
    if body.type == "tool":
        if not body.name:
            raise BadRequest("tool_choice.name is required where tool_choice.type is tool")
        return NamedTool(body.name)
    if body.type not in _CHOICES:
        raise BadRequest("tool_choice.type must be auto, any, tool or none")
    return _CHOICES[body.type]


def _is_left_out(body: ToolBody, searches: bool) -> bool:
    is_search = body.type.startswith(WEB_SEARCH)
    return body.type.startswith(_NOT_NEEDED) or (searches and body.name == WEB_SEARCH and not is_search)


def _tool(body: ToolBody, place: str) -> Tool:
    if body.type.startswith(WEB_SEARCH):
        return _SEARCH_TOOL
    if body.type.startswith(_RUN_ELSEWHERE):
        kind = body.type[:100]
        raise BadRequest(f'{place} has the type "{kind}", which only Anthropic runs; offer a tool of your own for it')
    if not body.name:
        raise BadRequest(f"{place}.name is required")
    return Tool(ToolFunction(body.name, body.description, _parameters(body)), "function")


def _parameters(body: ToolBody) -> ToolParameters:
    if body.input_schema is None:
        return ToolParameters()
    try:
        return convert(ToolParameters, body.input_schema)
    except BadRequest as error:
        fault = type_fault(encode(body.input_schema), ToolParameters) or error.message
        raise BadRequest(f'invalid input_schema for tool "{body.name}": {fault}') from None
