"""Qwen3-Coder and Qwen3.5: calls as XML whose values are bare text, typed by the schema of the tool."""

import re
from collections.abc import Mapping
from functools import partial

from tampu.parsing.formats.machine import FormatParser, MalformedCall, Place, ReadCall
from tampu.parsing.formats.qwen3 import CALL, PLACES
from tampu.parsing.formats.request import ReplyRequest
from tampu.parsing.formats.typed_values import Schemas

# Models also write the name as an attribute.
_TAG = re.compile(r'<(function|parameter)(?:=([^<>]+)|\s++name="([^"<>]*)")?>|</(function|parameter)>')
_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def parser(request: ReplyRequest) -> FormatParser:
    """Qwen3-Coder."""
    return xml_parser(PLACES, "text", request)


def qwen3_5_parser(request: ReplyRequest) -> FormatParser:
    """Qwen3.5 and Ornith: in the middle of thinking, unless told otherwise."""
    is_answering = request.is_prefilled or not request.thinks(by_default=True)
    return xml_parser(PLACES, "text" if is_answering else "start", request)


def xml_parser(places: Mapping[str, Place], start: str, request: ReplyRequest) -> FormatParser:
    """A parser of such calls between the tags of these places."""
    read, read_open = (
        partial(_read_call, schemas=Schemas(request.tools), is_open=is_open) for is_open in (False, True)
    )
    return FormatParser(places, start, read=read, read_open=read_open)


def _read_call(text: str, *, schemas: Schemas, is_open: bool) -> list[ReadCall]:
    """The first function in the text; text around parameters is ignored, but not behind a call whose end is missing."""
    if _ILLEGAL.search(text):
        raise MalformedCall("it holds control characters")
    tags = _TAG.finditer(text)
    opening = next(tags, None)
    if opening is None or opening[1] != "function":
        raise MalformedCall("it has no function")
    name = _name(opening)
    arguments: dict[str, object] = {}
    for tag in tags:
        if tag[4] == "function":
            behind = text[tag.end() :]
            return [ReadCall(name, arguments, rest=behind if is_open or CALL in behind else "")]
        closing = next(tags, None)
        if tag[1] != "parameter" or closing is None or closing[4] != "parameter":
            break
        argument = _name(tag)
        arguments[argument] = schemas.typed(name, argument, text[tag.end() : closing.start()])
    raise MalformedCall("its elements are not closed in order")


def _name(tag: re.Match[str]) -> str:
    """The name that an opening tag gives its element; "" where it gives none."""
    return tag[2] or tag[3] or ""
