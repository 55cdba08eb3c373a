"""The stored models as a registry shows them: read-only, and no byte that a manifest of the asked name does not name.

Names map so: `x` is `library/x`, and `ns/x` is that model of the default registry. One that came from another host is
`host/ns/x`, or `ns/x` as long as no other stored model could be meant. Lookups take any case, as they do everywhere.
"""

import hashlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from anyio import CancelScope, CapacityLimiter, to_thread

from tampu.errors import BadRequest, BlobNotFound, CorruptBlob, InvalidName, ModelNotFound, NotFound, StoreError
from tampu.names import DEFAULT_HOST, DEFAULT_NAMESPACE, DEFAULT_TAG, ModelName
from tampu.sharing import Lookup, SharedManifest
from tampu.store.clone import open_regular
from tampu.store.faults import store_fault
from tampu.store.library import Library
from tampu.store.manifests import decode_manifest, layers_of

_MOST_PARTS: Final = 3
_PIECE_BYTES: Final = 1 << 18
_READERS: Final = 8
"""Threads that read for all clients together: a slow disk must not take those that chats need."""


class SharedModels:
    """What others may pull from this server."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._readers = CapacityLimiter(_READERS)

    async def manifest(self, lookup: Lookup) -> SharedManifest:
        """A manifest by its tag or its digest; raises InvalidName, NotFound, ModelNotFound."""
        return await to_thread.run_sync(self._manifest, lookup)

    @asynccontextmanager
    async def blob(self, lookup: Lookup) -> AsyncIterator["OpenBlob"]:
        """A blob that a manifest of the repository names, open: if it is deleted, its bytes stay to the end.

        Raises InvalidName, NotFound, BlobNotFound; CorruptBlob for one that is not as long as its manifest says.
        """
        with CancelScope(shield=True):  # an open file must not get lost between thread and task
            blob = await to_thread.run_sync(self._open_blob, lookup)
        try:
            yield blob
        finally:
            blob.close()

    async def tags(self, repository: str) -> Sequence[str]:
        """The tags of a repository, sorted; raises InvalidName, NotFound."""
        names = await to_thread.run_sync(self._stored, repository)
        return sorted(name.tag for name in names)

    async def repositories(self) -> Sequence[str]:
        """Every repository that has a model, sorted."""
        names = await to_thread.run_sync(self._library.names)
        return sorted({_repository_of(name) for name in names})

    def _stored(self, repository: str) -> list[ModelName]:
        """The stored names of a repository, at least one; raises InvalidName, NotFound."""
        wanted, names = _parse(repository), self._library.names()
        found = _spelled_like(wanted, names)
        if not found and wanted.host == DEFAULT_HOST:
            found = _only_one_elsewhere(wanted, names)
        if not found:
            raise NotFound(f"repository {repository} is not known to this registry")
        return found

    def _manifest(self, lookup: Lookup) -> SharedManifest:
        names = self._stored(lookup.repository)
        if ":" in lookup.reference:
            return self._manifest_by_digest(names, lookup)
        tagged = [name for name in names if name.tag == lookup.reference]
        tagged = tagged or [name for name in names if name.tag.lower() == lookup.reference.lower()]
        if not tagged:
            raise ModelNotFound(lookup.reference, f"manifest {lookup.reference} is not known to this registry")
        return self._read_manifest(tagged[0])

    def _manifest_by_digest(self, names: Sequence[ModelName], lookup: Lookup) -> SharedManifest:
        for name in names:
            try:
                manifest = self._read_manifest(name)
            except (StoreError, ModelNotFound):
                continue  # another tag may be the one that is meant
            if manifest.digest == lookup.reference:
                return manifest
        raise ModelNotFound(lookup.reference, f"manifest {lookup.reference} is not known to this registry")

    def _read_manifest(self, name: ModelName) -> SharedManifest:
        content = self._library.manifests.read_bytes(name)
        media_type = decode_manifest(content, name).media_type
        return SharedManifest(content, f"sha256:{hashlib.sha256(content).hexdigest()}", media_type)

    def _open_blob(self, lookup: Lookup) -> "OpenBlob":
        size = self._size_in_manifests(lookup)
        try:
            handle = open_regular(self._library.blobs.path(lookup.reference))
        except StoreError:
            raise BlobNotFound(lookup.reference) from None
        blob = OpenBlob(handle, lookup.reference, self._readers)
        if blob.size != size:
            blob.close()
            raise CorruptBlob(f"blob {lookup.reference} has {blob.size} bytes here instead of {size}: run `verify`")
        return blob

    def _size_in_manifests(self, lookup: Lookup) -> int:
        """What a manifest of the repository says of the blob's size; raises BlobNotFound if none names it."""
        try:
            self._library.blobs.path(lookup.reference)
        except BadRequest:
            raise BlobNotFound(lookup.reference) from None
        for name in self._stored(lookup.repository):
            try:
                manifest = self._library.read_manifest(name).manifest
            except (StoreError, ModelNotFound):
                continue
            for layer in layers_of(manifest):
                if layer.digest.replace("sha256-", "sha256:", 1) == lookup.reference:
                    return layer.size
        raise BlobNotFound(lookup.reference)


class OpenBlob:
    """An open blob with one reader. `digest` is as it was asked for."""

    def __init__(self, handle: int, digest: str, readers: CapacityLimiter) -> None:
        self._handle, self._readers = handle, readers
        self.digest, self.size = digest, os.fstat(handle).st_size

    async def pieces(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` up to but not including `end`; raises CorruptBlob if the file has become shorter."""
        position = start
        while position < end:
            wanted = min(_PIECE_BYTES, end - position)
            piece = await to_thread.run_sync(self._read, position, wanted, limiter=self._readers)
            if not piece:
                raise CorruptBlob(f"blob {self.digest} became shorter while it was read")
            position += len(piece)
            yield piece

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._handle)

    def _read(self, position: int, size: int) -> bytes:
        try:
            os.lseek(self._handle, position, os.SEEK_SET)
            return os.read(self._handle, size)
        except OSError as error:
            raise store_fault(error, f"reading blob {self.digest}") from error


def _parse(repository: str) -> ModelName:
    """The repository with any tag; raises InvalidName."""
    parts = repository.split("/")
    if len(parts) > _MOST_PARTS:
        raise InvalidName(repository, f"invalid repository name {repository}")
    defaults = (DEFAULT_HOST, DEFAULT_NAMESPACE)
    host, namespace, model = (*defaults[: _MOST_PARTS - len(parts)], *parts)
    try:
        return ModelName(host, namespace, model, DEFAULT_TAG)
    except InvalidName:
        raise InvalidName(repository, f"invalid repository name {repository}") from None


def _spelled_like(wanted: ModelName, names: Sequence[ModelName]) -> list[ModelName]:
    """The names of the repository as it is spelled, else in any case."""
    exact = [name for name in names if name.parts[:_MOST_PARTS] == wanted.parts[:_MOST_PARTS]]
    return exact or [name for name in names if _folded(name) == _folded(wanted)]


def _only_one_elsewhere(wanted: ModelName, names: Sequence[ModelName]) -> list[ModelName]:
    """The names of the only repository with that path on another host."""
    found = [name for name in names if _folded(name)[1:] == _folded(wanted)[1:]]
    return found if len({name.host for name in found}) == 1 else []


def _folded(name: ModelName) -> tuple[str, ...]:
    return tuple(part.lower() for part in name.parts[:_MOST_PARTS])


def _repository_of(name: ModelName) -> str:
    path = f"{name.namespace}/{name.model}"
    return path if name.host == DEFAULT_HOST else f"{name.host}/{path}"
