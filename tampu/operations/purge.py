"""Freeing the disk of what no model uses."""

from collections.abc import AsyncIterator
from typing import Final

from anyio import to_thread

from tampu.management import PurgeRequest
from tampu.operations.services import Services
from tampu.progress import Progress
from tampu.store.purge import find_unused, remove_unused
from tampu.upkeep import Leftover, Purged

_AT_ONCE: Final = 32
"""Files removed while the folder is locked: others wait for it meanwhile."""


async def purge(services: Services, request: PurgeRequest) -> AsyncIterator[Progress | Purged]:
    """Remove every leftover that no running job relies on, or tell which; raises StoreError, CorruptManifest."""
    library = services.library
    found = await to_thread.run_sync(find_unused, library)
    if request.dry_run:
        yield Purged(tuple(found))
        return
    total, gone = Purged(tuple(found)).bytes, list[Leftover]()
    for start in range(0, len(found), _AT_ONCE):
        gone += await to_thread.run_sync(remove_unused, library, found[start : start + _AT_ONCE])
        yield Progress("removing unused files", total_bytes=total, completed_bytes=Purged(tuple(gone)).bytes)
    yield Purged(tuple(gone))
