"""Fields that mean the same in every dialect: keep_alive, think, format, tool_choice, images, logprobs."""

import binascii
import re
from collections.abc import Sequence
from typing import Annotated, Any, get_args

import msgspec

from tampu.errors import BadRequest, InvalidParameter
from tampu.generation import (
    AnyJson,
    InvalidFormat,
    JsonSchema,
    NamedTool,
    OutputFormat,
    Think,
    ThinkLevel,
    ToolChoice,
    ToolUse,
)
from tampu.messages import ImageAddress
from tampu.units import FOREVER_NS, NS_PER_S, KeepAlive
from tampu.wire import encode

Image = Annotated[str, msgspec.Meta(title="api.ImageData")]
"""A picture as requests write it; the title is what errors call it."""

MAX_TOP_LOGPROBS = 20
_LONGEST_S = FOREVER_NS // NS_PER_S
_LONGEST_DURATION = 100
_LONGEST_ADDRESS = 8192
_LEVELS = get_args(ThinkLevel)
_ACCEPTED_THINK = '"high", "medium", "low", "max", true, or false'
_LINE_BREAKS = re.compile(r"[\r\n]+")
_LINES = re.compile(r"[^\r\n]+")
_PIECE_LETTERS = 1 << 18
"""A multiple of four, so that a piece is base64 by itself; padding ends the last one only."""
_DATA_URI = re.compile(r"data:[^,]{0,100},")
_NO_BASE64 = re.compile(r"[^A-Za-z0-9+/\r\n]")


def read_keep_alive(value: Any) -> KeepAlive | None:
    """Seconds as a number, or a Go duration; negative means for ever. None: the request does not say."""
    match value:
        case None:
            return None
        case bool():
            raise BadRequest("Unsupported type: 'bool'")
        case int() | float():
            return KeepAlive.of_seconds(min(value, _LONGEST_S))
        case str() if len(value) > _LONGEST_DURATION:
            raise BadRequest(f'time: invalid duration "{value[:_LONGEST_DURATION]}..."')
        case str():
            return KeepAlive.of_text(value)
        case list():
            raise BadRequest("Unsupported type: '[]interface {}'")
        case _:
            raise BadRequest("Unsupported type: 'map[string]interface {}'")


def read_think(value: Any) -> Think | None:
    """A boolean or a level; None: the request does not say."""
    match value:
        case None | bool():
            return value
        case str() if value in _LEVELS:
            return value  # type: ignore[return-value]  # one of the levels, as just checked
        case str():
            raise BadRequest(f'invalid think value: "{value}" (must be {_ACCEPTED_THINK})')
        case _:
            raise BadRequest(f"think must be a boolean or string ({_ACCEPTED_THINK})")


def read_format(value: Any) -> OutputFormat | None:
    """`"json"` or a JSON Schema; what is neither is kept, because it is refused only when an answer would begin."""
    match value:
        case None | "":
            return None
        case "json":
            return AnyJson()
        case dict():
            return JsonSchema(value)
        case _:
            return InvalidFormat(encode(value).decode())


def read_tool_choice(value: Any) -> ToolChoice:
    """Ours: "auto", "none", "required" or one tool's name, as in other dialects."""
    match value:
        case None:
            return ToolUse.AUTO
        case "auto" | "none" | "required":
            return ToolUse(value)
        case {"type": "function", "function": {"name": str(name)}} if name:
            return NamedTool(name)
        case _:
            raise BadRequest(
                'tool_choice must be "auto", "none", "required" or {"type": "function", "function": {"name": NAME}}'
            )


def read_images(values: Sequence[str], *, place: str = "images") -> tuple[bytes, ...]:
    """Images from standard base64: padded, line breaks allowed. `place`: what an error calls the list."""
    return tuple(read_base64(value, f"{place}[{index}]") for index, value in enumerate(values))


def read_top_logprobs(value: int) -> int:
    """How many alternatives to list, within its range."""
    if not 0 <= value <= MAX_TOP_LOGPROBS:
        raise InvalidParameter(f"top_logprobs must be between 0 and {MAX_TOP_LOGPROBS}")
    return value


def read_address(url: str, place: str) -> ImageAddress:
    """The address of a picture, for whoever fetches it; raises BadRequest for one that is too long."""
    if len(url) > _LONGEST_ADDRESS:
        raise BadRequest(f"{place} is an address of more than {_LONGEST_ADDRESS} characters")
    return ImageAddress(url.encode("utf-8", "replace"))


def read_base64(text: str, place: str) -> bytes:
    """The bytes, read a piece at a time: in a thread, that lets others have their turn in between."""
    letters = _LINE_BREAKS.sub("", text) if "\n" in text or "\r" in text else text
    try:
        pieces = [
            binascii.a2b_base64(letters[start : start + _PIECE_LETTERS], strict_mode=True)
            for start in range(0, len(letters), _PIECE_LETTERS)
        ]
        if "=" not in letters[:-2]:
            return b"".join(pieces)
    except ValueError:
        pass
    advice = f"; leave out {text[: text.find(',') + 1]!r}" if _DATA_URI.match(text) else ""
    raise BadRequest(f"illegal base64 data at input byte {_first_illegal(text)} of {place}{advice}")


def _first_illegal(text: str) -> int:
    """Where the base64 goes wrong: its first foreign character, else where its last group of four begins."""
    body = text.rstrip("=\r\n")
    found = (_NO_BASE64.search(body, start, start + _PIECE_LETTERS) for start in range(0, len(body), _PIECE_LETTERS))
    foreign = next(filter(None, found), None)
    if foreign is not None:
        return len(text[: foreign.start()].encode())
    lines = [line.span() for line in _LINES.finditer(body)]
    before_last_group = sum(end - start for start, end in lines) // 4 * 4
    for start, end in lines:
        if before_last_group < end - start:
            return start + before_last_group
        before_last_group -= end - start
    return next((place for place in range(len(body), len(text)) if text[place] == "="), len(text))
