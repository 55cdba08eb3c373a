"""Glimmer: messages that say to whom they go; calls as XML in the `atem` name space."""

import re
from collections.abc import Mapping
from dataclasses import replace
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
_ENDS: Final = {
    "<|eom|>": Exit("start"),
    "<|eot|>": Exit("start"),
    "<|start|>assistant to=": Exit("header"),
    f"<|start|>assistant{_MESSAGE}": Exit("message"),
}
_PLACES: Final[Mapping[str, Place]] = {
    "start": Place(
        Sink.NOTHING,
        {"to=": Exit("header"), _MESSAGE: Exit("message"), **_ENDS},
        otherwise="text",
        drops_blanks=False,
    ),
    "header": Place(Sink.HEADER, {_MESSAGE: Exit("message")}),
    "message": Place(Sink.NOTHING, {_CALLS: Exit("call")}, otherwise="text", drops_blanks=False),
    "thoughts": Place(Sink.THINKING, _ENDS, drops_blanks=False),
    "text": Place(Sink.TEXT, _ENDS, drops_blanks=False),
    "call": Place(Sink.CALL, {_CALLS_END: Exit("start")}),
}
_WITHOUT_THOUGHTS: Final = {**_PLACES, "thoughts": replace(_PLACES["thoughts"], sink=Sink.NOTHING)}


def parser(request: ReplyRequest) -> FormatParser:
    """Glimmer: thoughts are told unless the request forbids thinking."""
    places = _PLACES if request.thinks(by_default=True) else _WITHOUT_THOUGHTS
    message = _Message(Schemas(request.tools))
    return FormatParser(places, "start", read=message.read, read_open=message.read, route=message.route)


class _Message:
    """The message that is being read."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas, self._recipient = schemas, ""

    def route(self, header: str) -> str:
        """What kind of text the message is: to the model itself it is thinking."""
        self._recipient = header.strip()
        return "thoughts" if self._recipient == "self" else "message"

    def read(self, text: str) -> list[ReadCall]:
        """The call of a declared tool, to which the message went or that nobody was named for."""
        invoke = _INVOKE.match(text)
        if invoke is None:
            raise MalformedCall("it has no invoke element")
        name, addressed = self._declared(invoke[1]), self._declared(self._recipient)
        if name is None:
            raise MalformedCall("its tool is not declared")
        if addressed not in (None, name):
            raise MalformedCall("it calls another tool than the one it goes to")
        return [ReadCall(name, self._arguments(name, text, invoke.end()))]

    def _declared(self, name: str) -> str | None:
        """The declared tool of that name, with or without its name space."""
        return next((known for known in (name, name.rpartition(".")[2]) if known in self._schemas.names), None)

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
