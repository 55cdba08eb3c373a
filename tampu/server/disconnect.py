"""Notices that a client is gone, also while nothing is being sent to it, and stops what works for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from tampu.server.asgi import Receive


@asynccontextmanager
async def stopped_by_disconnect(receive: Receive) -> AsyncIterator[anyio.CancelScope]:
    """Cancel the block, whose scope this gives, as soon as the client is gone. Read the request's body before."""
    async with anyio.create_task_group() as group:

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()

        group.start_soon(watch)
        yield group.cancel_scope
        group.cancel_scope.cancel()
