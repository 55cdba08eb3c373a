"""Messages, tools and calls as the values that a template sees, with Go's names and Go's JSON."""

from collections.abc import Sequence
from typing import Any, Final

from tampu.errors import BadRequest
from tampu.messages import Message, Tool, ToolCall, ToolProperty
from tampu.templates.go.json_text import json_text
from tampu.templates.go.typescript import typescript_type
from tampu.templates.go.values import (
    JsonField,
    JsonList,
    JsonMap,
    OrderedMap,
    Record,
    RecordType,
    Slice,
    TypeNames,
    Value,
)

MAX_DEPTH: Final = 64
"""Values inside one another in schemas and arguments; printing them costs stack."""
_LARGEST: Final = 1.7976931348623157e308


def _type(name: str, **settings: Any) -> RecordType:
    fields = settings.pop("fields")
    return RecordType(name, {key: JsonField(*value) for key, value in fields.items()}, **settings)


_PRINTS: Final = {"String": json_text}
_MESSAGE: Final = _type(
    "*template.templateMessage",
    fields={name: (name,) for name in ("Role", "Content", "Thinking", "Images", "ToolCalls", "ToolName", "ToolCallID")},
)
_CALL: Final = _type("template.templateToolCall", fields={"ID": ("ID",), "Function": ("Function",)})
_CALL_FUNCTION: Final = _type(
    "template.templateToolCallFunction", fields={name: (name,) for name in ("Index", "Name", "Arguments")}
)
_TOOL: Final = _type(
    "template.templateTool",
    fields={"Type": ("type",), "Items": ("items", False, True), "Function": ("function",)},
    prints_json=True,
    methods=_PRINTS,
)
_TOOL_FUNCTION: Final = _type(
    "template.templateToolFunction",
    fields={"Name": ("name",), "Description": ("description",), "Parameters": ("parameters",)},
)
_PARAMETERS: Final = _type(
    "template.templateToolFunctionParameters",
    fields={
        "Type": ("type",),
        "Defs": ("$defs", False, True),
        "Items": ("items", False, True),
        "Required": ("required", True),
        "Properties": ("properties",),
    },
)
_PROPERTY: Final = _type(
    "api.ToolProperty",
    fields={
        "AnyOf": ("anyOf", True),
        "Type": ("type", True),
        "Items": ("items", False, True),
        "Description": ("description", True),
        "Enum": ("enum", True),
        "Properties": ("properties", False, True),
        "Required": ("required", True),
    },
    methods={"ToTypeScriptType": typescript_type},
)


def free_value(value: Any, depth: int = 0) -> Value:
    """JSON as Go reads it without knowing a type: every number is a float. Raises BadRequest where it is too deep."""
    _check(depth)
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return _float(value)
    if isinstance(value, dict):
        return {str(name): free_value(item, depth + 1) for name, item in value.items()}
    return [free_value(item, depth + 1) for item in value]


def _check(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise BadRequest(f"a tool's schema or arguments hold values more than {MAX_DEPTH} levels inside one another")


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return _LARGEST if value > 0 else -_LARGEST


def _free_or_absent(value: Any) -> Value:
    return free_value(value) if value is not None else None


def message_value(message: Message) -> Record:
    """One message."""
    return Record(
        _MESSAGE,
        {
            "Role": message.role,
            "Content": message.content,
            "Thinking": message.thinking,
            "Images": Slice("[]api.ImageData", message.images),
            "ToolCalls": Slice("[]template.templateToolCall", map(_call_value, message.tool_calls)),
            "ToolName": message.tool_name,
            "ToolCallID": message.tool_call_id,
        },
    )


def _call_value(call: ToolCall) -> Record:
    function = call.function
    arguments = {name: free_value(value) for name, value in function.arguments.items()}
    return Record(
        _CALL,
        {
            "ID": call.id,
            "Function": Record(
                _CALL_FUNCTION, {"Index": function.index, "Name": function.name, "Arguments": JsonMap(arguments)}
            ),
        },
    )


def tools_value(tools: Sequence[Tool] | None) -> JsonList:
    """All tools; None (a chat without any) prints `null`, an empty sequence `[]`."""
    return JsonList(None if tools is None else [_tool_value(tool) for tool in tools])


def _tool_value(tool: Tool) -> Record:
    function, parameters = tool.function, tool.function.parameters
    properties = parameters.properties
    values = {name: _property_value(properties[name]) for name in properties} if properties is not None else None
    schema = {
        "Type": parameters.type,
        "Defs": _free_or_absent(parameters.defs),
        "Items": _free_or_absent(parameters.items),
        "Required": Slice("[]string", parameters.required),
        "Properties": JsonMap(values, zero=_property_value(ToolProperty())),
    }
    return Record(
        _TOOL,
        {
            "Type": tool.type,
            "Items": _free_or_absent(tool.items),
            "Function": Record(
                _TOOL_FUNCTION,
                {
                    "Name": function.name,
                    "Description": function.description,
                    "Parameters": Record(_PARAMETERS, schema),
                },
            ),
        },
    )


def _property_value(schema: ToolProperty, depth: int = 0) -> Record:
    _check(depth)
    nested = schema.properties
    values = {name: _property_value(nested[name], depth + 1) for name in nested} if nested is not None else None
    names = [schema.type] if isinstance(schema.type, str) else schema.type
    return Record(
        _PROPERTY,
        {
            "AnyOf": Slice("[]api.ToolProperty", (_property_value(choice, depth + 1) for choice in schema.any_of)),
            "Type": TypeNames(names),
            "Items": _free_or_absent(schema.items),
            "Description": schema.description,
            "Enum": Slice("[]interface {}", map(free_value, schema.enum)),
            "Properties": OrderedMap(values),
            "Required": Slice("[]string", schema.required),
        },
    )
