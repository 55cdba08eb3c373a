"""Arguments that a model wrote as bare text, made what the tool's schema says they are."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Final

from tampu.messages import Tool, ToolProperty
from tampu.parsing.calls import is_depth_bounded

_INTEGER = re.compile(r"[+-]?[0-9]{1,300}")
_GROUPED = re.compile(r"[+-]?[0-9](?:_?[0-9]){0,300}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,300}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_KINDS: Final = ("boolean", "integer", "number", "array", "object")
_NO_VALUE: Final = object()
_INT_LIMIT: Final = 2**63


class Schemas:
    """The tools of a request, asked for the types of their arguments."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = {tool.function.name: tool.function for tool in reversed(tools)}

    @property
    def names(self) -> Iterable[str]:
        """The names of the tools."""
        return self._tools.keys()

    def required(self, tool: str) -> Sequence[str]:
        """The arguments that a tool cannot do without."""
        return self._tools[tool].parameters.required if tool in self._tools else ()

    def arguments(self, tool: str) -> Sequence[str]:
        """The names of the arguments of a tool; none where it is unknown."""
        function = self._tools.get(tool)
        return tuple(function.parameters.properties or ()) if function else ()

    def types(self, tool: str, argument: str) -> frozenset[str]:
        """The types of an argument; none where the tool, or the argument, is unknown."""
        function = self._tools.get(tool)
        schema = (function.parameters.properties or {}).get(argument) if function else None
        return _types(schema) if schema else frozenset()

    def typed(self, tool: str, argument: str, text: str) -> object:
        """The value of an argument; a text that fits no other type stays a text."""
        return typed_value(text.removeprefix("\n").removesuffix("\n"), self.types(tool, argument))


def _types(schema: ToolProperty) -> frozenset[str]:
    own = [schema.type] if isinstance(schema.type, str) else schema.type
    return frozenset(own).union(*map(_types, schema.any_of)) - {""}


def typed_value(text: str, types: frozenset[str]) -> object:
    """`text` as the first type, of those that are allowed, that it fits: boolean, integer, number, array, object."""
    if text.lower() == "null":
        return None
    for kind in _KINDS:
        value = _as(kind, text) if kind in types else _NO_VALUE
        if value is not _NO_VALUE:
            return value
    # A boolean and nothing else was asked for: what is not true is false.
    return False if types == {"boolean"} else text


def _as(kind: str, text: str) -> object:
    match kind:
        case "boolean":
            return {"true": True, "false": False}.get(text.lower(), _NO_VALUE)
        case "integer":
            return _fitting(int(text)) if _INTEGER.fullmatch(text) else _NO_VALUE
        case "number":
            number = number_value(text.replace("_", "") if _GROUPED.fullmatch(text) else text)
            return _NO_VALUE if number is None else number
    wanted = list if kind == "array" else dict
    value = json_value(text)
    return value if isinstance(value, wanted) else _NO_VALUE


def _fitting(value: int) -> object:
    """An integer of 64 bits; what is larger stays a text, so that no client rounds it."""
    return value if -_INT_LIMIT <= value < _INT_LIMIT else _NO_VALUE


def plain_number(value: float) -> float:
    """A whole number without its fraction: JSON knows one kind of number."""
    return int(value) if value.is_integer() else value


def number_value(text: str) -> float | None:
    """The number that a text is, whole ones as such; None where it is none."""
    if _INTEGER.fullmatch(text):
        return int(text)
    return plain_number(float(text)) if _NUMBER.fullmatch(text) else None


def json_value(text: str) -> object:
    """The JSON value that a text is; `None` as well where it is none, or holds values too deep inside one another."""
    try:
        found = json.loads(text, parse_constant=_refuse, parse_float=lambda number: plain_number(float(number)))
    except (ValueError, RecursionError):
        return None
    return found if not isinstance(found, (dict, list)) or is_depth_bounded(found) else None


def _refuse(constant: str) -> object:
    raise ValueError(constant)
