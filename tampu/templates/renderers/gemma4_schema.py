"""How Gemma 4 is told of a tool: schemas in its own notation, where a type decides what else is shown."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from tampu.messages import Tool, ToolProperty
from tampu.templates.go.printing import format_value
from tampu.templates.messages_data import free_value
from tampu.templates.renderers.delimited import Delimited
from tampu.templates.renderers.tool_data import property_object, type_names

NOTATION: Final = Delimited('<|"|>')
_FREE: Final = Delimited('<|"|>', quotes_names=True)
_NO_PROPERTIES: Final = frozenset({"description", "type", "properties", "required", "nullable"})
"""Keywords of schemas: a property of such a name is not shown."""


def declaration(tool: Tool) -> str:
    """One tool on offer."""
    return f"<|tool>declaration:{tool.function.name}{NOTATION.described(tool, _declared)}<tool|>"


def _declared(properties: Mapping[str, ToolProperty]) -> str:
    return _properties({name: _schema_of(schema) for name, schema in properties.items()})


def _schema_of(schema: ToolProperty) -> dict[str, Any]:
    """A property as a plain object; several types, and a choice between plain types, are one text."""
    found = property_object(schema)
    names = type_names(schema) or _chosen_types(schema)
    if names:
        several = ", ".join(f"'{name.upper()}'" for name in names)
        found["type"] = names[0] if len(names) == 1 else f"[{several}]"
    if schema.properties is not None:
        found["properties"] = {name: _schema_of(inner) for name, inner in schema.properties.items()}
    return found


def _chosen_types(schema: ToolProperty) -> list[str]:
    """The types of a choice, each once; none where one of them says more than its type."""
    if not all(type_names(choice) and property_object(choice).keys() == {"type"} for choice in schema.any_of):
        return []
    return list(dict.fromkeys(name for choice in schema.any_of for name in type_names(choice)))


def _properties(properties: Mapping[str, Any]) -> str:
    shown = (
        f"{name}:{{{','.join(_members(properties[name]))}}}"
        for name in sorted(properties)
        if name not in _NO_PROPERTIES and isinstance(properties[name], dict)
    )
    return f"properties:{{{','.join(shown)}}}"


def _members(schema: Mapping[str, Any]) -> Iterable[str]:
    """What is shown of a schema: that which belongs to its type."""
    names = _type_names(schema.get("type"))
    kind = names[0] if names else ""
    if isinstance(schema.get("description"), str) and schema["description"]:
        yield f"description:{NOTATION.quoted(schema['description'])}"
    if kind == "STRING" and isinstance(schema.get("enum"), list) and schema["enum"]:
        yield f"enum:{_texts(format_value(free_value(item)) for item in schema['enum'])}"
    if kind == "ARRAY" and isinstance(schema.get("items"), dict) and schema["items"]:
        yield f"items:{{{','.join(_items(schema['items']))}}}"
    if schema.get("nullable") is True:
        yield "nullable:true"
    if kind == "OBJECT":
        inner = schema.get("properties")
        yield _properties(inner if isinstance(inner, dict) else schema)
        if required := _only_texts(schema.get("required")):
            yield f"required:{_texts(required)}"
    if names:
        yield f"type:{_type(names)}"


def _items(schema: Mapping[str, Any]) -> Iterable[str]:
    """All of what the items of a list are described with, by name."""
    for name in sorted(schema):
        value = schema[name]
        if value is None:
            continue
        match name:
            case "properties":
                yield _properties(value if isinstance(value, dict) else {})
            case "required":
                yield f"required:{_texts(_only_texts(value))}"
            case "type":
                names = _type_names(value)
                yield f"type:{_type(names)}" if names else ""
            case _:
                yield f"{name}:{_FREE.text(value)}"


def _type_names(declared: object) -> list[str]:
    return [name.upper() for name in ([declared] if isinstance(declared, str) else _only_texts(declared))]


def _only_texts(values: object) -> list[str]:
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []


def _type(names: list[str]) -> str:
    return NOTATION.quoted(names[0]) if len(names) == 1 else _texts(names)


def _texts(texts: Iterable[str]) -> str:
    return f"[{','.join(map(NOTATION.quoted, texts))}]"
