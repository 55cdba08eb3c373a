"""Reads the notation of the Gemma families: bare keys, texts between marks. Takes linear time.

Models leave out marks and brackets. What is mended: quotes instead of marks, a text without its end, a text without
marks where the schema says that it is one, and, at the end of a reply, missing brackets.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tampu.parsing.formats.machine import MalformedCall
from tampu.parsing.formats.typed_values import number_value

_MAX_DEPTH: Final = 64
_BLANKS = re.compile(r"\s*")
_SEPARATORS = re.compile(r"[\s,]*")
_KEY = re.compile(r"""[^\s,:{}\[\]"']+""")
_BARE = re.compile(r"[^,{}\[\]]*")
_QUOTED: Final = {'"': re.compile(r'[^"\\]*'), "'": re.compile(r"[^'\\]*")}
_CONSTANTS: Final = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notation:
    """`mark` stands around texts. `is_lax`: a bare word is a text, and parts without a key are passed over.

    `knows_null`: the word is no text. Not lax, a bare text counts for `texts` only, and reaches up to the next
    of `keys`. `may_be_cut`: brackets may be missing at the end.
    """

    mark: str
    is_lax: bool = False
    knows_null: bool = True
    texts: Sequence[str] = ()
    keys: Sequence[str] = ()
    may_be_cut: bool = False


class Reader:
    """Reads the object at the start of a text; what stands behind it does not matter."""

    def __init__(self, text: str, notation: Notation) -> None:
        self._text, self._notation = text, notation
        self._position = 0
        known = "|".join(map(re.escape, sorted(notation.keys, key=len, reverse=True)))
        self._next_key = re.compile(rf",\s*(?:{known})\s*:" if known else "(?!)")

    def read(self, depth: int = 0) -> dict[str, object]:
        """The object; raises MalformedCall."""
        if depth > _MAX_DEPTH or self._peek() != "{":
            raise MalformedCall("its arguments are no object")
        self._position += 1
        found: dict[str, object] = {}
        while not self._ends("}"):
            key = self._key()
            self._skip(_BLANKS)
            if self._peek() == ":":
                self._position += 1
                found[key] = self._value(key if depth == 0 else "", depth + 1)
            elif not (self._notation.is_lax and self._peek() in {",", "}"}):
                raise MalformedCall("one of its arguments has no name")
        return found

    def _ends(self, bracket: str) -> bool:
        self._skip(_SEPARATORS)
        if self._peek() == bracket:
            self._position += 1
            return True
        if self._peek():
            return False
        if not self._notation.may_be_cut:
            raise MalformedCall("a bracket in it has no end")
        return True

    def _key(self) -> str:
        if self._peek() in _QUOTED:
            return self._quoted()
        key = self._take(_KEY)
        if not key:
            raise MalformedCall("one of its arguments has no name")
        return key

    def _value(self, key: str, depth: int) -> object:
        self._skip(_BLANKS)
        if self._text.startswith(self._notation.mark, self._position):
            return self._marked()
        character = self._peek()
        if character == "{":
            return self.read(depth)
        if character == "[":
            return self._list(depth)
        if character in _QUOTED:
            text = self._quoted()
            self._drop_mark()
            return text
        return self._bare(key)

    def _list(self, depth: int) -> list[object]:
        if depth > _MAX_DEPTH:
            raise MalformedCall("it holds values too deep inside one another")
        self._position += 1
        found: list[object] = []
        while not self._ends("]"):
            found.append(self._value("", depth + 1))
        return found

    def _marked(self) -> str:
        mark = self._notation.mark
        start = self._position + len(mark)
        end = self._text.find(mark, start)
        if end >= 0:
            self._position = end + len(mark)
            return self._text[start:end]
        # The text has no end: it reaches up to the last bracket.
        end = len(self._text.rstrip().removesuffix("}"))
        self._position = max(end, start)
        return self._text[start : self._position]

    def _drop_mark(self) -> None:
        if self._text.startswith(self._notation.mark, self._position):
            self._position += len(self._notation.mark)

    def _bare(self, key: str) -> object:
        start = self._position
        text = self._take(_BARE).strip()
        if text in _CONSTANTS and (text != "null" or self._notation.knows_null):
            return _CONSTANTS[text]
        number = number_value(text)
        if number is not None:
            return number
        if self._notation.is_lax and text:
            return text
        if key not in self._notation.texts:
            raise MalformedCall("a text in it is not marked as one")
        following = self._next_key.search(self._text, start)
        self._position = following.start() if following else len(self._text.rstrip().removesuffix("}"))
        return self._text[start : self._position].strip()

    def _quoted(self) -> str:
        quote, start = self._peek(), self._position + 1
        self._position = start
        while True:
            self._skip(_QUOTED[quote])
            if self._position >= len(self._text):
                raise MalformedCall("a text in it has no end")
            if self._peek() == quote:
                self._position += 1
                return self._text[start : self._position - 1].replace(f"\\{quote}", quote)
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
