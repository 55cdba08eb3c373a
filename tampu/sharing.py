"""What a server that shares its models is asked for, and what it hands out. A repository is a model without its tag."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Lookup:
    """A manifest or a blob of `repository` (`[host/][namespace/]model`); `reference` is a tag or a digest."""

    repository: str
    reference: str


@dataclass(frozen=True, slots=True)
class SharedManifest:
    """A manifest's bytes as they are stored, their digest (`sha256:...`) and the type that they claim."""

    content: bytes
    digest: str
    media_type: str


class SharedBlob(Protocol):
    """A blob that is open for one reader."""

    digest: str
    size: int

    def pieces(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` up to but not including `end`; raises CorruptBlob if the file has become shorter."""
