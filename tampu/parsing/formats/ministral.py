"""Ministral: calls as a name and a JSON object that ends with its last brace; thinking between brackets."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from tampu.parsing.formats.machine import Exit, FormatParser, MalformedCall, Place, ReadCall, Sink
from tampu.parsing.formats.qwen3 import read_object
from tampu.parsing.formats.request import ReplyRequest

_CALLS, _CALL_ID, _ARGUMENTS = "[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"
_PLACES: Final[Mapping[str, Place]] = {
    "text": Place(Sink.TEXT, {_CALLS: Exit("name"), "[THINK]": Exit("thinking")}),
    "thinking": Place(Sink.THINKING, {"[/THINK]": Exit("text")}, drops_blanks=False),
    "name": Place(Sink.CALL, {_ARGUMENTS: Exit("arguments")}),
    "arguments": Place(Sink.CALL, {"}": Exit("text")}, ends_with_object=True),
}


def parser(request: ReplyRequest) -> FormatParser:
    """Ministral."""
    names = frozenset(tool.function.name for tool in request.tools)
    return FormatParser(_PLACES, "text", read=partial(_read_call, names=names))


def _read_call(text: str, *, names: frozenset[str]) -> list[ReadCall]:
    name, _, arguments = text.partition(_ARGUMENTS)
    name = name.partition(_CALL_ID)[0].strip()
    if name not in names:
        raise MalformedCall("its tool is not declared")
    return [ReadCall(name, read_object(arguments))]
