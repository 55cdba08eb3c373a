"""Tools and calls as plain values in the order in which prompts show them."""

from collections.abc import Mapping
from typing import Any

from tampu.errors import BadRequest
from tampu.messages import Tool, ToolCall, ToolParameters, ToolProperty
from tampu.templates.messages_data import MAX_DEPTH


def tool_object(tool: Tool) -> dict[str, Any]:
    """A tool as it was offered; raises BadRequest where values are too deep inside one another."""
    described = {"type": tool.type} | _given(items=sorted_value(tool.items))
    return {**described, "function": function_object(tool)}


def function_object(tool: Tool) -> dict[str, Any]:
    """The function of a tool."""
    function = tool.function
    described = _present(description=function.description)
    return {"name": function.name, **described, "parameters": parameters_object(function.parameters)}


def parameters_object(parameters: ToolParameters) -> dict[str, Any]:
    """The schema of a tool's arguments; `properties` null where the request left them out."""
    declared = _given(**{"$defs": sorted_value(parameters.defs), "items": sorted_value(parameters.items)})
    properties = parameters.properties
    return {
        "type": parameters.type,
        **declared,
        **_present(required=list(parameters.required)),
        "properties": None if properties is None else _properties(properties, 0),
    }


def property_object(schema: ToolProperty, depth: int = 0) -> dict[str, Any]:
    """One property, its keys in the order of Ollama."""
    _check(depth)
    names = type_names(schema)
    found = _present(anyOf=[property_object(choice, depth + 1) for choice in schema.any_of])
    if names:
        found["type"] = names[0] if len(names) == 1 else names
    found |= _given(items=sorted_value(schema.items))
    found |= _present(description=schema.description, enum=[sorted_value(item) for item in schema.enum])
    if schema.properties is not None:
        found["properties"] = _properties(schema.properties, depth + 1)
    return found | _present(required=list(schema.required))


def arguments_object(call: ToolCall) -> dict[str, Any]:
    """The arguments of a call in their order; objects inside them are sorted."""
    return {name: sorted_value(value) for name, value in call.function.arguments.items()}


def sorted_arguments(call: ToolCall) -> dict[str, Any]:
    """The arguments of a call, by name."""
    return dict(sorted(arguments_object(call).items()))


def sorted_value(value: Any, depth: int = 0) -> Any:
    """JSON of any kind with all objects sorted; raises BadRequest where it is too deep."""
    _check(depth)
    if isinstance(value, dict):
        return {name: sorted_value(value[name], depth + 1) for name in sorted(value)}
    if isinstance(value, list):
        return [sorted_value(item, depth + 1) for item in value]
    return value


def type_names(schema: ToolProperty) -> list[str]:
    """The types of a property; none where it names none."""
    return [schema.type] if isinstance(schema.type, str) else list(schema.type)


def _properties(properties: Mapping[str, ToolProperty], depth: int) -> dict[str, Any]:
    return {name: property_object(schema, depth) for name, schema in properties.items()}


def _present(**values: str | list[Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def _given(**values: Any) -> dict[str, Any]:
    """Free-form values: only an absent one is left out, not an empty one."""
    return {name: value for name, value in values.items() if value is not None}


def _check(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise BadRequest(f"a tool's schema or arguments hold values more than {MAX_DEPTH} levels inside one another")
