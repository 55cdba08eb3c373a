"""The folder of translated models: those that are kept for the next load, and those that are being written.

Linux writes files that have no name, so nothing is left of one after a kill. Elsewhere its name begins with `making-`,
and it is removed once nobody has touched it for an hour. Kept ones are removed longest unused first; who has opened
one keeps it. All functions work on the disk: call them in a thread.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from typing import Final

MOST_KEPT_BYTES: Final = 64 << 30
"""Disk for kept files. One that is larger by itself is kept until the next one comes."""
_KEPT: Final = "kept-"
_MAKING: Final = "making-"
_MAKING_AGE_S: Final = 3600.0
_DESCRIPTORS: Final = Path("/proc/self/fd")


@dataclass(frozen=True, slots=True)
class KeptView:
    """A translated model on disk. `bytes`: what it takes there; `used_s`: when it was last loaded, since the epoch."""

    path: Path
    bytes: int
    used_s: float


def kept_views(folder: Path) -> list[KeptView]:
    """All that are kept, longest unused first."""
    found = []
    for path in folder.glob(f"{_KEPT}*"):
        with suppress(FileNotFoundError):
            status = path.stat()
            found.append(KeptView(path, 512 * getattr(status, "st_blocks", status.st_size // 512), status.st_mtime))
    return sorted(found, key=lambda kept: kept.used_s)


def remove_view(folder: Path, name: str) -> bool:
    """Remove a kept one; False where it is gone already, or in use on a system where that hinders."""
    try:
        (folder / name).unlink()
    except OSError:
        return False
    return True


def make_room(folder: Path, wanted: int, most_bytes: int) -> None:
    """Remove kept ones until another of `wanted` bytes is within `most_bytes`, and fits on the disk, if that helps."""
    _sweep(folder)
    kept = kept_views(folder)
    taken = sum(view.bytes for view in kept)
    for view in kept:
        if taken + wanted <= most_bytes and wanted <= disk_usage(folder).free:
            return
        taken -= view.bytes if remove_view(folder, view.path.name) else 0


def _sweep(folder: Path) -> None:
    """Remove what was being written when its server was killed."""
    for path in folder.glob(f"{_MAKING}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _MAKING_AGE_S:
                path.unlink()


def kept_path(folder: Path, key: str) -> Path:
    """Where the one with this key is kept, or would be."""
    return folder / f"{_KEPT}{key}"


def path_of(descriptor: int) -> Path:
    """By which another process of the same user opens what a descriptor of ours stands for, whatever became of it."""
    return Path(f"/proc/{os.getpid()}/fd/{descriptor}")


def has_paths_of_descriptors() -> bool:
    """Whether `path_of` means something here."""
    return sys.platform == "linux" and _DESCRIPTORS.is_dir()


class NewFile:
    """A file that is being written. `path`: by which an engine opens it, for as long as the descriptor is open."""

    def __init__(self, descriptor: int, name: Path | None) -> None:
        self.descriptor, self._name = descriptor, name
        self.path = path_of(descriptor) if name is None else name

    def keep(self, target: Path) -> None:
        """Give it the name under which it is kept; the same one, kept by another load meanwhile, is as good."""
        os.fsync(self.descriptor)
        if self._name is not None:
            self._name.replace(target)
            self.path = target
            return
        # Only with a folder to start from does Python let the system follow the link to the file itself.
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            with suppress(FileExistsError):
                os.link(self.path, target, src_dir_fd=folder)
        finally:
            os.close(folder)


@contextmanager
def new_file(folder: Path) -> Iterator[NewFile]:
    """A file in the folder, which is made if need be; it is gone afterwards unless it was kept. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    file = _unnamed(folder) if has_paths_of_descriptors() else None
    if file is not None:
        try:
            yield file
        finally:
            os.close(file.descriptor)
        return
    descriptor, name = tempfile.mkstemp(prefix=_MAKING, dir=folder)
    try:
        yield NewFile(descriptor, Path(name))
    finally:
        os.close(descriptor)
        Path(name).unlink(missing_ok=True)


def _unnamed(folder: Path) -> NewFile | None:
    """None on a file system where every file has a name."""
    if sys.platform != "linux":
        return None
    try:
        return NewFile(os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600), None)
    except OSError:
        return None  # a folder that cannot be written to says so to whoever makes a file with a name
