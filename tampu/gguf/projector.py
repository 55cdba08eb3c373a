"""Completes projectors of early years: they do not say how they project, which engines of today insist on.

All of them were of one kind, so it can be added. The file that comes of it is Ollama's to the byte: keys in order of
their names, the number of parameters told, tensors in order of their names.
"""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.header import Header
from tampu.gguf.metadata import FileKind, architecture_of, kind_of, parameter_count
from tampu.gguf.rewrite import WrittenTensor, padding, read_facts, text_fact, uint64_fact, write_head

_TYPE_KEYS: Final = ("clip.projector_type", "clip.vision.projector_type", "clip.audio.projector_type")
_EARLY_TYPE: Final = "mlp"
_COUNT_KEY: Final = "general.parameter_count"
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
        facts = read_facts(file.read(header.data_offset))
        facts |= {
            _TYPE_KEYS[0].encode(): text_fact(_EARLY_TYPE),
            _COUNT_KEY.encode(): uint64_fact(parameter_count(header)),
        }
        written = [WrittenTensor(each.name, each.shape, each.type.number, each.nbytes) for each in tensors]
        yield from _pieces(write_head({key: facts[key] for key in sorted(facts)}, written, header.alignment))
        for tensor in tensors:
            file.seek(header.data_offset + tensor.offset)
            left = tensor.nbytes
            while left:
                piece = file.read(min(left, _PIECE_BYTES))
                if not piece:
                    raise InvalidModelFile("unexpected EOF")
                left -= len(piece)
                yield piece
            yield b"\0" * padding(tensor.nbytes, header.alignment)


def _pieces(content: bytes) -> Iterator[bytes]:
    return (content[at : at + _PIECE_BYTES] for at in range(0, len(content), _PIECE_BYTES))
