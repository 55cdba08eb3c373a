"""Laguna of Poolside, in both of its formats: calls as pairs or as JSON in tags, or as bare JSON where tools are."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from tampu.parsing.formats.machine import Exit, FormatParser, MalformedCall, Place, ReadCall, Sink
from tampu.parsing.formats.qwen3 import CALL, CALL_END, THINK, THINK_END, members, read_members, read_object
from tampu.parsing.formats.request import ReplyRequest
from tampu.parsing.formats.typed_values import Schemas

_OBJECT: Final = '{"'
_USER, _USER_END = "<user>", "</user>"
_ALIASES: Final = {"read_file": "read", "write_file": "write", "edit_file": "edit", "web_fetch": "webfetch"}
_REPEATED_TAG = re.compile(rf"\A(?:{CALL}\s*)+")
_KEY, _KEY_END = "<arg_key>", "</arg_key>"
_VALUE, _VALUE_END = "<arg_value>", "</arg_value>"


def parser(request: ReplyRequest) -> FormatParser:
    """Laguna: thinks where it is asked to, not where it goes on with an answer."""
    is_answer = request.last is not None and request.last.role == "assistant"
    return _parser(request, goes_on=is_answer)


def compact_parser(request: ReplyRequest) -> FormatParser:
    """Poolside's v1 format: always begins anew."""
    return _parser(request, goes_on=False)


def _parser(request: ReplyRequest, *, goes_on: bool) -> FormatParser:
    thinks = request.thinks(by_default=False)
    places = _places(has_tools=bool(request.tools), thinks=thinks, begins_thinking=thinks and not goes_on)
    schemas = Schemas(request.tools)
    read, read_open = (partial(_read_call, schemas=schemas, is_open=is_open) for is_open in (False, True))
    return FormatParser(places, "start", read=read, read_open=read_open)


def _places(*, has_tools: bool, thinks: bool, begins_thinking: bool) -> Mapping[str, Place]:
    exits = {THINK: Exit("thinking"), THINK_END: Exit("text"), CALL: Exit("call")}
    bare_calls = {_OBJECT: Exit("object"), _USER: Exit("user")} if has_tools else {}
    text = Place(Sink.TEXT, {**exits, **bare_calls})
    sink = Sink.THINKING if thinks else Sink.NOTHING
    start = {THINK: Exit("first thinking")} if begins_thinking else text.exits
    return {
        "start": Place(Sink.NOTHING, start, otherwise="first thinking" if begins_thinking else "text"),
        # What is said first does not begin with blanks.
        "first thinking": Place(sink, {THINK_END: Exit("text", drops_blanks=True), CALL: Exit("first call")}),
        "first call": Place(Sink.CALL, {CALL_END: Exit("text", drops_blanks=True)}),
        "thinking": Place(sink, {THINK_END: Exit("text"), CALL: Exit("call")}),
        "text": text,
        "call": Place(Sink.CALL, {CALL_END: Exit("text")}),
        "user": Place(Sink.CALL, {_USER_END: Exit("text")}, keeps_tag=True),
        "object": Place(Sink.CALL, {"}": Exit("text")}, keeps_tag=True, ends_with_object=True),
    }


def _read_call(text: str, *, schemas: Schemas, is_open: bool) -> list[ReadCall]:
    body = _REPEATED_TAG.sub("", text.removeprefix(_USER).strip(), count=1).partition(CALL)[0]
    if is_open and not body and not text.startswith(_USER):
        return []
    if body.startswith("{"):
        call = read_members(*members(read_object(body), "name", "arguments"))
        call = ReadCall(_resolved(call.name, schemas), call.arguments)
    else:
        call = _read_pairs(body, schemas)
    if text.startswith(_USER) and (is_open or call.name not in schemas.names):
        raise MalformedCall("its tool is not declared")
    return [call]


def _read_pairs(body: str, schemas: Schemas) -> ReadCall:
    """A name, and behind it pairs of keys and values, or a JSON object."""
    ends = [end for end in (body.find(_KEY), body.find("{")) if end >= 0]
    end = min(ends, default=len(body))
    name = _resolved(body[:end].strip(), schemas)
    if not name or "<arg_" in name:
        raise MalformedCall("it has no name")
    if body[end:].startswith("{"):
        return ReadCall(name, read_object(body[end:]))
    return ReadCall(name, {key: schemas.typed(name, key, value) for key, value in _pairs(body, end)})


def _resolved(name: str, schemas: Schemas) -> str:
    """The declared tool that goes by that name."""
    alias = _ALIASES.get(name, name)
    return alias if alias in schemas.names and name not in schemas.names else name


def _pairs(text: str, position: int) -> Iterator[tuple[str, str]]:
    """The pairs that are whole, up to the first that is not; raises MalformedCall where a value may be another's."""
    while True:
        key = _between(text, _KEY, _KEY_END, position)
        value = _between(text, _VALUE, _VALUE_END, key[1]) if key else None
        if key is None or value is None:
            return
        if text[key[1] : text.find(_VALUE, key[1])].strip():
            raise MalformedCall("something stands between a key and its value")
        yield key[0].strip(), value[0]
        position = value[1]


def _between(text: str, opening: str, closing: str, position: int) -> tuple[str, int] | None:
    """What stands between two tags from `position` on, and where it ends."""
    start = text.find(opening, position)
    end = text.find(closing, start)
    return None if start < 0 or end < 0 else (text[start + len(opening) : end], end + len(closing))
