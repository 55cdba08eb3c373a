"""Freeing the disk of what no model uses."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from anyio import to_thread

from tampu.engine.reuse import shelf_in
from tampu.engine.shelf import Shelf
from tampu.engine.view_folder import kept_views, remove_view
from tampu.management import PurgeRequest
from tampu.operations.services import Services
from tampu.progress import Progress
from tampu.store.purge import find_unused, remove_unused
from tampu.upkeep import Leftover, LeftoverKind, Purged

_AT_ONCE: Final = 32
"""Files removed while the folder is locked: others wait for it meanwhile."""


async def purge(services: Services, request: PurgeRequest) -> AsyncIterator[Progress | Purged]:
    """Remove every leftover that no running job relies on, or tell which; raises StoreError, CorruptManifest.

    Kept prompts and translations are among them: a model does without, and what it lacks is made anew.
    """
    library, shelf = services.library, shelf_in(services.settings)
    kept = await to_thread.run_sync(_kept, shelf, library.layout.views)
    found = await to_thread.run_sync(find_unused, library)
    if request.dry_run:
        yield Purged((*kept, *found))
        return
    total = Purged((*kept, *found)).bytes
    gone = await to_thread.run_sync(_remove_kept, shelf, library.layout.views, kept)
    for start in range(0, len(found), _AT_ONCE):
        gone += await to_thread.run_sync(remove_unused, library, found[start : start + _AT_ONCE])
        yield Progress("removing unused files", total_bytes=total, completed_bytes=Purged(tuple(gone)).bytes)
    yield Purged(tuple(gone))


def _kept(shelf: Shelf, views: Path) -> list[Leftover]:
    prompts = [Leftover(file.path.name, LeftoverKind.PROMPT, file.bytes) for file in shelf.files()]
    return prompts + [Leftover(view.path.name, LeftoverKind.VIEW, view.bytes) for view in kept_views(views)]


def _remove_kept(shelf: Shelf, views: Path, kept: list[Leftover]) -> list[Leftover]:
    gone = []
    for leftover in kept:
        if leftover.kind is LeftoverKind.PROMPT:
            shelf.remove(shelf.folder / leftover.name)
            gone.append(leftover)
        elif remove_view(views, leftover.name):
            gone.append(leftover)
    return gone
