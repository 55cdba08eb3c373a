"""Freeing the disk of what no model uses."""

from collections.abc import AsyncIterator
from typing import Final

from anyio import to_thread

from tampu.engine.reuse import shelf_in
from tampu.engine.shelf import Shelf
from tampu.management import PurgeRequest
from tampu.operations.services import Services
from tampu.progress import Progress
from tampu.store.purge import find_unused, remove_unused
from tampu.upkeep import Leftover, LeftoverKind, Purged

_AT_ONCE: Final = 32
"""Files removed while the folder is locked: others wait for it meanwhile."""


async def purge(services: Services, request: PurgeRequest) -> AsyncIterator[Progress | Purged]:
    """Remove every leftover that no running job relies on, or tell which; raises StoreError, CorruptManifest.

    Kept prompts are among them: a model does without, an engine that looks for one reads the prompt anew.
    """
    library, shelf = services.library, shelf_in(services.settings)
    prompts = await to_thread.run_sync(_prompts, shelf)
    found = prompts + await to_thread.run_sync(find_unused, library)
    if request.dry_run:
        yield Purged(tuple(found))
        return
    total, gone = Purged(tuple(found)).bytes, await to_thread.run_sync(_remove_prompts, shelf, prompts)
    found = found[len(prompts) :]
    for start in range(0, len(found), _AT_ONCE):
        gone += await to_thread.run_sync(remove_unused, library, found[start : start + _AT_ONCE])
        yield Progress("removing unused files", total_bytes=total, completed_bytes=Purged(tuple(gone)).bytes)
    yield Purged(tuple(gone))


def _prompts(shelf: Shelf) -> list[Leftover]:
    return [Leftover(file.path.name, LeftoverKind.PROMPT, file.bytes) for file in shelf.files()]


def _remove_prompts(shelf: Shelf, prompts: list[Leftover]) -> list[Leftover]:
    for prompt in prompts:
        shelf.remove(shelf.folder / prompt.name)
    return list(prompts)
