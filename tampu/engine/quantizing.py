"""Packs the numbers of tensors anew, in a process of its own: `python -m tampu.engine.quantizing`.

It reads a Work as JSON from its input, appends the packed tensors to the target file in their order, and tells on its
output, a line each, how many bytes of tensors it has read so far. The packing is that of the engine's library, called
through its plain C functions, several rows at once. It ends with 0, else with a sentence on its error output; with the
system's number of the error where the disk is at fault.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import msgspec


class PackedTensor(msgspec.Struct, frozen=True):
    """One tensor: where its numbers lie, and the numbers of the types that they have and get. `row`: its length."""

    path: str
    offset: int
    nbytes: int
    row: int
    type: int
    new_type: int


class Work(msgspec.Struct, frozen=True):
    """What to append to `target`, each tensor padded to `alignment`."""

    target: str
    alignment: int
    tensors: tuple[PackedTensor, ...]


_F32, _F16, _BF16 = 0, 1, 30
_BYTES = {_F32: 4, _F16: 2, _BF16: 2}
_STEP_NUMBERS = 1 << 20
"""Numbers that one thread packs at once."""


class _Library:
    """The functions of the engine's library that pack numbers."""

    def __init__(self) -> None:
        # Some hundred megabytes that nothing else in this module needs.
        import xllamacpp.xllamacpp as module  # noqa: PLC0415

        library = ctypes.CDLL(module.__file__)
        self._widen = {_F16: library.ggml_fp16_to_fp32_row, _BF16: library.ggml_bf16_to_fp32_row}
        for function in self._widen.values():
            function.argtypes, function.restype = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64), None
        self._pack: Any = library.ggml_quantize_chunk
        self._pack.restype = ctypes.c_size_t
        self._pack.argtypes = (
            *(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p),  # type, numbers, where to
            *(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64),  # first number, rows, length of a row
            ctypes.c_void_p,  # what the numbers matter
        )
        self._row_size: Any = library.ggml_row_size
        self._row_size.argtypes, self._row_size.restype = (ctypes.c_int, ctypes.c_int64), ctypes.c_size_t

    def packed(self, data: bytes, tensor: PackedTensor) -> bytes:
        """Whole rows of a tensor in the new type."""
        count = len(data) // _BYTES[tensor.type]
        numbers = (ctypes.c_float * count)()
        if tensor.type == _F32:
            ctypes.memmove(numbers, data, len(data))
        else:
            self._widen[tensor.type](data, numbers, count)
        rows = count // tensor.row
        made = ctypes.create_string_buffer(rows * self._row_size(tensor.new_type, tensor.row))
        size = self._pack(tensor.new_type, numbers, made, 0, rows, tensor.row, None)
        if size != len(made):
            raise ValueError(f"{size} bytes were packed instead of {len(made)}")
        return made.raw


def _pieces(file: BinaryIO, tensor: PackedTensor, length: int) -> Iterator[bytes]:
    file.seek(tensor.offset)
    left = tensor.nbytes
    while left:
        piece = file.read(min(left, length))
        if not piece:
            raise ValueError("a source file ended too early")
        left -= len(piece)
        yield piece


def _do(work: Work) -> None:
    if hasattr(os, "nice"):
        os.nice(10)  # models that are running come first
    library = _Library()
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    done = 0
    with Path(work.target).open("ab") as target, ThreadPoolExecutor(threads) as pool:
        for tensor in work.tensors:
            written = 0
            with Path(tensor.path).open("rb") as file:
                for group in _groups(_pieces(file, tensor, _step(tensor)), threads):
                    if tensor.type == tensor.new_type:
                        made = group
                    else:
                        made = list(pool.map(lambda piece: library.packed(piece, tensor), group))  # noqa: B023
                    target.writelines(made)
                    written += sum(map(len, made))
                    done += sum(map(len, group))
                    sys.stdout.write(f"{done}\n")
                    sys.stdout.flush()
            target.write(b"\0" * (-written % work.alignment))


def _step(tensor: PackedTensor) -> int:
    """Bytes of whole rows that one thread takes at once."""
    if tensor.type == tensor.new_type:
        return _STEP_NUMBERS
    return max(1, _STEP_NUMBERS // tensor.row) * tensor.row * _BYTES[tensor.type]


def _groups(pieces: Iterator[bytes], size: int) -> Iterator[list[bytes]]:
    group: list[bytes] = []
    for piece in pieces:
        group.append(piece)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def main() -> None:
    """Do the work on the input."""
    try:
        _do(msgspec.json.decode(sys.stdin.buffer.read(), type=Work))
    except OSError as error:
        sys.stderr.write(f"{error.strerror}\n")
        sys.exit(error.errno or 1)
    except (ImportError, AttributeError):  # no library, or one that does not show these functions
        sys.exit("the engine that is installed here cannot do it; quantize the file elsewhere")
    except (ValueError, msgspec.MsgspecError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
