"""The kinds of values that settings have: how each is read from a variable and from the file, and what is allowed."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from tampu.config import values
from tampu.config.address import Address, parse_address, port_of
from tampu.config.nodes import Items, Node, Pairs, Scalar
from tampu.errors import InvalidName
from tampu.names import ModelName
from tampu.secret import Secret

Schema = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of value is read.

    `read`: from a variable; None means that the text means nothing and the default counts. `from_file`: from the file,
    where nothing is guessed. Both raise ValueError, with a reason or without. `allowed` says what is; `schema` says it
    in JSON schema.
    """

    allowed: str
    schema: Schema
    read: Callable[[str], Any]
    from_file: Callable[[Node], Any]


def text_of(node: Node) -> str:
    """The one value that is written there; raises ValueError for a list or mapping."""
    match node:
        case Scalar(text=text):
            return text
        case _:
            raise ValueError("one value is expected")


def texts_of(node: Node) -> list[str]:
    """The values of a list; one value is a list of one."""
    return [text_of(item) for item in node.items] if isinstance(node, Items) else [text_of(node)]


def _one(allowed: str, schema: Schema, read: Callable[[str], Any], strict: Callable[[str], Any]) -> Kind:
    """A kind of one value. Where `strict` gives None nothing is meant."""

    def from_file(node: Node) -> Any:
        value = strict(text_of(node))
        if value is None:
            raise ValueError
        return value

    return Kind(allowed, schema, read, from_file)


def whole(least: int, most: int = 2**31 - 1) -> Kind:
    """A whole number of a range; of the file only."""
    allowed = f"a whole number from {least} to {most}" if most < 2**31 - 1 else f"a whole number, {least} or more"
    strict = partial(values.count_within, least=least, most=most)
    return _one(allowed, {"type": "integer", "minimum": least, "maximum": most}, values.count, strict)


def _host(text: str) -> Address:
    """An address whose port, if it has one, is one; a variable's wrong one means the default."""
    if not values.is_port(port_of(text)):
        raise ValueError(f"{port_of(text)!r} is no port; a number from 1 to 65535 is")
    return parse_address(text)


def _secret(text: str) -> Secret:
    if not text.strip():
        raise ValueError("a key cannot be empty")
    return Secret(text)


def _mirrors(node: Node) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    match node:
        case Scalar(text=text):
            return values.mirrors(text)
        case Pairs(pairs=pairs):
            for host, addresses in pairs:
                found |= values.mirrors_of(host.text, texts_of(addresses))
            return found
        case _:
            raise ValueError("hosts are expected, each with the addresses to try first")


def _automatic_flag(node: Node) -> bool | None:
    return values.flag_or_automatic(text_of(node))


def _gpu(node: Node) -> bool | int | None:
    """Yes, no, `auto` (None), or the number of one device."""
    text = text_of(node)
    if text.isdigit():  # `gpu: 0` names the first device
        return values.count_within(text, 0, 255)
    return values.flag_or_automatic(text)


def _model_name(node: Node) -> str:
    try:
        return ModelName.parse(text_of(node)).short
    except InvalidName as error:
        raise ValueError(error.message) from None


_STRING: Final[Schema] = {"type": "string"}
_STRINGS: Final[Schema] = {"oneOf": [_STRING, {"type": "array", "items": _STRING}]}
_DURATION: Final[Schema] = {"type": ["string", "integer"], "examples": ["10m", "1h30m", 300, -1]}
_DURATION_WORDS: Final = "a duration such as 10m or 1h30m, or a number of seconds"
_PATH_WORDS: Final = "an absolute path, or one that begins with ~"

TEXT: Final = _one("a text", _STRING, values.text, values.text)
FLAG: Final = _one("true or false", {"type": "boolean"}, values.flag, values.strict_flag)
ANY_TEXT_FLAG: Final = _one("true or false", {"type": "boolean"}, bool, values.strict_flag)
UNLESS_ZERO: Final = _one("true or false", {"type": "boolean"}, values.unless_zero, values.strict_flag)
AUTOMATIC_FLAG: Final = Kind("true, false or auto", {"enum": [True, False, "auto"]}, values.flag, _automatic_flag)
COUNT: Final = _one("a whole number, 0 or more", {"type": "integer", "minimum": 0}, values.count, values.count)
PORT: Final = whole(1, 65535)
ADDRESS: Final = _one("an address of the form [scheme://]host[:port]", _STRING, parse_address, _host)
KEEP_ALIVE: Final = _one(
    f"{_DURATION_WORDS}; negative: for ever", _DURATION, values.duration_or_seconds, values.duration_or_seconds
)
LASTING: Final = _one(
    f"{_DURATION_WORDS}; 0: for ever", _DURATION, values.positive_duration_s, values.positive_duration_s
)
CACHE_TYPE: Final = _one(
    f"one of {', '.join(values.CACHE_TYPES)}", {"enum": list(values.CACHE_TYPES)}, values.cache_type, values.cache_type
)
ORIGINS: Final = Kind(
    "a list of origins, each with one * at most",
    _STRINGS,
    values.origins,
    lambda node: values.origins_of(texts_of(node) if isinstance(node, Items) else text_of(node).split(",")),
)
RATE: Final = _one(
    "bytes a second with K, M or G, such as 5M", {"type": ["string", "integer"]}, values.rate, values.rate
)
MIRRORS: Final = Kind(
    "hosts, each with a list of addresses",
    {"type": "object", "additionalProperties": _STRINGS},
    values.mirrors,
    _mirrors,
)
CA_FILE: Final = _one("the path of a PEM file", _STRING, values.ca_file, values.ca_file)
PATH: Final = _one(_PATH_WORDS, _STRING, values.path, values.absolute_path)
FOLDERS: Final = Kind(
    f"a list of folders, each {_PATH_WORDS}",
    _STRINGS,
    values.folders,
    lambda node: values.folders_of(texts_of(node) if isinstance(node, Items) else text_of(node).split(os.pathsep)),
)
LOG_LEVEL: Final = _one(
    "true, false or a number: 1 debug, 2 trace",
    {"type": ["boolean", "integer"], "minimum": 0},
    values.log_level,
    values.strict_log_level,
)
SECRET: Final = _one("a text", _STRING, Secret, _secret)
MODEL_NAME: Final = Kind("the name of a model", _STRING, values.text, _model_name)
GPU: Final = Kind(
    "true, false, auto, or the number of one device",
    {"oneOf": [{"enum": [True, False, "auto"]}, {"type": "integer", "minimum": 0}]},
    values.flag,
    _gpu,
)
