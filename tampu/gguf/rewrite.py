"""Files written anew from ones that were read: facts are taken over as they are written, tensors may change.

A header has been read and found sound before anything here looks at the file, so this is short: what does not fit then
means that the file changed meanwhile.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tampu.errors import InvalidModelFile

LONGEST_HEADER: Final = 64 << 20
"""Bytes of a header that are read at once; the largest vocabularies take 20 MB."""
_STRING, _ARRAY = 8, 9
_NUMBER_BYTES: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


@dataclass(frozen=True, slots=True)
class WrittenTensor:
    """A tensor of the new file. `type`: the number of how its numbers are packed."""

    name: str
    shape: tuple[int, ...]
    type: int
    nbytes: int


def read_facts(head: bytes) -> dict[bytes, bytes]:
    """Each key of a file with its type and value as they are written, from all bytes before its tensors.

    Of a repeated key the first counts. The file is little-endian and of version 2 or 3.
    """
    facts: dict[bytes, bytes] = {}
    try:
        (count,) = struct.unpack_from("<Q", head, 16)
        at = 24
        for _ in range(count):
            end = _after_text(head, at)
            after = _after_value(head, end)
            facts.setdefault(head[at + 8 : end], head[end:after])
            at = after
    except (struct.error, KeyError):
        raise InvalidModelFile("the file changed while it was read") from None
    return facts


def text_fact(value: str) -> bytes:
    """A text with its type, as it is written."""
    return struct.pack("<I", _STRING) + _text(value.encode())


def uint32_fact(value: int) -> bytes:
    """A number of 32 bits with its type, as it is written."""
    return struct.pack("<II", 4, value)


def uint64_fact(value: int) -> bytes:
    """A number of 64 bits with its type, as it is written."""
    return struct.pack("<IQ", 10, value)


def write_head(facts: Mapping[bytes, bytes], tensors: Sequence[WrittenTensor], alignment: int) -> bytes:
    """Everything before the numbers of the tensors, padded; each tensor is to be padded to the alignment as well."""
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(facts))]
    parts += [_text(key) + value for key, value in facts.items()]
    offset = 0
    for tensor in tensors:
        shape = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *tensor.shape)
        parts.append(_text(tensor.name.encode()) + shape + struct.pack("<IQ", tensor.type, offset))
        offset += tensor.nbytes + padding(tensor.nbytes, alignment)
    head = b"".join(parts)
    return head + b"\0" * padding(len(head), alignment)


def padding(length: int, alignment: int) -> int:
    """Bytes that are missing to a multiple of the alignment."""
    return -length % alignment


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
    length_at = struct.Struct("<Q").unpack_from
    for _ in range(count):  # one for each token of a vocabulary, so nothing is called that need not be
        at += 8 + length_at(head, at)[0]
    return at


def _text(text: bytes) -> bytes:
    return struct.pack("<Q", len(text)) + text
