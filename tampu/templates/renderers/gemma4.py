"""Gemma 4: turns of the model that hold thoughts, calls, the results of tools and text; a notation of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from tampu.messages import Message, Tool, ToolCall, ToolProperty
from tampu.templates.renderers.conversation import Conversation, is_user
from tampu.templates.renderers.delimited import Delimited
from tampu.templates.renderers.image_marks import marked
from tampu.templates.renderers.tool_data import arguments_object, property_object

_NOTATION: Final = Delimited('<|"|>')
_TURN_END: Final = "<turn|>\n"
_THOUGHT: Final = "<|channel>thought\n"
_CHANNEL, _CHANNEL_END = "<|channel>", "<channel|>"
_SYSTEM_ROLES: Final = frozenset({"system", "developer"})


def _render(conversation: Conversation, *, shows_empty_thought: bool) -> str:
    thinks = conversation.thinks(by_default=False)
    has_system = conversation.neighbour_role(0) in _SYSTEM_ROLES
    system = conversation.messages[0].content.strip() if has_system else ""
    parts = ["<bos>"]
    if has_system or thinks or conversation.tools:
        tools = "".join(map(_declaration, conversation.tools))
        switch = "<|think|>\n" if thinks else ""
        parts.append(f"<|turn>system\n{switch}{system}{tools}{_TURN_END}")
    said = marked(replace(conversation, messages=conversation.messages[1:] if has_system else conversation.messages))
    exchanges = _exchanges(said)
    last_user = max((place for place, exchange in enumerate(exchanges) if is_user(exchange.message)), default=-1)
    for place, exchange in enumerate(exchanges):
        before = exchanges[place - 1].message.role if place else ""
        after = exchanges[place + 1].message.role if place + 1 < len(exchanges) else ""
        parts.append(_turn(exchange, before, after, shows_thinking=place > last_user))
    return "".join(parts) + _opening(exchanges, thinks=thinks, shows_empty_thought=shows_empty_thought)


render_small = partial(_render, shows_empty_thought=False)
render_large = partial(_render, shows_empty_thought=True)


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A message and the results of the tools that it called; results without a call are in none."""

    message: Message
    results: list[Message]


def _exchanges(said: Conversation) -> list[_Exchange]:
    found: list[_Exchange] = []
    for message in said.messages:
        if message.role != "tool":
            found.append(_Exchange(message, []))
        elif found and found[-1].message.tool_calls:
            found[-1].results.append(message)
    return found


def _opening(exchanges: list[_Exchange], *, thinks: bool, shows_empty_thought: bool) -> str:
    """What the model goes on from: behind the result of a tool, its own turn."""
    last = exchanges[-1] if exchanges else None
    if last is not None and last.message.tool_calls:
        return _THOUGHT if thinks and last.results else ""
    empty_thought = f"{_THOUGHT}{_CHANNEL_END}" if shows_empty_thought and not thinks else ""
    return f"<|turn>model\n{empty_thought}"


def _turn(exchange: _Exchange, before: str, after: str, *, shows_thinking: bool) -> str:
    message = exchange.message
    if message.role != "assistant":
        return f"<|turn>{message.role}\n{message.content.strip()}{_TURN_END}"
    content = _without_channels(message.content).strip()
    parts = ["" if before == "assistant" else "<|turn>model\n"]
    if shows_thinking and message.thinking:
        parts.append(f"{_THOUGHT}{message.thinking}\n{_CHANNEL_END}")
    parts += map(_call, message.tool_calls)
    parts += [_result(message, result) for result in exchange.results]
    parts.append(content)
    parts.append(_closing(exchange, after, has_content=bool(content)))
    return "".join(parts)


def _closing(exchange: _Exchange, after: str, *, has_content: bool) -> str:
    if exchange.message.tool_calls and not exchange.results:
        return "<|tool_response>"
    stays_open = after == "assistant" or (exchange.results and not has_content and not after)
    return "" if stays_open else _TURN_END


def _without_channels(content: str) -> str:
    first, *rest = content.split(_CHANNEL)
    return first + "".join(part.partition(_CHANNEL_END)[2] for part in rest)


def _call(call: ToolCall) -> str:
    return f"<|tool_call>call:{call.function.name}{{{_NOTATION.members(arguments_object(call))}}}<tool_call|>"


def _result(caller: Message, result: Message) -> str:
    by_id = {call.id: call.function.name for call in caller.tool_calls if call.id}
    name = by_id.get(result.tool_call_id) or result.tool_name or "unknown"
    return f"<|tool_response>response:{name}{{value:{_NOTATION.quoted(result.content)}}}<tool_response|>"


def _declaration(tool: Tool) -> str:
    function, parameters = tool.function, tool.function.parameters
    schema: dict[str, str] = {}
    if parameters.properties:
        schema["properties"] = _properties({name: _schema_of(schema) for name, schema in parameters.properties.items()})
    if parameters.required:
        schema["required"] = _NOTATION.text(list(parameters.required))
    if parameters.type:
        schema["type"] = _NOTATION.quoted(parameters.type.upper())
    members = f",parameters:{_joined(schema)}" if schema else ""
    description = _NOTATION.quoted(function.description)
    return f"<|tool>declaration:{function.name}{{description:{description}{members}}}<tool|>"


def _schema_of(schema: ToolProperty) -> dict[str, Any]:
    """A property as a plain object; a choice between plain types is told as a list of types."""
    found = property_object(schema)
    choices = found.get("anyOf", [])
    if choices and "type" not in found and all(set(choice) == {"type"} for choice in choices):
        found["type"] = [choice["type"] for choice in choices]
    return found


def _properties(properties: Mapping[str, dict[str, Any]]) -> str:
    return _joined({name: _schema(properties[name]) for name in sorted(properties)})


def _schema(schema: Mapping[str, Any]) -> str:
    """A schema: what does not belong to its type is left out."""
    kind = _type(schema.get("type"))
    parts: dict[str, str] = {}
    if schema.get("description"):
        parts["description"] = _NOTATION.quoted(schema["description"])
    if schema.get("enum") and kind == "STRING":
        parts["enum"] = _NOTATION.text(schema["enum"])
    if isinstance(schema.get("items"), dict) and kind == "ARRAY":
        parts["items"] = _schema(schema["items"])
    if schema.get("properties") and kind == "OBJECT":
        parts["properties"] = _properties(schema["properties"])
    if schema.get("required") and kind == "OBJECT":
        parts["required"] = _NOTATION.text(schema["required"])
    if kind:
        parts["type"] = _NOTATION.quoted(kind)
    return _joined(parts)


def _type(declared: object) -> str:
    if isinstance(declared, list):
        return str([str(name).upper() for name in declared])
    return declared.upper() if isinstance(declared, str) else ""


def _joined(parts: Mapping[str, str]) -> str:
    return "{" + ",".join(f"{name}:{text}" for name, text in parts.items()) + "}"
