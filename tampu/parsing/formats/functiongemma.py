"""FunctionGemma: text with calls in a notation of its own; no thinking."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from tampu.parsing.formats.delimited import Notation, Reader
from tampu.parsing.formats.machine import Exit, FormatParser, MalformedCall, Place, ReadCall, Sink
from tampu.parsing.formats.request import ReplyRequest

_OPENING, _PREFIX = "<start_function_call>", "call:"
_NOTATION: Final = Notation(opening=_OPENING, mark="<escape>", is_lax=True, knows_null=False)
_PLACES: Final[Mapping[str, Place]] = {
    "text": Place(Sink.TEXT, {_OPENING: Exit("call")}, drops_blanks=False),
    "call": Place(Sink.CALL, {"<end_function_call>": Exit("text")}),
}


def parser(request: ReplyRequest) -> FormatParser:  # noqa: ARG001 - every format is made of a request
    """FunctionGemma."""
    return FormatParser(_PLACES, "text", read=_read_call, read_open=partial(_read_call, is_open=True))


def _read_call(text: str, *, is_open: bool = False) -> list[ReadCall]:
    before, prefix, call = text.partition(_PREFIX)
    name, brace, arguments = call.partition("{")
    if not prefix or not brace or before.strip() not in {"", _OPENING}:
        raise MalformedCall("it is no name with arguments in braces")
    reader = Reader(brace + arguments, _NOTATION)
    found = reader.read()
    return [ReadCall(name, found, rest=reader.rest if is_open else "")]
