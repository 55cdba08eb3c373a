"""JSON in and out. The only place where a request is an untyped dict.

Reading follows what clients of Ollama rely on: field names match in any case, unknown fields and nulls are left out
(nulls of the fields in a struct's `told_nulls` are told); only the first JSON value of a body counts, bytes that are
no UTF-8 become U+FFFD; nothing is coerced.
"""

import json
import math
import re
import types
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from tampu.errors import BadRequest
from tampu.json_misfits import type_fault
from tampu.json_syntax import UNEXPECTED_END, syntax_fault

T = TypeVar("T")

Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""A whole number of a request; a longer one is refused."""

_encoder = msgspec.json.Encoder()
_any_decoder = msgspec.json.Decoder()
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_FEW_BYTES = 1 << 20
_MOST_VALUES = 2_000_000
"""A value takes a hundred times the memory of its text, and reading so many stops everything else for a moment.

There is a comma between two values; texts have commas too, but one with so many fits no context.
"""
_MOST_LENIENTLY = 4 << 20
"""Reading leniently is slow, and nothing else runs meanwhile: longer bodies have to be JSON to the letter."""
_MOST_WORDED = 1 << 16
"""Finding the words of clients for a fault takes a thousand times as long as reading."""
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def encode(value: object) -> bytes:
    """Compact JSON. What is no character, as Python keeps bytes of a command line or file name, becomes U+FFFD."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _encoder.encode(_without_surrogates(msgspec.to_builtins(value, enc_hook=_read_raw)))


def _read_raw(value: object) -> object:
    """What a piece of written JSON says."""
    if not isinstance(value, msgspec.Raw):
        raise NotImplementedError
    return _any_decoder.decode(value)


def decode(kind: type[T], raw: bytes, passed_over: Callable[[Sequence[str]], None] | None = None) -> T:
    """The first JSON value of `raw` as `kind`; raises BadRequest that says what is wrong and where.

    `passed_over` is told the names of the outermost fields that `kind` does not know, if there are any.
    """
    if not raw.strip():
        raise BadRequest("missing request body")
    try:
        value = parse(raw)
        found = convert(kind, {} if value is None else value)
    except BadRequest as error:
        fault = "" if len(raw) > _MOST_WORDED else syntax_fault(raw) or type_fault(raw, kind)
        raise BadRequest(fault or error.message) from None
    if passed_over is not None and (unknown := _unknown_fields(value, kind)):
        passed_over(unknown)
    return found


def convert(kind: type[T], value: object) -> T:
    """`value` (plain JSON data) as `kind`, by the same rules; raises BadRequest."""
    try:
        return msgspec.convert(_fit(value, kind), kind)
    except RecursionError:
        raise _too_deep() from None
    except msgspec.ValidationError as error:
        raise BadRequest(f"json: {_first_lower(str(error))}") from None


def parse(raw: bytes) -> Any:
    """The first JSON value of `raw` as plain data; raises BadRequest."""
    if len(raw) > _FEW_BYTES and raw.count(b",") > _MOST_VALUES:
        raise BadRequest(f"json: the body holds more than {_MOST_VALUES} values; send less at once")
    try:
        return _any_decoder.decode(raw)
    except RecursionError:
        raise _too_deep() from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if len(raw) > _MOST_LENIENTLY:
            raise BadRequest(f"json: {_words_of_fast_reader(error)}") from None
        return _parse_leniently(raw)


def written(raw: bytes, name: str) -> str | None:
    """The member `name` of the object `raw` as its sender wrote it; None where that cannot be told."""
    try:
        members = _members_decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    found = [bytes(value).decode(errors="replace") for key, value in members.items() if key.casefold() == name]
    return found[-1] if found else None


def _too_deep() -> BadRequest:
    return BadRequest("json: the body is nested too deeply")


def _parse_leniently(raw: bytes) -> Any:
    """What the fast reader refuses although clients may send it: text after the value, bytes that are no UTF-8."""
    text = raw.decode("utf-8", "surrogateescape").lstrip(" \t\r\n")  # each bad byte becomes one U+FFFD
    try:
        value, _ = _lenient.raw_decode(text)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        fault = syntax_fault(raw) if len(raw) <= _MOST_WORDED else _words_of_fast_reader(error)
        raise BadRequest(fault or f"json: {error}") from None
    return _without_surrogates(value)


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"number {digits[:32]} is out of range")
    return number


_lenient = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


def _words_of_fast_reader(error: Exception) -> str:
    """What the fast reader says, in the words that clients know where there are any."""
    text = str(error).removeprefix("JSON is malformed: ")
    return UNEXPECTED_END if "truncated" in text else _first_lower(text)


def _without_surrogates(value: Any) -> Any:
    match value:
        case str():
            return _LONE_SURROGATE.sub("\ufffd", value)
        case list() | tuple():
            return [_without_surrogates(item) for item in value]
        case dict():
            return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
        case _:
            return value


def _first_lower(text: str) -> str:
    return text[:1].lower() + text[1:]


# --- fitting plain data to a type: names in any case, nulls and unknown fields left out -----------------------------


def _fit(value: Any, kind: Any) -> Any:
    if isinstance(value, dict):
        struct = _struct_in(kind)
        if struct is not None:
            return _fit_fields(value, struct)
        item = _item_kind(kind, dict)
        if item is Any:
            return value
        return {key: _fit_item(item_value, item) for key, item_value in value.items()}
    if isinstance(value, list):
        item = _item_kind(kind, list)
        return value if item is Any else [_fit_item(item_value, item) for item_value in value]
    return value


_ZERO_VALUES: dict[Any, Any] = {str: "", int: 0, float: 0.0, bool: False}


def _fit_item(value: Any, kind: Any) -> Any:
    """An item of a list or a map: a null is the zero value of its kind, as Go reads it."""
    if value is not None:
        return _fit(value, kind)
    return {} if _struct_in(kind) is not None else _ZERO_VALUES.get(kind)


def _fit_fields(value: dict[str, Any], struct: type[msgspec.Struct]) -> dict[str, Any]:
    exact, folded = _fields_of(struct)
    fitted: dict[str, Any] = {}
    for key, item in value.items():
        name = key if key in exact else folded.get(key.casefold())
        if name is not None and (item is not None or name in getattr(struct, "told_nulls", ())):
            fitted[name] = _fit(item, exact[name])
    return fitted


def _unknown_fields(value: Any, kind: Any) -> list[str]:
    struct = _struct_in(kind)
    if not isinstance(value, dict) or struct is None:
        return []
    exact, folded = _fields_of(struct)
    return [key for key in value if key not in exact and key.casefold() not in folded]


_field_cache: dict[type, tuple[dict[str, Any], dict[str, str]]] = {}


def _fields_of(struct: type[msgspec.Struct]) -> tuple[dict[str, Any], dict[str, str]]:
    """Wire name -> type, and case-folded wire name -> wire name."""
    if struct not in _field_cache:
        hints = get_type_hints(struct, include_extras=False)
        exact = {f.encode_name: hints[f.name] for f in msgspec.structs.fields(struct)}
        _field_cache[struct] = exact, {name.casefold(): name for name in exact}
    return _field_cache[struct]


def _branches(kind: Any) -> tuple[Any, ...]:
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return get_args(kind) if get_origin(kind) in {Union, types.UnionType} else (kind,)


@cache
def _struct_in(kind: Any) -> type[msgspec.Struct] | None:
    for branch in _branches(kind):
        if isinstance(branch, type) and issubclass(branch, msgspec.Struct):
            return branch
    return None


@cache
def _item_kind(kind: Any, container: type) -> Any:
    """The kind of the items of a list or the values of a dict; Any where the kind does not say."""
    for branch in _branches(kind):
        origin, args = get_origin(branch), get_args(branch)
        if container is dict and origin is dict:
            return args[1]
        if container is list and origin in {list, tuple}:
            return args[0]
    return Any
