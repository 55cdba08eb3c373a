"""One look through the manifests folder: which names there are, and what may hide one.

A manifest is a file exactly four folders down; a link to a file or to a folder counts as what it leads to. Everything
else that lies there (pipes, files at other depths) is passed over: it cannot be a manifest.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Final

from tampu.errors import InvalidName
from tampu.names import ModelName

_DEPTH: Final = 4
_NOWHERE: Final = "is a link that leads nowhere; bring back what it leads to, or remove it"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells one version of a file from another without reading it."""

    modified_ns: int
    size: int
    inode: int

    @classmethod
    def of(cls, found: os.stat_result) -> "Stamp":
        """The stamp of a file's status."""
        return cls(found.st_mtime_ns, found.st_size, found.st_ino)


@dataclass(frozen=True, slots=True)
class Hidden:
    """A place that cannot be looked into, so that any manifest may lie there. `problem`: why, in words."""

    path: Path
    problem: str


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found. `invalid`: files in the place of a manifest whose path is no valid name."""

    names: Mapping[ModelName, Stamp]
    invalid: tuple[Path, ...] = ()
    hidden: tuple[Hidden, ...] = ()


def scan(folder: Path) -> Scan:
    """Look through a manifests folder, names in order; one that does not exist is empty."""
    files: list[tuple[tuple[str, ...], Stamp]] = []
    hidden: list[Hidden] = []
    for found in _entries(str(folder), _DEPTH):
        if isinstance(found, Hidden):
            hidden.append(found)
        else:
            files.append(found)
    names: dict[ModelName, Stamp] = {}
    invalid: list[Path] = []
    for parts, stamp in sorted(files, key=itemgetter(0)):  # parts are the order of names, and quicker to compare
        try:
            names[ModelName(*parts)] = stamp
        except InvalidName:
            invalid.append(folder.joinpath(*parts))
    return Scan(names, tuple(invalid), tuple(hidden))


def _entries(folder: str, depth: int, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Stamp] | Hidden]:
    """Files exactly `depth` levels down, as the parts of their paths, with their stamps."""
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return  # gone since it was listed
    except OSError as error:
        yield Hidden(Path(folder), f"cannot be read: {_reason(error)}")
        return
    for entry in entries:
        parts = (*above, entry.name)
        try:
            if depth > 1 and entry.is_dir():
                yield from _entries(entry.path, depth - 1, parts)
            elif depth == 1 and entry.is_file():
                yield parts, Stamp.of(entry.stat())
            elif entry.is_symlink() and not Path(entry.path).exists():
                yield Hidden(Path(entry.path), _NOWHERE)
        except OSError as error:
            if entry.is_symlink():  # a circle of links; anything else is gone since it was listed
                yield Hidden(Path(entry.path), f"cannot be followed: {_reason(error)}; remove the link")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
