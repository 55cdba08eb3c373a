"""Olmo 3: calls as Python writes them, one a line, between tags. The thinking variant knows no calls."""

import re
from collections.abc import Mapping
from typing import Final

from tampu.parsing.formats.machine import Exit, FormatParser, MalformedCall, Place, ReadCall, Sink
from tampu.parsing.formats.python_calls import Notation, PythonReader
from tampu.parsing.formats.qwen3 import THINK_END
from tampu.parsing.formats.request import ReplyRequest

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\"}
_CONSTANTS: Final = {
    "true": True,
    "True": True,
    "false": False,
    "False": False,
    "null": None,
    "None": None,
    "nil": None,
}
_PLACES: Final[Mapping[str, Place]] = {
    "text": Place(Sink.TEXT, {"<function_calls>": Exit("calls")}, drops_blanks=False),
    "calls": Place(Sink.CALL, {"</function_calls>": Exit("text")}),
}
_THINKING_PLACES: Final[Mapping[str, Place]] = {
    "thinking": Place(Sink.THINKING, {THINK_END: Exit("text")}),
    "text": Place(Sink.TEXT, drops_blanks=False),
}


def parser(request: ReplyRequest) -> FormatParser:  # noqa: ARG001 - every format is made of a request
    """Olmo 3 without thinking. A block that holds anything but calls is text."""
    return FormatParser(_PLACES, "text", read=_read_calls)


def thinking_parser(request: ReplyRequest) -> FormatParser:
    """Olmo 3 in the middle of thinking, whatever the request says; not where it goes on with an answer."""
    return FormatParser(_THINKING_PLACES, "text" if request.is_prefilled else "thinking")


def _read_calls(text: str) -> list[ReadCall]:
    return [call for line in text.split("\n") if line.strip() for call in _read_line(line)]


def _read_line(line: str) -> list[ReadCall]:
    calls = PythonReader(line, _NOTATION).calls()
    if len(calls) != 1:
        raise MalformedCall("a line of it is no single call")
    return calls


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[0]), text)


_NOTATION: Final = Notation(re.compile(r"\w+"), _CONSTANTS, unescape=_unescape)
