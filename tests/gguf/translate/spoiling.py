"""The header of a published file, to be written again with something else in it."""

import struct
from pathlib import Path

from tampu.gguf.header import Header, TensorInfo
from tampu.gguf.reader import read_header
from tampu.gguf.rewrite import read_facts
from tests.gguf.translate.variants import VARIANTS, variant
from tests.published import NAMES, published_model, views_of

Facts = list[tuple[bytes, bytes]]
Table = list[tuple[str, tuple[int, ...], int, int]]


PUBLISHED = [
    *(name for name in NAMES if views_of(name)[0] is not None),
    *sorted(VARIANTS),
    "llava-mmproj",
]
"""All files that are translated: the recorded ones, what is made of them, and a projector of its own."""


def published_file(name: str) -> Path:
    return variant(name) if name in VARIANTS else published_model(name)


class Spoiled:
    """The header of a published file, open to damage."""

    def __init__(self, name: str) -> None:
        path = published_file(name)
        self.header: Header = read_header(path)
        content = path.read_bytes()
        self.facts = list(read_facts(content[: self.header.data_offset]).items())
        self.table: Table = [_row(tensor) for tensor in self.header.tensors]
        self.data = content[self.header.data_offset :]

    def write(self, path: Path) -> Path:
        parts = [b"GGUF", struct.pack("<IQQ", 3, len(self.table), len(self.facts))]
        parts += [struct.pack("<Q", len(key)) + key + value for key, value in self.facts]
        for name, shape, kind, offset in self.table:
            parts.append(struct.pack("<Q", len(name.encode())) + name.encode())
            parts.append(struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset))
        head = b"".join(parts)
        path.write_bytes(head + bytes(-len(head) % self.header.alignment) + self.data)
        return path


def _row(tensor: TensorInfo) -> tuple[str, tuple[int, ...], int, int]:
    return tensor.name, tensor.shape, tensor.type.number, tensor.offset
