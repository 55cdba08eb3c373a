"""uvicorn as this project runs it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import uvicorn

from tampu.server.asgi import App
from tampu.server.protocol import Protocol
from tampu.server.stopping import Stopping

KEEP_ALIVE_S = 75
"""How long an idle connection of a client stays open: longer than clients keep theirs, so that they close first."""
GRACE_S = 3
"""How long answers that have begun may go on once the server is told to stop."""


class Server(uvicorn.Server):
    """uvicorn, with its settings; signals are taken by the caller, who has more to close than connections."""

    def __init__(self, app: App, *, stopping: Stopping) -> None:
        self._stopping, self._told_to_stop = stopping, anyio.Event()
        self._is_patient = False
        settings: dict[str, Any] = {
            "http": Protocol,
            "ws": "none",
            "lifespan": "off",
            "access_log": False,
            "log_config": None,
            "server_header": False,
            "proxy_headers": False,
            "timeout_keep_alive": KEEP_ALIVE_S,
            "timeout_graceful_shutdown": GRACE_S + 2,
        }
        super().__init__(uvicorn.Config(app, **settings))

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield

    async def main_loop(self) -> None:
        """Sleep until told to stop: a server without requests wakes for nothing. See protocol.py for the date."""
        await self._told_to_stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let answers that have begun finish for a while, then end them with an error that says why.

        A server that makes way for another lets them finish however long they take.
        """
        async with anyio.create_task_group() as group:
            if not self._is_patient:
                group.start_soon(self._end_answers_later)
            await super().shutdown(sockets)
            group.cancel_scope.cancel()

    async def _end_answers_later(self) -> None:
        await anyio.sleep(GRACE_S)
        self._stopping.now()

    def stop(self) -> None:
        """Stop listening and let answers finish; the second time, end them."""
        if self.should_exit:
            self._stopping.now()
        self.should_exit = True
        self._told_to_stop.set()

    def make_way(self) -> None:
        """Stop listening, so that another server may, and let all that was asked be answered; `stop` still ends it."""
        self._is_patient = True
        self.config.timeout_graceful_shutdown = None
        self.should_exit = True
        self._told_to_stop.set()
