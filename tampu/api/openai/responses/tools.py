"""Functions on offer, and which of them the answer may or must call.

Only functions are called: what would run on OpenAI's machines does not run here. A declared web search is left out, as
agents declare it by default and can do without; the answer's `tools` do not name it. Other tools are refused.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tampu.api.openai.tools import tools_named
from tampu.errors import BadRequest, InvalidParameter
from tampu.generation import NamedTool, ToolChoice, ToolUse
from tampu.json_misfits import type_fault, unfit
from tampu.messages import Tool, ToolParameters
from tampu.wire import convert, encode

_LEFT_OUT = ("web_search", "web_search_preview")
"""Types of tools that are left out, also with a date behind."""
_CHOICES = (
    'tool_choice must be "auto", "none", "required", {"type": "function", "name": NAME} '
    'or {"type": "allowed_tools", "mode": "auto" or "required", "tools": [...]}'
)


@dataclass(frozen=True, slots=True)
class Offer:
    """The tools of a request: as the model is offered them, their whole schemas by name, as the answer repeats them."""

    tools: tuple[Tool, ...] = ()
    schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    echo: tuple[dict[str, Any], ...] = ()


def read_offer(value: Any) -> Offer:
    """The tools; raises BadRequest."""
    if value is None:
        return Offer()
    if not isinstance(value, list):
        raise BadRequest(unfit(value, "[]openai.ResponsesTool", "ResponsesRequest.tools"))
    kept = [(f"tools[{number}]", tool) for number, tool in enumerate(value) if not _is_left_out(tool)]
    functions = [function for place, tool in kept for function in _functions(tool, place)]
    return Offer(
        tools=tuple(_tool(function) for function in functions),
        schemas={each["name"]: each["parameters"] for each in functions if isinstance(each.get("parameters"), dict)},
        echo=tuple(_repeated(tool) for _, tool in kept),
    )


def read_choice(offer: Offer, choice: Any) -> tuple[tuple[Tool, ...], ToolChoice]:
    """The tools that may be called, and whether they must be; raises BadRequest."""
    match choice:
        case None:
            return offer.tools, ToolUse.AUTO
        case "auto" | "none" | "required":
            return offer.tools, ToolUse(choice)
        case {"type": "function", "name": str(name)} if name:
            return offer.tools, NamedTool(name)
        case {"type": "allowed_tools", "mode": "auto" | "required" as mode, "tools": list(allowed)}:
            return tools_named(offer.tools, [_name(item) for item in allowed]), ToolUse(mode)
        case _:
            raise BadRequest(_CHOICES)


def _is_left_out(tool: Any) -> bool:
    kind = tool.get("type") if isinstance(tool, dict) else None
    return isinstance(kind, str) and any(kind == name or kind.startswith(f"{name}_2") for name in _LEFT_OUT)


def _functions(tool: Any, place: str, prefix: str = "") -> Iterator[dict[str, Any]]:
    """The functions of a tool; those of a namespace bear its name in front of theirs."""
    match tool:
        case {"type": "namespace", "name": str(name), "tools": list(members)} if name and not prefix:
            for number, member in enumerate(members):
                yield from _functions(member, f"{place}.tools[{number}]", f"{name}.")
        case {"type": "function", "strict": strict} if not isinstance(strict, bool | None):
            raise BadRequest(f"{place}.strict must be true or false")
        case {"type": "function", "name": str(name)} if name:
            yield {**tool, "name": name if name.startswith(prefix) else prefix + name}
        case {"type": "function" | "namespace" as kind}:
            raise BadRequest(f"{place}: a {kind} needs a name" + (" and tools" if kind == "namespace" else ""))
        case {"type": str(kind)} if kind:
            raise InvalidParameter(f'{place}: tools of type "{kind}" are not supported; describe it as a function')
        case None | dict():
            raise BadRequest(f"{place} must be an object with a type")
        case _:
            raise BadRequest(unfit(tool, "openai.ResponsesTool", "ResponsesRequest.tools"))


def _tool(function: Mapping[str, Any]) -> Tool:
    told = {key: function[key] for key in ("name", "description", "parameters") if key in function}
    parameters = told.get("parameters")
    if not isinstance(parameters, dict | None):
        raise BadRequest(unfit(parameters, "map[string]interface {}", "ResponsesTool.tools.parameters"))
    try:
        return convert(Tool, {"type": "function", "function": told})
    except BadRequest as error:
        fault = type_fault(encode(parameters), ToolParameters)
        raise BadRequest(f"failed to unmarshal tool parameters: {fault}" if fault else error.message) from None


def _repeated(tool: Mapping[str, Any]) -> dict[str, Any]:
    told = {key: tool.get(key) for key in ("type", "name", "description", "strict", "parameters")}
    members = tool.get("tools")
    return {**told, "tools": [_repeated(member) for member in members]} if isinstance(members, list) else told


def _name(item: Any) -> str:
    match item:
        case {"type": "function", "name": str(name)}:
            return name
        case _:
            raise BadRequest(_CHOICES)
