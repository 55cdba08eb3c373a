"""LFM2: a list of calls as Python writes them between tags, in texts of which escapes stay as they are."""

import re
from collections.abc import Mapping
from typing import Final

from tampu.parsing.formats.machine import Exit, FormatParser, Place, ReadCall, Sink
from tampu.parsing.formats.python_calls import Notation, PythonReader
from tampu.parsing.formats.qwen3 import THINK, THINK_END
from tampu.parsing.formats.request import ReplyRequest
from tampu.parsing.formats.typed_values import json_value

_CALLS, _CALLS_END = "<|tool_call_start|>", "<|tool_call_end|>"
_WORDS: Final = {"True": "true", "False": "false", "None": "null"}
_PYTHON = re.compile(
    r"""'(?P<single>(?:[^'\\]++|\\.)*+)(?:'|\\?\Z)|"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|\b(?P<constant>True|False|None)\b""",
    re.DOTALL,
)
_QUOTATION = re.compile(r"""\\.|\"""", re.DOTALL)
_CONSTANTS: Final = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
_PLACES: Final[Mapping[str, Place]] = {
    "start": Place(Sink.NOTHING, {THINK: Exit("thinking", drops_blanks=True)}, otherwise="text"),
    # The opening tag may come again; it is no text.
    "thinking": Place(Sink.THINKING, {THINK_END: Exit("text", drops_blanks=True), THINK: Exit("thinking")}),
    "text": Place(Sink.TEXT, {_CALLS: Exit("calls")}, drops_blanks=False),
    "calls": Place(Sink.CALL, {_CALLS_END: Exit("text")}),
}


def parser(request: ReplyRequest) -> FormatParser:  # noqa: ARG001 - every format is made of a request
    """LFM2 without thinking."""
    return FormatParser(_PLACES, "text", read=_read_calls)


def thinking_parser(request: ReplyRequest) -> FormatParser:
    """LFM2 with thinking, where it is asked to and says so."""
    may_think = request.thinks(by_default=False) and not request.is_prefilled
    return FormatParser(_PLACES, "start" if may_think else "text", read=_read_calls)


def _read_calls(text: str) -> list[ReadCall]:
    text = text.strip().removeprefix(_CALLS).strip()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    return PythonReader(text, _NOTATION).calls()


def _read_container(text: str) -> object:
    """A list or an object in the manner of JSON or of Python; the text itself where it is neither."""
    for candidate in (text, _PYTHON.sub(_as_json, text)):
        value = json_value(candidate)
        if value is not None:
            return value
    return text


def _as_json(found: re.Match[str]) -> str:
    if found["constant"]:
        return _WORDS[found["constant"]]
    single = found["single"]
    return found.group() if single is None else f'"{_QUOTATION.sub(_escaped, single)}"'


def _escaped(found: re.Match[str]) -> str:
    return {"\\'": "'", '"': '\\"'}.get(found.group(), found.group())


_NOTATION: Final = Notation(re.compile(r"[^(){}<>,=\"'\[\]\n]+"), _CONSTANTS, container=_read_container)
