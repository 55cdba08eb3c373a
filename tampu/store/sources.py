"""Uploaded files as the parts of a model: what each is, and whether it is sound. Reads headers, writes nothing."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import PurePosixPath
from typing import Final

from tampu.errors import BadRequest, CorruptBlob, InvalidModelFile, StoreError
from tampu.gguf.header import Header
from tampu.gguf.metadata import Facts, FileKind, facts_of
from tampu.gguf.reader import NOT_GGUF, read_header
from tampu.gguf.shards import check_shards, is_split, shard_of
from tampu.gguf.soundness import check_sound
from tampu.store.blobs import BlobStore
from tampu.store.model import LAYER_PREFIX, Layer
from tampu.store.opening import open_file

GGUF_MAGICS: Final = (b"GGUF", b"FUGG")
_LAYER_KINDS: Final = {FileKind.MODEL: "model", FileKind.ADAPTER: "adapter", FileKind.PROJECTOR: "projector"}


class FileType(Enum):
    """What a set of uploaded files is."""

    GGUF = auto()
    SAFETENSORS = auto()


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One GGUF file of a request. `name` is the path that the caller gave it."""

    name: str
    digest: str
    header: Header
    facts: Facts
    is_uploaded: bool = True
    """Whether these are the caller's own bytes."""

    @property
    def file_name(self) -> str:
        """The name without folders: shards are told by it."""
        return PurePosixPath(self.name).name

    @property
    def is_shard(self) -> bool:
        """One part of weights that are cut into several files."""
        return self.facts.kind is FileKind.MODEL and is_split(self.header)


@dataclass(frozen=True, slots=True)
class SourceModel:
    """Weights, an adapter or a projector, in one file or, weights only, in several."""

    files: tuple[SourceFile, ...]
    kind: str
    """`model`, `adapter`, `projector`; `draft` where the request says so."""

    @property
    def facts(self) -> Facts:
        """What the first file says: later shards hold tensors only."""
        return self.files[0].facts

    def layers(self) -> list[Layer]:
        """The layers that hold it. Shards keep their file names: the engine finds one by the name of another."""
        if len(self.files) > 1:
            return [_layer(self.kind, file, name=file.file_name) for file in self.files]
        file = self.files[0]
        # A `from` on weights would name a parent model, which a file is not.
        is_named = self.kind != "model" and file.is_uploaded
        return [_layer(self.kind, file, parent=file.name if is_named else "")]


def _layer(kind: str, file: SourceFile, *, parent: str = "", name: str = "") -> Layer:
    media_type = f"{LAYER_PREFIX}{kind}"
    return Layer(media_type=media_type, digest=file.digest, size=file.header.file_bytes, parent=parent, name=name)


def file_type(files: Mapping[str, str], blobs: BlobStore) -> FileType:
    """What the files are, by their names, else by their first bytes; raises BadRequest("unknown type")."""
    if any(name.endswith(".safetensors") for name in files):
        return FileType.SAFETENSORS
    if any(name.endswith(".gguf") or _starts_like_gguf(digest, blobs) for name, digest in files.items()):
        return FileType.GGUF
    raise BadRequest("unknown type")


def _starts_like_gguf(digest: str, blobs: BlobStore) -> bool:
    try:
        with os.fdopen(open_file(blobs.path(digest)), "rb") as file:
            return file.read(4) in GGUF_MAGICS
    except (OSError, BadRequest):
        return False


def read_source(name: str, digest: str, blobs: BlobStore) -> SourceFile:
    """Read the header of an upload; raises BadRequest for no GGUF at all, StoreError for a broken or missing one."""
    try:
        path = blobs.path(digest)
    except BadRequest as error:
        raise StoreError(error.message) from None
    try:
        header = read_header(path)
    except FileNotFoundError:
        raise BlobMissing(digest, f"open {path.name}: no such file or directory") from None
    except InvalidModelFile as error:
        if error.message == NOT_GGUF:
            raise
        raise CorruptBlob(error.message) from error
    except OSError as error:
        raise StoreError(f"{name} cannot be read: {error.strerror}") from error
    return SourceFile(name, digest.replace("sha256-", "sha256:", 1), header, facts_of(header))


class BlobMissing(StoreError):
    """A request names a blob that was never uploaded, or is gone; `digest` is as the caller wrote it."""

    def __init__(self, digest: str, message: str) -> None:
        super().__init__(message)
        self.digest = digest


def assemble(files: Sequence[SourceFile], *, kind: str | None = None) -> list[SourceModel]:
    """Put shards together and check weights; raises CorruptBlob naming what is wrong.

    `kind` says what the files are to be used as, where that is not what they say themselves.
    """
    try:
        return [_source_model(group, kind) for group in _group(files)]
    except InvalidModelFile as error:
        raise CorruptBlob(error.message) from error


def _group(files: Sequence[SourceFile]) -> list[tuple[SourceFile, ...]]:
    """One group per model: every file alone, and behind them the shards of each prefix in their order."""
    groups: dict[str, list[SourceFile]] = {}
    for file in files:
        shard = shard_of(file.file_name) if file.is_shard else None
        groups.setdefault(f"shards of {shard.prefix}" if shard else f"file {file.name}", []).append(file)
    return [_in_order(group) for group in sorted(groups.values(), key=lambda group: group[0].is_shard)]


def _in_order(group: list[SourceFile]) -> tuple[SourceFile, ...]:
    if not group[0].is_shard:
        return tuple(group)
    by_name = {file.file_name: file for file in group}
    return tuple(by_name[name] for name in check_shards({name: file.header for name, file in by_name.items()}))


def _source_model(files: tuple[SourceFile, ...], kind: str | None) -> SourceModel:
    facts = files[0].facts
    if facts.kind is FileKind.MODEL:
        check_sound(files[0].header)
    return SourceModel(files, kind or _LAYER_KINDS[facts.kind])
