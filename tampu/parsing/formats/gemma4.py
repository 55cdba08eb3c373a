"""Gemma 4: thoughts in channels, calls in a notation of its own, noise behind calls."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from tampu.parsing.formats.delimited import Notation, Reader
from tampu.parsing.formats.machine import Exit, FormatParser, MalformedCall, Place, ReadCall, Sink
from tampu.parsing.formats.request import ReplyRequest
from tampu.parsing.formats.typed_values import Schemas

_PREFIX: Final = "call:"
_MARK: Final = '<|"|>'
_CALL, _CALL_END = "<|tool_call>", "<tool_call|>"
_TEXT_EXITS: Final = {"<|channel>": Exit("channel"), _CALL: Exit("call")}
_THOUGHTS: Final = Place(Sink.THINKING, {"<channel|>": Exit("text")}, keeps_last_blanks=True)
_PLACES: Final[Mapping[str, Place]] = {
    "text": Place(Sink.TEXT, _TEXT_EXITS, drops_blanks=False),
    # The name of the channel is no thought.
    "channel": Place(Sink.NOTHING, {"thought\n": Exit("thoughts")}, otherwise="thoughts", drops_blanks=False),
    "thoughts": _THOUGHTS,
    "call": Place(Sink.CALL, {_CALL_END: Exit("behind call", drops_blanks=True)}),
    "behind call": Place(
        Sink.NOTHING,
        {**_TEXT_EXITS, _CALL_END: Exit("behind call"), "<|tool_response>": Exit("behind call")},
        otherwise="text",
    ),
}
_WITHOUT_THOUGHTS: Final = {**_PLACES, "thoughts": replace(_THOUGHTS, sink=Sink.NOTHING)}


def parser(request: ReplyRequest) -> FormatParser:
    """Gemma 4: thoughts are told only where they are asked for. Behind the result of a tool it begins with them."""
    if not request.thinks(by_default=False):
        return parser_without_thinking(request)
    is_behind_result = request.last is not None and request.last.role == "tool"
    return _parser(_PLACES, "thoughts" if is_behind_result else "text", request)


def parser_without_thinking(request: ReplyRequest) -> FormatParser:
    """Gemma 4 whose thoughts are dropped."""
    return _parser(_WITHOUT_THOUGHTS, "text", request)


def _parser(places: Mapping[str, Place], start: str, request: ReplyRequest) -> FormatParser:
    schemas = Schemas(request.tools)
    read = partial(_read_call, schemas=schemas, is_open=False)
    read_open = partial(_read_call, schemas=schemas, is_open=True)
    return FormatParser(places, start, read=read, read_open=read_open)


def _read_call(text: str, *, schemas: Schemas, is_open: bool) -> list[ReadCall]:
    name, brace, arguments = text.partition("{")
    if not brace or not name.startswith(_PREFIX):
        raise MalformedCall("it is no name with arguments in braces")
    name = name.removeprefix(_PREFIX).strip()
    known = schemas.arguments(name)
    texts = [key for key in known if "string" in schemas.types(name, key)]
    notation = Notation(opening=_CALL, mark=_MARK, texts=texts, keys=known, may_be_cut=True)
    reader = Reader(brace + arguments, notation)
    found = reader.read()
    return [ReadCall(name, found, rest=reader.rest if is_open else "")]
