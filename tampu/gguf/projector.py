"""Completes projectors of early years: they do not say how they project, which engines of today insist on.

All of them were of one kind, so it can be added. The file that comes of it is Ollama's to the byte: keys in order of
their names, the number of parameters told, tensors in order of their names.
"""

import struct
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.header import Header, TensorInfo
from tampu.gguf.metadata import FileKind, architecture_of, kind_of, parameter_count

_TYPE_KEYS: Final = ("clip.projector_type", "clip.vision.projector_type", "clip.audio.projector_type")
_EARLY_TYPE: Final = "mlp"
_COUNT_KEY: Final = "general.parameter_count"
_STRING, _ARRAY, _UINT64 = 8, 9, 10
_NUMBER_BYTES: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_LONGEST_HEADER: Final = 16 << 20
_PIECE_BYTES: Final = 1 << 20


def lacks_type(header: Header) -> bool:
    """Whether this is a projector that needs completing before an engine takes it."""
    return (
        kind_of(header) is FileKind.PROJECTOR
        and architecture_of(header) == "clip"
        and header.metadata.keys().isdisjoint(_TYPE_KEYS)
        and header.byte_order == "little"
        and header.version >= 2
        and header.data_offset <= _LONGEST_HEADER
    )


def completed(path: Path, header: Header) -> Generator[bytes]:
    """The completed file in pieces of at most 1 MiB; `header` is that of `path`. Raises InvalidModelFile, OSError."""
    tensors = sorted(header.tensors, key=lambda tensor: tensor.name.encode())
    with path.open("rb") as file:
        yield from _pieces(_head(_facts(file.read(header.data_offset)), header, tensors))
        for tensor in tensors:
            file.seek(header.data_offset + tensor.offset)
            left = tensor.nbytes
            while left:
                piece = file.read(min(left, _PIECE_BYTES))
                if not piece:
                    raise InvalidModelFile("unexpected EOF")
                left -= len(piece)
                yield piece
            yield b"\0" * _padding(tensor.nbytes, header.alignment)


def _head(facts: dict[bytes, bytes], header: Header, tensors: Iterable[TensorInfo]) -> bytes:
    """Everything before the numbers of the tensors."""
    facts |= {
        _TYPE_KEYS[0].encode(): struct.pack("<I", _STRING) + _text(_EARLY_TYPE.encode()),
        _COUNT_KEY.encode(): struct.pack("<IQ", _UINT64, parameter_count(header)),
    }
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(header.tensors), len(facts))]
    parts += [_text(key) + facts[key] for key in sorted(facts)]
    offset = 0
    for tensor in tensors:
        shape = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
        parts.append(_text(tensor.name.encode()) + shape + struct.pack("<IQ", tensor.type.number, offset))
        offset += tensor.nbytes + _padding(tensor.nbytes, header.alignment)
    head = b"".join(parts)
    return head + b"\0" * _padding(len(head), header.alignment)


def _facts(head: bytes) -> dict[bytes, bytes]:
    """Each key of a file with its type and value as they are written; of a repeated key the first."""
    facts: dict[bytes, bytes] = {}
    try:
        (count,) = struct.unpack_from("<Q", head, 16)
        at = 24
        for _ in range(count):
            end = _after_text(head, at)
            after = _after_value(head, end)
            facts.setdefault(head[at + 8 : end], head[end:after])
            at = after
    except (struct.error, KeyError):  # the reader found it sound, so it has changed since
        raise InvalidModelFile("the file changed while it was read") from None
    return facts


def _after_text(head: bytes, at: int) -> int:
    length: int = struct.unpack_from("<Q", head, at)[0]
    return at + 8 + length


def _after_value(head: bytes, at: int) -> int:
    kind: int = struct.unpack_from("<I", head, at)[0]
    at += 4
    if kind == _STRING:
        return _after_text(head, at)
    if kind != _ARRAY:
        return at + _NUMBER_BYTES[kind]
    item, count = struct.unpack_from("<IQ", head, at)
    at += 12
    if item != _STRING:
        return at + int(count) * _NUMBER_BYTES[item]
    for _ in range(count):
        at = _after_text(head, at)
    return at


def _text(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text


def _pieces(content: bytes) -> Iterator[bytes]:
    return (content[at : at + _PIECE_BYTES] for at in range(0, len(content), _PIECE_BYTES))


def _padding(length: int, alignment: int) -> int:
    return -length % alignment
