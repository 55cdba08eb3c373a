"""Which downloads wait for somebody to pull again."""

from anyio import to_thread

from tampu.operations.services import Services
from tampu.registry.unfinished import find_unfinished
from tampu.upkeep import Unfinished


async def list_unfinished(services: Services) -> list[Unfinished]:
    """Every unfinished download, the youngest first; raises StoreError."""
    return await to_thread.run_sync(find_unfinished, services.library.layout)
