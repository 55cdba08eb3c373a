"""Tells which downloads were begun and not finished, from what they left in the blobs folder."""

from pathlib import Path

from tampu.registry.partial import read_states
from tampu.store.faults import store_faults
from tampu.store.layout import Layout, digest_of_file
from tampu.store.locks import is_pinned
from tampu.upkeep import Unfinished

_SUFFIX = "-partial"


def find_unfinished(layout: Layout) -> list[Unfinished]:
    """Every unfinished download of the folder, the youngest first; raises StoreError."""
    with store_faults("looking for unfinished downloads"):
        paths = list(layout.blobs.glob(f"*{_SUFFIX}")) if layout.blobs.is_dir() else []
    found = [_look_at(path) for path in paths]
    return sorted((each for each in found if each is not None), key=lambda each: -each.modified_ns)


def _look_at(path: Path) -> Unfinished | None:
    """None for what is no partial, or is one no more: it may become whole at any moment."""
    target = path.with_name(path.name.removesuffix(_SUFFIX))
    digest, states = digest_of_file(target.name), read_states(target)
    if digest is None:
        return None
    try:
        # The states are written with the data, and a file without one yet has a time of its own.
        modified_ns = max(each.stat().st_mtime_ns for each in (path, *path.parent.glob(f"{path.name}-*")))
    except OSError:
        return None
    return Unfinished(states.model, digest, states.total, states.completed, modified_ns, is_pinned(path))
