"""What a translated file consists of, as data: its head, then pieces that are copied from stored files or computed.

Plain types, for those who plan a view and those who write one. Nothing here touches a file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tampu.gguf.header import TensorInfo


@dataclass(frozen=True, slots=True)
class Copied:
    """Bytes of a stored file, as they are. `start`: from the beginning of the file; `file`: which of the sources."""

    start: int
    nbytes: int
    file: int = 0


@dataclass(frozen=True, slots=True)
class Given:
    """Bytes that are known without the file."""

    content: bytes

    @property
    def nbytes(self) -> int:
        return len(self.content)


@dataclass(frozen=True, slots=True)
class Computed:
    """Bytes made of some of the stored files: `make` gets what lies at each of `sources`, and is pure."""

    sources: tuple[Copied, ...]
    make: Callable[[Sequence[bytes]], bytes]
    nbytes: int


Piece = Copied | Given | Computed


@dataclass(frozen=True, slots=True)
class View:
    """One file for the engine, made of `sources`, the stored files: `pieces` follow one another from its start on.

    `weights_bytes` is what its tensors take without padding; `architecture` and `tensors` are what it says of itself.
    """

    sources: tuple[Path, ...]
    pieces: tuple[Piece, ...]
    weights_bytes: int
    architecture: str = ""
    tensors: tuple[TensorInfo, ...] = ()

    @property
    def nbytes(self) -> int:
        """How long the file is."""
        return sum(piece.nbytes for piece in self.pieces)
