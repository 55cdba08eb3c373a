"""One engine on its way out: it is stopped, whatever happens, and who waits for its memory is told."""

import logging
from typing import Final

import anyio

from tampu.engine.protocol import EngineProcess
from tampu.scheduler.records import LoadRequest

STOP_S: Final = 15.0
"""More than an engine's own patience with its child; only a stop that hangs takes so long."""
_log = logging.getLogger(__name__)


class Stopping:
    """`run` it once; `done` is set at its end."""

    def __init__(self, request: LoadRequest, process: EngineProcess) -> None:
        self.request = request
        self.done = anyio.Event()
        self._process = process

    async def run(self) -> None:
        """Stop the engine; a failure to do so is logged and hurts nobody else."""
        facts = {"model": self.request.name, "pid": self._process.pid}
        try:
            with anyio.move_on_after(STOP_S, shield=True) as limit:
                await self._process.stop()
            if limit.cancelled_caught:
                _log.error("the engine does not stop; its memory may still be taken", extra=facts)
        except Exception as error:  # noqa: BLE001  # the border of a background job: the server goes on
            _log.error("stopping the engine failed", extra=facts, exc_info=error)
        finally:
            self.done.set()
