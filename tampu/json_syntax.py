"""Where a text stops being JSON, in the words that clients of Ollama know: those of Go's own reader.

Only texts that were refused come here, and they are gone through byte by byte: a letter beyond ASCII is named by its
first byte, as that reader does.
"""

import re
from typing import Final

_BLANKS = re.compile(rb"[ \t\r\n]*+")
_TEXT = re.compile(rb'(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u[0-9A-Fa-f]{4})*+')
_HEX = re.compile(rb"\\u[0-9A-Fa-f]{0,3}")
_NUMBER: Final = (
    (re.compile(rb"-?(?:0|[1-9][0-9]*+)"), re.compile(rb"-?"), "in numeric literal"),
    (re.compile(rb"\.[0-9]++"), re.compile(rb"\."), "after decimal point in numeric literal"),
    (re.compile(rb"[eE][+-]?[0-9]++"), re.compile(rb"[eE][+-]?"), "in exponent of numeric literal"),
)
_LITERALS: Final = (b"true", b"false", b"null")
_DEEPEST: Final = 10_000
_ESCAPES: Final = {
    7: r"\a",
    8: r"\b",
    9: r"\t",
    10: r"\n",
    11: r"\v",
    12: r"\f",
    13: r"\r",
    34: '"',
    39: r"\'",
    92: r"\\",
}

UNEXPECTED_END: Final = "unexpected EOF"
UNEXPECTED_END_OF_TEXT: Final = "unexpected end of JSON input"


class _Found(Exception):  # not an error of ours: it carries the answer out of the scanner
    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


def syntax_fault(raw: bytes) -> str:
    """What keeps `raw` from beginning with a JSON value; empty where nothing does."""
    try:
        _Scanner(raw).value()
    except _Found as found:
        return found.words
    return ""


def whole_fault(text: bytes) -> str:
    """What keeps all of `text` from being one JSON value, as a reader says that has it whole; empty where nothing does.

    To that reader a text goes on with a blank.
    """
    scanner = _Scanner(text + b" ")
    try:
        scanner.value()
        scanner.end()
    except _Found as found:
        return UNEXPECTED_END_OF_TEXT if found.words == UNEXPECTED_END else found.words
    return ""


class _Scanner:
    """Goes through one JSON value."""

    def __init__(self, raw: bytes) -> None:
        self._raw, self._at = raw, 0
        self._open: list[bytes] = []
        self._has_just_opened = False

    def value(self) -> None:
        """Go to the end of the first value; raises _Found."""
        self._begin()
        while self._open:
            self._go_on()

    def end(self) -> None:
        """Go to the end of the text; raises _Found where there is more than blanks."""
        self._pass(_BLANKS)
        if self._at < len(self._raw):
            self._fail("after top-level value")

    def _begin(self) -> None:
        """Pass a value that is no container, or enter one."""
        byte = self._next()
        self._has_just_opened = byte in {b"{", b"["}
        match byte:
            case b"{" | b"[":
                self._at += 1
                self._open.append(byte)
                if len(self._open) > _DEEPEST:
                    raise _Found("exceeded max depth")
            case b'"':
                self._at += 1
                self._string()
            case b"t" | b"f" | b"n":
                self._literal(next(word for word in _LITERALS if word.startswith(byte)))
            case _ if byte in b"-0123456789":
                self._number()
            case _:
                self._fail("looking for beginning of value")

    def _go_on(self) -> None:
        """Inside a container: to the end of its next value, or out of it."""
        is_object = self._open[-1] == b"{"
        byte = self._next()
        if byte == (b"}" if is_object else b"]"):
            self._at += 1
            self._open.pop()
            self._has_just_opened = False
            return
        if not self._has_just_opened:
            if byte != b",":
                self._fail("after object key:value pair" if is_object else "after array element")
            self._at += 1
        if is_object:
            self._key()
        self._begin()

    def _key(self) -> None:
        if self._next() != b'"':
            self._fail("looking for beginning of object key string")
        self._at += 1
        self._string()
        if self._next() != b":":
            self._fail("after object key")
        self._at += 1

    def _string(self) -> None:
        self._pass(_TEXT)
        byte = self._byte()
        if byte == b'"':
            self._at += 1
        elif byte == b"\\":
            escape = _HEX.match(self._raw, self._at)
            self._at = escape.end() if escape else self._at + 1
            self._fail("in \\u hexadecimal character escape" if escape else "in string escape code")
        else:
            self._fail("in string literal")

    def _literal(self, word: bytes) -> None:
        for letter in word:
            if self._byte() != bytes((letter,)):
                self._fail(f"in literal {word.decode()} (expecting '{chr(letter)}')")
            self._at += 1

    def _number(self) -> None:
        for whole, start, place in _NUMBER:
            if not self._pass(whole) and (self._pass(start) or whole is _NUMBER[0][0]):
                self._fail(place)

    def _next(self) -> bytes:
        self._pass(_BLANKS)
        return self._byte()

    def _byte(self) -> bytes:
        """The byte here; raises _Found at the end."""
        if self._at >= len(self._raw):
            raise _Found(UNEXPECTED_END)
        return self._raw[self._at : self._at + 1]

    def _pass(self, pattern: re.Pattern[bytes]) -> bool:
        found = pattern.match(self._raw, self._at)
        if found is None or found.end() == self._at:
            return False
        self._at = found.end()
        return True

    def _fail(self, place: str) -> None:
        raise _Found(f"invalid character '{_shown(self._byte()[0])}' {place}")


def _shown(byte: int) -> str:
    if byte in _ESCAPES:
        return _ESCAPES[byte]
    if chr(byte).isprintable():
        return chr(byte)
    return f"\\x{byte:02x}" if byte < 0x80 else f"\\u{byte:04x}"
