"""JSON bytes exactly as Ollama writes them, so that equal models have equal digests. Pure."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from tampu.errors import BadRequest

_ESCAPES: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_ESCAPED = re.compile("[<>&\u2028\u2029]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_LONGEST_DEPTH: Final = 1_000
_EXACT: Final = 2**53


def encode(value: object, *, sort_keys: bool = False) -> bytes:
    """Compact JSON and a newline; `<`, `>`, `&` escaped, numbers in Go's form, keys in order or sorted.

    Raises BadRequest for what JSON cannot hold.
    """
    return (_text(value, sort_keys, 0) + "\n").encode()


def _text(value: object, sort_keys: bool, depth: int) -> str:
    if depth > _LONGEST_DEPTH:
        raise BadRequest("json: the value is nested too deeply")
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case str():
            return _string(value)
        case int():
            return str(value) if abs(value) <= _EXACT else _number(_rounded(value))
        case float():
            return _number(value)
        case Mapping():
            keys = sorted(value) if sort_keys else value
            items = (f"{_string(key)}:{_text(value[key], sort_keys, depth + 1)}" for key in keys)
            return f"{{{','.join(items)}}}"
        case Sequence():
            return f"[{','.join(_text(item, sort_keys, depth + 1) for item in value)}]"
        case _:
            raise TypeError(f"no JSON form for {type(value).__name__}")


def _rounded(value: int) -> float:
    """A number as Ollama reads it: with the digits that 64 bits of a float hold."""
    try:
        return float(value)
    except OverflowError:
        raise BadRequest("json has no form for infinity") from None


def _string(value: str) -> str:
    plain = json.dumps(_LONE_SURROGATE.sub("\ufffd", value), ensure_ascii=False)
    return _ESCAPED.sub(lambda match: _ESCAPES[match[0]], plain)


def _number(value: float) -> str:
    """The shortest digits that read back as the same number; an exponent only where Go uses one."""
    if not math.isfinite(value):
        raise BadRequest("json has no form for infinity")
    if value == 0:
        return "-0" if math.copysign(1.0, value) < 0 else "0"
    if 1e-6 <= abs(value) < 1e21:
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    digits, _, exponent = repr(value).partition("e")
    power = int(exponent)
    return f"{digits.removesuffix('.0')}e{'-' if power < 0 else '+'}{abs(power)}"
