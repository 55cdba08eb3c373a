"""Notices that a client is gone, also while nothing is being sent to it, and stops what works for it."""

from collections.abc import Awaitable, Callable

import anyio

from tampu.server.asgi import Receive
from tampu.server.stopping import Stopping


async def while_wanted(work: Callable[[], Awaitable[None]], *, receive: Receive, stopping: Stopping) -> None:
    """Do `work`; cancel it as soon as the client is gone or the server must go. Read the request's body before.

    The work gets a task of its own: what resumes it for every token then finds it at once, and not below the dozen
    calls that wait for the end of the request.
    """
    async with anyio.create_task_group() as group:

        async def run() -> None:
            await work()
            group.cancel_scope.cancel()

        with stopping.ends(group.cancel_scope):
            group.start_soon(run)
            while (await receive())["type"] != "http.disconnect":
                pass
            group.cancel_scope.cancel()
