"""A real server in a thread, on a free port, with fake operations."""

import http.client
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from anyio.from_thread import BlockingPortal, start_blocking_portal

from tampu.config import Settings, parse_address
from tampu.server.app import build_app
from tampu.server.listen import listen
from tampu.server.server import Server
from tampu.server.stopping import Stopping
from tests.fakes.operations import FakeOperations


class Live:
    """Where the server is, and short ways to speak to it."""

    def __init__(self, port: int, operations: FakeOperations, server: Server, portal: BlockingPortal) -> None:
        self.port, self.operations, self._server, self._portal = port, operations, server, portal
        self.url = f"http://127.0.0.1:{port}"

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        raw = body if isinstance(body, bytes | str | None) else json.dumps(body)
        connection.request(method, path, raw, headers or {})
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response, content

    def stop(self) -> None:
        self._portal.call(self._server.stop)

    def wait(self, condition: Callable[[], Awaitable[None]]) -> None:
        """Run `condition` on the server's loop until it returns."""
        self._portal.call(condition)

    def connections(self) -> int:
        """Connections and requests that the server still holds."""
        return len(self._server.server_state.connections) + len(self._server.server_state.tasks)

    def raw(self, request: bytes) -> bytes:
        """What comes back on a bare connection until the server closes it."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(request)
            received = b""
            while piece := connection.recv(65536):
                received += piece
            return received


@contextmanager
def live_server(operations: FakeOperations | None = None, **settings: Any) -> Iterator[Live]:
    """Serve until the block ends; every task must have ended by then."""
    operations = operations or FakeOperations()
    address = settings.pop("address", parse_address("127.0.0.1"))
    listener = listen(parse_address(f"127.0.0.1:{free_port()}"))
    stopping = Stopping()
    server = Server(
        build_app(operations.bound(), Settings(address=address, **settings), stopping=stopping), stopping=stopping
    )
    with start_blocking_portal() as portal:
        served = portal.start_task_soon(_serve, server, listener)
        try:
            yield Live(listener.getsockname()[1], operations, server, portal)
        finally:
            portal.call(server.stop)
            served.result(15)


async def _serve(server: Server, listener: socket.socket) -> None:
    await server.serve(sockets=[listener])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
