"""A relay that only copies bytes between a client and an engine: what no server in Python can be cheaper than.

usage: python -m benchmarks.relay PORT ENGINE_PORT
"""

import asyncio
import sys
from typing import cast

import uvloop


class FromEngine(asyncio.Protocol):
    """Hands what an engine writes to a client."""

    def __init__(self, client: asyncio.Transport) -> None:
        self._client = client

    def data_received(self, data: bytes) -> None:
        self._client.write(data)

    def connection_lost(self, _: Exception | None) -> None:
        self._client.close()


class FromClient(asyncio.Protocol):
    """Hands the request of a client to an engine, on a connection of its own."""

    def __init__(self, engine_port: int, connecting: set[asyncio.Task[None]]) -> None:
        self._engine_port, self._connecting = engine_port, connecting
        self._engine: asyncio.WriteTransport | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        task = asyncio.ensure_future(self._connect(cast("asyncio.Transport", transport)))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def data_received(self, data: bytes) -> None:
        if self._engine is None:
            self._early.append(data)
        else:
            self._engine.write(data)

    async def _connect(self, client: asyncio.Transport) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: FromEngine(client), "127.0.0.1", self._engine_port)
        self._engine = transport
        transport.writelines(self._early)


async def relay(port: int, engine_port: int) -> None:
    connecting: set[asyncio.Task[None]] = set()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: FromClient(engine_port, connecting), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(relay(int(sys.argv[1]), int(sys.argv[2])))
