"""What a template computes with: plain Python data standing for Go's values, nothing that has behaviour of its own.

None, bool, int, float, complex and str stand for themselves (a str may hold single bytes of a cut character as lone
surrogates); list is a slice, dict a map, bytes a []byte, Record a struct or a pointer to one.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

Value: TypeAlias = Any
"""One of the types named above. Checked where it is used, by `type`, never by its attributes."""

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class JsonField:
    """How a field of a struct appears in JSON; `omits_absent`: it is left out where it is nil, but not where empty."""

    name: str
    omits_empty: bool = False
    omits_absent: bool = False


@dataclass(frozen=True, slots=True)
class RecordType:
    """What Go knows of a struct: its name, how its fields appear in JSON, whether it prints as JSON, its methods.

    `free_fields`: those that hold values of any type.
    """

    name: str
    json_fields: Mapping[str, JsonField]
    prints_json: bool = False
    methods: Mapping[str, Callable[["Record"], Value]] = field(default_factory=dict)
    free_fields: frozenset[str] = frozenset({"Items", "Defs"})


class Record:
    """A struct: its fields in Go's order."""

    __slots__ = ("fields", "type")

    def __init__(self, record_type: RecordType, fields: dict[str, Value]) -> None:
        self.type = record_type
        self.fields = fields


class Boxed:
    """What stands in a slice, map or field of any type: it is not declared as what it holds.

    A nil in such a place, as that of a missing key, is one of these too; plain None is no value at all.
    """

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value


class Slice(list[Value]):
    """A slice whose elements have a type; an empty one was never made, so it is nil. `name`: its type's."""

    __slots__ = ("is_nil", "name")

    def __init__(self, name: str, items: Iterable[Value]) -> None:
        super().__init__(items)
        self.name = name
        self.is_nil = not self

    def part(self, start: int, end: int) -> "Slice":
        """Some of the elements, as a slice of the same type; that of a made one is made, though empty."""
        part = Slice(self.name, self[start:end])
        part.is_nil = self.is_nil
        return part


class JsonList(Slice):
    """A slice that prints as JSON; `is_nil` makes that `null`."""

    __slots__ = ()

    def __init__(self, items: list[Value] | None) -> None:
        super().__init__("template.templateTools", items or [])
        self.is_nil = items is None

    def part(self, start: int, end: int) -> "JsonList":
        """Some of the elements."""
        return JsonList(None if self.is_nil else self[start:end])


class JsonMap(dict[str, Value]):
    """A map that prints as JSON, sorted by name; `zero` is what a missing key gives, `is_nil` makes its JSON `null`."""

    __slots__ = ("is_nil", "zero")

    def __init__(self, items: dict[str, Value] | None, zero: Value = None) -> None:
        super().__init__(items or {})
        self.is_nil = items is None
        self.zero = zero


class OrderedMap(Record):
    """The properties inside a property's schema: a pointer to what only methods and JSON can look into.

    In JSON it keeps the order of the request; `items` None is a nil pointer.
    """

    __slots__ = ("items",)

    def __init__(self, items: dict[str, Value] | None) -> None:
        super().__init__(_ORDERED_MAP, {})
        self.items = items


def _size_of(value: Value) -> Value:
    return len(value.items or ())


def _map_of(value: Value) -> Value:
    return dict(value.items or {})


_ORDERED_MAP: Final = RecordType("*api.ToolPropertiesMap", {}, methods={"Len": _size_of, "ToMap": _map_of})


class TypeNames(Slice):
    """The type of a tool's property: one name, printed bare, or several."""

    __slots__ = ()

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__("api.PropertyType", names)

    def part(self, start: int, end: int) -> "TypeNames":
        """Some of the names."""
        return TypeNames(self[start:end])


class Byte(int):
    """One byte of a text or of data: an unsigned number."""

    __slots__ = ()


_TYPE_NAMES: Final[Mapping[type, str]] = {
    bool: "bool",
    int: "int",
    Byte: "uint8",
    float: "float64",
    complex: "complex128",
    str: "string",
    bytes: "api.ImageData",
    list: "[]interface {}",
    dict: "map[string]interface {}",
}


def type_name(value: Value) -> str:
    """The name of the value's Go type, as error messages and %T show it."""
    if value is None:
        return "<nil>"
    if isinstance(value, Record):
        return value.type.name
    if isinstance(value, Slice):
        return value.name
    if isinstance(value, JsonMap):
        return "template.templateArgs" if value.zero is None else "template.templateProperties"
    return _TYPE_NAMES[type(value)]


def pointed_type_name(value: Value) -> str:
    """The same without the star of a pointer."""
    return type_name(value).removeprefix("*")


def is_nil(value: Value) -> bool:
    """Whether it is nil: no value, or a slice, map or pointer that was never made."""
    if isinstance(value, OrderedMap):
        return value.items is None
    return value.is_nil if isinstance(value, (Slice, JsonMap)) else value is None


def is_true(value: Value) -> bool:
    """Go's truth: not false, zero, empty or nil; a struct always is."""
    if isinstance(value, Record):
        return not is_nil(value)
    return bool(value.value if isinstance(value, Boxed) else value)


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
