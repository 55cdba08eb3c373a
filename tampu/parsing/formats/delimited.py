"""Reads the notation of the Gemma families: bare keys, texts between marks. Takes linear time.

Models leave out marks and brackets. What is mended: quotes instead of marks, a text without its end, a text without
marks where the schema says that it is one, and, at the end of a reply, missing brackets.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tampu.parsing.formats.machine import MalformedCall
from tampu.parsing.formats.scanner import BLANKS, QUOTED, Scanner
from tampu.parsing.formats.typed_values import json_value, number_value

_MAX_DEPTH: Final = 64
_KEY = re.compile(r"""[^,:{}\[\]"'\n]+""")

_BARE = re.compile(r"[^,{}\[\]]*")
_CONSTANTS: Final = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Notation:
    """`opening` begins a call, `mark` stands around texts.

    `is_lax`: a bare word is a text, and parts without a key are passed over. `knows_null`: the word is no text. Not
    lax, a bare text counts for `texts` only, and reaches up to the next of `keys`. `may_be_cut`: brackets may be
    missing at the end.
    """

    opening: str
    mark: str
    is_lax: bool = False
    knows_null: bool = True
    texts: Sequence[str] = ()
    keys: Sequence[str] = ()
    may_be_cut: bool = False


class Reader:
    """Reads the object at the start of a text; no other call may stand behind it."""

    def __init__(self, text: str, notation: Notation) -> None:
        self._scanner, self._notation = Scanner(text), notation
        known = "|".join(map(re.escape, sorted(notation.keys, key=len, reverse=True)))
        self._next_key = re.compile(rf",\s*(?:{known})\s*:" if known else "(?!)")

    def read(self) -> dict[str, object]:
        """The object; raises MalformedCall."""
        found = self._object(0)
        if self._scanner.text.find(self._notation.opening, self._scanner.position) >= 0:
            raise MalformedCall("another call begins in it")
        return found

    @property
    def rest(self) -> str:
        """What stands behind the object."""
        return self._scanner.text[self._scanner.position :].lstrip("}] \n")

    def _object(self, depth: int) -> dict[str, object]:
        if depth > _MAX_DEPTH or self._scanner.peek() != "{":
            raise MalformedCall("its arguments are no object")
        self._scanner.position += 1
        found: dict[str, object] = {}
        while not self._ends("}"):
            key = self._key()
            self._scanner.skip(BLANKS)
            if self._scanner.peek() == ":":
                self._scanner.position += 1
                found[key] = self._value(key if depth == 0 else "", depth + 1)
            elif not (self._notation.is_lax and self._scanner.peek() in {",", "}"}):
                raise MalformedCall("one of its arguments has no name")
        return found

    def _ends(self, bracket: str) -> bool:
        return self._scanner.ends(bracket, may_be_cut=self._notation.may_be_cut)

    def _key(self) -> str:
        if self._scanner.peek() in QUOTED:
            return self._quoted()
        key = self._scanner.take(_KEY).strip()
        if not key:
            raise MalformedCall("one of its arguments has no name")
        return key

    def _value(self, key: str, depth: int) -> object:
        self._scanner.skip(BLANKS)
        if self._scanner.starts_with(self._notation.mark):
            return self._marked()
        character = self._scanner.peek()
        if character == "{":
            return self._object(depth)
        if character == "[":
            return self._list(depth)
        if character in QUOTED:
            text = self._quoted()
            self._drop_mark()
            return text
        return self._bare(key)

    def _list(self, depth: int) -> list[object]:
        if depth > _MAX_DEPTH:
            raise MalformedCall("it holds values too deep inside one another")
        self._scanner.position += 1
        found: list[object] = []
        while not self._ends("]"):
            found.append(self._value("", depth + 1))
        return found

    def _marked(self) -> str:
        mark = self._notation.mark
        start = self._scanner.position + len(mark)
        end = self._scanner.text.find(mark, start)
        if end >= 0:
            self._scanner.position = end + len(mark)
            return self._scanner.text[start:end]
        # The text has no end: it reaches up to the last bracket.
        end = len(self._scanner.text.rstrip().removesuffix("}"))
        self._scanner.position = max(end, start)
        return self._scanner.text[start : self._scanner.position]

    def _drop_mark(self) -> None:
        if self._scanner.starts_with(self._notation.mark):
            self._scanner.position += len(self._notation.mark)

    def _bare(self, key: str) -> object:
        start = self._scanner.position
        text = self._scanner.take(_BARE).strip()
        if text in _CONSTANTS and (text != "null" or self._notation.knows_null):
            return _CONSTANTS[text]
        number = number_value(text)
        if number is not None:
            return number
        if self._notation.is_lax and text:
            return text
        if key not in self._notation.texts:
            raise MalformedCall("a text in it is not marked as one")
        following = self._next_key.search(self._scanner.text, start)
        self._scanner.position = following.start() if following else len(self._scanner.text.rstrip().removesuffix("}"))
        return self._scanner.text[start : self._scanner.position].strip()

    def _quoted(self) -> str:
        """A text between quotation marks, as JSON has it where it is JSON."""
        quote = self._scanner.peek()
        text = self._scanner.quoted()
        found = json_value(f'"{text}"') if quote == '"' else None
        return found if isinstance(found, str) else text.replace(f"\\{quote}", quote)
