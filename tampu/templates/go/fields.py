"""What `.a.b.c` of a value is: fields of structs, entries of maps, and the few methods that values have."""

from tampu.templates.go.failures import FunctionError
from tampu.templates.go.formatting import as_json
from tampu.templates.go.printing import format_value
from tampu.templates.go.values import Boxed, JsonList, JsonMap, Record, TypeNames, Value, type_name


def chain(value: Value, names: tuple[str, ...], *, strict: bool) -> Value:
    """The value of a chain of fields, Boxed where it stands in a place of any type; raises FunctionError.

    `strict` False: a field of a missing value is missing too, instead of an error.
    """
    is_boxed = type(value) is Boxed
    value = value.value if is_boxed else value
    for name in names:
        if value is None:
            if not (is_boxed and strict):
                return None
            raise FunctionError(f"nil pointer evaluating interface {{}}.{name}")
        if isinstance(value, Record) and name in value.fields:
            is_boxed = name in value.type.free_fields
            value = value.fields[name]
        elif has_method(value, name):
            value = value.type.methods[name](value) if isinstance(value, Record) else _text_of(value)
            is_boxed = False
        elif isinstance(value, dict):
            zero = value.zero if isinstance(value, JsonMap) else None
            is_boxed = zero is None and (strict or name in value)
            value = value.get(name, zero)
        else:
            of_type = "interface {}" if is_boxed else type_name(value)
            raise FunctionError(f"can't evaluate field {name} in type {of_type}")
    return Boxed(value) if is_boxed else value


def has_method(value: Value, name: str) -> bool:
    """Whether the name is a method of the value, which hides a field or entry of that name."""
    if isinstance(value, Record):
        return name in value.type.methods
    return name == "String" and isinstance(value, (JsonMap, JsonList, TypeNames))


def _text_of(value: Value) -> str:
    """What the method String gives."""
    return as_json(value) or format_value(value)
