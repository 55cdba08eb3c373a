"""A Tampu server that notes what it asks of its engines: each start, each request as it was sent, each end.

usage: python -m benchmarks.noting_server FILE    (the notes, a JSON list in order, are written at the end)
"""

import base64
import json
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from tampu.config import Settings
from tampu.engine import client, process
from tampu.engine.connection import Address, Answer, exchange
from tampu.engine.launch import Launch
from tampu.engine.process import ChildEngine
from tampu.server import run
from tampu.server.listen import listen

_WAITING = b"GET /health "
"""How often a start is asked whether it is over is no work of an engine's."""


def _note(notes: list[dict[str, Any]]) -> None:
    """From now on everything is noted."""
    take, prepare, stop = Answer.data_received, process.prepare_launch, ChildEngine.stop
    received: dict[Answer, int] = {}

    def data_received(answer: Answer, data: bytes) -> None:
        received[answer] = received.get(answer, 0) + len(data)
        take(answer, data)

    @asynccontextmanager
    async def noted(address: Address, request: bytes) -> AsyncGenerator[Answer, None]:
        told = {"kind": "call", "engine": address.socket, "request": base64.b64encode(request).decode()}
        if not request.startswith(_WAITING):
            notes.append(told)
        async with exchange(address, request) as answer:
            try:
                yield answer
            finally:
                told["received"] = received.pop(answer, 0)

    def launched(*asked: Any, **more: Any) -> Launch:
        launch: Launch = prepare(*asked, **more)
        told = {"command": launch.command, "environment": dict(launch.environment), "task": launch.first_line.decode()}
        notes.append({"kind": "start", "engine": str(launch.endpoint.socket), "key": launch.key, **told})
        return launch

    async def stopped(child: ChildEngine) -> None:
        await stop(child)
        notes.append({"kind": "end", "engine": child.engine._address.socket})  # noqa: SLF001  # nobody else needs it

    replacements: tuple[tuple[Any, str, Callable[..., Any]], ...] = (
        (Answer, "data_received", data_received),
        (client, "exchange", noted),
        (process, "prepare_launch", launched),
        (ChildEngine, "stop", stopped),
    )
    for owner, name, instead in replacements:
        setattr(owner, name, instead)


async def _serve(settings: Settings) -> None:
    with listen(settings.address) as listener:
        await run._serve(settings, listener, False)  # noqa: SLF001  # what `serve` runs, and nothing else


def main() -> None:
    notes: list[dict[str, Any]] = []
    _note(notes)
    options = {"use_uvloop": run._has_uvloop()}  # noqa: SLF001  # as above
    anyio.run(_serve, Settings.read(), backend_options=options)
    Path(sys.argv[1]).write_text(json.dumps(notes))


if __name__ == "__main__":
    main()
