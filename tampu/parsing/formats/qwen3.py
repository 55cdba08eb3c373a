"""Qwen3 and Qwen3-VL: thinking first, calls as JSON objects between tags. The thinking variants begin inside of it."""

import json
from collections.abc import Mapping
from typing import Final

from tampu.parsing.calls import is_depth_bounded
from tampu.parsing.formats.machine import Exit, FormatParser, MalformedCall, Place, ReadCall, Sink
from tampu.parsing.formats.request import ReplyRequest
from tampu.parsing.formats.typed_values import plain_number

THINK, THINK_END = "<think>", "</think>"
CALL, CALL_END = "<tool_call>", "</tool_call>"
PLACES: Final[Mapping[str, Place]] = {
    # The model may repeat the tag that the prompt ended with.
    "start": Place(
        Sink.NOTHING, {THINK: Exit("thinking", drops_blanks=True)}, otherwise="thinking", drops_blanks=False
    ),
    "thinking": Place(Sink.THINKING, {THINK_END: Exit("text", drops_blanks=True), CALL: Exit("call")}),
    "text": Place(Sink.TEXT, {CALL: Exit("call")}),
    "call": Place(Sink.CALL, {CALL_END: Exit("text")}),
}
# More than once, and blanks behind it belong to the thinking.
_PLACES: Final = {
    **PLACES,
    "start": Place(Sink.NOTHING, {THINK: Exit("start")}, otherwise="thinking", drops_blanks=False),
}
# Qwen3-VL says the same, but blanks behind a call are no text.
_VL_PLACES: Final = {**PLACES, "call": Place(Sink.CALL, {CALL_END: Exit("text", drops_blanks=True)})}


def parser(request: ReplyRequest) -> FormatParser:  # noqa: ARG001 - every format is made of a request
    """Qwen3 without thinking."""
    return FormatParser(PLACES, "text", read=read_call)


def thinking_parser(request: ReplyRequest) -> FormatParser:
    """Qwen3 with thinking."""
    return FormatParser(_PLACES, "start" if request.thinks(by_default=True) else "text", read=read_call)


def vl_parser(request: ReplyRequest) -> FormatParser:  # noqa: ARG001 - every format is made of a request
    """Qwen3-VL without thinking."""
    return FormatParser(_VL_PLACES, "text", read=_read_vl_call)


def vl_thinking_parser(request: ReplyRequest) -> FormatParser:
    """Qwen3-VL with thinking, whatever the request says; not where it goes on with an answer."""
    return FormatParser(_VL_PLACES, "text" if request.is_prefilled else "thinking", read=_read_vl_call)


def read_call(text: str) -> list[ReadCall]:
    """The call that a JSON object is."""
    return [read_members(*members(read_object(text), "name", "arguments"))]


def _read_vl_call(text: str) -> list[ReadCall]:
    return [read_members(*members(read_object(text), "name", "arguments"), needs_name=False)]


def members(found: Mapping[str, object], *names: str) -> list[object]:
    """The members of these names, None where there is none; their keys may be in capitals."""
    lowered = {key.lower(): value for key, value in found.items()}
    return [lowered.get(name) for name in names]


def read_object(text: str) -> dict[str, object]:
    """The JSON object that a text is; raises MalformedCall."""
    try:
        found = json.loads(text, parse_float=lambda number: plain_number(float(number)))
    except (ValueError, RecursionError) as error:
        raise MalformedCall(f"it is no JSON: {error}") from error
    if not isinstance(found, dict) or not is_depth_bounded(found):
        raise MalformedCall("it is no JSON object, or too deep")
    return found


def read_members(name: object, arguments: object, *, needs_name: bool = True) -> ReadCall:
    """The call of these members; no arguments are as good as none, and they may be the text of an object.

    Where it need not have a name it needs arguments: something must tell that it is a call.
    """
    if isinstance(arguments, str):
        arguments = read_object(arguments)
    if arguments is not None and not isinstance(arguments, dict):
        raise MalformedCall("its arguments are no object")
    if not name and not needs_name and arguments is not None and name in {None, ""}:
        return ReadCall("", arguments)
    if not isinstance(name, str) or not name:
        raise MalformedCall("it has no name")
    return ReadCall(name, arguments or {})
