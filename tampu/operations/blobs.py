"""Uploads: asking for a blob, and sending one."""

from collections.abc import AsyncIterator

from anyio import to_thread

from tampu.errors import BadRequest
from tampu.operations.services import Services


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
    if await has_blob(services, digest):
        _hold(services, digest)
        return False
    async with services.library.blobs.writer() as writer:
        async for chunk in chunks:
            await writer.write(chunk)
        stored = await writer.commit()
        _hold(services, stored.digest)
    if stored.digest != digest:
        raise BadRequest(f'digest mismatch, expected "{digest}", got "{stored.digest}"')
    return True


def _hold(services: Services, digest: str) -> None:
    services.library.holds.add(digest.replace("sha256-", "sha256:", 1), services.library.blobs.path(digest))
