"""Single facts of a header with their types, as a file writes them: made, read, cut and converted. Pure."""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.rewrite import text_fact, uint32_fact

U32, I32, F32, BOOL, TEXT, ARRAY = 4, 5, 6, 7, 8, 9
_CODES: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_BYTES: Final = {kind: struct.calcsize(code) for kind, code in _CODES.items()}
_ARRAY_HEAD: Final = 16
"""Its own type, that of its items, and their number."""
_UINT32_MOST: Final = 2**32 - 1
_MOST_NUMBERS: Final = 2 << 20
"""Longer arrays than any vocabulary are not looked into."""

Number = bool | int | float
words = text_fact


@dataclass(frozen=True, slots=True)
class Items:
    """The items of an array as they are written. `kind`: the number of their type."""

    kind: int
    count: int
    body: bytes


def u32(value: int, origin: str = "") -> bytes:
    """A whole number of 32 bits; raises InvalidModelFile, naming the key it is computed of, for an absurd one."""
    if not 0 <= value <= _UINT32_MOST:
        raise InvalidModelFile(f'the key "{origin}" gives a number out of range: {value}')
    return uint32_fact(value)


def f32(value: float) -> bytes:
    """A number with a point."""
    return struct.pack("<If", F32, value)


def flag(value: bool) -> bytes:
    """Yes or no."""
    return struct.pack("<I?", BOOL, value)


def array(kind: int, values: Sequence[Number]) -> bytes:
    """Numbers of one type."""
    return struct.pack(f"<IIQ{len(values)}{_CODES[kind]}", ARRAY, kind, len(values), *values)


def kind_of(fact: bytes) -> int:
    """The number of its type."""
    kind: int = struct.unpack_from("<I", fact)[0]
    return kind


def number_of(fact: bytes) -> Number | None:
    """A single number; None for anything else."""
    kind = kind_of(fact)
    if kind not in _CODES:
        return None
    number: Number = struct.unpack_from(f"<{_CODES[kind]}", fact, 4)[0]
    return number


def text_of(fact: bytes) -> str | None:
    """A text; None for anything else."""
    return fact[12:].decode("utf-8", "replace") if kind_of(fact) == TEXT else None


def items_of(fact: bytes) -> Items | None:
    """The items of an array; None for anything else."""
    if kind_of(fact) != ARRAY:
        return None
    kind, count = struct.unpack_from("<IQ", fact, 4)
    return Items(kind, count, fact[_ARRAY_HEAD:])


def numbers_of(fact: bytes) -> list[Number] | None:
    """The numbers of an array; None for anything else, and for an absurdly long one."""
    items = items_of(fact)
    if items is None or items.kind not in _CODES or items.count > _MOST_NUMBERS:
        return None
    return list(struct.unpack(f"<{items.count}{_CODES[items.kind]}", items.body))


def text_at(items: Items, index: int) -> bytes | None:
    """One text of an array of texts; None where it has no such."""
    if items.kind != TEXT or index >= items.count:
        return None
    at = _after_texts(items.body, index)
    (length,) = struct.unpack_from("<Q", items.body, at)
    return items.body[at + 8 : at + 8 + length]


def cut(fact: bytes, count: int) -> bytes:
    """The array with its first `count` items; anything else, and what is no longer than that, as it is."""
    items = items_of(fact)
    if items is None or items.count <= count:
        return fact
    end = _after_texts(items.body, count) if items.kind == TEXT else count * _BYTES[items.kind]
    return struct.pack("<IIQ", ARRAY, items.kind, count) + items.body[:end]


def as_u32(key: str, fact: bytes) -> bytes:
    """The same whole number in 32 bits; raises InvalidModelFile where it is none."""
    number = number_of(fact)
    if number is None or isinstance(number, bool) or not math.isfinite(number):
        raise InvalidModelFile(f'the key "{key}" must be a whole number')
    if number != int(number) or not 0 <= number <= _UINT32_MOST:
        raise InvalidModelFile(f'the key "{key}" must be a whole number from 0 to {_UINT32_MOST}, not {number}')
    return u32(int(number))


def as_f32(key: str, fact: bytes) -> bytes:
    """The same number in the precision of the engine; raises InvalidModelFile where it is none."""
    number = number_of(fact)
    if number is None or isinstance(number, bool):
        raise InvalidModelFile(f'the key "{key}" must be a number')
    try:
        return fact if kind_of(fact) == F32 else f32(number)
    except OverflowError:
        raise InvalidModelFile(f'the key "{key}" must be a number of 32 bits, not {number}') from None


def as_f32_array(key: str, fact: bytes) -> bytes:
    """The same numbers in the precision of the engine; raises InvalidModelFile where they are none."""
    numbers = numbers_of(fact)
    if numbers is None:
        raise InvalidModelFile(f'the key "{key}" must be a list of numbers')
    try:
        return array(F32, [float(number) for number in numbers])
    except OverflowError:
        raise InvalidModelFile(f'the key "{key}" must be a list of numbers of 32 bits') from None


def as_it_is(key: str, fact: bytes) -> bytes:
    """The fact, whatever its type."""
    del key
    return fact


def _after_texts(body: bytes, count: int) -> int:
    at, length_at = 0, struct.Struct("<Q").unpack_from
    for _ in range(count):
        at += 8 + length_at(body, at)[0]
    return at
