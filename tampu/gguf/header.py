"""What the header of a GGUF file says, as values: metadata, tensors, sizes. Plain data; `reader.py` makes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tampu.gguf.tensor_types import GgmlType

ByteOrder = Literal["little", "big"]


@dataclass(frozen=True, slots=True)
class ArraySummary:
    """An array that was skipped: the type of its items (`string`, `uint32` ...) and how many there are.

    `place`: which bytes of the file they take.
    """

    type: str
    count: int
    place: range = field(default=range(0), compare=False)


Scalar = bool | int | float | str
Value = Scalar | ArraySummary | list[Scalar]


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor. `shape`: fastest dimension first; `offset`: bytes after the header's `data_offset`."""

    name: str
    shape: tuple[int, ...]
    type: GgmlType
    offset: int
    nbytes: int

    @property
    def element_count(self) -> int:
        """Numbers in the tensor; 1 for a tensor without dimensions."""
        count = 1
        for size in self.shape:
            count *= size
        return count


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The header of one file. Every tensor lies within the file; what else engines demand, `soundness.py` checks."""

    version: int
    byte_order: ByteOrder
    metadata: Mapping[str, Value]
    tensors: tuple[TensorInfo, ...]
    data_offset: int
    alignment: int
    file_bytes: int
    repeated_keys: tuple[str, ...] = ()
    """Keys that occur more than once; `metadata` holds the first value."""

    @property
    def memory_bytes(self) -> int:
        """About what it takes to keep this in memory."""
        values = self.metadata.values()
        texts = sum(len(value) for value in values if isinstance(value, str))
        items = sum(len(value) for value in values if isinstance(value, list))
        return texts + 64 * items + 200 * len(self.metadata) + 400 * len(self.tensors)
