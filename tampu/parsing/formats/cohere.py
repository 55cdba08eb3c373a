"""Command A: blocks of thinking, text and actions between special texts; actions are lists of JSON objects."""

import json
from collections.abc import Iterator, Mapping
from typing import Final

from tampu.parsing.brackets import Brackets
from tampu.parsing.calls import is_depth_bounded
from tampu.parsing.formats.machine import Exit, FormatParser, MalformedCall, Place, ReadCall, Sink
from tampu.parsing.formats.qwen3 import members, read_members, read_object
from tampu.parsing.formats.request import ReplyRequest

_TURN_END: Final = "<|END_OF_TURN_TOKEN|>"
_PLACES: Final[Mapping[str, Place]] = {
    "thinking": Place(Sink.THINKING, {"<|END_THINKING|>": Exit("blocks", drops_blanks=True)}),
    "blocks": Place(
        Sink.NOTHING,
        {
            "<|START_TEXT|>": Exit("text"),
            "<|START_RESPONSE|>": Exit("text"),
            "<|START_ACTION|>": Exit("action"),
            _TURN_END: Exit("blocks"),
        },
        otherwise="text",
    ),
    "text": Place(
        Sink.TEXT,
        {"<|END_TEXT|>": Exit("blocks"), "<|END_RESPONSE|>": Exit("blocks"), _TURN_END: Exit("blocks")},
        drops_blanks=False,
    ),
    "action": Place(Sink.CALL, {"<|END_ACTION|>": Exit("blocks")}),
}


def parser(request: ReplyRequest) -> FormatParser:
    """Command A: in the middle of thinking, unless told otherwise."""
    start = "text" if request.is_prefilled else "thinking" if request.thinks(by_default=True) else "blocks"
    return FormatParser(_PLACES, start, read=_read_calls, read_open=_read_calls)


def _read_calls(text: str) -> list[ReadCall]:
    """The calls of a list; of a broken one those of its objects that are whole."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not (isinstance(found, list) and is_depth_bounded(found)):
        found = None
    objects = found if isinstance(found, list) else list(_whole_objects(text))
    found_members = (members(item, "tool_name", "parameters") for item in objects if isinstance(item, dict))
    calls = [read_members(*both, needs_name=False) for both in found_members]
    if not calls and not isinstance(found, list):
        raise MalformedCall("it holds no whole object")
    return calls


def _whole_objects(text: str) -> Iterator[object]:
    brackets, start = Brackets(), 0
    while True:
        end, is_object = brackets.find_end(text, start)
        if end is None:
            return
        if is_object:
            try:
                yield read_object(text[text.index("{", start) : end])
            except (MalformedCall, ValueError):
                pass
        start = end
