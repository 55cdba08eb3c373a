"""uvicorn as this project runs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from tampu.server.asgi import App
from tampu.server.protocol import Protocol

KEEP_ALIVE_S = 75
"""How long an idle connection of a client stays open: longer than clients keep theirs, so that they close first."""
GRACE_S = 5
"""How long answers that have begun may go on once the server is told to stop."""


class Server(uvicorn.Server):
    """uvicorn, with its settings; signals are taken by the caller, who has more to close than connections."""

    def __init__(self, app: App) -> None:
        settings: dict[str, Any] = {
            "http": Protocol,
            "ws": "none",
            "lifespan": "off",
            "access_log": False,
            "log_config": None,
            "server_header": False,
            "timeout_keep_alive": KEEP_ALIVE_S,
            "timeout_graceful_shutdown": GRACE_S,
        }
        super().__init__(uvicorn.Config(app, **settings))

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield

    def stop(self) -> None:
        """Stop listening, let answers finish; the second time, let them go."""
        self.force_exit = self.should_exit
        self.should_exit = True
