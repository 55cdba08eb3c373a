"""Glimmer: messages that say to whom they go; calls as XML in the `atem` name space."""

import re
from collections.abc import Mapping
from typing import Final

from tampu.parsing.formats.machine import Exit, FormatParser, MalformedCall, Place, ReadCall, Sink
from tampu.parsing.formats.request import ReplyRequest
from tampu.parsing.formats.typed_values import Schemas, typed_value

_MESSAGE: Final = "<|message|>"
_CALLS, _CALLS_END = "<atem:function_calls>", "</atem:function_calls>"
_INVOKE_END: Final = "</atem:invoke>"
_PARAMETER_END: Final = "</atem:parameter>"
# Models put the tag in front of a message into the name, or in place of the end of the element.
_INVOKE = re.compile(r'\s*<atem:invoke name="([^"<>]*)(?:<\|message\|>)?(?:">)?')
_PARAMETER = re.compile(r'\s*<atem:parameter name="([^"]*)">')
_ASSISTANT: Final = "<|start|>assistant"


def parser(request: ReplyRequest) -> FormatParser:
    """Glimmer: thoughts are told unless the request forbids thinking, calls are known where it has tools."""
    message = _Message(Schemas(request.tools))
    thoughts = Sink.THINKING if request.thinks(by_default=True) else Sink.NOTHING
    places = _places("message" if request.tools else "text", thoughts)
    return FormatParser(places, "start", read=message.read, route=message.route, open_header=_without_start)


def _places(message: str, thoughts: Sink) -> Mapping[str, Place]:
    """`message`: where a message that is no thinking begins. It is a call as a whole, or text."""
    ends = {
        "<|eom|>": Exit("start", is_text=False),
        "<|eot|>": Exit("start", is_text=False),
        f"{_ASSISTANT} to=": Exit("header", is_text=False),
        f"{_ASSISTANT}{_MESSAGE}": Exit(message, is_text=False, header=""),
    }
    header = Exit("header")
    start = {"to=": header, _ASSISTANT: header, _MESSAGE: Exit(message, header=""), **ends}
    return {
        "start": Place(Sink.NOTHING, start, otherwise="headless", drops_blanks=False),
        "headless": Place(Sink.TEXT, {_MESSAGE: Exit(message, header=""), **ends}, drops_blanks=False),
        "header": Place(Sink.HEADER, {_MESSAGE: Exit(message)}),
        "message": Place(Sink.NOTHING, {_CALLS: Exit("call")}, otherwise="text", drops_blanks=False),
        "thoughts": Place(thoughts, ends, drops_blanks=False),
        "text": Place(Sink.TEXT, ends, drops_blanks=False),
        "call": Place(Sink.CALL, {_CALLS_END: Exit("behind call")}),
        "behind call": Place(Sink.CALL, ends),
    }


def _without_start(header: str) -> str:
    return header.removeprefix(_ASSISTANT)


class _Message:
    """The message that is being read."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas, self._recipient = schemas, ""

    def route(self, header: str) -> str:
        """What kind of text the message is: to the model itself it is thinking."""
        self._recipient = header.strip().removeprefix("to=").strip()
        if self._recipient == "self":
            return "thoughts"
        return "message" if self._schemas.names else "text"

    def read(self, text: str) -> list[ReadCall]:
        """The call of a declared tool, to which the message went or that nobody was named for."""
        body = text.strip()
        invoke = _INVOKE.match(body)
        if invoke is None or not body.endswith(_CALLS_END):
            raise MalformedCall("it is no invoke element, or not that alone")
        name, addressed = self._declared(invoke[1]), self._declared(self._recipient)
        if name is None:
            raise MalformedCall("its tool is not declared")
        if addressed not in (None, name):
            raise MalformedCall("it calls another tool than the one it goes to")
        return [ReadCall(name, self._arguments(name, body.removesuffix(_CALLS_END), invoke.end()))]

    def _declared(self, name: str) -> str | None:
        """The declared tool of that name; the first part of its name may stand in front of it once more."""
        space, _, rest = name.partition(".")
        known = self._schemas.names
        return name if name in known else rest if rest in known and rest.partition(".")[0] == space else None

    def _arguments(self, name: str, text: str, position: int) -> dict[str, object]:
        found: dict[str, object] = {}
        while (parameter := _PARAMETER.match(text, position)) is not None:
            end = text.find(_PARAMETER_END, parameter.end())
            if end < 0:
                raise MalformedCall("one of its parameters has no end")
            types = self._schemas.types(name, parameter[1])
            found[parameter[1]] = typed_value(text[parameter.end() : end], types)
            position = end + len(_PARAMETER_END)
        if text[position:].strip() != _INVOKE_END:
            raise MalformedCall("it holds something else than parameters")
        return found
