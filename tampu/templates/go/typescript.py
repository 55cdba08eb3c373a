"""The TypeScript type of a tool's property."""

from typing import Final

from tampu.templates.go.values import Record, Value

_TYPES: Final = {
    "string": "string",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "array": "any[]",
    "object": "Record<string, any>",
    "null": "null",
}


def typescript_type(value: Value) -> str:
    """The type of a property, several joined by ` | `; `any` for all else."""
    if not isinstance(value, Record) or "AnyOf" not in value.fields:
        return "any"
    choices = value.fields["AnyOf"]
    if choices:
        return " | ".join(typescript_type(choice) for choice in choices)
    names = value.fields["Type"]
    return " | ".join(_TYPES.get(name, "any") for name in names) if names else "any"
