"""Settings as people write them: the text of a value, as a variable or the file would hold it."""

import math
from collections.abc import Mapping
from typing import Any, Final

from tampu.config.address import Address
from tampu.config.table import Setting
from tampu.units import NS_PER_S, KeepAlive, format_duration

MASK: Final = "********"


def shown(setting: Setting, value: Any) -> str:
    """The value in words; "" for none. A secret is masked."""
    return MASK if setting.is_secret and value is not None else as_text(value)


def as_json(setting: Setting, value: Any) -> object:
    """The value as JSON has it: numbers and truth as they are, lists and mappings too, all else in words."""
    return MASK if setting.is_secret and value is not None else plain(value)


def plain(value: Any) -> object:
    """Any value of a setting as JSON has it."""
    match value:
        case bool() | int() | None:
            return value
        case tuple():
            return [as_text(item) for item in value]
        case Mapping():
            return {str(key): list(items) for key, items in value.items()}
        case _:
            return as_text(value)


def as_text(value: Any) -> str:
    """Any value of a setting in words, as it can be read again."""
    match value:
        case None:
            text = ""
        case bool():
            text = str(value).lower()
        case Address():
            text = value.authority if value.url == f"http://{value.authority}" else value.url
        case KeepAlive(nanoseconds=None):
            text = "-1"
        case KeepAlive(nanoseconds=int(nanoseconds)):
            text = _duration(nanoseconds)
        case float():
            text = "0" if math.isinf(value) else _duration(int(value * NS_PER_S))
        case tuple():
            text = ", ".join(map(as_text, value))
        case Mapping():
            text = "; ".join(f"{key}={','.join(map(as_text, items))}" for key, items in value.items())
        case _:
            text = str(value)
    return text


def _duration(nanoseconds: int) -> str:
    """Without the zeros at the end of Go's notation: `5m`, `168h`."""
    text = format_duration(nanoseconds)
    for zeros, unit in (("m0s", "m"), ("h0m", "h")):
        if text.endswith(zeros):
            text = text.removesuffix(zeros) + unit
    return text
