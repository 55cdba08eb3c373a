"""LFM2: a list of calls as Python writes them between tags, in texts of which escapes stay as they are."""

from collections.abc import Mapping
from typing import Final

from tampu.parsing.formats.machine import Exit, FormatParser, Place, ReadCall, Sink
from tampu.parsing.formats.python_calls import PythonReader
from tampu.parsing.formats.qwen3 import THINK, THINK_END
from tampu.parsing.formats.request import ReplyRequest

_CALLS, _CALLS_END = "<|tool_call_start|>", "<|tool_call_end|>"
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
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    return PythonReader(text, lambda quoted: quoted).calls()
