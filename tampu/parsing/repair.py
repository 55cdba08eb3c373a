"""Reads objects that are nearly JSON, as models write them; says no where a guess would invent a value.

Mended: single quotes, bare keys, Python's True, False and None, missing and trailing commas, quotes and newlines that
should be escaped, unknown escapes, a wrong closing bracket, a missing one of the outermost object. Not mended: a
missing value, a word that is no value, a text or an inner object that is cut: there the caller keeps the text.
"""

import math
import re
from dataclasses import dataclass
from typing import Any, Final

MAX_DEPTH: Final = 100
_BLANKS = re.compile(r"\s*")
_SEPARATORS = re.compile(r"[\s,]*")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.])")
_WORD = re.compile(r"[A-Za-z_$][\w$-]*")
_VALUES: Final = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
_MAX_DIGITS: Final = 300
_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "/": "/", "\\": "\\", '"': '"', "'": "'"}
_HEX = re.compile(r"u([0-9a-fA-F]{4})")
_RUNS: Final = {'"': re.compile(r'[^"\\]*'), "'": re.compile(r"[^'\\]*")}
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_LONE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Repaired:
    """The object, where its text ends, and whether it was closed at all."""

    value: dict[str, Any]
    end: int
    is_closed: bool


class _Hopeless(Exception):
    """No reading of the text is safe."""


def repair_object(text: str, start: int = 0) -> Repaired | None:
    """The object whose `{` stands at `start`; None where it cannot be read safely. Takes linear time."""
    reader = _Reader(text, start)
    try:
        value = reader.object(depth=1, in_list=False)
    except _Hopeless:
        return None
    return Repaired(value, reader.position, reader.is_closed)


class _Reader:
    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self.position = start
        self.is_closed = True

    def object(self, *, depth: int, in_list: bool) -> dict[str, Any]:
        self._check(depth)
        self.position += 1
        found: dict[str, Any] = {}
        while True:
            self._skip(_SEPARATORS)
            character = self._peek()
            if character == "}" or (character == "]" and not in_list):
                self.position += 1
                return found
            if character == "]":  # the list around it ends: so does the object
                return found
            if not (character in _RUNS or _WORD.match(character)):
                return self._unclosed(found, depth)
            name = self._text_value(character) if character in _RUNS else self._word()
            self._skip(_BLANKS)
            if self._peek() != ":":
                raise _Hopeless
            self.position += 1
            found[name] = self._value(depth=depth, in_list=False)

    def _unclosed(self, found: dict[str, Any], depth: int) -> dict[str, Any]:
        """The outermost object may end without a bracket, behind whole values."""
        if depth > 1 or not found:
            raise _Hopeless
        self.is_closed = False
        return found

    def _list(self, *, depth: int) -> list[Any]:
        self._check(depth)
        self.position += 1
        found: list[Any] = []
        while True:
            self._skip(_SEPARATORS)
            character = self._peek()
            if character == "]":
                self.position += 1
                return found
            if character == "}":  # the object around it ends: so does the list
                return found
            found.append(self._value(depth=depth, in_list=True))

    def _check(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise _Hopeless

    def _peek(self) -> str:
        return self._text[self.position : self.position + 1]

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self.position)
        self.position = match.end() if match else self.position

    def _value(self, *, depth: int, in_list: bool) -> Any:
        self._skip(_BLANKS)
        character = self._peek()
        if character == "{":
            return self.object(depth=depth + 1, in_list=in_list)
        if character == "[":
            return self._list(depth=depth + 1)
        if character in _RUNS:
            return self._text_value(character)
        match = _NUMBER.match(self._text, self.position)
        if match:
            self.position = match.end()
            return _number(match.group())
        word = self._word()
        if word not in _VALUES:
            raise _Hopeless
        return _VALUES[word]

    def _word(self) -> str:
        match = _WORD.match(self._text, self.position)
        if match is None:
            raise _Hopeless
        self.position = match.end()
        return match.group()

    def _text_value(self, quote: str) -> str:
        self.position += 1
        parts: list[str] = []
        while True:
            run = _RUNS[quote].match(self._text, self.position)
            if run is None or run.end() == len(self._text):
                raise _Hopeless  # cut: what is missing nobody knows
            parts.append(run.group())
            self.position = run.end() + 1
            if self._text[run.end()] == "\\":
                parts.append(self._escape())
            elif self._ends_here():
                return _joined("".join(parts))
            else:
                parts.append(quote)

    def _ends_here(self) -> bool:
        """A quote ends a text where something follows that may follow a text."""
        match = _BLANKS.match(self._text, self.position)
        end = match.end() if match else self.position
        return self._text[end : end + 1] in {",", ":", "}", "]", ""}

    def _escape(self) -> str:
        match = _HEX.match(self._text, self.position)
        if match:
            self.position = match.end()
            return chr(int(match[1], 16))
        character = self._peek()
        self.position += 1
        return _ESCAPES.get(character, "\\" + character)


def _joined(text: str) -> str:
    """Halves of a character, escaped one by one, become the character; a lone half becomes U+FFFD."""
    if not _LONE.search(text):
        return text
    whole = _PAIR.sub(lambda match: match.group().encode("utf-16", "surrogatepass").decode("utf-16"), text)
    return _LONE.sub("\ufffd", whole)


def _number(source: str) -> int | float:
    if len(source) > _MAX_DIGITS:
        raise _Hopeless
    if source.lstrip("+-").isdigit():
        return int(source)
    value = float(source)
    if not math.isfinite(value):
        raise _Hopeless
    return value
