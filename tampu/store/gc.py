"""What happens to the models folder at a start: folders made, old names mended, leftovers pruned.

Pruning deletes only what is old, what no manifest names and what no job pins (see leftovers.py).
"""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tampu.errors import StoreError
from tampu.store.faults import store_faults
from tampu.store.layout import digest_of_file, is_old_spelling
from tampu.store.leftovers import find_leftovers, remove_leftover
from tampu.store.library import Library
from tampu.upkeep import Leftover, LeftoverKind

LEFTOVER_AGE_S: Final = 3600.0
PARTIAL_AGE_S: Final = 7 * 24 * 3600.0
"""Ollama deletes unfinished downloads after an hour, and people who pause over night start again from nothing."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a pruning removed, and how many blobs it left. `skipped` says why nothing was done, empty otherwise."""

    files: int = 0
    bytes: int = 0
    kept: int = 0
    skipped: str = ""


def open_folder(library: Library, *, prune_leftovers: bool, partial_age_s: float = PARTIAL_AGE_S) -> Pruned:
    """Ready the folder for a server: make it, rename old blobs, prune unless told not to; raises StoreError.

    Unfinished downloads stay until nobody has gone on with them for `partial_age_s`.
    """
    for folder in (library.layout.blobs, library.layout.manifests):
        _make(folder)
    with store_faults("opening the models folder"), library.manifests.lock.held():
        rename_old_blobs(library.layout.blobs)
    return prune(library, partial_age_s=partial_age_s) if prune_leftovers else Pruned(skipped="pruning is switched off")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        # Told to the person who starts the server, never to a client: the path is theirs.
        reason = (error.strerror or str(error)).lower()
        named = _in_the_way(folder, error)
        raise StoreError(f"mkdir {named}: {reason}: ensure path elements are traversable") from error


def _in_the_way(folder: Path, error: OSError) -> object:
    """What is named of a folder that cannot be made: a file in its way, else the first folder that could not be."""
    if isinstance(error, NotADirectoryError | FileExistsError):
        return next((path for path in (folder, *folder.parents) if path.is_symlink() or path.exists()), folder)
    return error.filename


def rename_old_blobs(folder: Path) -> None:
    """Give blobs of early versions of Ollama (`sha256:...`) the name that is looked for today."""
    for path in list(folder.iterdir()):
        if not is_old_spelling(path.name):
            continue
        try:
            path.replace(path.with_name(path.name.replace(":", "-", 1)))
        except OSError as error:
            _log.warning("a blob keeps its old name: %s", error.strerror)


def prune(library: Library, *, now: float | None = None, partial_age_s: float = PARTIAL_AGE_S) -> Pruned:
    """Delete old leftovers of the blobs folder and empty folders of names; raises StoreError."""
    now = time.time() if now is None else now
    ages = dict.fromkeys(LeftoverKind, LEFTOVER_AGE_S) | {LeftoverKind.PARTIAL: partial_age_s}
    with store_faults("pruning the models folder"), library.manifests.lock.held():
        try:
            found = find_leftovers(library, ages, now)
        except StoreError as error:
            _log.warning("nothing is pruned: %s", error.message)
            return Pruned(skipped=error.message)
        removed = [leftover for leftover in found if _remove(library, leftover)]
        remove_empty_folders(library.layout.manifests)
    kept = sum(digest_of_file(path.name) is not None for path in library.layout.blobs.iterdir())
    return Pruned(len(removed), sum(leftover.bytes for leftover in removed), kept)


def _remove(library: Library, leftover: Leftover) -> bool:
    """Delete a leftover; a folder that only others may change is no reason not to start."""
    try:
        return remove_leftover(library, leftover)
    except OSError as error:
        _log.warning("a leftover stays: %s", error.strerror)
        return False


def remove_empty_folders(root: Path) -> None:
    """Remove the folders below `root` that hold nothing."""
    for folder in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
        try:
            folder.rmdir()
        except OSError:
            continue  # not empty
