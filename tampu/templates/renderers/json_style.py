"""JSON as the prompt formats want it: Go's numbers and order, with or without blanks and escapes for HTML."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tampu.templates.go.numbers import format_float, format_json_number
from tampu.templates.go.quoting import go_quote

_ESCAPED: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_SPECIAL = re.compile("[<>&\u2028\u2029]")
_encode_string = json.JSONEncoder(ensure_ascii=False).encode
_LARGEST: Final = 1.7976931348623157e308
_PLAIN_BELOW: Final = 10**15


class JsonText(str):
    """A value that is JSON already and is written as it is."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class JsonStyle:
    """How the members of objects and lists are set apart, and whether `<`, `>` and `&` are escaped.

    `quote`: how a text is written, other than as JSON does.
    """

    comma: str
    colon: str
    escapes: bool
    quote: Callable[[str], str] = _encode_string

    def text(self, value: Any) -> str:
        """The JSON of plain values; objects keep their order."""
        parts: list[str] = []
        self._write(value, parts)
        text = "".join(parts)
        # Outside of texts no character is special, so all can be escaped at once; line separators always are.
        return _SPECIAL.sub(lambda match: self._escape(match.group()), text) if _SPECIAL.search(text) else text

    def _escape(self, sign: str) -> str:
        return _ESCAPED[sign] if self.escapes or sign in "\u2028\u2029" else sign

    def _write(self, value: Any, parts: list[str]) -> None:
        if isinstance(value, dict):
            separator = "{"
            for name, item in value.items():
                parts.append(f"{separator}{self.quote(name)}{self.colon}")
                separator = self.comma
                self._write(item, parts)
            parts.append("}" if value else "{}")
        elif isinstance(value, list):
            separator = "["
            for item in value:
                parts.append(separator)
                separator = self.comma
                self._write(item, parts)
            parts.append("]" if value else "[]")
        elif isinstance(value, str) and not isinstance(value, JsonText):
            parts.append(self.quote(value))
        else:
            parts.append(scalar_text(value))


def indented_text(value: Any, indent: str = "    ") -> str:
    """The JSON of plain values over many lines, escaped."""
    text = _indented(value, indent, "\n")
    return _SPECIAL.sub(lambda match: _ESCAPED[match.group()], text)


def _indented(value: Any, indent: str, line: str) -> str:
    deeper = line + indent
    if isinstance(value, dict) and value:
        members = (f"{deeper}{_encode_string(name)}: {_indented(item, indent, deeper)}" for name, item in value.items())
        return "{" + ",".join(members) + line + "}"
    if isinstance(value, list) and value:
        return "[" + ",".join(deeper + _indented(item, indent, deeper) for item in value) + line + "]"
    return "{}" if value == {} else "[]" if value == [] else scalar_text(value)


def scalar_text(value: Any) -> str:
    """The JSON of a text, number, boolean or null, unescaped."""
    if isinstance(value, JsonText):
        return value
    if isinstance(value, str):
        return _encode_string(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and -_PLAIN_BELOW < value < _PLAIN_BELOW:
        return str(value)
    return format_json_number(as_float(value))


COMPACT: Final = JsonStyle(",", ":", escapes=True)
SPACED: Final = JsonStyle(", ", ": ", escapes=True)
UNESCAPED: Final = JsonStyle(", ", ": ", escapes=False)
GO_QUOTED: Final = JsonStyle(", ", ": ", escapes=False, quote=go_quote)


def as_float(value: float) -> float:
    """A number as Go reads it: one that is too large is the largest."""
    try:
        return float(value)
    except OverflowError:
        return _LARGEST if value > 0 else -_LARGEST


def value_text(value: Any, style: JsonStyle = COMPACT) -> str:
    """A value that stands alone: texts bare, numbers as Go prints them (`1e+06`), the rest as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return format_float(as_float(value))
    return style.text(value)
