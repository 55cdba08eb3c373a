"""Reads a Modelfile. The grammar is Ollama's, errors included; nothing is read from disk and nothing is resolved.

The rules that surprise:
1. Exactly one blank stands behind a command word and behind a parameter's or role's name.
2. There are no comments behind a value, and no escapes inside it.
3. A quoted value ends at the first line whose last visible character is its quote; text behind a quote reopens it.
Unlike Ollama's, values keep characters that do not print (wide blanks, joiners of emoji): texts and paths hold them;
and a carriage return with its line feed is the end of one line, not of two.
"""

import codecs
import re
from typing import Final

from tampu.errors import InvalidModelfile
from tampu.modelfile.document import Instruction, Kind, Modelfile
from tampu.modelfile.text import FENCE, QUOTE, is_edge, printable, trim, unguard_fences, without_controls

_INVALID_COMMAND: Final = (
    'command must be one of "from", "license", "template", "system", "adapter", "draft", "renderer", "parser", '
    '"parameter", "message", or "requires"'
)
_INVALID_ROLE: Final = 'message role must be one of "system", "user", or "assistant"'
_ROLES: Final = frozenset({"system", "user", "assistant"})
_KINDS: Final = {kind.value: kind for kind in Kind}
_BLANKS: Final = " \t"
_NEWLINES: Final = "\r\n"

_BETWEEN = re.compile(r"(?:[ \t\r\n]++|#[^\r\n]*+)*+")
_COMMAND = re.compile(r".?[A-Za-z]*", re.DOTALL)
# The word that some commands take before their value.
_NAMES: Final = {Kind.PARAMETER: re.compile(r"[A-Za-z0-9_]*"), Kind.MESSAGE: re.compile(r"[A-Za-z]*")}
_NEWLINE = re.compile(r"[\r\n]")

_BOMS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def parse_modelfile(data: bytes) -> Modelfile:
    """The instructions in `data`; raises InvalidModelfile, with the line where one can be named."""
    instructions = tuple(_Parser(_decode(data)).instructions())
    if not any(instruction.kind is Kind.FROM for instruction in instructions):
        raise InvalidModelfile("no FROM line")
    return Modelfile(instructions)


def _decode(data: bytes) -> str:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(encoding, "replace")
    return data.decode("utf-8", "replace")


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1

    def instructions(self) -> list[Instruction]:
        found: list[Instruction] = []
        while self._find_command():
            line, kind = self._line, self._command()
            name = (self._name(kind),) if kind in _NAMES else ()
            found.append(Instruction(kind, (*name, self._value()), line))
        return found

    def _find_command(self) -> bool:
        between = _BETWEEN.match(self._text, self._at)
        if between is not None:
            self._move(between.end())
        return self._at < len(self._text)

    def _command(self) -> Kind:
        word = self._word(_COMMAND)
        ender = self._step()
        kind = _KINDS.get(printable(word).lower())
        if not ender:
            raise InvalidModelfile("unexpected EOF")
        if kind is None or ender not in _BLANKS:
            raise InvalidModelfile(_INVALID_COMMAND, line=self._line)
        return kind

    def _name(self, kind: Kind) -> str:
        name = self._word(_NAMES[kind])
        ender = self._step()
        if not ender or ender not in _BLANKS:
            raise InvalidModelfile(f"unexpected EOF: {name}" if ender else "unexpected EOF")
        if kind is Kind.MESSAGE and name not in _ROLES:
            raise InvalidModelfile(_INVALID_ROLE, line=self._line)
        return name

    def _value(self) -> str:
        start = self._at
        while start < len(self._text) and self._text[start] not in _NEWLINES and is_edge(self._text[start]):
            start += 1
        for opening in (FENCE, QUOTE):
            if self._text.startswith(opening, start):
                return self._quoted(start + len(opening), opening)
        end = self._line_end(start)
        value = self._text[start:end]
        self._move(end)
        return without_controls(trim(value))

    def _quoted(self, start: int, quotes: str) -> str:
        """The text from `start` to the first line that ends with `quotes`."""
        line_start = start
        while True:
            line_end = self._line_end(line_start)
            end = line_end
            while end > line_start and is_edge(self._text[end - 1]):
                end -= 1
            if self._text.endswith(quotes, line_start, end):
                value = without_controls(self._text[start : end - len(quotes)])
                self._move(line_end)
                return unguard_fences(value) if quotes == FENCE else value
            if line_end == len(self._text):
                raise InvalidModelfile("unexpected EOF")
            line_start = line_end + 1

    # --- moving on ---------------------------------------------------------------------------------------------------

    def _word(self, pattern: re.Pattern[str]) -> str:
        word = pattern.match(self._text, self._at)
        text = word[0] if word else ""
        self._move(self._at + len(text))
        return text

    def _step(self) -> str:
        """Consume one character; empty at the end."""
        character = self._text[self._at : self._at + 1]
        self._move(self._at + len(character))
        return character

    def _line_end(self, start: int) -> int:
        newline = _NEWLINE.search(self._text, start)
        return newline.start() if newline else len(self._text)

    def _move(self, to: int) -> None:
        # From one character before, so that a line end of two characters counts once where a move ends between them.
        start = max(0, self._at - 1) if to > self._at else to
        pairs = self._text.count("\r\n", start, to)
        self._line += self._text.count("\n", self._at, to) + self._text.count("\r", self._at, to) - pairs
        self._at = to
