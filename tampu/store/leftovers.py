"""What lies in the blobs folder although no model uses it: finding it, and removing it unless a job relies on it.

An unfinished download and the states of its parts are one leftover: without them it could not go on. If one manifest
cannot be read nothing is a leftover: it may name any blob. Who calls these functions holds the folder's lock.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tampu.store.layout import WORK_FOLDER_PREFIX, digest_of_file, partial_of_file
from tampu.store.library import Library
from tampu.store.locks import is_pinned, remove_unpinned
from tampu.upkeep import Leftover, LeftoverKind

Ages = Mapping[LeftoverKind, float]
"""Seconds that a file of each kind must have been left alone before it counts."""


@dataclass(slots=True)
class _Group:
    """The files that come and go together under the name of the first."""

    kind: LeftoverKind
    modified: float = 0.0
    bytes: int = 0


def find_leftovers(library: Library, ages: Ages, now: float) -> list[Leftover]:
    """What nothing uses, in order of names; raises CorruptManifest."""
    used, folder = library.manifests.all_references(), library.layout.blobs
    return [
        Leftover(name, group.kind, group.bytes)
        for name, group in sorted(_groups(folder).items())
        if digest_of_file(name) not in used and now - group.modified >= ages[group.kind]
        if not _is_held(library, name) and not is_pinned(folder / name)
    ]


def remove_leftover(library: Library, leftover: Leftover) -> bool:
    """Delete its files; False, all left, where a job has taken it up. The caller knows that no manifest names it."""
    folder = library.layout.blobs
    path = folder / leftover.name
    if leftover.name.startswith(WORK_FOLDER_PREFIX) and path.is_dir():
        shutil.rmtree(path)
        return True
    if leftover.kind is not LeftoverKind.PARTIAL:
        return not _is_held(library, leftover.name) and remove_unpinned(path)
    states = list(folder.glob(f"{leftover.name}-*"))
    if path.exists():
        return remove_unpinned(path, after=states)
    return sum(remove_unpinned(state) for state in states) > 0


def _is_held(library: Library, name: str) -> bool:
    return digest_of_file(name) in library.holds


def _groups(folder: Path) -> dict[str, _Group]:
    groups: dict[str, _Group] = {}
    for path, kind, name in _files(folder):
        try:
            status = path.lstat()
        except OSError:
            continue  # gone since it was listed
        group = groups.setdefault(name, _Group(kind))
        group.modified = max(group.modified, status.st_mtime)
        # Another name keeps the bytes alive; unfinished downloads have holes that take no room.
        blocks = 512 * getattr(status, "st_blocks", status.st_size)
        group.bytes += 0 if status.st_nlink > 1 else min(status.st_size, blocks)
    return groups


def _files(folder: Path) -> Iterator[tuple[Path, LeftoverKind, str]]:
    """Each file with its kind and the name of its group."""
    for path in folder.iterdir():
        partial = partial_of_file(path.name)
        if path.is_dir() and not path.is_symlink():
            if path.name.startswith(WORK_FOLDER_PREFIX):
                # It is as old as the youngest file in it.
                yield from ((inside, LeftoverKind.TEMPORARY, path.name) for inside in (path, *path.rglob("*")))
            continue
        if not (path.is_file() or path.is_symlink()):
            continue
        if partial is not None:
            yield path, LeftoverKind.PARTIAL, partial
        elif digest_of_file(path.name) is not None:
            yield path, LeftoverKind.BLOB, path.name
        else:
            yield path, LeftoverKind.TEMPORARY, path.name
