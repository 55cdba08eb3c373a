"""Builds small GGUF files, sound and broken: every field can be given a wrong value."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_CODES = {"uint8": (0, "B"), "int8": (1, "b"), "uint16": (2, "H"), "int16": (3, "h"), "uint32": (4, "I")}
_CODES |= {"int32": (5, "i"), "float32": (6, "f"), "bool": (7, "?"), "uint64": (10, "Q"), "int64": (11, "q")}
_CODES |= {"float64": (12, "d")}


@dataclass(frozen=True)
class Typed:
    """A metadata value whose type in the file is not the one that its Python type suggests."""

    type: str
    value: object


@dataclass(frozen=True)
class Tensor:
    """A tensor to write. `offset` None: behind the one before; `data` is zeros."""

    name: str
    shape: Sequence[int]
    type: int = 0
    nbytes: int | None = None
    offset: int | None = None


@dataclass(frozen=True, kw_only=True)
class GgufFile:
    """A file to write. The counts are those of the lists unless others are given."""

    metadata: Sequence[tuple[str, object]] = ()
    tensors: Sequence[Tensor] = ()
    magic: bytes = b"GGUF"
    version: int = 3
    order: str = "<"
    tensor_count: int | None = None
    metadata_count: int | None = None
    alignment: int = 32
    tail: bytes = field(default=b"")

    def build(self) -> bytes:
        """The bytes of the file."""
        order = self.order
        parts = [self.magic, struct.pack(f"{order}I", self.version)]
        tensor_count = len(self.tensors) if self.tensor_count is None else self.tensor_count
        metadata_count = len(self.metadata) if self.metadata_count is None else self.metadata_count
        parts.append(struct.pack(f"{order}QQ", tensor_count, metadata_count))
        parts += [_text(key, order) + _value(value, order) for key, value in self.metadata]
        end = 0
        for tensor in self.tensors:
            offset = end if tensor.offset is None else tensor.offset
            parts.append(_tensor(tensor, offset, order))
            end = _aligned(max(end, offset + self._bytes_of(tensor)), self.alignment)
        head = b"".join(parts)
        padding = bytes(-len(head) % self.alignment) if self.tensors else b""
        return head + padding + bytes(min(end, 1 << 20)) + self.tail

    def write(self, path: Path) -> Path:
        """Write the file at `path`; returns `path`."""
        path.write_bytes(self.build())
        return path

    @staticmethod
    def _bytes_of(tensor: Tensor) -> int:
        if tensor.nbytes is not None:
            return tensor.nbytes
        count = 1
        for size in tensor.shape:
            count *= size
        return count * 4


def small_model(metadata: Mapping[str, object] | None = None, *, architecture: str = "llama") -> GgufFile:
    """A sound model of one layer, with `metadata` on top of the usual keys (None removes one)."""
    values: dict[str, object] = {
        "general.architecture": architecture,
        "general.name": "small",
        "general.file_type": 1,
        f"{architecture}.block_count": 1,
        f"{architecture}.context_length": 128,
        f"{architecture}.embedding_length": 32,
        f"{architecture}.attention.head_count": 4,
        f"{architecture}.attention.head_count_kv": 2,
        "tokenizer.ggml.tokens": ["<s>", "a", "b"],
    } | dict(metadata or {})
    tensors = (Tensor("token_embd.weight", (32, 3)), Tensor("blk.0.attn_q.weight", (32, 32)))
    return GgufFile(metadata=[item for item in values.items() if item[1] is not None], tensors=tensors)


def _aligned(position: int, alignment: int) -> int:
    return position + -position % alignment if alignment else position


def _tensor(tensor: Tensor, offset: int, order: str) -> bytes:
    shape = struct.pack(f"{order}I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
    return _text(tensor.name, order) + shape + struct.pack(f"{order}IQ", tensor.type, offset)


def _text(text: str | bytes, order: str) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return struct.pack(f"{order}Q", len(data)) + data


def _value(value: object, order: str) -> bytes:
    if isinstance(value, list):
        return struct.pack(f"{order}I", 9) + _array(value, order)
    kind, data = _scalar(value, order)
    return struct.pack(f"{order}I", kind) + data


def _array(items: list[object], order: str) -> bytes:
    scalars = [_scalar(item, order) for item in items]
    kind = scalars[0][0] if scalars else 4
    return struct.pack(f"{order}IQ", kind, len(items)) + b"".join(data for _, data in scalars)


def _scalar(value: object, order: str) -> tuple[int, bytes]:
    match value:
        case Typed(type="raw", value=(int(kind), bytes(data))):
            return kind, data
        case Typed(type=name, value=number):
            kind, code = _CODES[name]
            return kind, struct.pack(f"{order}{code}", number)
        case bool():
            return 7, struct.pack("?", value)
        case int():
            kind, code = _CODES["uint32" if value >= 0 else "int32"]
            return kind, struct.pack(f"{order}{code}", value)
        case float():
            return 6, struct.pack(f"{order}f", value)
        case str() | bytes():
            return 8, _text(value, order)
        case _:
            raise TypeError(f"no GGUF value: {value!r}")
