"""DeepSeek V3 and Cogito: thinking up to its closing tag, calls and the results of tools between special texts."""

from collections.abc import Mapping
from typing import Final

from tampu.parsing.formats.machine import Exit, FormatParser, MalformedCall, Place, ReadCall, Sink
from tampu.parsing.formats.qwen3 import THINK_END, read_object
from tampu.parsing.formats.request import ReplyRequest

_SEPARATOR: Final = "<｜tool▁sep｜>"
_FENCE, _FENCE_END = "\n```json\n", "\n```"
_CALLS, _CALLS_END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
_PLACES: Final[Mapping[str, Place]] = {
    "thinking": Place(Sink.THINKING, {THINK_END: Exit("text")}),
    "text": Place(Sink.TEXT, {_CALLS: Exit("calls"), "<｜tool▁output▁begin｜>": Exit("output")}, drops_blanks=False),
    # Results of tools that the model makes up: the tags are no text.
    "output": Place(Sink.TEXT, {"<｜tool▁output▁end｜>": Exit("text")}, drops_blanks=False),
    "calls": Place(Sink.NOTHING, {"<｜tool▁call▁begin｜>": Exit("call"), _CALLS_END: Exit("text")}),
    "call": Place(Sink.CALL, {"<｜tool▁call▁end｜>": Exit("calls"), _CALLS_END: Exit("text", is_text=False)}),
}
_COGITO_PLACES: Final[Mapping[str, Place]] = {
    **_PLACES,
    "text": Place(
        Sink.TEXT,
        {_CALLS: Exit("calls"), "<｜tool▁outputs▁begin｜>": Exit("outputs")},
        drops_blanks=False,
    ),
    "outputs": Place(Sink.NOTHING, {"<｜tool▁outputs▁end｜>": Exit("text")}),
}


def parser(request: ReplyRequest) -> FormatParser:
    """DeepSeek V3: thinks where it is asked to."""
    is_thinking = request.thinks(by_default=False) and not request.is_prefilled
    return FormatParser(_PLACES, "thinking" if is_thinking else "text", read=_read_call)


def cogito_parser(request: ReplyRequest) -> FormatParser:
    """Cogito: thinks where it is asked to and has no tools."""
    is_thinking = request.thinks(by_default=False) and not request.is_prefilled and not request.tools
    return FormatParser(_COGITO_PLACES, "thinking" if is_thinking else "text", read=_read_fenced_call)


def _read_call(text: str) -> list[ReadCall]:
    name, separator, arguments = text.partition(_SEPARATOR)
    if not separator:
        raise MalformedCall("it has no separator")
    return [ReadCall(name.strip(), read_object(arguments))]


def _read_fenced_call(text: str) -> list[ReadCall]:
    _, _, described = text.partition(_SEPARATOR)
    name, fence, arguments = described.partition(_FENCE)
    arguments, fence_end, behind = arguments.partition(_FENCE_END)
    if not fence or not fence_end or "<｜" in behind:
        raise MalformedCall("its arguments are not fenced as JSON")
    return [ReadCall(name.strip(), read_object(arguments))]
