"""Which call of which tool an object in a model's answer is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tampu.messages import Tool
from tampu.parsing.repair import MAX_DEPTH, repair_object

_MISSING: Final = object()
_EXACT: Final = 2**53
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class FoundCall:
    """A call and where the text of its object ends."""

    name: str
    arguments: dict[str, Any]
    end: int


@dataclass(frozen=True, slots=True)
class _Declared:
    """What an object says of itself: a name (or None) and its arguments; `arguments` _MISSING where it has none."""

    name: object
    arguments: Any


class CallReader:
    """Knows the tools on offer and reads objects as calls of them."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        names = sorted({tool.function.name for tool in tools} - {""}, key=len, reverse=True)
        self._names = frozenset(names)
        choices = "|".join(map(re.escape, names)) or "(?!)"
        self._anywhere = re.compile(choices)
        self._as_word = re.compile(rf"(?<!\w)(?:{choices})(?!\w)")

    def read(self, before: str, text: str) -> FoundCall | None:
        """The call that `text`, an object from its first brace on, is; `before` is what the model said before it.

        A tool named before the object wins, as in Ollama; then the name that the object gives, then any tool's name
        in it. An object that was never closed counts only if the arguments inside it are whole.
        """
        value, end, is_closed = _parse(text)
        if value is None:
            return None
        announced = self._as_word.search(before)
        declared = self._declared(value)
        if not is_closed and (declared is None or declared.arguments is _MISSING):
            return None
        name = announced.group() if announced else self._name_in(declared, text[:end])
        if name is None:
            return None
        arguments = self._arguments(declared, value, is_announced=announced is not None)
        return None if arguments is None else FoundCall(name, _with_plain_numbers(arguments), end)

    def _name_in(self, declared: _Declared | None, text: str) -> str | None:
        if declared is not None and declared.name in self._names:
            return str(declared.name)
        match = self._anywhere.search(text if declared is None else str(declared.name))
        return match.group() if match else None

    def _arguments(
        self, declared: _Declared | None, value: dict[str, Any], *, is_announced: bool
    ) -> dict[str, Any] | None:
        if declared is None:
            return value
        if declared.arguments is not _MISSING:
            return _as_object(declared.arguments)
        if is_announced and declared.name not in self._names:
            return value  # `name` is an argument like others
        return {}

    def _declared(self, value: dict[str, Any]) -> _Declared | None:
        """The first object, outermost first, that names a tool: by a key `name`, or by a tool's name as key."""
        if "name" in value:
            arguments = (value[key] for key in ("arguments", "parameters") if key in value)
            name = value["name"]
            return _Declared(name if isinstance(name, str) else None, next(arguments, _MISSING))
        for key, item in value.items():
            if key in self._names and _as_object(item) is not None:
                return _Declared(key, item)
        for item in value.values():
            for child in item if isinstance(item, list) else (item,):
                found = self._declared(child) if isinstance(child, dict) else None
                if found is not None:
                    return found
        return None


def _parse(text: str) -> tuple[dict[str, Any] | None, int, bool]:
    """The object at the start of a text, its end, whether it is closed; read strictly, else as nearly JSON."""
    try:
        value = _decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):
        repaired = repair_object(text)
        return (None, 0, False) if repaired is None else (repaired.value, repaired.end, repaired.is_closed)
    is_sound = isinstance(value, dict) and is_depth_bounded(value)
    return (value, len(text), True) if is_sound else (None, 0, False)


def is_depth_bounded(value: Any) -> bool:
    """Whether objects and lists are not too many levels inside one another."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            item
            for outer in level
            for item in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(item, (dict, list))
        ]
        if not level:
            return True
    return False


def _as_object(value: Any) -> dict[str, Any] | None:
    """Arguments as an object: also where they are written as the text of one, or null."""
    if value is None:
        return {}
    if isinstance(value, str) and value.lstrip().startswith("{"):
        text = value.strip()
        found, end, is_closed = _parse(text)
        return found if is_closed and end == len(text) else None
    return value if isinstance(value, dict) else None


def _with_plain_numbers(value: Any) -> Any:
    """JSON knows one kind of number: 1.0 is 1."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    if isinstance(value, dict):
        return {name: _with_plain_numbers(item) for name, item in value.items()}
    return [_with_plain_numbers(item) for item in value] if isinstance(value, list) else value
