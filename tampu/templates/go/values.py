"""What a template computes with: plain Python data standing for Go's values, nothing that has behaviour of its own.

None, bool, int, float and str stand for themselves (a str may hold single bytes of a cut character as lone surrogates);
list is a slice, dict a map, bytes a []byte, Record a pointer to a struct.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

Value: TypeAlias = Any
"""One of the types named above. Checked where it is used, by `type`, never by its attributes."""

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class JsonField:
    """How a field of a struct appears in JSON."""

    name: str
    omits_empty: bool = False


@dataclass(frozen=True, slots=True)
class RecordType:
    """What Go knows of a struct: its name, how its fields appear in JSON, whether it prints as JSON, its methods."""

    name: str
    json_fields: Mapping[str, JsonField]
    prints_json: bool = False
    methods: Mapping[str, Callable[["Record"], Value]] = field(default_factory=dict)


class Record:
    """A struct: its fields in Go's order."""

    __slots__ = ("fields", "type")

    def __init__(self, record_type: RecordType, fields: dict[str, Value]) -> None:
        self.type = record_type
        self.fields = fields


class JsonList(list[Value]):
    """A slice that prints as JSON; `is_nil` makes that `null`."""

    __slots__ = ("is_nil",)

    def __init__(self, items: list[Value] | None) -> None:
        super().__init__(items or [])
        self.is_nil = items is None


class JsonMap(dict[str, Value]):
    """A map that prints as JSON, sorted by name; `zero` is what a missing key gives, `is_nil` makes its JSON `null`."""

    __slots__ = ("is_nil", "zero")

    def __init__(self, items: dict[str, Value] | None, zero: Value = None) -> None:
        super().__init__(items or {})
        self.is_nil = items is None
        self.zero = zero


class OrderedMap(JsonMap):
    """A map inside a property's schema: in JSON it keeps the order of the request."""

    __slots__ = ()


class TypeNames(list[str]):
    """The type of a tool's property: one name, printed bare, or several."""

    __slots__ = ()


_TYPE_NAMES: Final[Mapping[type, str]] = {
    bool: "bool",
    int: "int",
    float: "float64",
    str: "string",
    bytes: "api.ImageData",
    list: "[]interface {}",
    dict: "map[string]interface {}",
    JsonList: "template.templateTools",
    JsonMap: "template.templateArgs",
    OrderedMap: "api.ToolPropertiesMap",
    TypeNames: "api.PropertyType",
}


def type_name(value: Value) -> str:
    """The name of the value's Go type, as error messages and %T show it."""
    if value is None:
        return "<nil>"
    if isinstance(value, Record):
        return value.type.name
    return _TYPE_NAMES[type(value)]


def is_true(value: Value) -> bool:
    """Go's truth: not false, zero, empty or nil; a struct always is."""
    return isinstance(value, Record) or bool(value)


def to_bytes(text: str) -> bytes:
    """The bytes of a text; the same for cut characters."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        pass
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text).encode()


def from_bytes(data: bytes) -> str:
    """The text of some bytes; those that spell no character are kept as lone surrogates."""
    return data.decode("utf-8", "surrogateescape")


def without_cut_characters(text: str) -> str:
    """The text with U+FFFD where a character was cut."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return to_bytes(text).decode("utf-8", "replace")
    return text
