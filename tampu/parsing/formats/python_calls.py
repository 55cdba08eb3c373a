"""Calls as Python writes them: `name(key="text", other=[1, True])`. Takes linear time."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from tampu.parsing.formats.machine import MalformedCall, ReadCall
from tampu.parsing.formats.typed_values import number_value

MAX_DEPTH: Final = 64
_BLANKS = re.compile(r"\s*")
_SEPARATORS = re.compile(r"[\s,]*")
_NAME = re.compile(r"\w[\w.-]*")
_BARE = re.compile(r"[^,()\[\]{}\s]*(?:[^\S\n]+[^,()\[\]{}\s]+)*")
_CONSTANTS: Final = {"true": True, "false": False, "none": None, "null": None}
_QUOTED: Final = {'"': re.compile(r'[^"\\]*'), "'": re.compile(r"[^'\\]*")}


class PythonReader:
    """Reads one text from its start on. `unescape` makes what stands between quotes the text that is meant."""

    def __init__(self, text: str, unescape: Callable[[str], str], constants: Mapping[str, object] = _CONSTANTS) -> None:
        self._text, self._unescape, self._constants = text, unescape, constants
        self._position = 0

    def calls(self) -> list[ReadCall]:
        """All calls up to the end, commas between them; raises MalformedCall where there is anything else."""
        found: list[ReadCall] = []
        self._skip(_SEPARATORS)
        while self._position < len(self._text):
            found.append(self._call())
            self._skip(_SEPARATORS)
        return found

    def _call(self) -> ReadCall:
        name = self._take(_NAME)
        if not name or self._peek() != "(":
            raise MalformedCall("it is no name with arguments in brackets")
        return ReadCall(name, dict(self._items(")", "=", 0)))

    def _items(self, end: str, between: str, depth: int) -> list[tuple[str, object]]:
        """Pairs up to the bracket `end`; keys are quoted or bare."""
        self._position += 1
        found: list[tuple[str, object]] = []
        while True:
            self._skip(_SEPARATORS)
            if self._peek() == end:
                self._position += 1
                return found
            key = self._quoted() if self._peek() in _QUOTED else self._take(_NAME)
            self._skip(_BLANKS)
            if not key or self._peek() != between:
                raise MalformedCall("it has an argument without a name")
            self._position += 1
            found.append((key, self._value(depth + 1)))

    def _value(self, depth: int) -> object:
        if depth > MAX_DEPTH:
            raise MalformedCall("it holds values too deep inside one another")
        self._skip(_BLANKS)
        character = self._peek()
        if character in _QUOTED:
            return self._quoted()
        if character == "[":
            return self._list(depth)
        if character == "{":
            return dict(self._items("}", ":", depth))
        text = self._take(_BARE)
        if not text:
            raise MalformedCall("it lacks a value")
        return self._bare(text)

    def _list(self, depth: int) -> list[object]:
        self._position += 1
        found: list[object] = []
        while True:
            self._skip(_SEPARATORS)
            if self._peek() == "]":
                self._position += 1
                return found
            found.append(self._value(depth + 1))

    def _bare(self, text: str) -> object:
        if text.lower() in self._constants:
            return self._constants[text.lower()]
        number = number_value(text)
        return text if number is None else number

    def _quoted(self) -> str:
        quote, start = self._peek(), self._position + 1
        self._position = start
        while True:
            self._skip(_QUOTED[quote])
            if self._position >= len(self._text):
                raise MalformedCall("a text in it has no end")
            if self._peek() == quote:
                self._position += 1
                return self._unescape(self._text[start : self._position - 1])
            self._position += 2  # a backslash and what it stands before

    def _peek(self) -> str:
        return self._text[self._position : self._position + 1]

    def _skip(self, pattern: re.Pattern[str]) -> None:
        self._take(pattern)

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._position)
        if match is None:
            return ""
        self._position = match.end()
        return match.group()
