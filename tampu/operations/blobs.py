"""Uploads: asking for a blob, sending one, and having one taken from where it lies."""

import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Final

from anyio import to_thread

from tampu.errors import BadRequest, StoreError, TampuError
from tampu.management import AdoptRequest
from tampu.operations.origins import folder_origin
from tampu.operations.services import Services
from tampu.progress import SUCCESS, Progress
from tampu.store.clone import open_regular, regular_file
from tampu.store.faults import store_faults
from tampu.store.sources import GGUF_MAGICS

_NOT_TAKEN: Final = "the server cannot take this file from where it lies; upload it"
"""Said of a file that is missing, unreadable, no weights or another one alike: nobody learns what lies at a path."""


async def has_blob(services: Services, digest: str) -> bool:
    """Whether a blob is stored, under the digest as it is spelled; raises BadRequest for a malformed one."""
    blobs = services.library.blobs
    if not await to_thread.run_sync(blobs.has, digest):
        return False
    await to_thread.run_sync(blobs.touch, digest)
    return True


async def receive_blob(services: Services, digest: str, chunks: AsyncIterator[bytes]) -> bool:
    """Store an upload; False, nothing read, if the blob was there before. Who sends a blob will use it: it is held.

    Bytes that have another digest are kept under that one, and BadRequest names both.
    """
    if await _has_and_holds(services, digest):
        return False
    async with services.library.blobs.writer() as writer:
        async for chunk in chunks:
            await writer.write(chunk)
        stored = await writer.commit()
        _hold(services, stored.digest)
    if stored.digest != digest:
        raise BadRequest(f'digest mismatch, expected "{digest}", got "{stored.digest}"')
    return True


async def adopt_blob(services: Services, request: AdoptRequest) -> AsyncIterator[Progress]:
    """Store a GGUF file of this machine without a second copy of its bytes, where the file system can; it is held.

    Raises BadRequest, nothing stored, for anything else than a readable file of this very digest.
    """
    if await _has_and_holds(services, request.digest):
        _note_folder(services, request)
        yield SUCCESS
        return
    source, wanted = Path(request.path), _usual(request.digest)
    try:
        await to_thread.run_sync(_check_weights, source)
        taking = services.library.blobs.adopting(source, wanted=wanted, or_point=request.or_point)
        async with aclosing(taking) as steps:
            async for step in steps:
                if step.blob is not None:
                    _hold(services, step.blob.digest)
                    _note_folder(services, request)
                yield Progress("adopting file", request.digest, step.total, step.done)
    except TampuError as error:
        raise BadRequest(_NOT_TAKEN) from error
    yield SUCCESS


def _check_weights(source: Path) -> None:
    handle = open_regular(regular_file(source))
    try:
        with store_faults("reading the beginning of a file"):
            magic = os.read(handle, 4)
        if not source.is_absolute() or magic not in GGUF_MAGICS:
            raise StoreError("not an absolute path of a GGUF file")
    finally:
        os.close(handle)


def _note_folder(services: Services, request: AdoptRequest) -> None:
    """Whoever lets a file be pointed to takes over a folder, and will want to know which."""
    if request.or_point:
        services.library.origins.note(_usual(request.digest), folder_origin(Path(request.path).parent))


def _usual(digest: str) -> str:
    return digest.replace("sha256-", "sha256:", 1)


async def _has_and_holds(services: Services, digest: str) -> bool:
    """Whether a blob is stored and held; one that is deleted between the two must be sent again."""
    return await has_blob(services, digest) and _hold(services, digest)


def _hold(services: Services, digest: str) -> bool:
    return services.library.holds.add(_usual(digest), services.library.blobs.path(digest))
