"""Reads the header of a GGUF file without trusting a single number in it.

Every length and count is checked against the file and against the caps below before anything is read or built by it,
so that a hostile file costs neither memory nor more than a fraction of a second. Large arrays (a vocabulary) are
stepped over unless they are asked for. What only engines object to is left to `soundness.py`.
"""

import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.header import ArraySummary, ByteOrder, Header, Scalar, TensorInfo, Value
from tampu.gguf.source import Source, open_source
from tampu.gguf.tensor_types import TENSOR_TYPES

NOT_GGUF: Final = "supplied file was not in GGUF format"

MAX_STRING_BYTES: Final = 16 << 20
MAX_ARRAY_ITEMS: Final = 64 << 20
MAX_DIMENSIONS: Final = 4
MAX_METADATA: Final = 1 << 16
MAX_TENSORS: Final = 1 << 16
"""More than any model has, and read in less than a second."""
MAX_ARRAY_STRINGS: Final = 4 << 20
"""Strings in all arrays of a file: each has to be visited. The largest vocabularies have about one million."""
MAX_TEXT_BYTES: Final = 64 << 20
"""Bytes of all texts of a header that are kept in memory."""
MAX_LISTED_ITEMS: Final = 2 << 20
"""Items of all arrays that are listed on demand; arrays beyond stay summaries."""
MAX_SHORT_ITEMS: Final = 1024
"""Arrays of numbers up to this long (one number per layer, say) are always listed, up to 64 times that in all."""

DEFAULT_ALIGNMENT: Final = 32
_UINT64_MAX: Final = 2**64 - 1
_STRING, _ARRAY = 8, 9
# Type number in the file -> name and struct code.
_NUMBERS: Final = {
    0: ("uint8", "B"),
    1: ("int8", "b"),
    2: ("uint16", "H"),
    3: ("int16", "h"),
    4: ("uint32", "I"),
    5: ("int32", "i"),
    6: ("float32", "f"),
    7: ("bool", "B"),
    10: ("uint64", "Q"),
    11: ("int64", "q"),
    12: ("float64", "d"),
}
_BYTE_ORDERS: Final[dict[bytes, tuple[ByteOrder, str]]] = {b"GGUF": ("little", "<"), b"FUGG": ("big", ">")}


def read_header(path: Path, *, arrays: bool = False) -> Header:
    """The header of the file at `path`. Short arrays of numbers are lists, others are so only with `arrays`.

    Raises InvalidModelFile for what is no readable GGUF file or no regular file, OSError for what cannot be opened.
    """
    with open_source(path) as source:
        magic = source.take(4) if source.file_bytes >= 4 else b""
        if magic not in _BYTE_ORDERS:
            raise InvalidModelFile(NOT_GGUF)
        if not source.left:
            raise InvalidModelFile("EOF")
        return _HeaderReader(source, magic, arrays=arrays).read()


class _HeaderReader:
    def __init__(self, source: Source, magic: bytes, *, arrays: bool) -> None:
        self._source = source
        self._byte_order, self._order = _BYTE_ORDERS[magic]
        self._lists_arrays = arrays
        self._version = 3
        self._text_bytes = self._array_strings = self._listed_items = 0
        self._numbers = {code: struct.Struct(self._order + code) for _, code in _NUMBERS.values()}
        self._shapes = [struct.Struct(f"{self._order}{count}Q") for count in range(MAX_DIMENSIONS + 1)]

    def read(self) -> Header:
        self._version = self._number("I")
        try:
            return self._read_body()
        except InvalidModelFile as error:
            # Common tools write big-endian files under the usual magic: then the version has its bytes swapped.
            if self._version and not self._version & 0xFFFF:
                text = "the file seems to be big-endian, convert it to little-endian first"
                raise InvalidModelFile(f"{error.message}: {text}") from None
            raise

    def _read_body(self) -> Header:
        tensor_count, metadata_count = self._count(), self._count()
        metadata, repeated = self._read_metadata(metadata_count)
        tensors = self._read_tensors(tensor_count)
        alignment = _alignment_of(metadata)
        data_offset = self._source.position + -self._source.position % alignment
        for tensor in tensors:
            _check_end(tensor, data_offset, self._source.file_bytes)
        return Header(
            version=self._version,
            byte_order=self._byte_order,
            metadata=metadata,
            tensors=tensors,
            data_offset=data_offset,
            alignment=alignment,
            file_bytes=self._source.file_bytes,
            repeated_keys=repeated,
        )

    # --- metadata ----------------------------------------------------------------------------------------------------

    def _read_metadata(self, count: int) -> tuple[dict[str, Value], tuple[str, ...]]:
        metadata: dict[str, Value] = {}
        repeated: list[str] = []
        for index in range(count):
            if index == MAX_METADATA:
                raise InvalidModelFile(f"GGUF metadata count {count} exceeds maximum {MAX_METADATA}")
            key, value = self._string(), self._value()
            if key in metadata:
                repeated.append(key)
            else:
                metadata[key] = value
        return metadata, tuple(repeated)

    def _value(self) -> Value:
        kind = self._number("I")
        if kind == _ARRAY:
            return self._array()
        if kind == _STRING:
            return self._string()
        if kind not in _NUMBERS:
            raise InvalidModelFile(f"invalid type: {kind}")
        value: Scalar = self._number(_NUMBERS[kind][1])
        return _READINGS.get(kind, _unchanged)(value)

    def _array(self) -> Value:
        kind, count = self._number("I"), self._count()
        if count > MAX_ARRAY_ITEMS:
            raise InvalidModelFile(f"GGUF array size {count} exceeds maximum {MAX_ARRAY_ITEMS}")
        is_listed = self._is_listed(kind, count)
        self._listed_items += count if is_listed else 0
        if kind == _STRING:
            return self._string_array(count, is_listed=is_listed)
        if kind not in _NUMBERS:
            raise InvalidModelFile(f"invalid array type: {kind}")
        name, code = _NUMBERS[kind]
        item_bytes = self._numbers[code].size
        if not is_listed:
            start = self._source.position
            self._source.skip(count * item_bytes)
            return ArraySummary(name, count, range(start, self._source.position))
        items = struct.unpack(f"{self._order}{count}{code}", self._source.take(count * item_bytes))
        return list(map(_READINGS.get(kind, _unchanged), items))

    def _is_listed(self, kind: int, count: int) -> bool:
        if self._lists_arrays:
            return self._listed_items + count <= MAX_LISTED_ITEMS
        is_short = kind != _STRING and count <= MAX_SHORT_ITEMS
        return is_short and self._listed_items + count <= 64 * MAX_SHORT_ITEMS

    def _string_array(self, count: int, *, is_listed: bool) -> Value:
        self._array_strings += count
        if self._array_strings > MAX_ARRAY_STRINGS:
            raise InvalidModelFile(f"GGUF arrays have {self._array_strings} strings, more than {MAX_ARRAY_STRINGS}")
        if is_listed:
            texts: list[Scalar] = [self._string() for _ in range(count)]
            return texts
        start = self._source.position
        self._skip_strings(count)
        return ArraySummary("string", count, range(start, self._source.position))

    def _skip_strings(self, count: int) -> None:
        """Step over `count` strings. The loop is the hot path of the reader: 260,000 of them in about 15 ms."""
        source, length_at = self._source, self._numbers["Q"].unpack_from
        while count:
            source.need(8)
            window, at, length = source.window, source.cursor, 0
            done = 0
            try:
                for done in range(1, count + 1):  # noqa: B007  # read after the loop, also when it is left by an error
                    (length,) = length_at(window, at)
                    at += 8 + length
            except (struct.error, OverflowError):  # the next length lies beyond the window
                done -= 1
            if length > MAX_STRING_BYTES:
                raise _too_long(length)
            source.skip(at - source.cursor)
            count -= done

    # --- tensors -----------------------------------------------------------------------------------------------------

    def _read_tensors(self, count: int) -> tuple[TensorInfo, ...]:
        tensors: list[TensorInfo] = []
        for index in range(count):
            if index == MAX_TENSORS:
                raise InvalidModelFile(f"GGUF tensor count {count} exceeds maximum {MAX_TENSORS}")
            tensors.append(self._tensor())
        return tuple(tensors)

    def _tensor(self) -> TensorInfo:
        try:
            name = self._string()
        except InvalidModelFile as error:
            raise InvalidModelFile(f"failed to read tensor name: {error.message}") from None
        dimensions = self._number("I")
        if dimensions > MAX_DIMENSIONS:
            raise InvalidModelFile(f'tensor "{name}" dimensions {dimensions} exceeds maximum {MAX_DIMENSIONS}')
        shape = self._shapes[dimensions].unpack(self._source.take(8 * dimensions))
        kind = TENSOR_TYPES.get(self._number("I"))
        offset = self._number("Q")
        elements = math.prod(shape)
        if elements > _UINT64_MAX or (not elements and _overflows(shape)):
            raise InvalidModelFile(f'tensor "{name}" elements overflow')
        row = shape[0] if shape else 1
        if kind is None or row % kind.block_size:
            raise InvalidModelFile(f'tensor "{name}" size overflow')
        nbytes = elements // kind.block_size * kind.block_bytes
        if nbytes > _UINT64_MAX:
            raise InvalidModelFile(f'tensor "{name}" size overflow')
        return TensorInfo(name, shape, kind, offset, nbytes)

    # --- pieces ------------------------------------------------------------------------------------------------------

    def _number(self, code: str) -> int:
        """One number. (A float for the codes of floats: only `_value` asks for those.)"""
        source, form = self._source, self._numbers[code]
        source.need(form.size)
        number: int = form.unpack_from(source.window, source.cursor)[0]
        source.cursor += form.size
        return number

    def _count(self) -> int:
        return self._number("I" if self._version == 1 else "Q")

    def _string(self) -> str:
        source = self._source
        length = self._number("Q")
        if length > MAX_STRING_BYTES:
            raise _too_long(length)
        self._text_bytes += length
        if self._text_bytes > MAX_TEXT_BYTES:
            raise InvalidModelFile(f"GGUF texts exceed maximum of {MAX_TEXT_BYTES} bytes in all")
        text = source.take(length)
        if self._version == 1:
            if not text.endswith(b"\0"):
                raise InvalidModelFile("invalid GGUF v1 string terminator")
            text = text[:-1]
        return text.decode("utf-8", "replace")


def _too_long(length: int) -> InvalidModelFile:
    return InvalidModelFile(f"GGUF string length {length} exceeds maximum {MAX_STRING_BYTES}")


def _alignment_of(metadata: dict[str, Value]) -> int:
    alignment = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
    if not isinstance(alignment, int) or isinstance(alignment, bool) or alignment < 0:
        return DEFAULT_ALIGNMENT
    if alignment == 0:
        raise InvalidModelFile("invalid GGUF alignment: 0")
    return alignment


def _overflows(shape: tuple[int, ...]) -> bool:
    """Whether the count passes 64 bits on the way, even if a later dimension of 0 makes it small again."""
    return any(math.prod(shape[:end]) > _UINT64_MAX for end in range(1, len(shape)))


def _check_end(tensor: TensorInfo, data_offset: int, file_bytes: int) -> None:
    end = data_offset + tensor.offset + tensor.nbytes
    if end > _UINT64_MAX:
        raise InvalidModelFile(f'tensor "{tensor.name}" offset+size overflows')
    if end > file_bytes:
        raise InvalidModelFile(f'tensor "{tensor.name}" offset+size ({end}) exceeds file size ({file_bytes})')


def _unchanged(value: Scalar) -> Scalar:
    return value


def _shortest(value: Scalar) -> Scalar:
    """The number with the fewest digits that is the same float32: 1e-05, not 9.999999747378752e-06."""
    number = float(value)
    if number.is_integer() or not math.isfinite(number):
        return number
    for digits in (6, 7, 8):
        candidate = float(f"{number:.{digits}g}")
        if struct.unpack("f", struct.pack("f", candidate))[0] == number:
            return candidate
    return float(f"{number:.9g}")


# By the type's number: how its raw number is to be understood, where that is not the number itself.
_READINGS: Final[dict[int, Callable[[Scalar], Scalar]]] = {6: _shortest, 7: bool}
