"""Text in quotes, as Go writes and reads it."""

import re
from typing import Final


def go_quote(text: str, *, ascii_only: bool = False) -> str:
    """Text in double quotes as Go's %q writes it, or %+q."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_quoted_character(character, ascii_only=ascii_only) for character in text) + '"'


_ESCAPES: Final = {
    '"': '\\"',
    "\\": "\\\\",
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
}


def _quoted_character(character: str, *, ascii_only: bool) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    code = ord(character)
    if character.isprintable() and (character.isascii() or not ascii_only):
        return character
    if code < 0x80:
        return f"\\x{code:02x}"
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a character that was cut
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\'\"])|([0-7]{3})|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.?))", re.DOTALL
)
_MEANT: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def go_unquote(source: str) -> str:
    """The text that a quoted Go string or character constant means; raises ValueError."""
    quote, body = source[0], source[1:-1]
    if quote == "`":
        return body.replace("\r", "")
    if "\\" not in body:
        return body
    return _join_bytes(_ESCAPE.sub(lambda match: _unescaped(match, quote), body))


def go_character(source: str) -> int:
    """The number of the one character between single quotes; raises ValueError with Go's words."""
    body = source[1:]
    match = _ESCAPE.match(body)
    if body == "'":
        raise ValueError("invalid syntax")
    meant = _unescaped(match, "'") if match else body[0]
    if body[match.end() if match else 1 :] != "'":
        raise ValueError(f"malformed character constant: {source}")
    return ord(meant) - 0xDC00 if match and "\udc80" <= meant <= "\udcff" else ord(meant)


def _unescaped(match: re.Match[str], quote: str) -> str:
    plain, octal, byte, short, long, _ = match.groups()
    if plain is not None:
        if plain in "'\"" and plain != quote:
            raise ValueError("invalid syntax")
        return _MEANT.get(plain, plain)
    if octal is not None or byte is not None:
        code = int(octal, 8) if octal is not None else int(byte, 16)
        if code > 0xFF:
            raise ValueError("invalid syntax")
        return chr(code) if code < 0x80 else chr(0xDC00 + code)
    digits = short if short is not None else long
    if digits is None:
        raise ValueError("invalid syntax")
    code = int(digits, 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise ValueError("invalid syntax")
    return chr(code)


def _join_bytes(text: str) -> str:
    """Characters that were written as single bytes become what those bytes spell."""
    if text.isascii() or text.isprintable():
        return text
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
