"""GLM-4.7 and GLM-OCR: thinking first, calls as a name and pairs of keys and values, typed by the tool's schema."""

import re
from collections.abc import Sequence
from functools import partial
from typing import Final

from tampu.parsing.formats.machine import Exit, FormatParser, MalformedCall, Place, ReadCall, Sink
from tampu.parsing.formats.qwen3 import PLACES, THINK, THINK_END
from tampu.parsing.formats.request import ReplyRequest
from tampu.parsing.formats.tags import BLANKS
from tampu.parsing.formats.typed_values import Schemas

_KEY, _KEY_END, _VALUE, _VALUE_END = _TURN = ("<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>")
_TAG = re.compile(f"({'|'.join(_TURN)})")
_CLOSED_BY: Final = {_KEY: _KEY_END, _VALUE: _VALUE_END}
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
    parts = _TAG.split(text.strip(BLANKS))
    outside, pairs = _pairs(parts) if _is_sound(parts) else _mended(parts)
    return [_call(outside, pairs, schemas)]


def _read_open(text: str, *, schemas: Schemas) -> list[ReadCall]:
    """A call without its end counts if it is whole: of a known tool, with all that the tool requires."""
    parts = _TAG.split(text.strip(BLANKS))
    if not _is_sound(parts):
        raise MalformedCall("it has no end and lacks a tag")
    call = _call(*_pairs(parts), schemas)
    if call.name not in schemas.names:
        raise MalformedCall("it has no end, and its tool is not declared")
    if "" in call.arguments or any(name not in call.arguments for name in schemas.required(call.name)):
        raise MalformedCall("it has no end and lacks a required argument, or the name of one")
    return [call]


def _call(outside: str, pairs: Sequence[tuple[str, str]], schemas: Schemas) -> ReadCall:
    name = outside.strip(BLANKS)
    if not name:
        raise MalformedCall("it has no name")
    named = ((key.strip(BLANKS), value) for key, value in pairs)
    return ReadCall(name, {key: schemas.typed(name, key, value) for key, value in named})


def _is_sound(parts: Sequence[str]) -> bool:
    """Whether each tag that opens is followed by the one that closes it; tags stand at odd places."""
    return len(parts) % 4 == 1 and all(
        closing == _CLOSED_BY.get(opening) for opening, closing in zip(parts[1::4], parts[3::4], strict=True)
    )


def _pairs(parts: Sequence[str]) -> tuple[str, list[tuple[str, str]]]:
    """The text outside of the pairs, and the pairs; raises MalformedCall where a key or a value is missing."""
    inside = list(zip(parts[1::4], parts[2::4], strict=True))
    keys = [text for tag, text in inside if tag == _KEY]
    values = [text for tag, text in inside if tag == _VALUE]
    if len(keys) != len(values):
        raise MalformedCall(f"it has {len(keys)} keys, but {len(values)} values")
    return "".join(parts[0::4]), list(zip(keys, values, strict=True))


def _mended(parts: Sequence[str]) -> tuple[str, list[tuple[str, str]]]:
    """The same of a text whose tags do not match."""
    turn = _Turn()
    name, tags = parts[0], parts[1::2]
    if tags[0] != _KEY:
        # The opening tag of the first key is missing: the name of a function has no blank.
        name, *key = name.split(maxsplit=1) or [""]
        if key:
            turn.open_with(*key)
    for said, tag in zip(["", *parts[2:-1:2]], tags, strict=True):
        turn.take(said, _TURN.index(tag))
    turn.finish(parts[-1])
    return "".join([name, *turn.outside]), list(zip(turn.keys, turn.values, strict=True))


class _Turn:
    """The four tags of a pair in turn: those that should stand between the last one and the next are thought of.

    What is said where a tag should open stands behind that tag.
    """

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.values: list[str] = []
        self.outside: list[str] = []
        self._next = 0

    def open_with(self, key: str) -> None:
        """Begin the first pair with a key whose opening tag is missing."""
        self._pass()
        self._say(key)

    def take(self, said: str, tag: int) -> None:
        """Take a tag, by its place in the turn, and what was said in front of it."""
        if self._next != tag and self._next % 2 == 0 and said:
            self._pass()
            self._say(said)
            said = ""
        while self._next != tag:
            if self._next % 2 and (self._next + 1) % 4 == tag:
                self._say(said)
                said = ""
            self._pass()
        self._say(said)
        self._pass()

    def finish(self, said: str) -> None:
        """Close what is open behind the last tag."""
        if self._next % 2:
            self._say(said)
        while self._next:
            self._pass()

    def _pass(self) -> None:
        if self._next % 2 == 0:
            (self.values if self._next else self.keys).append("")
        self._next = (self._next + 1) % 4

    def _say(self, text: str) -> None:
        if self._next % 2:
            (self.keys if self._next == 1 else self.values)[-1] += text
        else:
            self.outside.append(text)
