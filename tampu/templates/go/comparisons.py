"""Which values a template can compare, and how."""

from enum import Enum, auto

from tampu.templates.go.budget import Budget
from tampu.templates.go.failures import FunctionError
from tampu.templates.go.formatting import Flags, Formatter
from tampu.templates.go.values import Byte, Record, Value, is_nil, to_bytes, type_name


class _Kind(Enum):
    BOOL = auto()
    INT = auto()
    FLOAT = auto()
    COMPLEX = auto()
    STRING = auto()
    OTHER = auto()


_KINDS = {
    bool: _Kind.BOOL,
    int: _Kind.INT,
    Byte: _Kind.INT,
    float: _Kind.FLOAT,
    complex: _Kind.COMPLEX,
    str: _Kind.STRING,
}


def equal(left: Value, right: Value) -> bool:
    """Go's eq of two values; nil differs from everything but nil."""
    left_kind, right_kind = _KINDS.get(type(left), _Kind.OTHER), _KINDS.get(type(right), _Kind.OTHER)
    if left_kind is not right_kind:
        if left is None or right is None:
            return False
        raise FunctionError(f"incompatible types for comparison: {type_name(left)} and {type_name(right)}")
    if left_kind is not _Kind.OTHER:
        return bool(left == right)
    if left is not None and right is not None and _shape(left) != _shape(right):
        raise FunctionError(
            f"non-comparable types {_shown(left, 's')}: {type_name(left)}, {type_name(right)}: {_shown(right, 'v')}"
        )
    if is_nil(left) or is_nil(right):
        return is_nil(left) and is_nil(right)
    if not type_name(right).startswith("*"):
        raise FunctionError(f"non-comparable type {_shown(right, 's')}: {type_name(right)}")
    return left is right


def _shape(value: Value) -> str:
    if isinstance(value, Record):
        return "pointer" if value.type.name.startswith("*") else "struct"
    return "map" if isinstance(value, dict) else "slice"


def _shown(value: Value, verb: str) -> str:
    return Formatter(Flags(), Budget()).argument(value, verb)


def less(left: Value, right: Value) -> bool:
    """Go's lt of two values."""
    left_kind, right_kind = _KINDS.get(type(left), _Kind.OTHER), _KINDS.get(type(right), _Kind.OTHER)
    if _Kind.OTHER in {left_kind, right_kind}:
        raise FunctionError("invalid type for comparison")
    if left_kind is not right_kind:
        raise FunctionError(f"incompatible types for comparison: {type_name(left)} and {type_name(right)}")
    if left_kind in {_Kind.BOOL, _Kind.COMPLEX}:
        raise FunctionError("invalid type for comparison")
    return bool(to_bytes(left) < to_bytes(right)) if left_kind is _Kind.STRING else bool(left < right)
