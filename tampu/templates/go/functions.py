"""The functions that a template may call: Go's own and those that Ollama adds. A table; nothing else can be called."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import Final
from urllib.parse import quote_plus

from tampu.templates.go.budget import Budget
from tampu.templates.go.comparisons import equal, less
from tampu.templates.go.failures import FunctionError, NotAFunction
from tampu.templates.go.json_text import json_text
from tampu.templates.go.printf import sprintf
from tampu.templates.go.printing import NO_VALUE, printed, printed_line
from tampu.templates.go.typescript import typescript_type
from tampu.templates.go.values import (
    Boxed,
    Byte,
    JsonMap,
    Record,
    Slice,
    Value,
    from_bytes,
    is_nil,
    is_true,
    pointed_type_name,
    to_bytes,
    type_name,
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What functions may know besides their arguments."""

    budget: Budget
    today: date


@dataclass(frozen=True, slots=True)
class Function:
    """`least` arguments, or more if `variadic`; `texts`: which of them must be text (-1: the variadic ones)."""

    apply: Callable[[Surroundings, Sequence[Value]], Value]
    least: int
    variadic: bool = False
    texts: frozenset[int] = field(default_factory=frozenset)

    def wants_text(self, position: int) -> bool:
        """Whether the argument at that position must be text."""
        return position in self.texts or (self.variadic and position >= self.least and -1 in self.texts)


def _equal(surroundings: Surroundings, values: Sequence[Value]) -> bool:
    del surroundings
    if len(values) == 1:
        raise FunctionError("missing argument for comparison")
    return any(equal(values[0], other) for other in values[1:])


def _at(value: Value, length: int) -> int:
    """An index into something of that length, or just behind it."""
    if value is None:
        raise FunctionError("cannot index slice/array with nil")
    if isinstance(value, Boxed):
        raise FunctionError("cannot index slice/array with type interface {}")
    if isinstance(value, bool) or not isinstance(value, int):
        raise FunctionError(f"cannot index slice/array with type {type_name(value)}")
    if value < 0 or value > length:
        raise FunctionError(f"index out of range: {value}")
    return value


def _index(surroundings: Surroundings, values: Sequence[Value]) -> Value:
    del surroundings
    item, *places = values
    if item is None:
        raise FunctionError("index of untyped nil")
    for place in places:
        item = _element(item, place)
    return item


def _element(item: Value, place: Value) -> Value:
    if item is None or (isinstance(item, Record) and is_nil(item)):
        raise FunctionError("index of nil pointer")
    if isinstance(item, dict):
        if place is None:
            raise FunctionError("value is nil; should be of type string")
        if not isinstance(place, str):
            raise FunctionError(f"value has type {type_name(place)}; should be string")
        return item.get(place, item.zero if isinstance(item, JsonMap) else None)
    if not isinstance(item, (str, list, bytes)):
        raise FunctionError(f"can't index item of type {pointed_type_name(item)}")
    data = to_bytes(item) if isinstance(item, str) else item
    at = _at(place, len(data))
    if at == len(data):
        raise FunctionError(f"reflect: {'string' if isinstance(item, str) else 'slice'} index out of range")
    return Byte(data[at]) if isinstance(data, bytes) else data[at]


_MOST_INDEXES: Final = 3


def _slice(surroundings: Surroundings, values: Sequence[Value]) -> Value:
    item, *places = values
    item = item.value if isinstance(item, Boxed) else item
    if item is None:
        raise FunctionError("slice of untyped nil")
    if isinstance(item, Record) and is_nil(item):
        raise FunctionError("slice of nil pointer")
    if len(places) > _MOST_INDEXES:
        raise FunctionError(f"too many slice indexes: {len(places)}")
    is_text = isinstance(item, str)
    if is_text and len(places) == _MOST_INDEXES:
        raise FunctionError("cannot 3-index slice a string")
    if not isinstance(item, (str, list, bytes)):
        raise FunctionError(f"can't slice item of type {pointed_type_name(item)}")
    data = to_bytes(item) if isinstance(item, str) else item
    bounds = [0, len(data)]
    for index, place in enumerate(places):
        bounds[index:] = [_at(place, len(data)), *bounds[index + 1 :]]
    for low, high in pairwise(bounds):
        if low > high:
            raise FunctionError(f"invalid slice index: {low} > {high}")
    surroundings.budget.spend_steps((bounds[1] - bounds[0]) // 100)
    if isinstance(item, Slice):
        return item.part(bounds[0], bounds[1])
    part = data[bounds[0] : bounds[1]]
    return from_bytes(part) if is_text and isinstance(part, bytes) else part


def _length(surroundings: Surroundings, values: Sequence[Value]) -> int:
    del surroundings
    item = values[0]
    if isinstance(item, Boxed) and item.value is not None:
        item = item.value
    if isinstance(item, Boxed) or (isinstance(item, Record) and is_nil(item)):
        raise FunctionError("len of nil pointer")
    if item is None:
        raise FunctionError("reflect: call of reflect.Value.Type on zero Value")
    if isinstance(item, str):
        return len(item) if item.isascii() else len(to_bytes(item))
    if isinstance(item, (list, dict, bytes)):
        return len(item)
    raise FunctionError(f"len of type {pointed_type_name(item)}")


def _text_of(surroundings: Surroundings, values: Sequence[Value]) -> str:
    """The arguments of html, js and urlquery as one text."""
    if len(values) == 1 and isinstance(values[0], str):
        surroundings.budget.spend_text(len(values[0]))
        return values[0]
    shown = [NO_VALUE if value is None else value for value in values]
    return printed(shown, surroundings.budget, marks_pointers=False)


_HTML: Final = str.maketrans(
    {'"': "&#34;", "'": "&#39;", "&": "&amp;", "<": "&lt;", ">": "&gt;", "\0": "\ufffd"},
)
_SCRIPT: Final = {
    **{chr(code): f"\\u{code:04X}" for code in range(0x20)},
    **{sign: f"\\u{ord(sign):04X}" for sign in "<>&="},
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
}


def _script_text(surroundings: Surroundings, values: Sequence[Value]) -> str:
    text = _text_of(surroundings, values)
    return "".join(_SCRIPT.get(character) or _shown(character) for character in text)


def _shown(character: str) -> str:
    """A character, or its number where it cannot be seen; bytes of cut characters stay as they are."""
    is_plain = character.isascii() or character.isprintable() or "\udc80" <= character <= "\udcff"
    return character if is_plain else f"\\u{ord(character):04X}"


def _call(surroundings: Surroundings, values: Sequence[Value]) -> Value:
    """No value of a template is a function."""
    del surroundings
    if values[0] is None:
        raise FunctionError("call of nil")
    raise NotAFunction(values[0])


def _day(surroundings: Surroundings, days_ago: int) -> str:
    return (surroundings.today - timedelta(days=days_ago)).isoformat()


BUILTIN: Final[Mapping[str, Function]] = {
    # The executor stops at the first operand that decides; these two only hold the arity.
    "and": Function(lambda _, values: values[-1], 1, variadic=True),
    "or": Function(lambda _, values: values[-1], 1, variadic=True),
    "not": Function(lambda _, values: not is_true(values[0]), 1),
    "eq": Function(_equal, 1, variadic=True),
    "ne": Function(lambda _, values: not equal(values[0], values[1]), 2),
    "lt": Function(lambda _, values: less(values[0], values[1]), 2),
    "le": Function(lambda _, values: less(values[0], values[1]) or equal(values[0], values[1]), 2),
    "gt": Function(lambda _, values: not (less(values[0], values[1]) or equal(values[0], values[1])), 2),
    "ge": Function(lambda _, values: not less(values[0], values[1]), 2),
    "index": Function(_index, 1, variadic=True),
    "slice": Function(_slice, 1, variadic=True),
    "len": Function(_length, 1),
    "print": Function(lambda around, values: printed(values, around.budget), 0, variadic=True),
    "println": Function(lambda around, values: printed_line(values, around.budget), 0, variadic=True),
    "printf": Function(
        lambda around, values: sprintf(values[0], values[1:], around.budget), 1, variadic=True, texts=frozenset({0})
    ),
    "html": Function(lambda around, values: _text_of(around, values).translate(_HTML), 0, variadic=True),
    "js": Function(_script_text, 0, variadic=True),
    "urlquery": Function(lambda around, values: quote_plus(to_bytes(_text_of(around, values))), 0, variadic=True),
    "call": Function(_call, 1, variadic=True),
}
ADDED: Final[Mapping[str, Function]] = {
    "json": Function(lambda _, values: json_text(values[0]), 1),
    "currentDate": Function(lambda around, _: _day(around, 0), 0, variadic=True, texts=frozenset({-1})),
    "yesterdayDate": Function(lambda around, _: _day(around, 1), 0, variadic=True, texts=frozenset({-1})),
    "toTypeScriptType": Function(lambda _, values: typescript_type(values[0]), 1),
}
FUNCTIONS: Final[Mapping[str, Function]] = {**BUILTIN, **ADDED}
