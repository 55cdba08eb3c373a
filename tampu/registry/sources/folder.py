"""Weights that lie on this machine: hashed, then shared with the blob store where the file system can."""

from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

from anyio import to_thread

from tampu.errors import DigestMismatch, RegistryError, RegistryNotFound
from tampu.registry.catalog import FolderSource
from tampu.registry.room import check_room
from tampu.store.blobs import BlobStore

Report = Callable[[int, int], None]


async def fetch_folder(source: FolderSource, blobs: BlobStore, digest: str, size: int, report: Report) -> None:
    """Make the weights in `source` stored; raises RegistryError, DigestMismatch, StoreError.

    In a folder every file of the right size is tried, in order of names.
    """
    candidates = await to_thread.run_sync(_of_size, Path(source.path), size)
    if not candidates:
        raise RegistryNotFound(f"{source.label} has no file of {size} bytes")
    await to_thread.run_sync(_check_room, candidates[0], blobs.path(digest).parent, size)
    for candidate, is_last in zip(candidates, [*[False] * (len(candidates) - 1), True], strict=True):
        try:
            async with aclosing(blobs.adopting(candidate, wanted=digest)) as steps:
                async for step in steps:
                    report(step.done, size)
        except DigestMismatch:
            if is_last:
                raise
        else:
            return


def _check_room(candidate: Path, folder: Path, size: int) -> None:
    """Only a copy takes room: on the same device the bytes are shared or linked."""
    check_room(folder, 0)
    if candidate.stat().st_dev != folder.stat().st_dev:
        check_room(folder, size)


def _of_size(path: Path, size: int) -> list[Path]:
    """The file itself, or the files of a folder, that have so many bytes."""
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        return [file for file in files if file.is_file() and file.stat().st_size == size]
    except OSError as error:
        raise RegistryError(f"the folder {path.name} cannot be read: {error.strerror}") from None
