"""Qwen3-Coder and Qwen3.5: calls as XML whose values are bare text, typed by the schema of the tool."""

import re
from functools import partial

from tampu.parsing.formats.machine import FormatParser, MalformedCall, ReadCall
from tampu.parsing.formats.qwen3 import PLACES
from tampu.parsing.formats.request import ReplyRequest
from tampu.parsing.formats.typed_values import Schemas

# Models also write the name as an attribute.
_TAG = re.compile(r'<(function|parameter)(?:=([^<>]+)|\s++name="([^"<>]*)")?>|</(function|parameter)>')
_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def parser(request: ReplyRequest) -> FormatParser:
    """Qwen3-Coder."""
    return FormatParser(PLACES, "text", read=reader(request))


def qwen3_5_parser(request: ReplyRequest) -> FormatParser:
    """Qwen3.5 and Ornith: in the middle of thinking, unless told otherwise."""
    is_answering = request.is_prefilled or not request.thinks(by_default=True)
    return FormatParser(PLACES, "text" if is_answering else "start", read=reader(request))


def reader(request: ReplyRequest) -> partial[list[ReadCall]]:
    """The reader of calls for the tools of a request."""
    return partial(read_call, schemas=Schemas(request.tools))


def read_call(text: str, *, schemas: Schemas) -> list[ReadCall]:
    """The first function in the text; text around parameters is ignored."""
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
            return [ReadCall(name, arguments)]
        closing = next(tags, None)
        if tag[1] != "parameter" or closing is None or closing[4] != "parameter":
            break
        argument = _name(tag)
        arguments[argument] = schemas.typed(name, argument, text[tag.end() : closing.start()])
    raise MalformedCall("its elements are not closed in order")


def _name(tag: re.Match[str]) -> str:
    """The name that an opening tag gives its element; "" where it gives none."""
    return tag[2] or tag[3] or ""
