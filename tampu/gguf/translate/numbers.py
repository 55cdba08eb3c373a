"""The numbers of tensors, computed: widened, split, put in another order, resampled. Bytes in, bytes out; pure.

Only few tensors of a model need it, so it is written with what Python has. Where numpy is installed as well, it
widens in a tenth of the time: the eyes of one family have a hundred million numbers.
"""

import math
import struct
import sys
from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    Floats: TypeAlias = array[float]
else:
    Floats = array  # which takes no parameter before Python 3.12

_STEP: Final = 1 << 14
"""Numbers that are unpacked at once; other threads wait meanwhile."""
_Q8_0_BYTES: Final = 34


def _halves(data: bytes) -> Floats:
    numbers = array("f")
    for at in range(0, len(data), 2 * _STEP):
        part = data[at : at + 2 * _STEP]
        numbers.extend(struct.unpack(f"<{len(part) // 2}e", part))
    return numbers


def _brains(data: bytes) -> Floats:
    wide = bytearray(2 * len(data))
    wide[2::4], wide[3::4] = data[::2], data[1::2]
    return _singles(bytes(wide))


def _singles(data: bytes) -> Floats:
    numbers = array("f")
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _blocks_of_8_bits(data: bytes) -> Floats:
    numbers = array("f")
    for scale, *values in struct.iter_unpack("<e32b", data):
        numbers.extend([scale * value for value in values])
    return numbers


_READERS: Final = {"F32": _singles, "F16": _halves, "BF16": _brains, "Q8_0": _blocks_of_8_bits}
WIDENED_TYPES: Final = frozenset(_READERS)
"""Labels of the types that can be computed with."""


def widened(data: bytes, label: str) -> bytes:
    """The same numbers as 32 bits each."""
    if label == "F32":
        return data
    numpy = numpy_or_none()
    if numpy is None or label not in _QUICK_READERS:
        return _written(_READERS[label](data))
    wide: bytes = _QUICK_READERS[label](numpy, data).tobytes()
    return wide


def numpy_or_none() -> Any:
    """The library, where it is installed."""
    try:
        import numpy  # noqa: ICN001, PLC0415  # optional, and slow to import: only where numbers are computed
    except ImportError:
        return None
    return numpy


def _quick_halves(numpy: Any, data: bytes) -> Any:
    return numpy.frombuffer(data, "<f2").astype("<f4")


def _quick_blocks_of_8_bits(numpy: Any, data: bytes) -> Any:
    blocks = numpy.frombuffer(data, [("scale", "<f2"), ("values", "i1", 32)])
    return blocks["scale"].astype("<f4")[:, None] * blocks["values"].astype("<f4")


_QUICK_READERS: Final[dict[str, Callable[[Any, bytes], Any]]] = {
    "F16": _quick_halves,
    "Q8_0": _quick_blocks_of_8_bits,
}


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
