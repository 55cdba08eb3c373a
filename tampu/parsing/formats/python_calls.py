"""Calls as Python writes them: `name(key="text", other=[1, True])`. Takes linear time."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from tampu.parsing.formats.machine import MalformedCall, ReadCall
from tampu.parsing.formats.scanner import BLANKS, QUOTED, SEPARATORS, Scanner
from tampu.parsing.formats.typed_values import number_value

MAX_DEPTH: Final = 64
_NAME = re.compile(r"\w[\w.-]*")
_BARE = re.compile(r"[^,()\[\]{}\s]*(?:[^\S\n]+[^,()\[\]{}\s]+)*")
_CONSTANTS: Final = {"true": True, "false": False, "none": None, "null": None}


class PythonReader:
    """Reads one text from its start on. `unescape` makes what stands between quotes the text that is meant."""

    def __init__(self, text: str, unescape: Callable[[str], str], constants: Mapping[str, object] = _CONSTANTS) -> None:
        self._scanner, self._unescape, self._constants = Scanner(text), unescape, constants

    def calls(self) -> list[ReadCall]:
        """All calls up to the end, commas between them; raises MalformedCall where there is anything else."""
        found: list[ReadCall] = []
        self._scanner.skip(SEPARATORS)
        while not self._scanner.is_at_end:
            found.append(self._call())
            self._scanner.skip(SEPARATORS)
        return found

    def _call(self) -> ReadCall:
        name = self._scanner.take(_NAME)
        if not name or self._scanner.peek() != "(":
            raise MalformedCall("it is no name with arguments in brackets")
        return ReadCall(name, dict(self._items(")", "=", 0)))

    def _items(self, end: str, between: str, depth: int) -> list[tuple[str, object]]:
        """Pairs up to the bracket `end`; keys are quoted or bare."""
        self._scanner.position += 1
        found: list[tuple[str, object]] = []
        while True:
            self._scanner.skip(SEPARATORS)
            if self._scanner.peek() == end:
                self._scanner.position += 1
                return found
            key = self._quoted() if self._scanner.peek() in QUOTED else self._scanner.take(_NAME)
            self._scanner.skip(BLANKS)
            if not key or self._scanner.peek() != between:
                raise MalformedCall("it has an argument without a name")
            self._scanner.position += 1
            found.append((key, self._value(depth + 1)))

    def _value(self, depth: int) -> object:
        if depth > MAX_DEPTH:
            raise MalformedCall("it holds values too deep inside one another")
        self._scanner.skip(BLANKS)
        character = self._scanner.peek()
        if character in QUOTED:
            return self._quoted()
        if character == "[":
            return self._list(depth)
        if character == "{":
            return dict(self._items("}", ":", depth))
        text = self._scanner.take(_BARE)
        if not text:
            raise MalformedCall("it lacks a value")
        return self._bare(text)

    def _list(self, depth: int) -> list[object]:
        self._scanner.position += 1
        found: list[object] = []
        while True:
            self._scanner.skip(SEPARATORS)
            if self._scanner.peek() == "]":
                self._scanner.position += 1
                return found
            found.append(self._value(depth + 1))

    def _bare(self, text: str) -> object:
        if text.lower() in self._constants:
            return self._constants[text.lower()]
        number = number_value(text)
        return text if number is None else number

    def _quoted(self) -> str:
        return self._unescape(self._scanner.quoted())
