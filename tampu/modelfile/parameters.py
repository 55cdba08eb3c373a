"""The PARAMETER lines of a Modelfile: which names there are, and what their text becomes."""

import math
import re
import struct
from collections.abc import Callable
from typing import Final

from tampu.errors import InvalidModelfile
from tampu.modelfile.document import Kind, Modelfile

_WHOLE = re.compile(r"[+-]?[0-9]{1,30}", re.ASCII)
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?", re.ASCII)
_FLOAT32 = struct.Struct("<f")
_FEWEST_DIGITS: Final = range(6, 10)
_INT64: Final = 2**63
_MAX_TEXT: Final = 400
_BOOLEANS: Final = dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True) | dict.fromkeys(
    ("0", "f", "F", "false", "FALSE", "False"), False
)

DEPRECATED: Final = frozenset(
    {
        "penalize_newline",
        "low_vram",
        "f16_kv",
        "logits_all",
        "vocab_only",
        "use_mlock",
        "mirostat",
        "mirostat_tau",
        "mirostat_eta",
    }
)


def _to_int(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        # `show` prints large numbers with an exponent; what it prints must be readable.
        number = _decimal(text) if "e" in text.lower() else math.nan
        if not number.is_integer():
            raise ValueError
        text = str(int(number))
    number = int(text)
    if not -_INT64 <= number < _INT64:
        raise ValueError
    return number


def _to_float(text: str) -> float:
    return _single(_decimal(text))


def _decimal(text: str) -> float:
    if len(text) > _MAX_TEXT or not _DECIMAL.fullmatch(text):
        raise ValueError
    return float(text)


def _single(number: float) -> float:
    """The shortest decimal that is the same number in single precision, which is all that engines take."""
    try:
        packed = _FLOAT32.pack(number)
    except OverflowError:
        raise ValueError from None
    (nearest,) = _FLOAT32.unpack(packed)
    if not math.isfinite(nearest):
        raise ValueError
    shorter = (float(f"{nearest:.{digits}g}") for digits in _FEWEST_DIGITS)
    return next(each for each in shorter if _FLOAT32.pack(each) == packed)


def _to_bool(text: str) -> bool:
    if text not in _BOOLEANS:
        raise ValueError
    return _BOOLEANS[text]


_READERS: Final[dict[str, tuple[str, Callable[[str], object]]]] = {
    **dict.fromkeys(
        (
            "num_ctx",
            "num_batch",
            "num_gpu",
            "main_gpu",
            "num_thread",
            "draft_num_predict",
            "num_keep",
            "seed",
            "num_predict",
            "top_k",
            "repeat_last_n",
        ),
        ("int", _to_int),
    ),
    **dict.fromkeys(
        ("top_p", "min_p", "typical_p", "temperature", "repeat_penalty", "presence_penalty", "frequency_penalty"),
        ("float", _to_float),
    ),
    "use_mmap": ("bool", _to_bool),
}
_LISTS: Final = frozenset({"stop"})


def parameters(modelfile: Modelfile) -> dict[str, object]:
    """What the PARAMETER lines set, as JSON values; raises InvalidModelfile, naming the line.

    Of a repeated name the last line counts, except that lists grow. Deprecated names are left out.
    """
    values: dict[str, object] = {}
    lists: dict[str, list[str]] = {}
    for instruction in modelfile:
        if instruction.kind is not Kind.PARAMETER or instruction.args[0] in DEPRECATED:
            continue
        name, text = instruction.args
        if name in _LISTS:
            values[name] = lists.setdefault(name, [])
            lists[name].append(text)
        else:
            values[name] = _read(name, text, line=instruction.line or None)
    return values


def deprecated_parameters(modelfile: Modelfile) -> list[str]:
    """The deprecated names in use, for warnings, as often as they occur."""
    names = [instruction.args[0] for instruction in modelfile if instruction.kind is Kind.PARAMETER]
    return [name for name in names if name in DEPRECATED]


def deprecation_warning(name: str) -> str:
    """The line that tells a user that a parameter is ignored."""
    return f"warning: parameter {name} is deprecated"


def _read(name: str, text: str, *, line: int | None) -> object:
    if name not in _READERS:
        raise InvalidModelfile(f"unknown parameter '{name}'", line=line)
    kind, read = _READERS[name]
    try:
        return read(text)
    except ValueError:
        raise InvalidModelfile(f"invalid {kind} value [{text}]", line=line) from None
