"""Removing, when a person asks for it, everything in the models folder that no model uses and no job relies on.

Whole blobs go whatever their age. Unfinished downloads and temporary files go only once they were left alone for an
hour: Ollama, which may work on the same folder, does not lock what it writes.
"""

import time
from collections.abc import Iterable
from typing import Final

from tampu.store.faults import store_faults
from tampu.store.gc import LEFTOVER_AGE_S, remove_empty_folders
from tampu.store.layout import digest_of_file
from tampu.store.leftovers import find_leftovers, remove_leftover
from tampu.store.library import Library
from tampu.upkeep import Leftover, LeftoverKind

_AGES: Final = dict.fromkeys(LeftoverKind, LEFTOVER_AGE_S) | {LeftoverKind.BLOB: 0.0}


def find_unused(library: Library) -> list[Leftover]:
    """What a purge would remove now; raises CorruptManifest where that cannot be known."""
    with store_faults("looking for what no model uses"), library.manifests.lock.held():
        library.holds.release(())
        return find_leftovers(library, _AGES, time.time()) if library.layout.blobs.is_dir() else []


def remove_unused(library: Library, leftovers: Iterable[Leftover]) -> list[Leftover]:
    """Remove those that are still not used; what went."""
    with store_faults("removing what no model uses"), library.manifests.lock.held():
        used = library.manifests.all_references()
        unused = [leftover for leftover in leftovers if digest_of_file(leftover.name) not in used]
        gone = [leftover for leftover in unused if remove_leftover(library, leftover)]
        remove_empty_folders(library.layout.manifests)
    return gone
