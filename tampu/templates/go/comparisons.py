"""Which values a template can compare, and how."""

from enum import Enum, auto

from tampu.templates.go.failures import FunctionError
from tampu.templates.go.values import Record, Value, to_bytes, type_name


class _Kind(Enum):
    BOOL = auto()
    INT = auto()
    FLOAT = auto()
    STRING = auto()
    OTHER = auto()


_KINDS = {bool: _Kind.BOOL, int: _Kind.INT, float: _Kind.FLOAT, str: _Kind.STRING}


def equal(left: Value, right: Value) -> bool:
    """Go's eq of two values; nil differs from everything but nil."""
    left_kind, right_kind = _KINDS.get(type(left), _Kind.OTHER), _KINDS.get(type(right), _Kind.OTHER)
    if left_kind is not right_kind:
        if left is None or right is None:
            return False
        raise FunctionError(f"incompatible types for comparison: {type_name(left)} and {type_name(right)}")
    if left_kind is not _Kind.OTHER:
        return bool(left == right)
    for value in (left, right):
        if isinstance(value, (list, dict, bytes)):
            raise FunctionError(f"non-comparable type {type_name(value)}")
    return left is right if isinstance(left, Record) else left is None and right is None


def less(left: Value, right: Value) -> bool:
    """Go's lt of two values."""
    left_kind, right_kind = _KINDS.get(type(left), _Kind.OTHER), _KINDS.get(type(right), _Kind.OTHER)
    if _Kind.OTHER in {left_kind, right_kind}:
        raise FunctionError("invalid type for comparison")
    if left_kind is not right_kind:
        raise FunctionError(f"incompatible types for comparison: {type_name(left)} and {type_name(right)}")
    if left_kind is _Kind.BOOL:
        raise FunctionError("invalid type for comparison")
    return bool(to_bytes(left) < to_bytes(right)) if left_kind is _Kind.STRING else bool(left < right)
