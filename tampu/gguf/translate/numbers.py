"""The numbers of tensors, computed: widened, split, put in another order, resampled. Bytes in, bytes out; pure.

The eyes of one family have a hundred million numbers, so they are widened byte by byte of many at once, with tables:
five times as fast as one number after another, and equal to the last bit.
"""

import math
import struct
import sys
from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    Floats: TypeAlias = array[float]
else:
    Floats = array  # which takes no parameter before Python 3.12

_STEP: Final = 1 << 20
"""Bytes that are widened at once; other threads wait meanwhile."""
_BYTES: Final = range(256)
_SIGNED: Final = (*range(128), *range(-128, 0))
"""What the bytes stand for as numbers below and above 0."""
_SMALLEST_HALF: Final = 2.0**-24
_Q8_0_BYTES: Final = 34
"""Of a block: its scale, then 32 numbers."""
_WIDE_BLOCK: Final = 32 * 4


def _wide_exponent(high: int) -> int:
    """Of the number of 32 bits, by the high byte of the half."""
    exponent = high >> 2 & 31
    return {0: 0, 31: 255}.get(exponent, exponent + 112)


_TOP: Final = bytes(high & 0x80 | _wide_exponent(high) >> 1 for high in _BYTES)
_NEXT_OF_HIGH: Final = bytes((_wide_exponent(high) & 1) << 7 | (high & 3) << 5 for high in _BYTES)
_NEXT_OF_LOW: Final = bytes(low >> 3 for low in _BYTES)
_LAST_OF_LOW: Final = bytes((low & 7) << 5 for low in _BYTES)
_IS_SMALL: Final = bytes((high & 0x7C) == 0 for high in _BYTES)


def _halves(data: bytes) -> bytes:
    wide = bytearray(2 * len(data))
    for at in range(0, len(data), _STEP):
        low, high = data[at : at + _STEP : 2], data[at + 1 : at + _STEP : 2]
        end = 2 * at + 4 * len(low)
        wide[2 * at + 3 : end : 4] = high.translate(_TOP)
        # The two share a byte, each with bits of its own.
        wide[2 * at + 2 : end : 4] = _either(high.translate(_NEXT_OF_HIGH), low.translate(_NEXT_OF_LOW))
        wide[2 * at + 1 : end : 4] = low.translate(_LAST_OF_LOW)
        _mend_small(wide, 2 * at, low, high)
    return bytes(wide)


def _either(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "little") | int.from_bytes(other, "little")).to_bytes(len(one), "little")


def _mend_small(wide: bytearray, start: int, low: bytes, high: bytes) -> None:
    """Numbers below the smallest exponent of a half have one of their own in 32 bits; there are few."""
    small = high.translate(_IS_SMALL)
    at = small.find(1)
    while at >= 0:
        if number := (high[at] & 3) << 8 | low[at]:
            signed = -number if high[at] & 0x80 else number
            struct.pack_into("<f", wide, start + 4 * at, signed * _SMALLEST_HALF)
        at = small.find(1, at + 1)


def _brains(data: bytes) -> bytes:
    wide = bytearray(2 * len(data))
    wide[2::4], wide[3::4] = data[::2], data[1::2]
    return bytes(wide)


def _singles(data: bytes) -> Floats:
    numbers = array("f")
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _blocks_of_8_bits(data: bytes) -> bytes:
    """Blocks of one scale are widened together: for them there are only 256 numbers."""
    alike: dict[bytes, list[int]] = {}
    for at in range(0, len(data), _Q8_0_BYTES):
        alike.setdefault(data[at : at + 2], []).append(at)
    wide: list[bytes | bytearray] = [b""] * (len(data) // _Q8_0_BYTES)
    for scale, places in alike.items():
        values = b"".join([data[at + 2 : at + _Q8_0_BYTES] for at in places])
        made = bytearray(4 * len(values))
        for index, table in enumerate(_products(scale)):
            made[index::4] = values.translate(table)
        for number, at in enumerate(places):
            wide[at // _Q8_0_BYTES] = made[number * _WIDE_BLOCK : (number + 1) * _WIDE_BLOCK]
    return b"".join(wide)


def _products(scale: bytes) -> tuple[bytes, ...]:
    """What each byte becomes, times a scale: four tables, one for each byte of 32 bits."""
    factor: float = struct.unpack("<e", scale)[0]
    numbers = struct.pack("<256f", *map(factor.__mul__, _SIGNED))
    return tuple(numbers[index::4] for index in range(4))


_READERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "F32": lambda data: data,
    "F16": _halves,
    "BF16": _brains,
    "Q8_0": _blocks_of_8_bits,
}
WIDENED_TYPES: Final = frozenset(_READERS)
"""Labels of the types that can be computed with."""


def widened(data: bytes, label: str) -> bytes:
    """The same numbers as 32 bits each."""
    return _READERS[label](data)


def picked_planes(data: bytes, plane_bytes: int, first: int) -> bytes:
    """Every second plane, from the one numbered `first` on."""
    starts = range(first * plane_bytes, len(data), 2 * plane_bytes)
    return b"".join(data[start : start + plane_bytes] for start in starts)


def interleaved_rows(data: bytes, rows: int, heads: int) -> bytes:
    """Of each head's rows, one of the first half, then one of the second, in turn."""
    row_bytes, half = len(data) // rows, rows // heads // 2
    order = (head * 2 * half + side * half + pair for head in range(heads) for pair in range(half) for side in (0, 1))
    return b"".join(data[row * row_bytes : (row + 1) * row_bytes] for row in order)


def shifted(data: bytes, by: float) -> bytes:
    """Wide numbers, each with `by` added."""
    return _written(array("f", [number + by for number in _singles(data)]))


def resampled(data: bytes, grid: "Grid", side: int) -> bytes:
    """A square of vectors of wide numbers, stretched to `side` by `side`, corners on corners, straight in between."""
    numbers = _singles(data)
    places = [_place(index, grid.side, side) for index in range(side)]
    made = array("f")
    for top, bottom, down in places:
        for left, right, along in places:
            corners = [
                grid.vector(numbers, row * grid.side + column) for row in (top, bottom) for column in (left, right)
            ]
            made.extend(
                (a * (1 - along) + b * along) * (1 - down) + (c * (1 - along) + d * along) * down
                for a, b, c, d in zip(*corners, strict=True)
            )
    return _written(made)


class Grid:
    """A square of vectors of `width` numbers: one vector after another, or all their first numbers, then all second."""

    def __init__(self, *, side: int, width: int, has_whole_vectors: bool) -> None:
        self.side, self.width = side, width
        self._has_whole_vectors = has_whole_vectors

    def vector(self, numbers: Floats, position: int) -> Floats:
        """The vector at a position, counted row by row."""
        if self._has_whole_vectors:
            return numbers[position * self.width : (position + 1) * self.width]
        return numbers[position :: self.side * self.side]


def square_root(count: int) -> int | None:
    """The side of a square of `count` places; None where they are no square."""
    root = math.isqrt(count) if count > 0 else 0
    return root if root and root * root == count else None


def _place(index: int, old_side: int, side: int) -> tuple[int, int, float]:
    exact = index * (old_side - 1) / (side - 1) if side > 1 else 0.0
    low = math.floor(exact)
    return low, min(low + 1, old_side - 1), exact - low


def _written(numbers: Floats) -> bytes:
    if sys.byteorder == "big":
        numbers = array("f", numbers)
        numbers.byteswap()
    return numbers.tobytes()
