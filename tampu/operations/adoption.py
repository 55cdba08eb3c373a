"""Files elsewhere on this machine that become models where they lie: taken in without a copy, and remembered."""

import logging
import os
from collections.abc import Iterable
from contextlib import aclosing
from pathlib import Path
from typing import Self

import msgspec

from tampu import wire
from tampu.gguf.reader import read_header
from tampu.operations.origins import folder_origin
from tampu.store.faults import store_faults
from tampu.store.library import Library
from tampu.store.locks import Pins

_log = logging.getLogger(__name__)

Stamps = tuple[tuple[str, int, int], ...]
"""Path, size and time of each file of a model."""


class Taken(msgspec.Struct, frozen=True):
    """What became of a model that was found: its name, and the ID that it had then; empty where it cannot be used."""

    stamps: Stamps
    name: str = ""
    digest: str = ""


class Memory:
    """What has been dealt with, by what it is known by. Lost, it costs the hashing of what is there."""

    def __init__(self, file: Path, taken: dict[str, Taken]) -> None:
        self._file, self._taken = file, taken

    @classmethod
    def load(cls, file: Path) -> Self:
        """What is in the file; nothing where it is missing or damaged."""
        try:
            return cls(file, msgspec.json.decode(file.read_bytes(), type=dict[str, Taken]))
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return cls(file, {})

    def get(self, key: str) -> Taken | None:
        """What became of it; None for what is new."""
        return self._taken.get(key)

    def set(self, key: str, taken: Taken) -> None:
        """Remember, also after a restart where the disk permits."""
        self._taken[key] = taken
        temporary = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(wire.encode(self._taken))
            temporary.replace(self._file)
        except OSError as error:
            _log.warning("what was imported is not remembered", extra={"error": error.strerror})


def stamps_of(files: Iterable[Path]) -> Stamps:
    """What changes when one of the files does; empty where one is gone by now."""
    try:
        found = [(path, path.stat()) for path in files]
    except OSError:
        return ()
    return tuple((str(path), status.st_size, status.st_mtime_ns) for path, status in found)


def check_headers(files: Iterable[Path]) -> None:
    """Refuse a broken file before gigabytes of it are hashed."""
    for path in files:
        with store_faults(f"reading {path.name}"):
            read_header(path)


async def adopt(library: Library, path: Path, pins: Pins) -> str:
    """Take a file in; its digest. Where the file system cannot share its bytes a link points at it."""
    digest = ""
    async with aclosing(library.blobs.adopting(path, pins=pins, or_point=True)) as steps:
        async for step in steps:
            if step.blob is not None:
                digest = step.blob.digest
                library.origins.note(digest, folder_origin(path.parent))
    return digest
