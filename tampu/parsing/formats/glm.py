"""GLM-4.7 and GLM-OCR: thinking first, calls as a name and pairs of keys and values, typed by the tool's schema."""

import re
from functools import partial

from tampu.parsing.formats.machine import Exit, FormatParser, MalformedCall, Place, ReadCall, Sink
from tampu.parsing.formats.qwen3 import PLACES, THINK, THINK_END
from tampu.parsing.formats.request import ReplyRequest
from tampu.parsing.formats.tags import BLANKS
from tampu.parsing.formats.typed_values import Schemas

_TAG = re.compile(r"</?arg_(?:key|value)>")
_KEY, _KEY_END, _VALUE, _VALUE_END = "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"
# Calls are looked for behind the thinking only.
_PLACES = {
    **PLACES,
    "start": Place(Sink.NOTHING, {THINK: Exit("thinking", drops_blanks=True)}, otherwise="text", drops_blanks=False),
    "thinking": Place(Sink.THINKING, {THINK_END: Exit("text", drops_blanks=True)}),
}


def parser(request: ReplyRequest) -> FormatParser:
    """GLM-4.7: in the middle of thinking; where that is off a block at the start still is thinking."""
    return _parser(request, "thinking" if request.thinks(by_default=True) else "start")


def ocr_parser(request: ReplyRequest) -> FormatParser:
    """GLM-OCR: thinks only where it says so."""
    return _parser(request, "start")


def _parser(request: ReplyRequest, start: str) -> FormatParser:
    schemas = Schemas(request.tools)
    read_open = partial(_read_open, schemas=schemas)
    return FormatParser(_PLACES, start, read=partial(read_call, schemas=schemas), read_open=read_open)


def read_call(text: str, *, schemas: Schemas) -> list[ReadCall]:
    """The call in a text; tags that the model left out are thought of as being there."""
    outside, pairs = split_pairs(text)
    name = outside.strip(BLANKS)
    if not name:
        raise MalformedCall("it has no name")
    return [ReadCall(name, {key: schemas.typed(name, key, value) for key, value in pairs})]


def _read_open(text: str, *, schemas: Schemas) -> list[ReadCall]:
    """A call without its end counts if it is whole: of a known tool, with all that the tool requires."""
    (call,) = read_call(text, schemas=schemas)
    if call.name not in schemas.names:
        raise MalformedCall("it has no end, and its tool is not declared")
    missing = [name for name in schemas.required(call.name) if name not in call.arguments]
    if missing or text.count(_VALUE) != text.count(_VALUE_END):
        raise MalformedCall("it has no end and lacks a required argument, or the end of a value")
    return [call]


def split_pairs(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The text outside of the pairs, and the pairs; raises MalformedCall where a key or a value is missing."""
    outside: list[str] = []
    keys: list[str] = []
    values: list[str] = []
    here, position = "", 0
    for tag in [*_TAG.finditer(text), None]:
        said = text[position : tag.start() if tag else len(text)]
        position = tag.end() if tag else position
        mark = tag.group() if tag else ""
        if here == _KEY:
            keys.append(said.strip(BLANKS))
        elif here == _VALUE or (mark == _VALUE_END and len(values) < len(keys)):
            values.append(said)
        elif mark == _KEY_END:
            before, _, key = said.rpartition(" ")
            outside.append(before)
            keys.append(key)
        else:
            outside.append(said)
        here = mark if mark in (_KEY, _VALUE) else ""
    if len(keys) != len(values):
        raise MalformedCall(f"it has {len(keys)} keys, but {len(values)} values")
    return "".join(outside), list(zip(keys, values, strict=True))
