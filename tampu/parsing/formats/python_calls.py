"""Calls as Python writes them: `name(key="text", other=[1, True])`. Takes linear time."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from tampu.parsing.formats.machine import MalformedCall, ReadCall
from tampu.parsing.formats.scanner import BLANKS, QUOTED, SEPARATORS, Scanner
from tampu.parsing.formats.typed_values import number_value

MAX_DEPTH: Final = 64
_KEY = re.compile(r"[^=:,()\[\]{}\"'\n]*")
_PLAIN = re.compile(r"[^,()\[\]{}\"']*")
_CLOSING: Final = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Notation:
    """How a family writes calls. `name`: what a function may be called. `unescape` makes what stands between quotes
    the text that is meant. `container` reads a list or an object as a whole; None: element by element.
    """

    name: re.Pattern[str]
    constants: Mapping[str, object]
    unescape: Callable[[str], str] = str
    container: Callable[[str], object] | None = None


class PythonReader:
    """Reads one text from its start on."""

    def __init__(self, text: str, notation: Notation) -> None:
        self._scanner, self._notation = Scanner(text), notation

    def calls(self) -> list[ReadCall]:
        """All calls up to the end, commas between them; raises MalformedCall where there is anything else."""
        found: list[ReadCall] = []
        self._scanner.skip(SEPARATORS)
        while not self._scanner.is_at_end:
            found.append(self._call())
            self._scanner.skip(SEPARATORS)
        return found

    def _call(self) -> ReadCall:
        name = self._scanner.take(self._notation.name).strip()
        if not name or self._scanner.peek() != "(":
            raise MalformedCall("it is no name with arguments in brackets")
        return ReadCall(name, dict(self._items(")", "=", 0)))

    def _items(self, end: str, between: str, depth: int) -> list[tuple[str, object]]:
        """Pairs up to the bracket `end`; keys are quoted or bare."""
        self._scanner.position += 1
        found: list[tuple[str, object]] = []
        while not self._scanner.ends(end):
            key = self._quoted() if self._scanner.peek() in QUOTED else self._scanner.take(_KEY).strip()
            self._scanner.skip(BLANKS)
            if not key or self._scanner.peek() != between:
                raise MalformedCall("it has an argument without a name")
            self._scanner.position += 1
            found.append((key, self._value(depth + 1)))
            if self._scanner.peek() not in {",", end}:
                raise MalformedCall("something stands behind one of its values")
        return found

    def _value(self, depth: int) -> object:
        """The next value; behind it stands what ends it."""
        if depth > MAX_DEPTH:
            raise MalformedCall("it holds values too deep inside one another")
        self._scanner.skip(BLANKS)
        character = self._scanner.peek()
        if character in QUOTED:
            found: object = self._quoted()
            self._scanner.skip(BLANKS)
            return found
        if character in {"[", "{"} and self._notation.container is None:
            found = self._list(depth) if character == "[" else dict(self._items("}", ":", depth))
            self._scanner.skip(BLANKS)
            return found
        text = self._balanced().strip()
        if not text and self._scanner.peek() != ",":
            raise MalformedCall("it lacks a value")
        return self._bare(text)

    def _list(self, depth: int) -> list[object]:
        self._scanner.position += 1
        found: list[object] = []
        while not self._scanner.ends("]"):
            found.append(self._value(depth + 1))
            if self._scanner.peek() not in {",", "]"}:
                raise MalformedCall("something stands behind one of its values")
        return found

    def _balanced(self) -> str:
        """The text up to the next comma or closing bracket that belongs to no bracket in it."""
        start = self._scanner.position
        awaited: list[str] = []
        while True:
            self._scanner.skip(_PLAIN)
            sign = self._scanner.peek()
            if sign in QUOTED:
                self._scanner.quoted()
                continue
            if not sign or (not awaited and sign not in _CLOSING):
                return self._scanner.text[start : self._scanner.position]
            if sign in _CLOSING:
                awaited.append(_CLOSING[sign])
            elif awaited[-1] == sign:
                awaited.pop()
            self._scanner.position += 1

    def _bare(self, text: str) -> object:
        if text in self._notation.constants:
            return self._notation.constants[text]
        number = number_value(text)
        if number is not None:
            return number
        read_container = self._notation.container
        return read_container(text) if read_container is not None and text[:1] in {"[", "{"} else text

    def _quoted(self) -> str:
        return self._notation.unescape(self._scanner.quoted())
