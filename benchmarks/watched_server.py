"""A Tampu server that notes how late its event loop is, every few milliseconds, until it is stopped.

usage: python -m benchmarks.watched_server FILE    (the delays in ms, a JSON list, are written to FILE at the end)
"""

import json
import socket
import sys
import time
from pathlib import Path

import anyio

from tampu.config import Settings
from tampu.server import run
from tampu.server.listen import listen

EVERY_S = 0.005


async def _note_delays(delays: list[float]) -> None:
    while True:
        begin = time.perf_counter()
        await anyio.sleep(EVERY_S)
        delays.append((time.perf_counter() - begin - EVERY_S) * 1e3)


async def _serve(settings: Settings, listener: socket.socket, delays: list[float]) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(_note_delays, delays)
        await run._serve(settings, listener, False)  # noqa: SLF001  # what `serve` runs, and nothing else
        group.cancel_scope.cancel()


def main() -> None:
    settings, delays = Settings.read(), list[float]()
    options = {"use_uvloop": run._has_uvloop()}  # noqa: SLF001  # as above
    with listen(settings.address) as listener:
        anyio.run(_serve, settings, listener, delays, backend_options=options)
    Path(sys.argv[1]).write_text(json.dumps(delays))


if __name__ == "__main__":
    main()
