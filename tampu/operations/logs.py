"""Reading logs: the server's own, or that of the engine of a model."""

from collections.abc import AsyncIterator, Callable
from typing import Final, Protocol

import anyio

from tampu.errors import NotFound
from tampu.names import ModelName
from tampu.operations.services import Services
from tampu.upkeep import LogRequest

LOOK_S: Final = 0.25
"""How often somebody who follows a log is told what is new."""
_MASK: Final = "********"


class Log(Protocol):
    """What keeps the end of a log."""

    def after(self, number: int) -> tuple[list[str], int]:
        """The lines that came after the first `number`, as far as they are kept; how many there were in all."""


async def read_logs(services: Services, request: LogRequest) -> AsyncIterator[str]:
    """The last lines, then, where that is asked for, each line as it comes.

    Raises ModelNotFound, and NotFound for a model that has had no engine since the server started.
    """
    find = await _finder(services, request)
    log = find()
    lines, seen = log.after(0)
    for line in lines[-request.lines :] if request.lines else []:
        yield _masked(services, line)
    while request.follow and not services.log.is_over:
        await anyio.sleep(LOOK_S)
        if (now := find()) is not log:  # a new engine, with a log of its own
            log, seen = now, 0
        lines, seen = log.after(seen)
        for line in lines:
            yield _masked(services, line)


async def _finder(services: Services, request: LogRequest) -> Callable[[], Log]:
    """What gives the log that is meant, each time it is asked."""
    if not request.model:
        return lambda: services.log
    model = await services.library.find(ModelName.parse(request.model))
    weights = model.weights[:1]

    def find() -> Log:
        log = services.engine_logs.of(weights[0]) if weights else None
        if log is None:
            raise NotFound(f"{request.model} has not been loaded since the server started, so no engine has a log")
        return log

    find()
    return find


def _masked(services: Services, line: str) -> str:
    """The line without the key of this server, however it came there."""
    key = services.settings.registry_key
    return line.replace(key.reveal(), _MASK) if key is not None else line
