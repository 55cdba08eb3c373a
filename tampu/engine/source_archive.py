"""Takes one folder out of a source archive: nothing of it may lie, or point, outside. Reads and writes the disk."""

import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from tampu.errors import EngineBuildFailed

_MOST_FILES: Final = 50_000
_MOST_BYTES: Final = 2 << 30


def unpack(archive: Path, below: str, to: Path) -> None:
    """Make `to` the folder `below`, which lies in the archive's own; an earlier `to` goes. Raises EngineBuildFailed."""
    unfinished = to.with_name(f"{to.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        with tarfile.open(archive) as packed:
            packed.extractall(unfinished, members=_members(packed, PurePosixPath(below)), filter="data")
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise EngineBuildFailed(f"{archive.name} cannot be unpacked: {error}") from None
    except OSError as error:
        raise EngineBuildFailed(f"{archive.name} cannot be unpacked: {error.strerror or error}") from None
    if not unfinished.is_dir():
        raise EngineBuildFailed(f"{archive.name} holds no {below}")
    shutil.rmtree(to, ignore_errors=True)
    unfinished.replace(to)


def _members(packed: tarfile.TarFile, below: PurePosixPath) -> Iterator[tarfile.TarInfo]:
    """The members below `*/below`, named as seen from there."""
    files = taken = 0
    for member in packed:
        path = PurePosixPath(member.name)
        inner = PurePosixPath(*path.parts[1:])
        if not inner.is_relative_to(below) or inner == below or not (member.isfile() or member.isdir()):
            continue
        files, taken = files + 1, taken + member.size
        if files > _MOST_FILES or taken > _MOST_BYTES:
            raise tarfile.TarError("it holds more than any source of an engine")
        yield member.replace(name=str(inner.relative_to(below)))
